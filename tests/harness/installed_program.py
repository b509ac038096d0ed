"""Drives the program as a person or a script does: by commands, in a folder and on a database of its own."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from closure.installation import InstallationKind
from database import Database, upgrade
from installation import migrations_of
from local.temporal_server import RunningServer
from records.installation import create_installation
from settings import Settings
from temporal.local_address import LocalServer, write_local_server
from tests.harness.forked import run_script

PROJECT = Path(__file__).resolve().parents[2]
TASK_QUEUE = "account-closure-e2e"
"""Others test on the same server."""
COMMAND_SECONDS = 90
WORKER_SECONDS = 60
CODE = re.compile(r"\b\d{6,8}\b")
ESCAPE = "\x1b"

Json = dict[str, Any]

_numbers = count(1)


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    words: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"{' '.join(self.words)} ended {self.exit_code}: {self.stdout}{self.stderr}"

    @property
    def json(self) -> Json:
        """Stdout, which must be one JSON object and nothing else."""
        document = json.loads(self.stdout)
        assert isinstance(document, dict), self
        return document

    @property
    def error_type(self) -> str:
        return str(self.json["error"]["type"])


@dataclass
class InstalledProgram:
    """A folder in which starter and worker run; `settings` are their environment variables."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        """The file of its record and platform."""
        return self.folder / ".closure" / "accounts.db"

    @property
    def queue(self) -> str:
        """The queue that its workers poll."""
        with closing(sqlite3.connect(self.database)) as connection:
            (installation_id,) = connection.execute(
                "SELECT installation_id FROM record_installation"
            ).fetchone()
        return f"{self.settings['CLOSURE_TASK_QUEUE']}.{installation_id}"

    def environment(self, **more: str) -> dict[str, str]:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CLOSURE_", "TEMPORAL_"))
        }
        return {**clean, "TEMPORAL_CONFIG_FILE": os.devnull, **self.settings, **more}

    def start(self, *words: str, stdin: str = "", **settings: str) -> Finished:
        """Runs one `starter.py` command."""
        return self._run("starter.py", words, stdin, settings)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Starts one `starter.py` command that goes on while others act."""
        return subprocess.Popen(
            [sys.executable, str(PROJECT / "starter.py"), *words],
            cwd=self.folder,
            env=self.environment(PYTHONUNBUFFERED="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def work(self, *words: str, **settings: str) -> Finished:
        """Runs `worker.py` to its end, for workers that are expected to end by themselves."""
        return self._run("worker.py", words, "", settings)

    def ask(self, *words: str, **settings: str) -> Json:
        """The JSON document of a command that must be done."""
        finished = self.start(*words, "--json", **settings)
        assert finished.exit_code == 0, finished
        assert finished.stderr == "", finished
        return finished.json

    def refused(self, *words: str, **settings: str) -> str:
        """The error type of a command that a rule must refuse, with a sentence for the reader."""
        finished = self.start(*words, "--json", **settings)
        assert finished.exit_code == 1, finished
        assert set(finished.json) == {"error"}, finished
        assert finished.json["error"]["message"], finished
        return finished.error_type

    def _run(self, script: str, words: tuple[str, ...], stdin: str, settings: Mapping[str, str]) -> Finished:
        ended = run_script(
            script,
            words,
            folder=self.folder,
            environment=self.environment(**settings),
            stdin=stdin,
            seconds=COMMAND_SECONDS,
        )
        return Finished((script, *words), *ended)

    # What customers do, in a few words.

    def load(self, *accounts: Json) -> Json:
        file = self.folder / f"accounts-{next(_numbers)}.json"
        file.write_text(json.dumps({"accounts": accounts}), encoding="utf-8")
        return self.ask("platform", "load", str(file))

    def code_for(self, account: str, user: str = "u-main", method: str = "email_code") -> str:
        """A fresh one-time code, read from the outbox."""
        self.ask("challenge", account, "--as", user, "--method", method)
        codes = [
            CODE.findall(message["body"])
            for message in self.ask("platform", "outbox", account)["messages"]
            if message["template"] == "identity_code"
        ]
        assert codes, f"no code was sent to {account}"
        assert len(codes[-1]) == 1, "a message holds exactly one code"
        return str(codes[-1][0])

    def close(self, account: str, *options: str) -> Json:
        code = self.code_for(account)
        return self.ask("close", account, "--as", "u-main", "--code", code, "--agree", *options)

    def make_ready(self, account: str) -> Json:
        """Closes, and gives up all that is renounceable."""
        document = self.close(account)
        if document["stage"] == "blocked":
            document = self.ask("renounce", account, "--all", "--as", "u-main", "--accept-risk")
        assert document["stage"] == "ready", document
        return document

    def make_silent(self, account: str) -> Json:
        self.make_ready(account)
        self.ask("confirm", account, "--as", "u-main", "--reason", "done", "--yes")
        self.ask("fast-forward", account, "6m")
        document = self.ask("status", account)
        assert document["stage"] == "silent", document
        return document


def installed(
    server: RunningServer,
    folder: Path,
    task_queue: str,
    kind: InstallationKind = InstallationKind.LOCAL,
) -> InstalledProgram:
    """A folder as `make up` would leave it, with an installation of this kind."""
    write_local_server(LocalServer(server.address, server.namespace, ""), folder / ".closure")
    there = InstalledProgram(
        folder, {"CLOSURE_POLICY_DIR": str(PROJECT / "policies"), "CLOSURE_TASK_QUEUE": task_queue}
    )
    # On a thread: whoever calls may have an event loop that runs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _create(there.database, kind)).result()
    return there


async def _create(file: Path, kind: InstallationKind) -> None:
    settings = Settings(database_url=f"sqlite+aiosqlite:///{file}")
    database = Database(settings.database_url)
    for migrations in migrations_of(settings):
        await upgrade(database, migrations)
    await create_installation(database, kind)
    await database.dispose()


class Worker:
    """A `worker.py` process of an installation."""

    def __init__(self, installed_program: InstalledProgram, **settings: str) -> None:
        self.log: list[str] = []
        self._polling = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, str(PROJECT / "worker.py")],
            cwd=installed_program.folder,
            env=installed_program.environment(CLOSURE_LOG_FORMAT="json", **settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._polling.wait(WORKER_SECONDS) or self._process.poll() is not None:
            self._process.kill()
            raise RuntimeError("the worker does not poll: " + "".join(self.log[-5:]))

    def stop(self) -> int:
        """SIGTERM; the exit code after draining."""
        self._process.terminate()
        exit_code = self._process.wait(WORKER_SECONDS)
        self._reader.join(WORKER_SECONDS)
        return exit_code

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            if "worker is polling" in line:
                self._polling.set()
        self._polling.set()  # it has ended; whoever waits finds out


def sample_account(account: str, **changes: object) -> Json:
    """An account that nothing blocks, but for what `changes` add."""
    return {
        "id": account,
        "provider": "alibaba-cloud",
        "kind": "standard",
        "currency": "USD",
        "users": [
            {"id": "u-main", "role": "main", "email": f"{account}@example.com", "phone": "+15550100"},
            {"id": "u-ram", "role": "ram", "email": f"ram.{account}@example.com"},
        ],
        "balance": {"cash": "0.00", "promo": "0.00"},
        "data": [{"id": "oss-1", "store": "object-storage", "objects": 3}],
        "api_keys": [{"id": "k-1"}],
        **changes,
    }
