"""Each test gets the record's tables in an empty database of its own, on SQLite and on PostgreSQL."""

import pytest

from database import Database
from records.identity import IdentityRecords
from records.installation import installation_of
from records.listing import ClosureLists
from records.reading import ClosureRecords
from records.record import Record
from tests.harness.databases import (
    database,
    database_url,
    postgresql_cluster,
    postgresql_template,
    postgresql_url,
    prepared_database_url,
    template_database,
)
from tests.records.samples import Closures
from tests.records.wall_clock import WallClock

__all__ = [
    "database",
    "database_url",
    "postgresql_cluster",
    "postgresql_template",
    "postgresql_url",
    "prepared_database_url",
    "template_database",
]


@pytest.fixture
async def record(database: Database) -> Record:
    return Record(database, await installation_of(database))


@pytest.fixture
def closures(record: Record) -> Closures:
    return Closures(record)


@pytest.fixture
def records(record: Record) -> ClosureRecords:
    return ClosureRecords(record)


@pytest.fixture
def lists(record: Record) -> ClosureLists:
    return ClosureLists(record)


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def identity(database: Database, clock: WallClock) -> IdentityRecords:
    return IdentityRecords(database, lambda _: clock())
