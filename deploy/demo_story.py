"""How a story of `make demo` is told: every line that begins with `$` is run as it stands, then compared."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

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


class Narrator:
    """Where a story is told: on the terminal at once, or kept until its turn comes."""

    def __init__(self, *, live: bool) -> None:
        self._kept: list[str] | None = None if live else []

    def say(self, line: str) -> None:
        if self._kept is None:
            print(line, flush=True)
        else:
            self._kept.append(line)

    def tell_what_was_kept(self) -> None:
        for line in self._kept or ():
            print(line, flush=True)


class Starter:
    """Runs `starter.py` as a developer types it."""

    def __init__(self, narrator: Narrator) -> None:
        self.narrator = narrator

    def show(self, *words: str, expected: int = 0, lines: int = 12, stdin: str = "") -> None:
        """Prints the command and up to `lines` lines of its output.

        Raises:
            NotAsTold: another exit code than `expected`.
        """
        command = f"starter.py {shlex.join(words)}"
        say = self.narrator.say
        say(f"\n$ {f'echo … | {command}' if stdin else command}")
        finished = _run(words, stdin)
        printed = [line.rstrip() for line in (finished.stdout + finished.stderr).splitlines() if line.strip()]
        width = min(WIDTH, max(60, shutil.get_terminal_size((WIDTH, 24)).columns - 2))
        for line in printed[:lines]:
            say(f"  {line if len(line) <= width else line[: width - 1] + '…'}")
        if len(printed) > lines:
            say(f"  … and {len(printed) - lines} more lines")
        if expected:
            say(f"  (exit {finished.exit_code})")
        _require_exit(command, finished, expected)

    def ask(self, *words: str, expected: int = 0) -> Document:
        """The JSON document of a command that is not shown.

        Raises:
            NotAsTold: another exit code than `expected`, or no JSON document.
        """
        command = f"starter.py {shlex.join(words)} --json"
        finished = _run((*words, "--json"), "")
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

    def say(self, text: str) -> None:
        self._starter.narrator.say(f"\n{text}")

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

    def act(self, command: str, *words: str, lines: int = 12, expected: int = 0, stdin: str = "") -> None:
        """A command on the account; `platform pay` and the like are two words."""
        words = (*command.split(), self._account, *words)
        self._starter.show(*words, lines=lines, expected=expected, stdin=stdin)

    def act_as_user(
        self, command: str, *words: str, lines: int = 12, expected: int = 0, stdin: str = ""
    ) -> None:
        self.act(command, "--as", self._user, *words, lines=lines, expected=expected, stdin=stdin)

    def status(self) -> Document:
        return self._starter.ask("status", self._account)

    def account(self) -> Document:
        """The account by the platform's own books."""
        accounts = self._starter.ask("platform", "show", self._account)["accounts"]
        assert isinstance(accounts, list)
        account = accounts[0]
        assert isinstance(account, dict)
        return account

    def open_bills(self) -> list[str]:
        """What the account still owes, by the platform's own books."""
        bills = self.account()["bills"]
        assert isinstance(bills, list)
        return [str(bill["id"]) for bill in bills if isinstance(bill, dict) and bill["status"] != "paid"]

    def expect(self, stage: str) -> Document:
        """The status document, which must be in this stage."""
        document = self.status()
        outcome = document["outcome"]
        if document["stage"] != stage or outcome not in (None, stage):
            raise NotAsTold(f"{self._account} should be {stage} but is {document['stage']}")
        return document

    def expect_refund(self, state: str, amount: str) -> None:
        refund = self.status()["refund"]
        if not isinstance(refund, dict) or (refund["status"], refund["amount"]) != (state, amount):
            raise NotAsTold(f"the refund of {self._account} should be {amount}, {state}, but is {refund}")

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


def _run(words: tuple[str, ...], stdin: str) -> Finished:
    try:
        finished = subprocess.run(
            [sys.executable, "starter.py", *words],
            input=stdin,
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
