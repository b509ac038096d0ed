"""Engines and transactions; every failure to reach the database is one exception with one clear line.

SQLite runs in WAL mode with full durability. Writers start with BEGIN IMMEDIATE: a deferred transaction that
upgrades its lock after a read fails at once with "database is locked" whatever the busy timeout says.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import URL, Engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

SQLITE: Final = "sqlite+aiosqlite"
POSTGRESQL: Final = "postgresql+psycopg"

BUSY_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 5
_JOURNAL_BUSY_MILLISECONDS: Final = 500

_WRITES = "database_writes"

_UNREACHABLE_SQLITE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)

# SQLSTATE classes: connection, authentication, no such database, out of resources, shut down or starting,
# system error; a read-only server, and a role that lacks a privilege.
_UNREACHABLE_POSTGRESQL = ("08", "28", "3D", "53", "57P", "58", "25006", "42501")

_writer_locks: WeakKeyDictionary[Engine, asyncio.Lock] = WeakKeyDictionary()


class DatabaseUnreachable(Exception):
    """The database cannot be reached, opened or written; the message is one line without the password."""


def create_engine(url: str) -> AsyncEngine:
    """An engine for ``sqlite+aiosqlite:///file`` or ``postgresql+psycopg://…``; connects to nothing yet.

    Raises:
        ValueError: the URL cannot be parsed, or names another driver or an in-memory database.
    """
    parsed = _parse(url)
    if parsed.drivername == SQLITE:
        return _sqlite_engine(parsed)
    defaults = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": 30_000, "keepalives_idle": 30}
    return create_async_engine(
        parsed,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=10,
        hide_parameters=True,
        connect_args={name: value for name, value in defaults.items() if name not in parsed.query},
    )


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One write transaction: commits at the end, rolls back when the body raises.

    Raises:
        DatabaseUnreachable: cannot connect, locked for 30 s, not permitted, or lost on the way. After a loss
            while committing, the transaction may have happened: repeat it by its idempotency key.
    """
    with _Translating(engine.url):
        async with _sole_writer(engine), engine.connect() as plain:
            connection = await plain.execution_options(**{_WRITES: True})
            async with connection.begin():
                yield connection


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One read-only transaction that sees one snapshot.

    Raises:
        DatabaseUnreachable: cannot connect, or lost on the way.
    """
    with _Translating(engine.url):
        async with engine.connect() as plain:
            connection = plain
            if engine.dialect.name == "postgresql":
                connection = await plain.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            async with connection.begin():
                yield connection


async def overwrite_journal(engine: AsyncEngine) -> bool:
    """Empties SQLite's write-ahead file, which repeats what has been deleted from the database itself.

    Whether it is empty now: a transaction under way prevents it, and then later writes overwrite it. True on
    PostgreSQL, where vacuuming and the archive of its log are the operator's.
    """
    if engine.dialect.name != "sqlite":
        return True
    with _Translating(engine.url):
        async with engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.execute(f"PRAGMA busy_timeout={_JOURNAL_BUSY_MILLISECONDS}")
            try:
                cursor = await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                (busy, _, _) = await cursor.fetchone()
                await cursor.close()
            finally:
                await driver.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")
            return not busy


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The parser's own message quotes the URL, password included.
        raise ValueError(
            f"the database URL cannot be parsed; use {SQLITE}:///FILE or {POSTGRESQL}://…"
        ) from None
    if parsed.drivername not in (SQLITE, POSTGRESQL):
        raise ValueError(
            f"the database driver {parsed.drivername!r} is not supported; "
            f"use {SQLITE}:///FILE or {POSTGRESQL}://…"
        )
    if parsed.drivername == SQLITE and _is_in_memory(parsed):
        raise ValueError(f"an SQLite database must be a file: {SQLITE}:///FILE")
    return parsed


def _is_in_memory(url: URL) -> bool:
    # Every connection would see a database of its own.
    return not url.database or ":memory:" in url.database or url.query.get("mode") == "memory"


def _sqlite_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine.sync_engine, "do_connect", _make_folder)
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    _writer_locks[engine.sync_engine] = asyncio.Lock()
    return engine


def _make_folder(
    dialect: Dialect, record: ConnectionPoolEntry, arguments: list[object], options: dict[str, object]
) -> None:
    file = str(arguments[0])
    if file.startswith("file:"):
        return
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnreachable(
            f"cannot create the folder of the database {file}: {error.strerror or error}"
        ) from error


def _set_up_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    # SQLAlchemy emits BEGIN (below), not the driver, which would leave out reads and DDL.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        # What is deleted or blanked must not stay readable in the file's free space.
        cursor.execute("PRAGMA secure_delete=ON")
        for attempts_left in range(100, -1, -1):
            try:
                cursor.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:
                # Two processes that create the database at once: switching the mode ignores the busy timeout.
                if not attempts_left or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                await_only(asyncio.sleep(0.05))
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@asynccontextmanager
async def _sole_writer(engine: AsyncEngine) -> AsyncIterator[None]:
    """On SQLite, lets this process's writers queue here: in the file's lock they would poll, unfairly."""
    lock = _writer_locks.get(engine.sync_engine)
    if lock is None:
        yield
        return
    try:
        async with asyncio.timeout(BUSY_SECONDS):
            await lock.acquire()
    except TimeoutError as error:
        raise DatabaseUnreachable(
            f"{_named(engine.url)}: busy for {BUSY_SECONDS:.0f} s; try again"
        ) from error
    try:
        yield
    finally:
        lock.release()


class _Translating:
    """Turns a driver's "cannot reach it" into `DatabaseUnreachable`; other errors pass."""

    def __init__(self, url: URL) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PoolTimeout):
            raise DatabaseUnreachable(f"{_named(self._url)}: no free connection; try again") from error
        if isinstance(error, DBAPIError) and _is_unreachable(error):
            raise DatabaseUnreachable(f"{_named(self._url)}: {_one_line(error)}") from error


def _is_unreachable(error: DBAPIError) -> bool:
    cause: object = error.orig
    if error.connection_invalidated:
        return True
    if isinstance(cause, sqlite3.Error):
        # Errors that Python's own module raises carry no code.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _UNREACHABLE_SQLITE
    if isinstance(cause, psycopg.Error):
        if cause.sqlstate is None:
            # Without a statement it could not even connect, such as for an option that doesn't exist.
            return error.statement is None or isinstance(
                cause, (psycopg.OperationalError, psycopg.InterfaceError)
            )
        return cause.sqlstate.startswith(_UNREACHABLE_POSTGRESQL)
    return False


def _named(url: URL) -> str:
    # Options may hold a password too.
    return f"the database {url.set(query={}).render_as_string(hide_password=True)} cannot be used"


def _one_line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())
