"""An adopter's own connector, step by step and without an engine: installed beside the checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.temporal_server import RunningServer
from tests.e2e.test_over_http import installed_with
from tests.harness.installed_program import PROJECT, Worker

PACKAGE = PROJECT / "examples" / "own-connector"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that has the package."""
    folder = tmp_path_factory.mktemp("own-connector")
    source, target = folder / "source", folder / "installed"
    subprocess.run(["cp", "-r", PACKAGE, source], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target", target, source], check=True, timeout=200)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLOSURE_")}
    backend = {"ACME_BACKEND": str(folder / "acme.json"), "CLOSURE_PLATFORM": "acme"}
    return {**clean, **backend, "PYTHONPATH": str(target), "TEMPORAL_ADDRESS": "127.0.0.1:1"}


def run(surroundings: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_it_keeps_every_rule_that_applies(installed: dict[str, str]) -> None:
    ended = run(installed, "-m", "connectors.conformance", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert found["counts"]["pass"] > found["counts"]["n/a"]
    reasons = {each["reason"] for each in found["rules"] if each["verdict"] == "n/a"}
    assert reasons == {
        *(f"Acme has no {each}" for each in ("subaccounts", "subscriptions", "bindings")),
        "what the law keeps can't be set here",
        "the payment provider's answers can't be played here",
    }


def test_worker_chooses_it_by_its_name(installed: dict[str, str], tmp_path: Path) -> None:
    url = {"CLOSURE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/record.db"}
    ended = run({**installed, **url}, "worker.py", "--migrate")
    assert ended.returncode == 0, ended.stderr
    without = {**installed, **url, "PYTHONPATH": ""}
    refused = run(without, "starter.py", "list")
    assert (refused.returncode, "CLOSURE_PLATFORM: acme: there is none" in refused.stderr) == (2, True)
    assert run({**installed, **url}, "starter.py", "list").returncode == 0


OPEN = """
from pathlib import Path
from acme_closure.backend import Backend
from acme_closure.trial import new_account
account = new_account("acme-1", cash=20_000, machines=2, buckets=2)
Backend(Path(__import__("os").environ["ACME_BACKEND"])).open_account(account)
"""


@pytest.mark.long
def test_its_account_is_closed_by_commands(
    installed: dict[str, str], temporal_server: RunningServer, tmp_path: Path
) -> None:
    opened = run(installed, "-c", OPEN)
    assert opened.returncode == 0, opened.stderr
    chosen = {name: installed[name] for name in ("ACME_BACKEND", "CLOSURE_PLATFORM", "PYTHONPATH")}
    there = installed_with(temporal_server, tmp_path, chosen)
    worker = Worker(there)
    own = there.environment()

    def ask(*words: str) -> str:
        # A process of its own: it finds the package by its path.
        command = [sys.executable, str(PROJECT / "starter.py"), *words, "--json"]
        ended = subprocess.run(
            command, cwd=tmp_path, env=own, input="correct horse", capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    text = "DELETE ALL ACCOUNT DATA AND SETTINGS"
    ask("close", "acme-1", "--as", "owner", "--password-stdin", "--acknowledge", text)
    ask("confirm", "acme-1", "--as", "owner", "--reason", "done", "--yes")
    ask("fast-forward", "acme-1", "40d")
    assert json.loads(ask("status", "acme-1"))["outcome"] == "deleted"
    assert worker.stop() == 0
    kept = json.loads(Path(installed["ACME_BACKEND"]).read_text(encoding="utf-8"))["accounts"]["acme-1"]
    assert (kept["access"], kept["cash"], kept["buckets"], kept["machines"]) == ("closed", 0, {}, {})
    assert [each["minor"] for each in kept["refunds"]] == [20_000]
