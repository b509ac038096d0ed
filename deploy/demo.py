"""`make demo`: two accounts carried from the customer's click to the outcome by the starter's own commands.

Every line that begins with `$` is run as it stands, and what follows is its own output. The story is
then compared with `--json`; the demo ends with 1 and one line when anything is not as told.
"""

import asyncio
import fcntl
import json
import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import JsonValue, ValidationError

from deploy.choose_server import user_server
from deploy.down import down
from deploy.local_address import read_local_server
from deploy.up import PROJECT, Failure, up

DATA = Path(".closure")
ACCOUNTS = Path(__file__).with_name("demo_accounts")
CODE = re.compile(r"\b\d{6,8}\b")
COMMAND_SECONDS = 120
WIDTH = 160
"""What the starter writes into a pipe."""

Document = dict[str, JsonValue]


class NotAsTold(Exception):
    """A command or an outcome differs from the story; the message is the one line to print."""


@dataclass(frozen=True)
class Finished:
    exit_code: int
    stdout: str
    stderr: str


class Starter:
    """Runs `starter.py` as a developer types it."""

    def show(self, *words: str, expected: int = 0, lines: int = 12) -> None:
        """Prints the command and up to `lines` lines of its output.

        Raises:
            NotAsTold: another exit code than `expected`.
        """
        command = f"starter.py {shlex.join(words)}"
        print(f"\n$ {command}", flush=True)
        finished = _run(words)
        printed = [line.rstrip() for line in (finished.stdout + finished.stderr).splitlines() if line.strip()]
        width = min(WIDTH, max(60, shutil.get_terminal_size((WIDTH, 24)).columns - 2))
        for line in printed[:lines]:
            print(f"  {line if len(line) <= width else line[: width - 1] + '…'}")
        if len(printed) > lines:
            print(f"  … and {len(printed) - lines} more lines")
        if expected:
            print(f"  (exit {finished.exit_code})")
        _require_exit(command, finished, expected)

    def ask(self, *words: str, expected: int = 0) -> Document:
        """The JSON document of a command that is not shown.

        Raises:
            NotAsTold: another exit code than `expected`, or no JSON document.
        """
        command = f"starter.py {shlex.join(words)} --json"
        finished = _run((*words, "--json"))
        _require_exit(command, finished, expected)
        try:
            document = json.loads(finished.stdout)
        except ValueError as error:
            raise NotAsTold(f"`{command}` printed no JSON document") from error
        if not isinstance(document, dict):
            raise NotAsTold(f"`{command}` printed no JSON object")
        return document


