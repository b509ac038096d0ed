"""An installation is created once and never changed; policies are known once by name and version."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from closure.installation import InstallationKind
from closure.policy import Policy
from database import Database, upgrade
from records.installation import InstallationMissing, create_installation, installation_of
from records.policies import PolicyVersionTaken, register_policies
from records.reading import ClosureRecords
from records.record import Record
from records.schema import MIGRATIONS
from records.tables import record_installation, record_policies
from tests.records.samples import OPENED_AT, Closures, execute, rows
from tests.unit.examples import acme, alibaba_cloud


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    """The record's tables without an installation."""
    database = Database(database_url)
    await upgrade(database, MIGRATIONS)
    yield database
    await database.dispose()


async def test_before_it_is_created_there_is_none(empty: Database) -> None:
    with pytest.raises(InstallationMissing):
        await installation_of(empty)


async def test_it_is_created_once_and_stays_as_it_is(empty: Database) -> None:
    first = await create_installation(empty, InstallationKind.PRODUCTION)
    assert await create_installation(empty, InstallationKind.LOCAL) == first
    assert await installation_of(empty) == first
    assert first.kind is InstallationKind.PRODUCTION


async def test_two_that_create_it_at_once_make_one(empty: Database) -> None:
    made = await asyncio.gather(*(create_installation(empty, InstallationKind.PRODUCTION) for _ in range(8)))
    assert set(made) == {await installation_of(empty)}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record_installation SET kind = 'production'",
        "UPDATE record_installation SET installation_id = 'other'",
        "DELETE FROM record_installation",
        "INSERT INTO record_installation SELECT 'other', kind, created_at, true FROM record_installation",
        "INSERT INTO record_installation SELECT 'other', kind, created_at, false FROM record_installation",
    ],
)
async def test_the_database_lets_nobody_change_it(database: Database, statement: str) -> None:
    before = await rows(database, record_installation)
    with pytest.raises(DBAPIError):
        await execute(database, text(statement))
    assert await rows(database, record_installation) == before


async def test_no_other_spelling_gets_past_either(database: Database) -> None:
    statement = (
        "INSERT OR REPLACE INTO record_installation SELECT * FROM record_installation"
        if database.is_sqlite
        else "TRUNCATE record_installation"
    )
    with pytest.raises(DBAPIError, match="never changed"):
        await execute(database, text(statement))


async def test_only_a_local_one_believes_a_skipped_clock(database: Database) -> None:
    local = await installation_of(database)
    production = local.model_copy(update={"kind": InstallationKind.PRODUCTION})

    async def now_of(record: Record) -> bool:
        return await record.read(lambda connection: record.now(connection, OPENED_AT)) == OPENED_AT

    assert local.kind is InstallationKind.LOCAL
    assert await now_of(Record(database, local))
    assert not await now_of(Record(database, production))


async def register(record: Record, *policies: Policy) -> None:
    await record.write(lambda connection: register_policies(connection, policies))


async def test_a_policy_is_known_once(record: Record, database: Database) -> None:
    await register(record, acme(), alibaba_cloud())
    await asyncio.gather(*(register(record, acme()) for _ in range(5)))
    found = {(row["name"], row["version"]): row for row in await rows(database, record_policies)}
    assert set(found) == {("acme", "1"), (alibaba_cloud().name, alibaba_cloud().version)}
    content = str(found["acme", "1"]["content"])
    assert Policy.from_json(content) == acme()


async def test_the_same_version_with_other_content_is_refused(record: Record, database: Database) -> None:
    await register(record, acme())
    changed = acme(draft_lifetime='"2d"')
    with pytest.raises(PolicyVersionTaken, match="acme, version 1"):
        await register(record, changed)
    await register(record, acme(draft_lifetime='"2d"', version='"2"'))
    assert len(await rows(database, record_policies)) == 2


async def test_a_closure_keeps_the_policy_that_it_was_opened_under(
    closures: Closures, records: ClosureRecords, record: Record
) -> None:
    await closures.open(policy=acme())
    await register(record, acme(draft_lifetime='"2d"', version='"2"'))
    assert await records.policy("c-1") == acme()
