"""Engines; every failure to reach the database is one exception with one clear line.

SQLite runs in WAL mode with full durability. Writers start with BEGIN IMMEDIATE: a deferred transaction that
upgrades its lock after a read fails at once with "database is locked" whatever the busy timeout says.
"""

import asyncio
import os
import select
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from private_files import make_private_folder, owner_only

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

SQLITE: Final = "sqlite+aiosqlite"
"""What settings call it, whatever driver is used."""
POSTGRESQL: Final = "postgresql+psycopg"

BUSY_SECONDS: Final = 30.0
"""How long who works in the background waits for another writer."""
CONNECT_SECONDS: Final = 5

_NETWORK: Final = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": 30_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""So a peer that is gone is noticed within a minute, and a middlebox sees that a connection is in use."""

_NEW: Final = "new"

WRITES: Final = "database_writes"
"""The execution option of a connection that writes."""

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

# A serialization failure, and a deadlock.
_GAVE_WAY: Final = frozenset({"40001", "40P01"})

_writer_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()


class DatabaseUnreachable(Exception):
    """The database cannot be reached, opened or written; the message is one line without the password."""


def open_engine(url: URL, connections: int, patience: float) -> Engine:
    """An engine that keeps up to `connections` of them; connects to nothing yet.

    `patience` are the seconds that SQLite waits for another process's writer.
    """
    if url.drivername == SQLITE:
        engine = create_engine(
            url.set(drivername="sqlite+pysqlite"),
            hide_parameters=True,
            pool_size=connections,
            max_overflow=0,
            connect_args={"timeout": patience},
        )
        event.listen(engine, "do_connect", _make_private_file)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        connect_args={name: value for name, value in _NETWORK.items() if name not in url.query},
    )
    event.listen(engine, "connect", _is_new)
    event.listen(engine, "checkout", _require_answer)
    return engine


def parse_url(url: str) -> URL:
    """The URL of a database that can be used.

    Raises:
        ValueError: it cannot be parsed, or names another driver or an in-memory database.
    """
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


def _make_private_file(
    dialect: Dialect, record: ConnectionPoolEntry, arguments: list[object], options: dict[str, object]
) -> None:
    """SQLite would make a file that others may read; its journals take over the file's mode.

    A file that is there is not even opened: closing it would take away this process's locks on it.
    """
    file = str(arguments[0])
    if file.startswith("file:"):
        return
    try:
        make_private_folder(Path(file).parent)
    except OSError as error:
        raise DatabaseUnreachable(
            f"cannot create the folder of the database {file}: {error.strerror or error}"
        ) from error
    try:
        os.close(owner_only(file, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    except OSError as error:
        raise DatabaseUnreachable(f"cannot create the database {file}: {error.strerror or error}") from error


def _is_new(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    record.info[_NEW] = True


def _require_answer(
    connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: PoolProxiedConnection
) -> None:
    """Asks PostgreSQL whether it is there before a kept connection is used, and waits a few seconds only.

    SQLAlchemy's own ping waits for ever where something between takes what is sent and answers nothing.

    Raises:
        InvalidatePoolError: a new connection is taken, and so is one in place of every other.
    """
    if record.info.pop(_NEW, False):
        return
    import psycopg  # only here: SQLite alone needs none of it

    try:
        _ask(connection.pgconn)
    except (psycopg.Error, OSError) as error:
        raise InvalidatePoolError("the connection is broken") from error


def _ask(server: "PGconn") -> None:
    """Past the driver, which would begin a transaction. Raises TimeoutError."""
    deadline = time.monotonic() + CONNECT_SECONDS
    readable = select.poll()
    readable.register(server.socket, select.POLLIN)
    server.send_query(b"SELECT 1")
    server.flush()
    while True:
        while server.is_busy():
            rest = max(0.0, deadline - time.monotonic())
            if not readable.poll(rest * 1000):
                raise TimeoutError
            server.consume_input()
        if server.get_result() is None:
            return


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
                time.sleep(0.05)
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def writer_lock(url: URL) -> asyncio.Lock | None:
    """The lock that this loop's writers to one SQLite file share; None for PostgreSQL."""
    if url.drivername != SQLITE:
        return None
    locks = _writer_locks.setdefault(asyncio.get_running_loop(), {})
    return locks.setdefault(str(Path(str(url.database)).absolute()), asyncio.Lock())


@asynccontextmanager
async def sole_writer(url: URL, patience: float) -> AsyncIterator[None]:
    """On SQLite, lets this process's writers queue here: in the file's lock they would poll, unfairly."""
    lock = writer_lock(url)
    if lock is None:
        yield
        return
    try:
        async with asyncio.timeout(patience):
            await lock.acquire()
    except TimeoutError as error:
        raise DatabaseUnreachable(f"{_named(url)}: busy for {patience:.0f} s; try again") from error
    try:
        yield
    finally:
        lock.release()


class Translating:
    """Turns a driver's "cannot reach it" into `DatabaseUnreachable`; other errors pass."""

    def __init__(self, url: URL) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DBAPIError) and is_unreachable(error):
            raise DatabaseUnreachable(f"{_named(self._url)}: {_one_line(error)}") from error


def gave_way(error: DBAPIError) -> bool:
    """Whether PostgreSQL has ended the transaction for the sake of another, so that it may run again."""
    return getattr(error.orig, "sqlstate", None) in _GAVE_WAY


def is_unreachable(error: DBAPIError) -> bool:
    """Whether it says that the database can't be used, rather than what is wrong with a statement."""
    cause: object = error.orig
    if error.connection_invalidated:
        return True
    if isinstance(cause, sqlite3.Error):
        # Errors that Python's own module raises carry no code.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _UNREACHABLE_SQLITE
    import psycopg  # only here: SQLite alone needs none of it

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
