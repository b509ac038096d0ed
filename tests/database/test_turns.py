"""Work that comes at the same time shares a transaction of SQLite, each as if it were alone."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, text

from database import Database, DatabaseUnreachable
from tests.database.holding import HeldTransaction

SECONDS = 10


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/accounts.db")
    await database.write(
        lambda connection: connection.execute(text("CREATE TABLE things (name text UNIQUE)"))
    )
    yield database
    await database.dispose()


@contextmanager
def transactions() -> Iterator[list[Connection]]:
    """Those that begin meanwhile."""
    begun: list[Connection] = []

    def note(connection: Connection) -> None:
        begun.append(connection)

    event.listen(Engine, "begin", note)
    try:
        yield begun
    finally:
        event.remove(Engine, "begin", note)


def add(name: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(text("INSERT INTO things VALUES (:name)"), {"name": name})
        return name

    return work


def fail(name: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        add(name)(connection)
        raise KeyError(name)

    return work


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT name FROM things ORDER BY name")))


async def test_writers_that_come_together_share_a_transaction(database: Database) -> None:
    with transactions() as begun:
        results = await asyncio.gather(*(database.write(add(name)) for name in "cab"))
    assert (results, len(begun)) == (["c", "a", "b"], 1)
    assert await database.read(names) == ["a", "b", "c"]


async def test_writers_that_come_meanwhile_share_the_next(database: Database) -> None:
    held = HeldTransaction()
    with transactions() as begun:
        first = asyncio.create_task(database.write(held.hold_on))
        await held.began.wait()
        others = [asyncio.create_task(database.write(add(name))) for name in "abc"]
        await asyncio.sleep(0)
        held.end()
        await asyncio.gather(first, *others)
    assert len(begun) == 2


async def test_readers_that_come_together_share_a_snapshot(database: Database) -> None:
    with transactions() as begun:
        assert await asyncio.gather(*(database.read(names) for _ in range(3))) == [[], [], []]
    assert len(begun) == 1


async def test_what_fails_takes_only_its_own_back(database: Database) -> None:
    works = [add("a"), fail("b"), add("c"), add("a"), add("d")]
    results = await asyncio.gather(*map(database.write, works), return_exceptions=True)
    assert [type(each).__name__ for each in results] == ["str", "KeyError", "str", "IntegrityError", "str"]
    assert await database.read(names) == ["a", "c", "d"]


async def test_a_failed_reader_fails_alone(database: Database) -> None:
    def fail_reading(connection: Connection) -> list[str]:
        raise KeyError

    found, failed = await asyncio.gather(
        database.read(names), database.read(fail_reading), return_exceptions=True
    )
    assert found == []
    assert isinstance(failed, KeyError)


async def test_who_is_cancelled_takes_only_its_own_back(database: Database) -> None:
    loop = asyncio.get_running_loop()
    written, cancelled = asyncio.Event(), threading.Event()

    def write_and_wait(connection: Connection) -> str:
        add("b")(connection)
        loop.call_soon_threadsafe(written.set)
        assert cancelled.wait(SECONDS)
        return "b"

    first, second, third = (
        asyncio.create_task(database.write(each)) for each in (add("a"), write_and_wait, add("c"))
    )
    await written.wait()
    second.cancel()
    await asyncio.sleep(0)
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert (await first, await third) == ("a", "c")
    assert await database.read(names) == ["a", "c"]


async def test_who_is_cancelled_before_the_turn_comes_writes_nothing(database: Database) -> None:
    task = asyncio.create_task(database.write(add("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(add("b"))
    assert await database.read(names) == ["b"]


async def test_all_are_told_when_the_database_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "busy.db"
    database = Database(f"sqlite+aiosqlite:///{file}", patience=0.1)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        results = await asyncio.gather(*map(database.write, (add("a"), add("b"))), return_exceptions=True)
    assert [type(each) for each in results] == [DatabaseUnreachable, DatabaseUnreachable]
    await database.dispose()


async def test_rooms_beside_each_other_share_no_transaction(database: Database) -> None:
    other = database.beside()
    with transactions() as begun:
        await asyncio.gather(database.write(add("a")), other.write(add("b")))
        await asyncio.gather(database.read(names), other.read(names))
    assert len(begun) == 4
    assert await other.read(names) == ["a", "b"]


def test_the_end_of_the_loop_waits_for_what_is_under_way(tmp_path: Path) -> None:
    async def leave() -> None:
        database = Database(f"sqlite+aiosqlite:///{tmp_path}/left.db")
        began, loop = asyncio.Event(), asyncio.get_running_loop()

        def begin(connection: Connection) -> None:
            loop.call_soon_threadsafe(began.set)

        tasks.append(asyncio.create_task(database.write(begin)))
        await began.wait()

    tasks: list[asyncio.Task[None]] = []
    asyncio.run(asyncio.wait_for(leave(), SECONDS))
    assert tasks[0].done()
