"""Transactions, and every way in which a database can't be used: one clear line, no password."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import DatabaseUnreachable, create_engine, reading, transaction
from database import engine as engine_module


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url)
    async with transaction(engine) as connection:
        await connection.execute(text("CREATE TABLE counters (id integer PRIMARY KEY, value integer)"))
        await connection.execute(text("INSERT INTO counters VALUES (1, 0)"))
    yield engine
    await engine.dispose()


async def counted(engine: AsyncEngine) -> int:
    async with reading(engine) as connection:
        value: int | None = await connection.scalar(text("SELECT value FROM counters WHERE id = 1"))
    assert value is not None
    return value


async def count_up(engine: AsyncEngine) -> None:
    """Reads, lets others run, then writes what it read and one more."""
    async with transaction(engine) as connection:
        value = await connection.scalar(text(f"SELECT value FROM counters WHERE id = 1{_for_update(engine)}"))
        await asyncio.sleep(0)
        await connection.execute(text("UPDATE counters SET value = :value"), {"value": value + 1})


def _for_update(engine: AsyncEngine) -> str:
    return " FOR UPDATE" if engine.dialect.name == "postgresql" else ""


async def test_a_transaction_commits(engine: AsyncEngine) -> None:
    await count_up(engine)
    assert await counted(engine) == 1


async def test_a_transaction_that_raises_leaves_nothing(engine: AsyncEngine) -> None:

    async def fail_midway() -> None:
        async with transaction(engine) as connection:
            await connection.execute(text("UPDATE counters SET value = 9"))
            await connection.execute(text("CREATE TABLE things (id integer)"))
            raise KeyError

    with pytest.raises(KeyError):
        await fail_midway()
    assert await counted(engine) == 0
    async with transaction(engine) as connection:
        await connection.execute(text("CREATE TABLE things (id integer)"))


async def test_a_cancelled_transaction_leaves_nothing_and_blocks_nobody(engine: AsyncEngine) -> None:
    written = asyncio.Event()

    async def write_and_wait() -> None:
        async with transaction(engine) as connection:
            await connection.execute(text("UPDATE counters SET value = 9"))
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await counted(engine) == 0
    await count_up(engine)
    assert await counted(engine) == 1


async def test_writers_of_one_process_lose_no_update(engine: AsyncEngine) -> None:
    await asyncio.gather(*(count_up(engine) for _ in range(20)))
    assert await counted(engine) == 20


async def test_writers_of_two_engines_lose_no_update(engine: AsyncEngine, database_url: str) -> None:
    """As of two processes. On SQLite a deferred transaction would fail at once after its read."""
    other = create_engine(database_url)
    await asyncio.gather(*(count_up(each) for _ in range(5) for each in (engine, other)))
    await other.dispose()
    assert await counted(engine) == 10


async def test_a_reader_sees_one_snapshot(engine: AsyncEngine) -> None:
    async with reading(engine) as connection:
        value = text("SELECT value FROM counters")
        first = await connection.scalar(value)
        await count_up(engine)
        assert await connection.scalar(value) == first == 0
    assert await counted(engine) == 1


async def test_readers_do_not_wait_for_a_writer(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE counters SET value = 9"))
        async with asyncio.timeout(5):
            assert await counted(engine) == 0


async def test_an_error_of_the_statement_passes_without_its_parameters(engine: AsyncEngine) -> None:
    statement = text("INSERT INTO counters VALUES (:id, :value)")
    with pytest.raises(IntegrityError) as raised:
        async with transaction(engine) as connection:
            await connection.execute(statement, {"id": 1, "value": 987_654})
    assert "987654" not in str(raised.value)


async def test_sqlite_is_durable_and_checks_foreign_keys(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path}/new/folder/accounts.db")
    async with reading(engine) as connection:
        pragmas = [
            await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    await engine.dispose()
    assert pragmas == ["wal", 2, 1]


COUNTING = """
import asyncio, sys
from sqlalchemy import text
from database import create_engine, transaction

async def main():
    engine = create_engine(sys.argv[1])
    for _ in range(25):
        async with transaction(engine) as connection:
            value = await connection.scalar(text("SELECT value FROM counters" + sys.argv[2]))
            await connection.execute(text("UPDATE counters SET value = :value"), {"value": value + 1})
    await engine.dispose()

asyncio.run(main())
"""


async def test_two_processes_lose_no_update(engine: AsyncEngine, database_url: str) -> None:
    command = [sys.executable, "-c", COUNTING, database_url, _for_update(engine)]
    processes = [await asyncio.create_subprocess_exec(*command) for _ in range(2)]
    assert [await process.wait() for process in processes] == [0, 0]
    assert await counted(engine) == 50


async def unusable(url: str) -> str:
    """The message of a write that can't be done."""
    engine = create_engine(url)
    with pytest.raises(DatabaseUnreachable) as raised:
        async with transaction(engine) as connection:
            await connection.execute(text("CREATE TABLE things (id integer)"))
    await engine.dispose()
    message = str(raised.value)
    assert "\n" not in message
    assert "hunter2" not in message
    return message


