"""Migrations: each owner of tables has a set of its own, with a version table of its own.

Reading the version needs no Alembic, which takes longer to import than a whole command takes to run.
"""

import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, String, column, select, table, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from database.database import Database

_REVISION = re.compile(r'^revision(?:: str)? = "(\w+)"', re.MULTILINE)
_DOWN_REVISION = re.compile(r'^down_revision(?:: str \| None)? = "(\w+)"', re.MULTILINE)


class SchemaMismatch(Exception):
    """The database's tables are not those that this program needs."""


class SchemaOutdated(SchemaMismatch):
    """The tables are behind; the message names the command that upgrades them."""


class SchemaTooNew(SchemaMismatch):
    """The tables were upgraded by a later version of the program."""


@dataclass(frozen=True)
class MigrationSet:
    """One owner's migrations: files with `revision` and `down_revision` in one line of descent."""

    name: str
    directory: Path
    version_table: str

    @cached_property
    def revisions(self) -> frozenset[str]:
        """All known revisions."""
        return frozenset(name for text in self._sources for name in _REVISION.findall(text))

    @cached_property
    def head(self) -> str:
        """The revision that nothing follows.

        Raises:
            ValueError: there is not exactly one.
        """
        followed = {name for text in self._sources for name in _DOWN_REVISION.findall(text)}
        heads = self.revisions - followed
        if len(heads) != 1:
            raise ValueError(f"the migrations of {self.name} have {len(heads)} heads: {sorted(heads)}")
        return next(iter(heads))

    @cached_property
    def _sources(self) -> tuple[str, ...]:
        return tuple(file.read_text() for file in sorted(self.directory.glob("*.py")))


async def prepare(database: Database, migrations: MigrationSet) -> None:
    """Makes sure that the tables are there. Sets up an empty file, also when two processes do it at once.

    Raises:
        SchemaOutdated: there are older tables, or none on PostgreSQL: a server is only for `upgrade` to set
            up, lest a program that was given the wrong one makes itself at home there.
        SchemaTooNew: there are newer tables.
        DatabaseUnreachable: see `Database.write`.
    """
    current = await current_revision(database, migrations)
    if current is not None:
        _require_head(current, migrations)
    elif database.is_sqlite:
        await upgrade(database, migrations)
    else:
        raise SchemaOutdated(
            f"the database has no {migrations.name} tables yet; run: python worker.py --migrate"
        )


async def require_current(database: Database, migrations: MigrationSet) -> None:
    """Passes when the tables are there and at this program's revision. Creates nothing, not even a file.

    Raises:
        SchemaOutdated: there are older tables, or none.
        SchemaTooNew: there are newer tables.
        DatabaseUnreachable: cannot connect.
    """
    if not database.is_there:
        raise SchemaOutdated(
            f"there is no database {database.url.database} here (CLOSURE_DATABASE_URL): run this where it "
            "is; `make up` makes one for trying, `python worker.py --migrate` for production"
        )
    current = await current_revision(database, migrations)
    if current is None:
        raise SchemaOutdated(
            f"the database has no {migrations.name} tables yet: `make up` makes them for trying, "
            "`python worker.py --migrate` for production"
        )
    _require_head(current, migrations)


async def upgrade(database: Database, migrations: MigrationSet) -> None:
    """Brings the tables to the newest revision, whole or not at all.

    Raises:
        SchemaTooNew: they are newer than this program.
        DatabaseUnreachable: see `Database.write`.
    """
    current = await current_revision(database, migrations)
    if current is not None and current not in migrations.revisions:
        raise _too_new(migrations, current)

    def work(connection: Connection) -> None:
        if not database.is_sqlite:
            # On SQLite the write transaction itself is the lock.
            number = zlib.crc32(f"migrations/{migrations.version_table}".encode())
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
        _run_alembic(connection, migrations)

    await database.write(work)


async def current_revision(database: Database, migrations: MigrationSet) -> str | None:
    """The revision that the tables are at; None in a database without them."""
    version = column("version_num", String())
    statement = select(version).select_from(table(migrations.version_table, version))

    def work(connection: Connection) -> str | None:
        found: str | None = connection.scalar(statement)
        return found

    try:
        return await database.read(work)
    except (ProgrammingError, OperationalError) as error:
        if not _is_missing_table(error):
            raise
        return None


def _require_head(current: str, migrations: MigrationSet) -> None:
    if current not in migrations.revisions:
        raise _too_new(migrations, current)
    if current != migrations.head:
        raise SchemaOutdated(
            f"the database's {migrations.name} tables are at revision {current}, this program needs "
            f"{migrations.head}; run: python worker.py --migrate"
        )


def _is_missing_table(error: ProgrammingError | OperationalError) -> bool:
    # PostgreSQL has a code for it, SQLite only words.
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def _too_new(migrations: MigrationSet, current: str) -> SchemaTooNew:
    return SchemaTooNew(
        f"the database's {migrations.name} tables are at revision {current}, unknown to this program; "
        "run the newer version of the program that upgraded them"
    )


def _run_alembic(connection: Connection, migrations: MigrationSet) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic_environment"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(migrations.directory).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = migrations.version_table
    command.upgrade(config, "head")
