"""A worker is well while its database and its server answer: what an orchestrator's health check goes by."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client

from closure.installation import InstallationKind
from database import Database
from local.temporal_server import RunningServer, start_local_server, stop_local_server
from tests.harness.installed_program import InstalledProgram, Worker, installed
from tests.harness.waiting import eventually
from worker import give_sign_of_life


@pytest.fixture
def there(temporal_server: RunningServer, tmp_path: Path) -> InstalledProgram:
    return installed(temporal_server, tmp_path, "account-closure-life", InstallationKind.LOCAL)


@pytest.fixture
def database(there: InstalledProgram) -> Database:
    return Database(f"sqlite+aiosqlite:///{there.database}")


async def test_it_shows_life_while_both_answer(database: Database, client: Client, tmp_path: Path) -> None:
    await give_sign_of_life(tmp_path / "alive", database, client)
    assert (tmp_path / "alive").exists()


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://nobody@127.0.0.1:9/none", "sqlite+aiosqlite:////proc/no/a.db"]
)
async def test_it_shows_none_while_the_database_is_away(url: str, client: Client, tmp_path: Path) -> None:
    await give_sign_of_life(tmp_path / "alive", Database(url), client)
    assert not (tmp_path / "alive").exists()


async def test_it_shows_none_while_the_server_is_away(database: Database, tmp_path: Path) -> None:
    server = await start_local_server(tmp_path / "temporal")
    client = await Client.connect(server.address, namespace=server.namespace)
    await asyncio.to_thread(stop_local_server, tmp_path / "temporal")
    await give_sign_of_life(tmp_path / "alive", database, client)
    assert not (tmp_path / "alive").exists()


async def test_the_health_check_of_a_worker_that_can_work_ends_0(there: InstalledProgram) -> None:
    file = there.folder / "alive"
    settings = {"CLOSURE_HEALTH_FILE": str(file)}
    assert there.work("--healthcheck", **settings).exit_code == 1
    worker = await asyncio.to_thread(Worker, there, **settings)
    try:
        await eventually(lambda: asyncio.to_thread(file.exists), bool, "a sign of life")
        assert there.work("--healthcheck", **settings).exit_code == 0
    finally:
        assert await asyncio.to_thread(worker.stop) == 0