class Story:
    """One account's closure, told and checked."""

    def __init__(self, starter: Starter, account: str, user: str) -> None:
        self._starter = starter
        self._account = account
        self._user = user

    def load(self, file: Path) -> None:
        self._starter.show("platform", "load", str(file))

    def prove(self) -> str:
        """Sends a one-time code and reads it where a developer would: in the embedded platform's outbox."""
        self._starter.show("challenge", self._account, "--as", self._user, "--method", "email_code")
        messages = self._starter.ask("platform", "outbox", self._account)["messages"]
        assert isinstance(messages, list)
        bodies = [
            str(message["body"])
            for message in messages
            if isinstance(message, dict) and message["template"] == "identity_code"
        ]
        if not bodies:
            raise NotAsTold(f"no one-time code was sent for {self._account}")
        found = CODE.search(bodies[-1])
        if found is None:
            raise NotAsTold(f"the message to {self._account} holds no one-time code")
        return found[0]

    def act(self, command: str, *words: str, lines: int = 12, expected: int = 0) -> None:
        """A command on the account; `platform pay` and the like are two words."""
        self._starter.show(*command.split(), self._account, *words, lines=lines, expected=expected)

    def act_as_user(self, command: str, *words: str, lines: int = 12, expected: int = 0) -> None:
        self.act(command, "--as", self._user, *words, lines=lines, expected=expected)

    def status(self) -> Document:
        return self._starter.ask("status", self._account)

    def open_bills(self) -> list[str]:
        """What the account still owes, by the platform's own books."""
        shown = self._starter.ask("platform", "show", self._account)
        accounts = shown.get("accounts", [shown])
        assert isinstance(accounts, list)
        account = accounts[0]
        assert isinstance(account, dict)
        bills = account["bills"]
        assert isinstance(bills, list)
        return [str(bill["id"]) for bill in bills if isinstance(bill, dict) and bill["status"] != "paid"]

    def expect(self, stage: str) -> Document:
        """The status document, which must be in this stage."""
        document = self.status()
        outcome = document["outcome"]
        if document["stage"] != stage or outcome not in (None, stage):
            raise NotAsTold(f"{self._account} should be {stage} but is {document['stage']}")
        return document

    def expect_access(self, *, works: bool) -> None:
        self.act("platform request", "--kind", "api", expected=0 if works else 1, lines=3)

    def expect_blocking(self, count: int) -> Document:
        document = self.expect("blocked")
        checklist = document["checklist"]
        if not isinstance(checklist, list) or len(checklist) != count:
            raise NotAsTold(f"{self._account} should have {count} items on its checklist")
        return document

    def confirm(self) -> None:
        """Confirms the plan that was seen, then lets the five minutes pass that lead to the silent period."""
        plan_hash = str(self.expect("ready")["plan_hash"])
        self.act_as_user("confirm", "--reason", "moving away", "--plan-hash", plan_hash, lines=8)
        self.expect("entering")
        self.act("fast-forward", "6m", lines=8)
        self.expect("silent")


def tell_of_blocked_account(starter: Starter, account: str, file: Path) -> None:
    """Blocked by bills, a domain and a resource directory; handled, renounced, confirmed, deleted."""
    _heading(f"1. {account}: an account with everything in the way")
    story = Story(starter, account, "olga")
    story.load(file)
    code = story.prove()
    story.act_as_user("close", "--code", code, "--agree", lines=30)
    story.expect_blocking(8)
    _say("Three things must be handled elsewhere; the embedded account platform plays that part here.")
    story.act("platform pay", "b-2026-10", lines=2)
    story.act("platform transfer", "example.com", lines=2)
    story.act("platform unlink", "rd-1", lines=2)
    story.act("recheck", lines=20)
    story.expect_blocking(5)
    _say("The rest can be given up here: a balance, and instances that depend on each other.")
    story.act_as_user("renounce", "--all", "--accept-risk", lines=8)
    story.confirm()
    _say("Nothing works now but looking at the remaining time, and nobody can change anything.")
    story.expect_access(works=False)
    story.act("platform request", "--kind", "sign-in", lines=3)
    story.act_as_user("withdraw", expected=1, lines=3)
    story.act("fast-forward", "7d", lines=8)
    story.expect("deleted")
    story.act("audit", "--verify", lines=30)


def tell_of_late_usage(starter: Starter, account: str, file: Path) -> None:
    """Usage is billed late in the silent period: restored, settled, closed again, deleted."""
    _heading(f"2. {account}: usage that is billed late")
    story = Story(starter, account, "ming")
    story.load(file)
    code = story.prove()
    story.act_as_user("close", "--code", code, "--agree", lines=8)
    story.expect_blocking(2)
    story.act_as_user("renounce", "--all", "--accept-risk", lines=6)
    story.confirm()
    story.act("fast-forward", "5d", lines=8)
    story.expect("silent")
    _say("On day 5 a meter reports late.")
    story.act("platform charge", "--amount", "12.34", "--product", "ecs", lines=3)
    story.act("fast-forward", "2d", lines=24)
    restored = story.expect("restored")
    if not restored["unrecoverable"]:
        raise NotAsTold(f"{account} should have been told what can't come back")
    story.act("status", lines=24)
    story.expect_access(works=True)
    _say("The customer settles the bill and starts again.")
    for bill in story.open_bills():
        story.act("platform pay", bill, lines=2)
    code = story.prove()
    story.act_as_user("close", "--code", code, "--agree", lines=6)
    story.confirm()
    story.act("fast-forward", "7d", lines=8)
    story.expect("deleted")
    story.act("platform request", "--kind", "sign-in", expected=1, lines=3)


