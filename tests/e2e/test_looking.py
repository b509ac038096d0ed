"""What support and operators see: lists for triage, the whole checklist, and why a closure stands so."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.harness.installed_program import PROJECT, InstalledProgram, Json, sample_account
from tests.harness.waiting import eventually

DEADLINE = 60
TRIES = 6
IN_FRONT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""A shell has commands in the background ignore Ctrl-C, and these tests may run there."""


def ids(found: Json) -> set[str]:
    return {closure["account_id"] for closure in found["closures"]}


def test_one_command_answers_each_question_of_triage(
    installed_program: InstalledProgram, blocked_account: str, silent_account: str
) -> None:
    ask, status = installed_program.ask, installed_program.ask("status", silent_account)
    blocked = ask("list", "--blocked-by", "unpaid-bills")
    (row,) = [each for each in blocked["closures"] if each["account_id"] == blocked_account]
    assert row["blocked_by"] == {"balance": 1, "unpaid-bills": 1}
    assert row["blocking"] == 2
    assert row["deadline_what"] == "draft_expires"
    assert silent_account not in ids(blocked)
    moment = datetime.fromisoformat(status["silent_until"])
    before, after = moment.isoformat(), (moment + timedelta(seconds=1)).isoformat()
    assert silent_account not in ids(ask("list", "--ends-before", before))
    assert silent_account in ids(ask("list", "--ends-before", after))
    assert ids(ask("list", "--user", f"{blocked_account}@EXAMPLE.com")) == {blocked_account}
    assert ids(ask("list", "--user", "nobody@example.com")) == set()
    assert ask("list", "--overdue")["closures"] == []
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert ask("list", "--opened-after", tomorrow)["closures"] == []
    counted = ask("list", "--stage", "blocked", "--count")
    assert counted["count"] == len(ask("list", "--stage", "blocked")["closures"])
    assert set(counted["stages"]) == {"blocked"}


def test_a_list_comes_in_pages(
    installed_program: InstalledProgram, blocked_account: str, silent_account: str
) -> None:
    whole = installed_program.ask("list")["closures"]
    seen: list[Json] = []
    cursor: tuple[str, ...] = ()
    while True:
        page = installed_program.ask("list", "--limit", "1", *cursor)
        seen += page["closures"]
        if page["next_cursor"] is None or len(seen) >= 3:
            break
        cursor = ("--cursor", page["next_cursor"])
    assert len(seen) >= 2
    assert [each["closure_id"] for each in seen] == [each["closure_id"] for each in whole[: len(seen)]]
    said = installed_program.start("list", "--limit", "1").stdout
    assert "--cursor" in said
    assert whole[0]["closure_id"] in said


def test_a_checklist_of_any_length_is_read_page_by_page(installed_program: InstalledProgram) -> None:
    account = "e2e-many-items"
    bills = [{"id": f"b-{number:03}", "amount": "1.00", "status": "unpaid"} for number in range(205)]
    installed_program.load(sample_account(account, bills=bills))
    document = installed_program.close(account)
    assert (document["item_count"], len(document["checklist"]), document["pages"]) == (205, 200, 2)
    second = installed_program.ask("status", account, "--items", "--page", "2")
    assert [each["item_id"][-5:] for each in second["checklist"]] == [f"b-{n}" for n in range(200, 205)]
    said = installed_program.start("status", account, "--items", "--page", "2").stdout
    assert "page 2 of 2" in said
    assert "unpaid-bills/b-204" in said
    first = installed_program.start("status", account).stdout
    assert f"status {account} --items --page 2" in first
    assert installed_program.start("status", account, "--items", "--page", "3").exit_code == 2


def test_a_status_takes_a_closure_and_has_every_time(
    installed_program: InstalledProgram, silent_account: str, blocked_account: str
) -> None:
    by_account = installed_program.ask("status", silent_account)
    assert installed_program.ask("status", by_account["closure_id"])["closure_id"] == by_account["closure_id"]
    assert by_account["deadline"] == {"what": "final_check", "at": by_account["silent_until"]}
    assert by_account["money"] == {
        "currency": "USD",
        "forfeited_cash": "1.00",
        "forfeited_promo": None,
        "voided_debt": None,
        "refund": None,
    }
    blocked = installed_program.ask("status", blocked_account)
    assert blocked["deadline"] == {"what": "draft_expires", "at": blocked["draft_until"]}
    assert blocked["opened_at"] < blocked["draft_until"]
    assert blocked["actions"] == ["recheck", "renounce", "withdraw"]
    assert blocked["opened_by"] == "u-main"


async def test_what_no_worker_has_answered_is_shown_and_not_denied(
    installed_program: InstalledProgram,
) -> None:
    account = "e2e-unanswered"
    installed_program.load(sample_account(account))
    code = installed_program.code_for(account)
    without_worker = replace(
        installed_program, settings={**installed_program.settings, "CLOSURE_TASK_QUEUE": "nobody-polls"}
    )
    closing = without_worker.begin("close", account, "--as", "u-main", "--code", code, "--agree")

    async def standing() -> str:
        finished = installed_program.start("status", account, "--json")
        return str(finished.json.get("standing"))

    await eventually(standing, lambda found: found == "unanswered", "the act that nobody answered")
    said = installed_program.start("status", account)
    assert said.exit_code == 0, said
    assert "started; no worker has answered yet" in said.stdout
    assert closing.wait(DEADLINE) == 3
    after = installed_program.ask("status", account)
    assert (after["standing"], after["waiting_for"]) == ("unanswered", None)
    assert "nothing came of it" in after["outcome_reason"]


