"""The embedded platform under trial, in one database for all of these tests: each has its own accounts."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.conformance.embedded import EmbeddedSubject
from database import Database
from tests.harness.databases import template_database

__all__ = ["template_database"]


@pytest.fixture(scope="session")
async def trial_database(
    template_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    file = shutil.copy(template_database, tmp_path_factory.mktemp("conformance") / "accounts.db")
    database = Database(f"sqlite+aiosqlite:///{file}")
    yield database
    await database.dispose()


@pytest.fixture
def conformance_subject(trial_database: Database) -> EmbeddedSubject:
    return EmbeddedSubject(trial_database)
