"""`make up` and `make down` with the real server: idempotent, found again, gone at the end."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from closure.installation import InstallationKind
from local import processes
from local.down import down
from local.local_web import LocalWeb, WebFailed
from local.local_worker import LocalWorker, WorkerFailed
from local.ports import FREE_RANGE, is_free
from local.temporal_server import RunningServer
from local.up import is_on_loopback, prepared_installation, up
from settings import Settings
from temporal.local_address import read_local_server

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


ANSWERING = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
host, _, port = os.environ["CLOSURE_WEB_ADDRESS"].rpartition(":")
HTTPServer((host, int(port)), Ready).serve_forever()
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


def project(folder: Path, worker: str = "", web: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "worker.py").write_text(worker)
    play = folder / "local" / "play"
    play.mkdir(parents=True, exist_ok=True)
    (play / "__main__.py").write_text(web)
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


PAGES = {"CLOSURE_WEB_URL": "http://127.0.0.1:8300"}


async def test_a_worker_is_started_once_and_drained(
    folder: Path, tmp_path: Path, client: Client, temporal_server: RunningServer
) -> None:
    worker = LocalWorker(folder, project(tmp_path / "project", POLLING))
    assert await worker.ensure(client, temporal_server.address, "queue-of-up", PAGES) is True
    again = LocalWorker(folder, tmp_path / "project")
    assert await again.ensure(client, temporal_server.address, "queue-of-up", PAGES) is False
    moved = {"CLOSURE_WEB_URL": "http://127.0.0.1:8301"}
    assert await again.ensure(client, temporal_server.address, "queue-of-up", moved) is True
    assert await asyncio.to_thread(again.stop) is True
    assert await asyncio.to_thread(worker.stop) is False


async def test_a_worker_that_ends_is_reported_with_its_last_words(
    folder: Path, tmp_path: Path, client: Client, temporal_server: RunningServer
) -> None:
    worker = LocalWorker(folder, project(tmp_path / "project", "raise SystemExit('no such database')"))
    with pytest.raises(WorkerFailed, match="no such database"):
        await worker.ensure(client, temporal_server.address, "queue-of-up", PAGES)
    assert await asyncio.to_thread(worker.stop) is False


async def test_a_web_service_is_started_once_on_a_free_port_and_keeps_it(
    folder: Path, tmp_path: Path
) -> None:
    web = LocalWeb(folder, project(tmp_path / "project", web=ANSWERING))
    url = await web.ensure("127.0.0.1:7233", "default")
    assert url.startswith("http://127.0.0.1:")
    again = LocalWeb(folder, tmp_path / "project")
    assert await again.ensure("127.0.0.1:7233", "default") == url
    assert await asyncio.to_thread(again.stop) is True
    assert await asyncio.to_thread(web.stop) is False
    # So that addresses in bookmarks stay good.
    assert await web.ensure("127.0.0.1:7233", "default") == url
    # Another server is another service's.
    taken = await LocalWeb(tmp_path / "other", tmp_path / "project").ensure("127.0.0.1:7233", "default")
    assert taken != url
    assert await asyncio.to_thread(down, tmp_path / "other") == ["web service"]


async def test_a_web_service_listens_where_the_setting_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = next(each for each in reversed(FREE_RANGE) if is_free(each))
    monkeypatch.setenv("CLOSURE_WEB_ADDRESS", f"127.0.0.1:{port}")
    web = LocalWeb(folder, project(tmp_path / "project", web=ANSWERING))
    assert await web.ensure("127.0.0.1:7233", "default") == f"http://127.0.0.1:{port}"


async def test_a_web_service_that_ends_is_reported_with_its_last_words(folder: Path, tmp_path: Path) -> None:
    web = LocalWeb(folder, project(tmp_path / "project", web="raise SystemExit('no such token file')"))
    with pytest.raises(WebFailed, match="no such token file"):
        await web.ensure("127.0.0.1:7233", "default")
    assert await asyncio.to_thread(web.stop) is False


@pytest.mark.parametrize("file", ["worker.json", "web.json"])
@pytest.mark.parametrize("record", ["", "{", "[]", '{"process": {"pid": 1}}'])
def test_a_damaged_record_of_a_process_counts_as_none(tmp_path: Path, file: str, record: str) -> None:
    (tmp_path / file).write_text(record)
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


def test_a_log_is_its_owners_alone(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log"
    processes.stop(processes.start_detached(["sleep", "600"], log_file=log))
    assert (log.parent.stat().st_mode & 0o777, log.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_process_that_ignores_the_request_is_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stubborn = processes.start_detached(
        ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], log_file=log
    )
    while "ready" not in log.read_text():
        assert processes.is_running(stubborn)
    processes.stop(stubborn, grace_seconds=0.2)
    assert not processes.is_running(stubborn)


@pytest.mark.parametrize(
    ("address", "on_loopback"),
    [
        ("127.0.0.1:7233", True),
        ("[::1]:7233", True),
        ("localhost:7233", True),
        ("10.0.0.1:7233", False),
        ("temporal.example:7233", False),
        ("localhost.example:7233", False),
    ],
)
def test_only_this_computer_is_on_loopback(address: str, on_loopback: bool) -> None:
    assert is_on_loopback(address) is on_loopback


@pytest.mark.parametrize(
    ("on_loopback", "kind"), [(True, InstallationKind.LOCAL), (False, InstallationKind.PRODUCTION)]
)
async def test_an_installation_is_what_it_was_created_as(
    tmp_path: Path, on_loopback: bool, kind: InstallationKind
) -> None:
    settings = Settings(database_url=f"sqlite+aiosqlite:///{tmp_path}/accounts.db")
    created = await prepared_installation(settings, on_loopback=on_loopback)
    assert created.kind is kind
    assert await prepared_installation(settings, on_loopback=not on_loopback) == created