def test_after_a_restore_no_deletion_is_announced(installed_program: InstalledProgram) -> None:
    account = "e2e-not-deleted"
    installed_program.load(sample_account(account))
    installed_program.make_silent(account)
    installed_program.ask("platform", "charge", account, "--amount", "3.00")
    installed_program.ask("fast-forward", account, "8d")
    document = installed_program.ask("status", account)
    assert (document["outcome"], document["delete_after"], document["deadline"]) == ("restored", None, None)
    assert "deletion" not in installed_program.start("status", account).stdout


def test_the_audit_is_sentences(installed_program: InstalledProgram, silent_account: str) -> None:
    said = installed_program.start("audit", silent_account, COLUMNS="80").stdout
    assert "The closure was confirmed.  By u-main." in said
    assert "reason: done" in said
    assert not re.search(r"[{\[]'|None|True", said), "no Python values"
    events = installed_program.ask("audit", silent_account)["events"]
    assert all(f"hash: {event['hash']}" in said for event in events)


@dataclass
class Terminal:
    """A command at a terminal of 80 columns; what it shows so far is read on demand."""

    process: subprocess.Popen[bytes]
    screen: int
    shown: str = ""

    def until(self, words: str) -> str:
        """What is shown when these words are."""
        while words not in self.shown and self._reads(DEADLINE):
            pass
        assert words in self.shown
        return self.shown

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def end(self) -> int:
        """The exit code; reads what comes before."""
        while self._reads(DEADLINE):
            pass
        return self.process.wait(DEADLINE)

    def interrupt(self) -> int:
        """As Ctrl-C does; pressed again where nothing has come of it for some seconds."""
        for _ in range(TRIES):
            self.process.send_signal(signal.SIGINT)
            until = time.monotonic() + DEADLINE / TRIES
            while time.monotonic() < until and self._reads(1):
                pass
            if self.process.poll() is not None:
                break
        return self.end()

    def _reads(self, seconds: float) -> bool:
        """Whether something came; nothing does once the other side has ended."""
        if not select.select([self.screen], [], [], seconds)[0]:
            return False
        try:
            read = os.read(self.screen, 65_536)
        except OSError:  # what Linux says when the other side has ended
            read = b""
        self.shown += read.decode(errors="replace")
        return bool(read)


@contextmanager
def at_a_terminal(there: InstalledProgram, *words: str) -> Iterator[Terminal]:
    environment = there.environment(TERM="xterm", COLUMNS="80", LINES="12")
    screen, other_side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_FRONT, sys.executable, str(PROJECT / "starter.py"), *words],
        cwd=there.folder,
        env=environment,
        stdin=other_side,
        stdout=other_side,
        stderr=other_side,
    )
    os.close(other_side)
    try:
        yield Terminal(process, screen)
    finally:
        os.close(screen)


@pytest.mark.parametrize(("answer", "code", "stage"), [("no", 1, "ready"), ("yes", 0, "entering")])
def test_at_a_terminal_confirm_shows_what_is_lost_and_asks(
    installed_program: InstalledProgram, answer: str, code: int, stage: str
) -> None:
    account = f"e2e-asked-{answer}"
    installed_program.load(sample_account(account, balance={"cash": "7.00", "promo": "0.00"}))
    installed_program.make_ready(account)
    with at_a_terminal(installed_program, "confirm", account, "--as", "u-main", "--reason", "r") as terminal:
        shown = terminal.until("Type yes to confirm")
        assert "forfeit the cash balance of 7.00 USD" in shown
        terminal.type(f"{answer}\n")
        assert terminal.end() == code, terminal.shown
    assert installed_program.ask("status", account)["stage"] == stage


def test_an_interrupted_watch_leaves_the_last_state_on_the_screen(
    installed_program: InstalledProgram, silent_account: str
) -> None:
    with at_a_terminal(installed_program, "watch", silent_account) as terminal:
        terminal.until("the final check of billing")
        assert terminal.interrupt() == 130, terminal.shown
    last = terminal.shown.split("\x1b[2K")[-1]
    assert silent_account in last
    assert "the final check of billing" in last


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("starter.py wat", "watch"),
        ("starter.py list --blocked", "--blocked-by"),
        ("starter.py list --stage ret", "retained"),
        ("starter.py platform outb", "outbox"),
    ],
)
def test_the_shell_completes_commands_options_and_values(
    installed_program: InstalledProgram, typed: str, completed: str
) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    asked = {"_STARTER.PY_COMPLETE": "complete_bash", **words}
    finished = installed_program.start(**asked)
    assert (finished.exit_code, finished.stdout.split()) == (0, [completed]), finished
