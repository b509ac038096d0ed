"""Each test gets the record's tables in an empty database of its own, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from database import create_engine
from records.closures import ClosureRecords
from records.identity import IdentityRecords
from tests.databases import (
    database_url,
    postgresql_cluster,
    postgresql_template,
    prepared_database_url,
    template_database,
)
from tests.records.samples import WallClock

__all__ = [
    "database_url",
    "postgresql_cluster",
    "postgresql_template",
    "prepared_database_url",
    "template_database",
]


@pytest.fixture
async def engine(prepared_database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(prepared_database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def records(engine: AsyncEngine) -> ClosureRecords:
    return ClosureRecords(engine)


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def identity(engine: AsyncEngine, clock: WallClock) -> IdentityRecords:
    return IdentityRecords(engine, clock)
