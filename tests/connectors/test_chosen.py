"""Whose accounts they are is a setting: what it names is found and whole, or one line says what is wrong."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect

from closure.installation import InstallationKind
from connectors.chosen import chosen_platform
from connectors.embedded import embedded_platform
from connectors.ports import Platform
from connectors.setting_faults import PlatformFault
from database import Database, upgrade
from installation import migrations_of, open_installation
from records.installation import create_installation
from settings import Settings
from tests.harness.databases import prepare_template
from tests.harness.installed_program import PROJECT

HERE = "tests.connectors.test_chosen"


def whole(settings: Settings) -> Platform:
    return embedded_platform(Database(settings.database_url))


async def whole_later(settings: Settings) -> Platform:
    return whole(settings)


def failing(settings: Settings) -> Platform:
    raise RuntimeError("no\nroute to billing")


def other(settings: Settings) -> Platform:
    return "a platform"  # type: ignore[return-value]


def ending(settings: Settings) -> Platform:
    sys.exit(0)


async def ending_later(settings: Settings) -> Platform:
    sys.exit(0)


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError


def mute(settings: Settings) -> Platform:
    raise Mute


class Deaf:
    """Lacks what a port of holds has."""


def without_a_call(settings: Settings) -> Platform:
    return replace(whole(settings), holds=Deaf())  # type: ignore[arg-type]


NO_FACTORY = "a word"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite+aiosqlite:///{tmp_path}/record.db")
    yield opened
    await opened.dispose()


@pytest.mark.parametrize("name", ["embedded", f"{HERE}:whole", f"{HERE}:whole_later"])
async def test_a_platform_that_is_whole_is_taken(database: Database, name: str) -> None:
    settings = Settings(database_url=str(database.url), platform=name)
    platform = await chosen_platform(settings, database)
    assert isinstance(platform, Platform)
    await platform.aclose()


@pytest.mark.parametrize(("name", "shown"), [("", "(empty)"), (" ", "(empty)"), ("two\nlines", "two lines")])
async def test_a_name_is_shown_in_one_line(database: Database, name: str, shown: str) -> None:
    with pytest.raises(PlatformFault) as caught:
        await chosen_platform(Settings(database_url=str(database.url), platform=name), database)
    assert str(caught.value).startswith(f"setting CLOSURE_PLATFORM: {shown}: there is none")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "there is none; there are embedded, http"),
        (f"{HERE}:ending", "can't be made: SystemExit: 0"),
        (f"{HERE}:ending_later", "can't be made: SystemExit: 0"),
        (f"{HERE}:mute", f"{HERE}:mute: can't be made: Mute"),
        ("tests.connectors.ends_at_once:platform", "can't be loaded: SystemExit: 3"),
        ("no.such.module:factory", "can't be loaded: ModuleNotFoundError: No module named 'no'"),
        (f"{HERE}:nothing", "can't be loaded: AttributeError"),
        (f"{HERE}:", "can't be loaded"),
        (":factory", "can't be loaded"),
        (f"{HERE}:NO_FACTORY", "is no factory"),
        (f"{HERE}:failing", "can't be made: RuntimeError: no route to billing"),
        (f"{HERE}:other", "made a str instead of"),
        (f"{HERE}:without_a_call", "lacks holds.is_held"),
    ],
)
async def test_what_is_wrong_with_a_platform_is_said_in_one_line(
    database: Database, name: str, said: str
) -> None:
    with pytest.raises(PlatformFault) as caught:
        await chosen_platform(Settings(database_url=str(database.url), platform=name), database)
    assert str(caught.value).startswith(f"setting CLOSURE_PLATFORM: {name}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_without_the_embedded_platform_there_are_only_the_tables_of_the_record(
    tmp_path: Path,
) -> None:
    settings = Settings(database_url=f"sqlite+aiosqlite:///{tmp_path}/record.db", platform=f"{HERE}:whole")
    database = Database(settings.database_url)
    for migrations in migrations_of(settings):
        await upgrade(database, migrations)
    await create_installation(database, InstallationKind.PRODUCTION)
    names = await database.read(lambda connection: inspect(connection).get_table_names())
    await database.dispose()
    assert names
    assert all(name.startswith("record_") for name in names), names
    async with open_installation(settings) as installation:
        assert isinstance(installation.platform, Platform)


@pytest.mark.parametrize("program", [["worker.py"], ["web.py"], ["starter.py", "list"]])
async def test_every_program_refuses_a_platform_that_it_can_not_use(
    tmp_path: Path, program: list[str]
) -> None:
    ended = await started(tmp_path, program, platform="nothing")
    assert ended.returncode == 2, ended
    assert ended.stdout == ""
    assert "CLOSURE_PLATFORM: nothing: there is none" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


async def test_what_plays_the_embedded_platform_refuses_another(tmp_path: Path) -> None:
    ended = await started(tmp_path, ["starter.py", "platform", "show", "a-1"], platform="http")
    assert ended.returncode == 2
    assert "CLOSURE_PLATFORM=http" in ended.stderr


async def started(folder: Path, program: list[str], *, platform: str) -> subprocess.CompletedProcess[str]:
    """What a program says and ends with that is started on a prepared database."""
    await prepare_template(folder / "record.db")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLOSURE_")}
    surroundings = {
        **clean,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "CLOSURE_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/record.db",
        "CLOSURE_POLICY_DIR": str(PROJECT / "policies"),
        "CLOSURE_PLATFORM": platform,
    }
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(PROJECT / program[0]), *program[1:]],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
