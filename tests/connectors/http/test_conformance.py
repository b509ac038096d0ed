"""The rules of the ports, over HTTP: in one database, in which each rule has its own accounts."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from connectors.conformance.embedded import EmbeddedSubject
from connectors.conformance.pytest_plugin import Conformance, conformance
from database import Database
from tests.connectors.http.contract import Watched
from tests.harness.installation import database_url
from tests.harness.served_platform import AT_ONCE, ServedPlatform

__all__ = ["conformance"]

PATIENCE = timedelta(seconds=20)


@pytest.fixture(scope="module")
async def trial_database(
    template_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    file = Path(shutil.copy(template_database, tmp_path_factory.mktemp("conformance") / "accounts.db"))
    database = Database(database_url(file))
    yield database
    await database.dispose()


async def briefly(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(AT_ONCE, id="answered"),
        pytest.param(timedelta(0), id="accepted", marks=pytest.mark.long),
    ],
)
async def conformance_subject(
    request: pytest.FixtureRequest, trial_database: Database, service: ServedPlatform
) -> AsyncIterator[EmbeddedSubject]:
    """Every effect is answered at once; or accepted, and then followed."""
    subject = EmbeddedSubject(
        trial_database, partial(service.over, answer_within=request.param, sleep=briefly)
    )
    service.exchangeable.application = watched = Watched(service.exchangeable.application)
    yield subject
    await subject.aclose()
    assert watched.broken == []


async def test_the_rule_is_kept_over_the_network(conformance: Conformance) -> None:
    await conformance.require(PATIENCE)
