"""Each test gets the record's tables in an empty database of its own, on SQLite and on PostgreSQL."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from records.closures import ClosureRecords
from records.identity import IdentityRecords
from tests.databases import (
    engine,
    postgresql_cluster,
    postgresql_template,
    prepared_database_url,
    template_database,
)
from tests.records.samples import WallClock

__all__ = [
    "engine",
    "postgresql_cluster",
    "postgresql_template",
    "prepared_database_url",
    "template_database",
]


@pytest.fixture
def records(engine: AsyncEngine) -> ClosureRecords:
    return ClosureRecords(engine)


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def identity(engine: AsyncEngine, clock: WallClock) -> IdentityRecords:
    return IdentityRecords(engine, clock)
