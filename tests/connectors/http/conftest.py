"""Each test gets an empty embedded platform of its own; one server for a module serves it."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.embedded import embedded_platform
from connectors.ports import Platform
from database import Database
from tests.connectors.http.contract import Watched
from tests.harness.installation import database_url
from tests.harness.served_platform import ServedPlatform, running_server


@pytest.fixture
def prepared_database_url(template_database: Path, tmp_path: Path) -> str:
    """On SQLite alone: the embedded platform's own tests try it on others."""
    return database_url(Path(shutil.copy(template_database, tmp_path / "accounts.db")))


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[ServedPlatform]:
    async with running_server() as running:
        yield running


@pytest.fixture
async def platform(database: Database, service: ServedPlatform) -> AsyncIterator[Platform]:
    """Every port, over HTTP; what goes to and fro is held against the contract."""
    over_http = service.over(embedded_platform(database))
    service.exchangeable.application = watched = Watched(service.exchangeable.application)
    yield over_http
    await over_http.aclose()
    assert watched.broken == []
