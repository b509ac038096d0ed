"""Setting up and upgrading tables: whole or not at all, once, and never over a newer program's tables."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, MetaData, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.embedded import MIGRATIONS as PLATFORM
from connectors.embedded import tables as platform_tables
from database import (
    DatabaseUnreachable,
    MigrationSet,
    SchemaOutdated,
    SchemaTooNew,
    create_engine,
    prepare,
    reading,
    transaction,
    upgrade,
)
from database.schema import current_revision
from records import tables as record_tables
from records.schema import MIGRATIONS as RECORD

FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "things_0001"
down_revision = None

def upgrade() -> None:
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True))
"""

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "things_0002"
down_revision = "things_0001"

def upgrade() -> None:
    op.add_column("things", sa.Column("name", sa.String(20)))
    op.execute("INSERT INTO things VALUES (1, 'first')")
"""

BROKEN = SECOND.replace("INSERT INTO things", "INSERT INTO nothing")


class Migrations:
    """A folder of migrations that grows as a program's does from release to release."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def with_files(self, *sources: str) -> MigrationSet:
        folder = self._folder / f"release-{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        for number, source in enumerate(sources, start=1):
            (folder / f"things_{number:04}.py").write_text(source)
        return MigrationSet(name="things", directory=folder, version_table="things_version")


@pytest.fixture
def migrations(tmp_path: Path) -> Migrations:
    (tmp_path / "migrations").mkdir()
    return Migrations(tmp_path / "migrations")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url)
    yield engine
    await engine.dispose()


async def names(engine: AsyncEngine) -> list[str]:
    async with reading(engine) as connection:
        return list((await connection.execute(text("SELECT name FROM things"))).scalars())


@pytest.mark.parametrize(
    ("owner", "described"),
    [(RECORD, record_tables.metadata), (PLATFORM, platform_tables.metadata)],
    ids=["record", "platform"],
)
async def test_migrations_build_exactly_the_tables_described(
    engine: AsyncEngine, owner: MigrationSet, described: MetaData
) -> None:
    await prepare(engine, owner)

    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True, "version_table": owner.version_table}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), described))

    def checks(connection: Connection) -> set[tuple[str, str | None]]:
        inspector = inspect(connection)
        return {
            (table, check["name"])
            for table in described.tables
            for check in inspector.get_check_constraints(table)
        }

    async with transaction(engine) as connection:
        assert await connection.run_sync(differences) == []
        # The comparison leaves these out.
        assert await connection.run_sync(checks) == {
            (table.name, str(constraint.name))
            for table in described.tables.values()
            for constraint in table.constraints
            if isinstance(constraint, CheckConstraint)
        }


async def test_record_and_platform_share_a_database(engine: AsyncEngine) -> None:
    for owner in (RECORD, PLATFORM, RECORD):
        await prepare(engine, owner)
    assert await current_revision(engine, RECORD) == RECORD.head
    assert await current_revision(engine, PLATFORM) == PLATFORM.head


async def test_an_empty_database_is_set_up_and_then_left_alone(
    engine: AsyncEngine, migrations: Migrations
) -> None:
    release = migrations.with_files(FIRST, SECOND)
    assert await current_revision(engine, release) is None
    await prepare(engine, release)
    await prepare(engine, release)
    await upgrade(engine, release)
    assert await names(engine) == ["first"]
    assert await current_revision(engine, release) == "things_0002"


async def test_older_tables_are_refused_and_the_command_named(
    engine: AsyncEngine, migrations: Migrations
) -> None:
    await prepare(engine, migrations.with_files(FIRST))
    newer = migrations.with_files(FIRST, SECOND)
    with pytest.raises(SchemaOutdated) as outdated:
        await prepare(engine, newer)
    message = str(outdated.value)
    assert "python worker.py --migrate" in message
    assert "things_0001" in message
    assert "things_0002" in message
    assert await current_revision(engine, newer) == "things_0001"
    await upgrade(engine, newer)
    await prepare(engine, newer)
    assert await names(engine) == ["first"]


async def test_newer_tables_are_never_touched(engine: AsyncEngine, migrations: Migrations) -> None:
    await prepare(engine, migrations.with_files(FIRST, SECOND))
    older = migrations.with_files(FIRST)
    for act in (prepare, upgrade):
        with pytest.raises(SchemaTooNew, match=r"things_0002.*newer version of the program"):
            await act(engine, older)
    assert await names(engine) == ["first"]


async def test_a_migration_that_fails_leaves_nothing(engine: AsyncEngine, migrations: Migrations) -> None:
    with pytest.raises(DBAPIError):
        await prepare(engine, migrations.with_files(FIRST, BROKEN))
    release = migrations.with_files(FIRST, SECOND)
    assert await current_revision(engine, release) is None
    await prepare(engine, release)
    assert await names(engine) == ["first"]


PREPARING = """
import asyncio, sys
from connectors.embedded import MIGRATIONS as PLATFORM
from database import create_engine, prepare
from records.schema import MIGRATIONS as RECORD

async def main():
    engine = create_engine(sys.argv[1])
    sys.stdin.read()
    for owner in (RECORD, PLATFORM):
        await prepare(engine, owner)
    await engine.dispose()

asyncio.run(main())
"""


async def test_two_processes_set_up_one_database_at_once(engine: AsyncEngine, database_url: str) -> None:
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", PREPARING, database_url, stdin=pipe, stderr=pipe
        )
        for _ in range(2)
    ]
    finished = await asyncio.gather(*(process.communicate(b"") for process in processes))
    assert [process.returncode for process in processes] == [0, 0], finished
    await prepare(engine, RECORD)
    await prepare(engine, PLATFORM)


async def test_engines_of_one_process_set_it_up_at_once(database_url: str, migrations: Migrations) -> None:
    release = migrations.with_files(FIRST, SECOND)
    engines = [create_engine(database_url) for _ in range(5)]
    await asyncio.gather(*(prepare(each, release) for each in engines))
    assert await names(engines[0]) == ["first"]
    for each in engines:
        await each.dispose()


async def test_an_unreachable_database_is_not_taken_for_an_empty_one(migrations: Migrations) -> None:
    engine = create_engine("postgresql+psycopg://owner:hunter2@127.0.0.1:1/accounts")
    with pytest.raises(DatabaseUnreachable):
        await prepare(engine, migrations.with_files(FIRST))
    await engine.dispose()


def test_the_line_of_descent_must_be_one(migrations: Migrations) -> None:
    assert migrations.with_files(FIRST, SECOND).head == "things_0002"
    side = SECOND.replace('revision = "things_0002"', 'revision = "things_0003"', 1)
    with pytest.raises(ValueError, match=r"2 heads: \['things_0002', 'things_0003'\]"):
        _ = migrations.with_files(FIRST, SECOND, side).head
