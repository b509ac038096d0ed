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

from connectors.embedded import MIGRATIONS as PLATFORM
from connectors.embedded import tables as platform_tables
from database import (
    Database,
    DatabaseUnreachable,
    MigrationSet,
    SchemaOutdated,
    SchemaTooNew,
    prepare,
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
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.dispose()


async def names(database: Database) -> list[str]:
    names = text("SELECT name FROM things")
    return await database.read(lambda connection: list(connection.scalars(names)))


@pytest.mark.parametrize(
    ("owner", "described"),
    [(RECORD, record_tables.metadata), (PLATFORM, platform_tables.metadata)],
    ids=["record", "platform"],
)
async def test_migrations_build_exactly_the_tables_described(
    database: Database, owner: MigrationSet, described: MetaData
) -> None:
    await upgrade(database, owner)

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

    assert await database.read(differences) == []
    # The comparison leaves these out.
    assert await database.read(checks) == {
        (table.name, str(constraint.name))
        for table in described.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }


async def test_record_and_platform_share_a_database(database: Database) -> None:
    for owner in (RECORD, PLATFORM, RECORD):
        await upgrade(database, owner)
    assert await current_revision(database, RECORD) == RECORD.head
    assert await current_revision(database, PLATFORM) == PLATFORM.head


async def test_an_empty_database_is_set_up_and_then_left_alone(
    database: Database, migrations: Migrations
) -> None:
    release = migrations.with_files(FIRST, SECOND)
    assert await current_revision(database, release) is None
    await upgrade(database, release)
    await prepare(database, release)
    await upgrade(database, release)
    assert await names(database) == ["first"]
    assert await current_revision(database, release) == "things_0002"


async def test_an_empty_file_is_set_up_unasked(tmp_path: Path, migrations: Migrations) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/accounts.db")
    release = migrations.with_files(FIRST, SECOND)
    await prepare(database, release)
    await prepare(database, release)
    assert await names(database) == ["first"]
    assert await current_revision(database, release) == "things_0002"
    await database.dispose()


async def test_an_empty_server_is_set_up_by_its_command_only(
    postgresql_url: str, migrations: Migrations
) -> None:
    database = Database(postgresql_url)
    release = migrations.with_files(FIRST, SECOND)
    with pytest.raises(SchemaOutdated, match=r"no things tables yet; .*python worker\.py --migrate"):
        await prepare(database, release)
    assert await current_revision(database, release) is None
    assert await database.read(lambda connection: inspect(connection).get_table_names()) == []
    await database.dispose()


async def test_older_tables_are_refused_and_the_command_named(
    database: Database, migrations: Migrations
) -> None:
    await upgrade(database, migrations.with_files(FIRST))
    newer = migrations.with_files(FIRST, SECOND)
    with pytest.raises(SchemaOutdated) as outdated:
        await prepare(database, newer)
    message = str(outdated.value)
    assert "python worker.py --migrate" in message
    assert "things_0001" in message
    assert "things_0002" in message
    assert await current_revision(database, newer) == "things_0001"
    await upgrade(database, newer)
    await prepare(database, newer)
    assert await names(database) == ["first"]


async def test_newer_tables_are_never_touched(database: Database, migrations: Migrations) -> None:
    await upgrade(database, migrations.with_files(FIRST, SECOND))
    older = migrations.with_files(FIRST)
    for act in (prepare, upgrade):
        with pytest.raises(SchemaTooNew, match=r"things_0002.*newer version of the program"):
            await act(database, older)
    assert await names(database) == ["first"]


async def test_a_migration_that_fails_leaves_nothing(database: Database, migrations: Migrations) -> None:
    with pytest.raises(DBAPIError):
        await upgrade(database, migrations.with_files(FIRST, BROKEN))
    release = migrations.with_files(FIRST, SECOND)
    assert await current_revision(database, release) is None
    await upgrade(database, release)
    assert await names(database) == ["first"]


SETTING_UP = """
import asyncio, sys
from connectors.embedded import MIGRATIONS as PLATFORM
from database import Database, prepare, upgrade
from records.schema import MIGRATIONS as RECORD

async def main():
    database = Database(sys.argv[1])
    sys.stdin.read()
    for owner in (RECORD, PLATFORM):
        await (prepare if database.is_sqlite else upgrade)(database, owner)
    await database.dispose()

asyncio.run(main())
"""


async def test_two_processes_set_up_one_database_at_once(database: Database, database_url: str) -> None:
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", SETTING_UP, database_url, stdin=pipe, stderr=pipe
        )
        for _ in range(2)
    ]
    finished = await asyncio.gather(*(process.communicate(b"") for process in processes))
    assert [process.returncode for process in processes] == [0, 0], finished
    await prepare(database, RECORD)
    await prepare(database, PLATFORM)


async def test_several_of_one_process_set_it_up_at_once(database_url: str, migrations: Migrations) -> None:
    release = migrations.with_files(FIRST, SECOND)
    several = [Database(database_url) for _ in range(5)]
    await asyncio.gather(*(upgrade(each, release) for each in several))
    assert await names(several[0]) == ["first"]
    for each in several:
        await each.dispose()


async def test_an_unreachable_database_is_not_taken_for_an_empty_one(migrations: Migrations) -> None:
    database = Database("postgresql+psycopg://owner:hunter2@127.0.0.1:1/accounts")
    with pytest.raises(DatabaseUnreachable):
        await prepare(database, migrations.with_files(FIRST))
    await database.dispose()


def test_the_line_of_descent_must_be_one(migrations: Migrations) -> None:
    assert migrations.with_files(FIRST, SECOND).head == "things_0002"
    side = SECOND.replace('revision = "things_0002"', 'revision = "things_0003"', 1)
    with pytest.raises(ValueError, match=r"2 heads: \['things_0002', 'things_0003'\]"):
        _ = migrations.with_files(FIRST, SECOND, side).head