def main() -> int:
    began = time.monotonic()
    os.chdir(PROJECT)
    try:
        _use_local_server()
        with _running_system() as web_ui:
            print(f"Web UI: {web_ui}")
            suffix = secrets.token_hex(3)
            starter = Starter()
            for name, tell in STORIES.items():
                account = f"{name}-{suffix}"
                tell(starter, account, _fresh_copy(name, account))
            _heading(f"Both closures ended as told, after {time.monotonic() - began:.0f} s")
    except NotAsTold as fault:
        return _fail(1, f"the demo is not as told: {fault}")
    except ValidationError as error:
        return _fail(2, f"the demo failed: a setting is not valid: {error.errors()[0]['msg']}")
    except Failure as error:
        return _fail(3, f"the demo failed: {error}")
    except KeyboardInterrupt:
        return 130
    return 0


def _fail(status: int, reason: str) -> int:
    sys.stdout.flush()
    print(f"\n{reason}", file=sys.stderr)
    return status


def _use_local_server() -> None:
    """The story moves closures' clocks, which only a local server does.

    Raises:
        RuntimeError: Temporal's configuration can't be read.
    """
    if user_server() is None:
        return
    print("Temporal's settings name a server; the demo needs a local one to fast-forward, and uses that.")
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        del os.environ[name]
    os.environ["TEMPORAL_CONFIG_FILE"] = os.devnull


@contextmanager
def _running_system() -> Iterator[str]:
    """Server and worker: those of `make up` if they run, else our own until the end. Gives the Web UI."""
    local = read_local_server(DATA)
    was_up = local is not None and _answers(local.temporal_address)
    print("Using what `make up` started." if was_up else "Starting a local Temporal server and a worker …")
    try:
        with _alone():
            started = asyncio.run(up(DATA.resolve()))
        yield started.ui_url
        if was_up:
            print("The closures stay there: look at them in the Web UI.")
    finally:
        if not was_up:
            with _alone():
                stopped = ", ".join(down(DATA.resolve()))
            print(f"Stopped: {stopped}. `make up` starts them again, for looking around.")


@contextmanager
def _alone() -> Iterator[None]:
    """Only one of `make up`, `make down` and this at a time."""
    DATA.mkdir(parents=True, exist_ok=True)
    with (DATA / "up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except (OSError, ValueError):
        return False


def _fresh_copy(name: str, account: str) -> Path:
    """The sample file with an account id of this run's own, so that the demo can be run again."""
    document = yaml.safe_load((ACCOUNTS / f"{name}.yaml").read_text(encoding="utf-8"))
    document["accounts"][0]["id"] = account
    file = DATA / "demo" / f"{account}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return file


def _run(words: tuple[str, ...]) -> Finished:
    try:
        finished = subprocess.run(
            [sys.executable, "starter.py", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise NotAsTold(f"`starter.py {shlex.join(words)}` did not end within {COMMAND_SECONDS} s") from error
    return Finished(finished.returncode, finished.stdout, finished.stderr)


def _require_exit(command: str, finished: Finished, expected: int) -> None:
    if finished.exit_code != expected:
        said = (finished.stderr or finished.stdout).strip().splitlines()[:1]
        raise NotAsTold(f"`{command}` ended {finished.exit_code}, not {expected}: {''.join(said)}")


def _heading(text: str) -> None:
    print(f"\n── {text} {'─' * max(0, 76 - len(text))}", flush=True)


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


STORIES = {"ali-demo": tell_of_blocked_account, "ali-late": tell_of_late_usage}


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(status)
