"""`make up` and `make down` with the real server: idempotent, found again, gone at the end."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from deploy import processes
from deploy.down import down
from deploy.local_address import read_local_server
from deploy.local_worker import LocalWorker, WorkerFailed
from deploy.temporal_server import RunningServer
from deploy.up import up

POLLING = """
import asyncio, os, signal, sys
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

@workflow.defn
class Nothing:
    @workflow.run
    async def run(self) -> None: ...

async def main() -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"])
    async with Worker(
        client, task_queue="queue-of-up", workflows=[Nothing], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        await ended.wait()

asyncio.run(main())
os._exit(0)
"""


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """A data folder without the surroundings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith(("TEMPORAL_", "CLOSURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))
    monkeypatch.chdir(tmp_path)
    data = tmp_path / ".closure"
    yield data
    await asyncio.to_thread(down, data)


def project(folder: Path, worker: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "worker.py").write_text(worker)
    return folder


async def test_up_and_down_can_be_repeated(folder: Path) -> None:
    started = await up(folder, with_worker=False)
    assert started.address.startswith("127.0.0.1:")
    written = read_local_server(folder)
    assert written is not None
    assert (written.temporal_address, written.ui_url) == (started.address, started.ui_url)
    state = (folder / "temporal" / "state.json").read_text()

    assert await up(folder, with_worker=False) == started
    assert (folder / "temporal" / "state.json").read_text() == state

    assert await asyncio.to_thread(down, folder) == ["Temporal server"]
    assert read_local_server(folder) is None
    with pytest.raises(RuntimeError):
        await Client.connect(started.address)
    assert await asyncio.to_thread(down, folder) == []

    # The same ports, so that addresses in bookmarks and terminals stay good.
    assert await up(folder, with_worker=False) == started


async def test_with_an_address_that_does_not_answer_nothing_is_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    with pytest.raises(RuntimeError):
        await up(folder, with_worker=False)
    assert not (folder / "temporal").exists()
    assert read_local_server(folder) is None


async def test_with_a_given_server_only_the_search_attributes_are_added(
    folder: Path, monkeypatch: pytest.MonkeyPatch, temporal_server: RunningServer
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_server.address)
    started = await up(folder, with_worker=False)
    assert (started.address, started.ui_url) == (temporal_server.address, "")
    assert not (folder / "temporal").exists()


async def test_a_worker_is_started_once_and_drained(
    folder: Path, tmp_path: Path, client: Client, temporal_server: RunningServer
) -> None:
    worker = LocalWorker(folder, project(tmp_path / "project", POLLING))
    assert await worker.ensure(client, temporal_server.address, "queue-of-up") is True
    again = LocalWorker(folder, tmp_path / "project")
    assert await again.ensure(client, temporal_server.address, "queue-of-up") is False
    assert await asyncio.to_thread(again.stop) is True
    assert await asyncio.to_thread(worker.stop) is False


async def test_a_worker_that_ends_is_reported_with_its_last_words(
    folder: Path, tmp_path: Path, client: Client, temporal_server: RunningServer
) -> None:
    worker = LocalWorker(folder, project(tmp_path / "project", "raise SystemExit('no such database')"))
    with pytest.raises(WorkerFailed, match="no such database"):
        await worker.ensure(client, temporal_server.address, "queue-of-up")
    assert await asyncio.to_thread(worker.stop) is False


@pytest.mark.parametrize("record", ["", "{", "[]", '{"process": {"pid": 1}}'])
def test_a_damaged_record_of_the_worker_counts_as_none(tmp_path: Path, record: str) -> None:
    (tmp_path / "worker.json").write_text(record)
    assert down(tmp_path) == []


def test_a_successor_with_the_same_pid_is_never_signalled(tmp_path: Path) -> None:
    sleeping = processes.start_detached(["sleep", "600"], log_file=tmp_path / "log")
    impostor = processes.ProcessIdentity(sleeping.pid, "another start")
    assert not processes.is_running(impostor)
    processes.stop(impostor)
    processes.kill(impostor)
    assert processes.is_running(sleeping)
    assert processes.identity_of(sleeping.pid) == sleeping
    processes.stop(sleeping)
    assert not processes.is_running(sleeping)
    processes.stop(sleeping)


def test_a_process_that_ignores_the_request_is_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stubborn = processes.start_detached(
        ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], log_file=log
    )
    while "ready" not in log.read_text():
        assert processes.is_running(stubborn)
    processes.stop(stubborn, grace_seconds=0.2)
    assert not processes.is_running(stubborn)
