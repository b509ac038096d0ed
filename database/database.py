"""One database: functions on a connection, each run as one short transaction on a thread."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from database.engine import (
    BUSY_SECONDS,
    SQLITE,
    WRITES,
    Translating,
    gave_way,
    is_unreachable,
    open_engine,
    parse_url,
    sole_writer,
)
from database.turns import AnyOutcome, AnyTurn, Queue, SharedCall, take_each

Result = TypeVar("Result")
Turns = Sequence[AnyTurn]
Outcomes = Sequence[AnyOutcome]
Work = Callable[[Connection], Result]
"""What happens in a transaction: it reads and writes, and may run again after a failure."""

THREADS: Final = 8
"""Each has at most one connection."""
TOGETHER: Final = 64
"""So many works share a transaction of SQLite at most."""
_JOURNAL_BUSY_MILLISECONDS: Final = 500
_ATTEMPTS: Final = 5
"""Of a transaction that PostgreSQL has ended for the sake of another."""


class Database:
    """Reads and writes by functions; connects to nothing before the first.

    Args:
        url: ``sqlite+aiosqlite:///file`` or ``postgresql+psycopg://…``.
        patience: seconds that SQLite's writers wait for each other; of one for whom a person waits, few.

    Raises:
        ValueError: the URL cannot be parsed, or names another driver or an in-memory database.
    """

    def __init__(self, url: str, patience: float = BUSY_SECONDS) -> None:
        parsed = parse_url(url)
        self._patience = patience
        self.url = parsed
        self.is_sqlite = parsed.drivername == SQLITE
        self._engine = open_engine(parsed, THREADS, patience)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool, Queue]] = WeakKeyDictionary()
        self._overwriting: WeakKeyDictionary[asyncio.AbstractEventLoop, SharedCall[bool]] = (
            WeakKeyDictionary()
        )

    @property
    def is_there(self) -> bool:
        """Whether there is something to connect to: connecting to SQLite would make the file."""
        return not self.is_sqlite or Path(str(self.url.database)).exists()

    def beside(self) -> "Database":
        """The same database for another room: they share connections and threads, but never a transaction."""
        other = copy(self)
        other._queues = WeakKeyDictionary()  # noqa: SLF001 - its own class
        return other

    async def read(self, work: Work[Result]) -> Result:
        """Runs `work` in a read-only transaction that sees one snapshot.

        Raises:
            DatabaseUnreachable: cannot connect, or lost on the way.
        """
        return await self._queue(writes=False).take(work)

    async def write(self, work: Work[Result]) -> Result:
        """Runs `work` in a write transaction: committed when this returns, rolled back when it raises.

        On SQLite, where writers wait for each other, those that come meanwhile share the next transaction and
        its sync to disk; each is rolled back by itself.

        Of transactions that wait for each other PostgreSQL ends one: its `work` runs again.

        Raises:
            DatabaseUnreachable: cannot connect, locked too long, not permitted, or lost on the way. After a
                loss or a cancellation while committing, it may have happened: repeat it by its key.
        """
        return await self._queue(writes=True).take(work)

    async def overwrite_journal(self) -> bool:
        """Empties SQLite's write-ahead file, which repeats what has been deleted from the database itself.

        Whether it is empty now: a transaction under way prevents it, and then later writes overwrite it. True
        on PostgreSQL, where vacuuming and the archive of its log are the operator's.

        Raises:
            DatabaseUnreachable: cannot connect.
        """
        if not self.is_sqlite:
            return True
        loop = asyncio.get_running_loop()
        if loop not in self._overwriting:
            self._overwriting[loop] = SharedCall(
                partial(loop.run_in_executor, self._threads, self._overwrite_journal)
            )
        return await self._overwriting[loop].result()

    async def dispose(self) -> None:
        """Closes all connections; the database can be used again."""
        await asyncio.to_thread(self._engine.dispose)

    def _queue(self, *, writes: bool) -> Queue:
        queues = self._queues.setdefault(asyncio.get_running_loop(), {})
        if writes not in queues:
            serve = self._write_together if writes else self._read_together
            if self.is_sqlite:
                place = partial(sole_writer, self.url, self._patience) if writes else None
                queues[writes] = Queue(partial(self._on_thread, serve), together=TOGETHER, place=place)
            else:
                queues[writes] = Queue(partial(self._on_thread, serve), together=1)
        return queues[writes]

    def _read_together(self, turns: Turns) -> Outcomes:
        with Translating(self.url), self._engine.connect() as plain:
            connection = plain
            if not self.is_sqlite:
                connection = plain.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                return take_each(connection, turns, writes=False, is_fatal=is_unreachable)

    def _write_together(self, turns: Turns) -> Outcomes:
        for _ in range(1, _ATTEMPTS):
            try:
                return self._write_once(turns)
            except DBAPIError as error:
                if not gave_way(error):
                    raise
        return self._write_once(turns)

    def _write_once(self, turns: Turns) -> Outcomes:
        with Translating(self.url), self._engine.connect() as plain:
            connection = plain.execution_options(**{WRITES: True})
            with connection.begin():
                return take_each(connection, turns, writes=True, is_fatal=is_unreachable)

    def _overwrite_journal(self) -> bool:
        with Translating(self.url), self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.execute(f"PRAGMA busy_timeout={_JOURNAL_BUSY_MILLISECONDS}")
            try:
                (busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                driver.execute(f"PRAGMA busy_timeout={self._patience * 1000:.0f}")
            return not busy

    async def _on_thread(self, serve: Callable[[Turns], Outcomes], turns: Turns) -> Outcomes:
        running = asyncio.get_running_loop().run_in_executor(self._threads, serve, turns)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:  # the loop ends, and lets the thread end first
            return await running


def database_time(connection: Connection) -> datetime:
    """Now by the database's clock, UTC; on SQLite, which has none of its own, by this computer's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)