async def test_a_read_only_file_is_unusable(tmp_path: Path) -> None:
    file = tmp_path / "accounts.db"
    sqlite3.connect(file).executescript("PRAGMA journal_mode=WAL; CREATE TABLE a (b); ").connection.close()
    message = await unusable(f"sqlite+aiosqlite:///file:{file}?mode=ro&uri=true")
    assert "readonly" in message


async def test_a_file_that_is_no_database_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "accounts.db").write_text("no database, whatever its name says\n" * 100)
    assert "file is not a database" in await unusable(f"sqlite+aiosqlite:///{tmp_path}/accounts.db")


async def test_a_folder_is_unusable(tmp_path: Path) -> None:
    assert str(tmp_path) in await unusable(f"sqlite+aiosqlite:///{tmp_path}")


async def test_a_folder_that_cannot_be_made_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot create the folder" in await unusable(f"sqlite+aiosqlite:///{tmp_path}/file/accounts.db")


async def test_a_locked_file_is_unusable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "BUSY_SECONDS", 0.1)
    file = tmp_path / "accounts.db"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("PRAGMA journal_mode=WAL")
    holder.execute("BEGIN IMMEDIATE")
    assert "locked" in await unusable(f"sqlite+aiosqlite:///{file}")
    holder.close()


async def test_a_writer_that_never_ends_makes_the_others_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_SECONDS", 0.1)
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path}/accounts.db")
    async with transaction(engine):
        with pytest.raises(DatabaseUnreachable, match="busy"):
            async with transaction(engine):
                raise AssertionError
    await engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://owner:hunter2@127.0.0.1:1/accounts",
        "postgresql+psycopg://owner@127.0.0.1:1/accounts?password=hunter2",
        "postgresql+psycopg://owner:hunter2@name.invalid/accounts",
        "postgresql+psycopg://owner:hunter2@127.0.0.1:1/accounts?no_such_option=1",
        "postgresql+psycopg://owner:hunter2@127.0.0.1:1/accounts?connect_timeout=soon",
    ],
)
async def test_an_unreachable_postgresql_is_unusable(url: str) -> None:
    assert "postgresql+psycopg://" in await unusable(url)


async def test_a_database_that_is_not_there_is_unusable(postgresql_url: str) -> None:
    missing = postgresql_url.rpartition("/")[0].replace("@", ":hunter2@") + "/missing"
    assert "does not exist" in await unusable(missing)


async def test_a_role_without_privileges_is_unusable(postgresql_url: str) -> None:
    plain = postgresql_url.replace("+psycopg", "")
    role = postgresql_url.rpartition("/")[2].replace("test_", "role_")
    with psycopg.connect(plain, autocommit=True) as administrator:
        administrator.execute(f'CREATE ROLE "{role}" LOGIN')
    try:
        limited = postgresql_url.replace("//postgres@", f"//{role}:hunter2@")
        assert "permission denied" in await unusable(limited)
    finally:
        with psycopg.connect(plain, autocommit=True) as administrator:
            administrator.execute(f'DROP ROLE "{role}"')


async def test_a_connection_lost_underway_is_unusable_and_the_next_one_works(postgresql_url: str) -> None:
    engine = create_engine(postgresql_url)
    with pytest.raises(DatabaseUnreachable):
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    async with reading(engine) as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()


async def test_reading_writes_nothing_on_postgresql(postgresql_url: str) -> None:
    engine = create_engine(postgresql_url)
    with pytest.raises(DatabaseUnreachable, match="read-only"):
        async with reading(engine) as connection:
            await connection.execute(text("CREATE TABLE things (id integer)"))
    await engine.dispose()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "cannot be parsed"),
        ("accounts.db", "cannot be parsed"),
        ("postgresql+psycopg://owner:hunter2@host:port/accounts", "cannot be parsed"),
        ("mysql://owner:hunter2@host/accounts", "'mysql' is not supported"),
        ("postgresql://owner:hunter2@host/accounts", "'postgresql' is not supported"),
        ("sqlite:///accounts.db", "'sqlite' is not supported"),
        ("sqlite+aiosqlite://", "must be a file"),
        ("sqlite+aiosqlite:///:memory:", "must be a file"),
        ("sqlite+aiosqlite:///file::memory:?uri=true", "must be a file"),
        ("sqlite+aiosqlite:///file:accounts?mode=memory&cache=shared&uri=true", "must be a file"),
    ],
)
def test_a_bad_url_is_refused_at_once(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        create_engine(url)
    message = str(raised.value)
    assert "sqlite+aiosqlite:///FILE" in message
    assert "hunter2" not in message
    assert "\n" not in message


def test_making_an_engine_connects_to_nothing(tmp_path: Path) -> None:
    create_engine(f"sqlite+aiosqlite:///{tmp_path}/new/accounts.db")
    assert list(tmp_path.iterdir()) == []
    # Nor does it import what takes long: every command starts with it.
    code = "import sys, database; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
