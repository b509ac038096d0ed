"""Every way in which a database can't be used: one clear line, no password."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text

from database import BUSY_SECONDS, Database, DatabaseUnreachable

SECONDS = 10


def create_things(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE things (id integer)"))


async def unusable(url: str, patience: float = BUSY_SECONDS) -> str:
    """The message of a write that can't be done."""
    database = Database(url, patience)
    with pytest.raises(DatabaseUnreachable) as raised:
        await database.write(create_things)
    await database.dispose()
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


async def test_the_file_its_journals_and_its_folder_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = Database(f"sqlite+aiosqlite:///{tmp_path}/data/accounts.db")

        def work(connection: Connection) -> dict[str, int]:
            connection.execute(text("CREATE TABLE a (b INTEGER)"))
            return {each.name: each.stat().st_mode & 0o777 for each in (tmp_path / "data").iterdir()}

        files = await database.write(work)
    finally:
        os.umask(before)
    await database.dispose()
    assert files == dict.fromkeys(("accounts.db", "accounts.db-wal", "accounts.db-shm"), 0o600)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


async def test_a_locked_file_is_unusable(tmp_path: Path) -> None:
    file = tmp_path / "accounts.db"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("PRAGMA journal_mode=WAL")
    holder.execute("BEGIN IMMEDIATE")
    assert "locked" in await unusable(f"sqlite+aiosqlite:///{file}", patience=0.1)
    holder.close()


async def test_a_writer_that_never_ends_makes_the_others_give_up(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/accounts.db", patience=0.1)
    loop = asyncio.get_running_loop()

    def never_end(connection: Connection) -> None:
        with pytest.raises(DatabaseUnreachable, match="busy"):
            asyncio.run_coroutine_threadsafe(database.write(create_things), loop).result(SECONDS)

    await database.write(never_end)
    await database.dispose()


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
    database = Database(postgresql_url)
    with pytest.raises(DatabaseUnreachable):
        await database.write(
            lambda connection: connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        )
    assert await database.read(lambda connection: connection.scalar(text("SELECT 1"))) == 1
    await database.dispose()


async def test_reading_writes_nothing_on_postgresql(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with pytest.raises(DatabaseUnreachable, match="read-only"):
        await database.read(create_things)
    await database.dispose()


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
        Database(url)
    message = str(raised.value)
    assert "sqlite+aiosqlite:///FILE" in message
    assert "hunter2" not in message
    assert "\n" not in message


def test_making_an_engine_connects_to_nothing(tmp_path: Path) -> None:
    Database(f"sqlite+aiosqlite:///{tmp_path}/new/accounts.db")
    assert list(tmp_path.iterdir()) == []
    # Nor does it import what takes long: every command starts with it.
    code = "import sys, database; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
