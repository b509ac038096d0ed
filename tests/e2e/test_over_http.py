"""An installation whose accounts are a provider's: worker, commands and service are processes."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from closure.installation import InstallationKind
from database import Database, upgrade
from keys.key_ring import new_key_ring
from local.temporal_server import RunningServer
from private_files import create_file
from records.installation import create_installation
from records.schema import MIGRATIONS
from temporal.local_address import LocalServer, write_local_server
from tests.harness.installation import database_url
from tests.harness.installed_program import (
    CODE,
    PROJECT,
    TASK_QUEUE,
    InstalledProgram,
    Worker,
    installed,
    sample_account,
)

ACCOUNT = "e2e-over-http"


@contextmanager
def served(provider: InstalledProgram, keys: Path) -> Iterator[str]:
    """The provider's service; the address that it says it has."""
    process = subprocess.Popen(
        [sys.executable, "-m", "connectors.http.serve"],
        cwd=provider.folder,
        env=provider.environment(
            PYTHONPATH=str(PROJECT),
            CLOSURE_HTTP_KEYS_FILE=str(keys),
            CLOSURE_HTTP_ADDRESS="127.0.0.1:0",
            CLOSURE_LOG_FORMAT="console",
        ),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "url=" in line)
        yield line.partition("url=")[2].split()[0]
    finally:
        process.terminate()
        assert process.wait(30) == 0


def installed_over_http(server: RunningServer, folder: Path, url: str, keys: Path) -> InstalledProgram:
    chosen = {"CLOSURE_PLATFORM": "http", "CLOSURE_HTTP_URL": url, "CLOSURE_HTTP_KEYS_FILE": str(keys)}
    return installed_with(server, folder, chosen)


def installed_with(server: RunningServer, folder: Path, chosen: Mapping[str, str]) -> InstalledProgram:
    """On the platform of these settings: its database has the record's tables alone."""
    write_local_server(LocalServer(server.address, server.namespace, ""), folder / ".closure")
    there = InstalledProgram(
        folder,
        {
            "CLOSURE_POLICY_DIR": str(PROJECT / "policies"),
            "CLOSURE_TASK_QUEUE": TASK_QUEUE,
            **chosen,
        },
    )
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _create(there.database)).result()
    return there


async def _create(file: Path) -> None:
    database = Database(database_url(file))
    await upgrade(database, MIGRATIONS)
    await create_installation(database, InstallationKind.LOCAL)
    await database.dispose()


def code_for(provider: InstalledProgram) -> str:
    messages = provider.ask("platform", "outbox", ACCOUNT)["messages"]
    return str(CODE.findall(messages[-1]["body"])[0])


def require_conformance(there: InstalledProgram) -> None:
    """Every rule that only reads, at the account."""
    tried = subprocess.run(
        [sys.executable, "-m", "connectors.conformance", "--account", ACCOUNT, "--json"],
        cwd=there.folder,
        env=there.environment(PYTHONPATH=str(PROJECT)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert tried.returncode == 0, tried
    counts = json.loads(tried.stdout)["counts"]
    assert counts["pass"] > 0, counts
    assert counts["fail"] == 0, counts


def access(provider: InstalledProgram) -> str:
    (shown,) = provider.ask("platform", "show", ACCOUNT)["accounts"]
    return str(shown["access"])


@pytest.mark.long
def test_an_account_of_a_provider_s_service_is_closed_by_commands(
    temporal_server: RunningServer, tmp_path: Path
) -> None:
    for name in ("provider", "installation"):
        (tmp_path / name).mkdir()
    keys = tmp_path / "keys.json"
    create_file(keys, new_key_ring().to_json())
    provider = installed(temporal_server, tmp_path / "provider", TASK_QUEUE)
    things = [{"id": "i-1", "product": "ecs", "renounceable": True}]
    provider.load(sample_account(ACCOUNT, balance={"cash": "3.00", "promo": "0.00"}, resources=things))
    with served(provider, keys) as url:
        there = installed_over_http(temporal_server, tmp_path / "installation", url, keys)
        require_conformance(there)
        worker = Worker(there)
        there.ask("challenge", ACCOUNT, "--as", "u-main", "--method", "email_code")
        document = there.ask("close", ACCOUNT, "--as", "u-main", "--code", code_for(provider), "--agree")
        assert document["stage"] == "blocked"
        there.ask("renounce", ACCOUNT, "--all", "--as", "u-main", "--accept-risk")
        there.ask("confirm", ACCOUNT, "--as", "u-main", "--reason", "done", "--yes")
        there.ask("fast-forward", ACCOUNT, "6m")
        assert there.ask("status", ACCOUNT)["stage"] == "silent"
        assert access(provider) == "closure-status-only"
        there.ask("fast-forward", ACCOUNT, "7d")
        assert there.ask("status", ACCOUNT)["outcome"] == "deleted"
        assert worker.stop() == 0
    assert access(provider) == "closed"
