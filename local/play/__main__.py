"""`python -m local.play`: `web.py` with `/play` beside its pages; `make up` runs it."""

from collections.abc import Sequence

from fastapi import APIRouter
from temporalio.client import Client

from connectors.chosen import is_embedded
from installation import Installation
from local.play.routes import play_router
from local.play.world import World
from web.service import WebService
from web_program import run_web


def _more_rooms(service: WebService, installation: Installation, temporal: Client) -> Sequence[APIRouter]:
    """None on an installation for production, whose clocks nobody moves, nor for accounts of others."""
    if not service.is_local or not is_embedded(installation.settings):
        return ()
    return (play_router(World(installation.database, temporal, installation.policies)),)


if __name__ == "__main__":
    run_web(_more_rooms)
