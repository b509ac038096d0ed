"""The web service as a program: from settings to a served application. Faults are one line and exit 2."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog
import uvloop
from fastapi import APIRouter
from pydantic import ValidationError
from temporalio.client import Client

from closure.policy_text import PolicyFault
from connectors.setting_faults import BrandFault, PlatformFault, SendingFault
from database import DatabaseUnreachable, SchemaMismatch, parse_url
from installation import Installation, open_installation
from keys.certificate_links import load_or_create_links
from keys.secret_file import SecretFault
from log_output import configure_logging
from program_exit import leave, refuse_to_start
from records.installation import InstallationMissing
from settings import OWN_WEB_SECRET_FILE, Settings, setting_fault
from temporal.connection import connect, require_answer, web_url
from temporal.faults import ConnectionFault, ServerUnreachable
from web.address import AddressFault, web_address
from web.application import web_application
from web.service import WebService
from web.serving import CannotListen, behind_proxies, serve
from web.token_file import TokenFile


class CannotStart(Exception):
    """Something that the operator has to see to first; the message says what."""


STARTING_FAULTS: Final = (
    CannotStart,
    AddressFault,
    CannotListen,
    ConnectionFault,
    ServerUnreachable,
    DatabaseUnreachable,
    SchemaMismatch,
    InstallationMissing,
    PolicyFault,
    BrandFault,
    PlatformFault,
    SendingFault,
    SecretFault,
)

PATIENCE: Final = 8.0
"""Seconds that a request waits for another writer of the database: a person waits for its answer."""
MoreRooms = Callable[[WebService, Installation, Client], Sequence[APIRouter]]
"""Makes pages beside those of the service, for who serves more than it."""

logger = structlog.stdlib.get_logger("web")


def run_web(more_rooms: MoreRooms | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then ends the process with 0."""
    try:
        settings = Settings()
        configure_logging(settings.log_format)
        uvloop.run(_serve(settings, more_rooms))
    except STARTING_FAULTS as error:
        refuse_to_start(str(error))
    except ValidationError as error:
        refuse_to_start(setting_fault(error))
    leave(0)


async def _serve(settings: Settings, more_rooms: MoreRooms | None) -> None:
    try:
        parse_url(settings.database_url)
    except ValueError as error:
        raise CannotStart(f"CLOSURE_DATABASE_URL: {error}") from error
    address = web_address(settings.web_address, str(settings.web_url) if settings.web_url else None)
    tokens = TokenFile(settings.api_tokens_file)
    has_tokens = bool(tokens.tokens())
    async with open_installation(settings, patience=PATIENCE) as installation:
        _ = installation.policies, installation.brand  # what is wrong with them is said without a server, too
        links = load_or_create_links(settings.web_secret_file or OWN_WEB_SECRET_FILE)
        temporal = await connect(settings)
        installation.sending.require()
        service = WebService(
            closures=installation.client(temporal),
            platform=installation.platform,
            record=installation.record,
            tokens=tokens,
            url=address.url,
            require_temporal=partial(require_answer, temporal),
            run_url=partial(web_url, temporal),
            brand=installation.brand,
            certificate_links=links,
            frame_ancestors=settings.web_frame_ancestors,
        )
        if not has_tokens:
            logger.warning("nobody may call the API yet: make a token with python -m web.tokens new")
        rooms = more_rooms(service, installation, temporal) if more_rooms is not None else ()
        application = web_application(service, address.names, rooms)
        await serve(behind_proxies(application, settings.web_proxies), address, service.stopping)
    logger.info("web service has ended")
