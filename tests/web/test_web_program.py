"""`python web.py`: what keeps it from starting is one line, and SIGTERM ends it with 0."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from database import BUSY_SECONDS
from local.ports import FREE_RANGE, is_free
from local.temporal_server import RunningServer
from program_version import VERSION
from tests.harness.databases import prepare_template
from tests.harness.installed_program import PROJECT
from tests.harness.waiting import eventually
from web.address import AddressFault, web_address
from web.token_file import Scope, TokenFile
from web_program import PATIENCE


def surroundings(folder: Path, **settings: str) -> dict[str, str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("CLOSURE_", "TEMPORAL_"))
    }
    return {
        **clean,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "CLOSURE_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/accounts.db",
        "CLOSURE_POLICY_DIR": str(PROJECT / "policies"),
        "CLOSURE_API_TOKENS_FILE": str(folder / "tokens.json"),
        "CLOSURE_WEB_SECRET_FILE": str(folder / "web.secret"),
        "CLOSURE_LOG_FORMAT": "json",
        **settings,
    }


def run(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    return subprocess.run(
        [sys.executable, str(PROJECT / "web.py"), *words],
        cwd=folder,
        env=surroundings(folder, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def begin(folder: Path, **settings: str) -> subprocess.Popen[bytes]:
    """Starts it; what it says goes into `log`."""
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, str(PROJECT / "web.py")],
            cwd=folder,
            env=surroundings(folder, **settings),
            stdout=log,
            stderr=log,
        )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CLOSURE_WEB_ADDRESS": "nowhere"}, "CLOSURE_WEB_ADDRESS"),
        ({"CLOSURE_WEB_URL": "nowhere"}, "CLOSURE_WEB_URL"),
        ({"CLOSURE_DATABASE_URL": "sqlite+aiosqlite:///none.db"}, "there is no database none.db here"),
        ({"CLOSURE_API_TOKENS_FILE": "/dev/null/tokens"}, "API tokens file"),
        ({"CLOSURE_POLICY_DIR": "/nowhere"}, "/nowhere"),
        ({"CLOSURE_BRAND_FILE": "/nowhere.toml"}, "/nowhere.toml: cannot be read"),
        ({"TEMPORAL_ADDRESS": "127.0.0.1:1"}, "no Temporal server at 127.0.0.1:1"),
    ],
)
async def test_what_keeps_it_from_starting_is_one_line(
    tmp_path: Path, settings: Mapping[str, str], said: str
) -> None:
    await prepare_template(tmp_path / "accounts.db")
    there = {"TEMPORAL_ADDRESS": "127.0.0.1:1", **settings}
    ended = await asyncio.to_thread(run, tmp_path, **there)
    assert (ended.returncode, ended.stdout) == (2, ""), ended
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not (tmp_path / "none.db").exists(), "what only reads makes no database"


def test_it_says_its_version(tmp_path: Path) -> None:
    ended = run(tmp_path, "--version")
    assert (ended.returncode, ended.stdout) == (0, f"{VERSION}\n")


@dataclass(frozen=True)
class Serving:
    """A service that is ready."""

    process: subprocess.Popen[bytes]
    http: httpx2.AsyncClient
    settings: Mapping[str, str]


@asynccontextmanager
async def serving(folder: Path, server: RunningServer) -> AsyncIterator[Serving]:
    """Over an installation of its own in the folder, called with a token for everything."""
    await prepare_template(folder / "accounts.db")
    token = TokenFile(folder / "tokens.json").add("console", tuple(Scope))
    ports = random.SystemRandom().sample(FREE_RANGE, 100)
    address = f"127.0.0.1:{next(each for each in ports if is_free(each))}"
    settings = {"CLOSURE_WEB_ADDRESS": address, "TEMPORAL_ADDRESS": server.address}
    running = begin(folder, **settings)
    try:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(
            base_url=f"http://{address}", headers=headers, trust_env=False, timeout=60
        ) as http:

            async def ready() -> int:
                try:
                    return (await http.get("/readyz")).status_code
                except httpx2.TransportError:
                    return 0

            await eventually(ready, lambda status: status == 200, "the service is ready")
            yield Serving(running, http, settings)
    finally:
        running.kill()
        running.wait()


async def test_it_serves_until_sigterm(tmp_path: Path, temporal_server: RunningServer) -> None:
    async with serving(tmp_path, temporal_server) as service:
        found = await service.http.get("/api/v1/closures")
        assert found.json() == {"closures": [], "next_cursor": None}
        taken = await asyncio.to_thread(run, tmp_path, **service.settings)
        assert taken.returncode == 2
        assert "can't be listened on" in taken.stderr.splitlines()[-1]
        service.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(service.process.wait, 60) == 0, (tmp_path / "log").read_text()


async def test_who_waits_for_an_answer_hears_soon_that_the_database_is_busy(
    tmp_path: Path, temporal_server: RunningServer
) -> None:
    async with serving(tmp_path, temporal_server) as service:
        holder = sqlite3.connect(tmp_path / "accounts.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            busy = await service.http.get("/portal/none")
        finally:
            holder.close()
        assert busy.status_code == 503
        assert busy.headers["retry-after"] == "5"
        assert "Nothing is lost" in busy.text
        assert PATIENCE - 1 < busy.elapsed.total_seconds() < BUSY_SECONDS
        assert (await service.http.get("/portal/none")).status_code == 410


@pytest.mark.parametrize(
    ("address", "url", "names"),
    [
        ("127.0.0.1:8300", None, {"127.0.0.1"}),
        ("10.1.2.3:80", None, {"10.1.2.3"}),
        ("[::1]:8300", None, {"[::1]"}),
        ("0.0.0.0:8300", "https://close.example/", {"close.example"}),
        ("localhost:65535", "https://close.example:8443/x", {"close.example", "localhost"}),
    ],
)
def test_a_service_is_called_by_its_address_and_its_url(
    address: str, url: str | None, names: set[str]
) -> None:
    found = web_address(address, url)
    assert names <= found.names
    assert not found.url.endswith("/")
    assert "evil.example" not in found.names


@pytest.mark.parametrize(
    "address",
    [
        "",
        ":",
        "8300",
        ":8300",
        "host:",
        "host:0",
        "host:65536",
        "host:8x",
        "::1:8300",
        "a b:1",
        "u@host:1",
        "h:-1",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(AddressFault, match="CLOSURE_WEB_ADDRESS"):
        web_address(address, None)
