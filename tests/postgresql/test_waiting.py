"""While transactions of some closures are open, every other goes on: none waits for another's rows."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Final, TypeVar
from uuid import uuid4

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from connectors.embedded import embedded_platform
from database import Database, Work
from records.record import Record
from tests.harness.installation import InstallationBuilder, TestInstallation, running_worker
from tests.postgresql.lives import deleted, family, given_back

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(150)]

Result = TypeVar("Result")
Kind = frozenset[str]
"""What a transaction writes and locks: verbs and tables."""

LOCK_TIMEOUT_MS: Final = 2_000
_LOCK_NOT_AVAILABLE: Final = "55P03"
_WRITES: Final = re.compile(
    r"INSERT INTO \w+|UPDATE \w+|DELETE FROM \w+|FROM \w+(?=.* FOR (?:UPDATE|SHARE))|\w*advisory\w*"
)


class Released(Exception):
    """A transaction that was kept open is given up."""


class Holds:
    """The transactions that are kept open, all done but the commit: the first of each kind."""

    def __init__(self) -> None:
        self.kinds: set[Kind] = set()
        self._end = threading.Event()

    def is_new(self, kind: Kind) -> bool:
        """Whether it is to be kept open, now that it was met for the first time."""
        if not kind or kind in self.kinds or self._end.is_set():
            return False
        self.kinds.add(kind)
        return True

    def hold(self) -> None:
        """Until `release`."""
        self._end.wait()
        raise Released

    def release(self) -> None:
        self._end.set()


class HoldingDatabase(Database):
    """One closure's. Whatever it waits for, it waits briefly: `waited` has the statements that gave up."""

    def __init__(self, url: str, holds: Holds) -> None:
        super().__init__(f"{url}?options=-c%20lock_timeout%3D{LOCK_TIMEOUT_MS}")
        self._holds = holds
        self.is_lived_on = False
        """Else a worker only starts."""
        self.is_holding = asyncio.Event()
        self.waited: list[str] = []

    async def write(self, work: Work[Result]) -> Result:
        loop = asyncio.get_running_loop()

        def held(connection: Connection) -> Result:
            with _noted(connection) as statements:
                result = work(connection)
            kind = frozenset(each for one in statements for each in _WRITES.findall(one))
            if self.is_lived_on and self._holds.is_new(kind):
                loop.call_soon_threadsafe(self.is_holding.set)
                self._holds.hold()
            return result

        try:
            return await super().write(held)
        except DBAPIError as error:
            # Behind its own transaction that is kept open it may wait.
            if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE and not self.is_holding.is_set():
                self.waited.append(str(error.statement))
            raise


@contextmanager
def _noted(connection: Connection) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        statements.append(" ".join(statement.split()))

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(connection, "before_cursor_execute", note)


@asynccontextmanager
async def alone(opened: TestInstallation, database: Database) -> AsyncIterator[TestInstallation]:
    """The same installation over other connections, and a worker that nothing else keeps busy."""
    record = Record(database, opened.record.installation)
    own = replace(
        opened,
        record=record,
        client_record=record,
        platform=embedded_platform(database),
        task_queue=f"test-{uuid4().hex[:10]}",
    )
    try:
        async with running_worker(own):
            yield own
    finally:
        await database.dispose()


async def until_held(life: asyncio.Task[object], database: HoldingDatabase) -> bool:
    """Whether the life has come to a transaction of a new kind; else it has come to its end."""
    holding = asyncio.create_task(database.is_holding.wait())
    await asyncio.wait({life, holding}, return_when=asyncio.FIRST_COMPLETED)
    holding.cancel()
    if not database.is_holding.is_set():
        await life
    return database.is_holding.is_set()


@pytest.mark.parametrize("live", [deleted, given_back, family])
async def test_no_closure_waits_for_the_rows_of_another(
    installations: InstallationBuilder, live: Callable[[TestInstallation], Awaitable[object]]
) -> None:
    holds = Holds()
    lives: list[asyncio.Task[object]] = []
    async with installations.open(with_worker=False) as opened, AsyncExitStack() as workers:
        url = opened.database.url.render_as_string(hide_password=False)
        try:
            is_held = True
            while is_held:
                # The next closure meets what all before it keep open, up to the first of a new kind.
                database = HoldingDatabase(url, holds)
                own = await workers.enter_async_context(alone(opened, database))
                database.is_lived_on = True
                lives.append(asyncio.ensure_future(live(own)))
                is_held = await until_held(lives[-1], database)
                assert database.waited == [], holds.kinds
                await database.dispose()  # what it uses no more: the server has so many connections
        finally:
            holds.release()
            for each in lives:
                each.cancel()
            await asyncio.gather(*lives, return_exceptions=True)
    assert len(holds.kinds) > 10
