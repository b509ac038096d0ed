"""Each test gets the record's tables in an empty database of its own, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from database import create_engine, prepare
from records.closures import ClosureRecords
from records.identity import IdentityRecords
from records.schema import MIGRATIONS
from tests.postgresql import database_url, postgresql_cluster
from tests.records.samples import WallClock

__all__ = ["database_url", "postgresql_cluster"]


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url)
    await prepare(engine, MIGRATIONS)
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
