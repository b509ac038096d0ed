"""What operators do by commands: let interrupted closures go on, put the brake on, keep production safe."""

import asyncio
import signal
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from closure.installation import InstallationKind
from local.temporal_server import RunningServer
from temporal.watch_schedule import schedule_id
from tests.harness.installed_program import PROJECT, InstalledProgram, Worker, installed, sample_account
from tests.harness.waiting import eventually

DEADLINE = timedelta(seconds=20)
BROKEN_OFF = (3, 130)
"""The server's client takes Ctrl-C for the end of its own call."""
CONFIRM = ("--as", "u-main", "--reason", "r", "--yes")


def workflow_id(account: str) -> str:
    return f"closure/alibaba-cloud/{account}"


@contextmanager
def working(there: InstalledProgram) -> Iterator[Worker]:
    """A worker that has ended afterwards."""
    worker = Worker(there)
    try:
        yield worker
    finally:
        assert worker.stop() == 0


@pytest.fixture
def own_program(temporal_server: RunningServer, tmp_path: Path) -> InstalledProgram:
    """An installation without a worker."""
    return installed(temporal_server, tmp_path, "account-closure-own")


async def interrupted(client: Client, installed_program: InstalledProgram, account: str) -> str:
    """The id of a silent closure whose run somebody has ended."""
    installed_program.load(sample_account(account, balance={"cash": "5.00", "promo": "0.00"}))
    closure_id = installed_program.make_silent(account)["closure_id"]
    await client.get_workflow_handle(workflow_id(account)).terminate(rpc_timeout=DEADLINE)
    return str(closure_id)


async def test_an_interrupted_closure_is_said_to_be_and_goes_on_after_resume(
    client: Client, installed_program: InstalledProgram
) -> None:
    account = "e2e-interrupted"
    closure_id = await interrupted(client, installed_program, account)
    finished = installed_program.start("status", account, "--json")
    assert finished.exit_code == 1, finished
    before = finished.json
    assert (before["standing"], before["stage"]) == ("interrupted", "silent")
    said = installed_program.start("status", account)
    assert said.exit_code == 1, said
    assert "interrupted" in said.stdout
    assert f"resume {closure_id}" in said.stdout

    watched = installed_program.start("watch", account)
    assert watched.exit_code == 1, watched
    assert "interrupted" in watched.stdout
    assert installed_program.start("watch", account, "--json").json["standing"] == "interrupted"

    resumed = installed_program.ask("resume", closure_id)
    assert (resumed["standing"], resumed["stage"]) == ("running", "silent")
    assert resumed["silent_until"] == before["silent_until"], "its deadlines are as they were"
    assert resumed["run_id"] != before["run_id"]
    assert installed_program.refused("resume", closure_id) == "StageConflict"
    again = installed_program.ask("resume", closure_id, "--replace")
    assert (again["standing"], again["stage"]) == ("running", "silent")
    assert again["silent_until"] == before["silent_until"], "however often it is resumed"
    installed_program.ask("fast-forward", account, "8d")
    assert installed_program.ask("status", account)["outcome"] == "deleted"
    assert installed_program.refused("resume", closure_id) == "ClosureEnded"
    assert installed_program.start("audit", account, "--verify").exit_code == 0


async def test_interrupted_closures_are_listed_once_the_watchman_has_looked(
    client: Client, installed_program: InstalledProgram
) -> None:
    account = "e2e-watched"
    closure_id = await interrupted(client, installed_program, account)
    installation_id = installed_program.queue.rpartition(".")[2]
    await client.get_schedule_handle(schedule_id(installation_id)).trigger(rpc_timeout=DEADLINE)

    async def listed() -> set[str]:
        found = installed_program.ask("list", "--interrupted")["closures"]
        assert all(closure["interrupted"] for closure in found)
        return {closure["closure_id"] for closure in found}

    await eventually(listed, lambda found: closure_id in found, "the interrupted closure")
    installed_program.ask("resume", closure_id)
    assert closure_id not in await listed()


def test_unknown_closures_are_not_resumed(installed_program: InstalledProgram) -> None:
    assert installed_program.refused("resume", "closure-of-nobody") == "ClosureNotFound"
    assert installed_program.start("resume").exit_code == 2


def test_a_closure_is_found_by_its_own_id(installed_program: InstalledProgram, blocked_account: str) -> None:
    closure_id = installed_program.ask("status", blocked_account)["closure_id"]
    assert installed_program.ask("status", closure_id)["account_id"] == blocked_account
    unknown = installed_program.start("status", "closure-of-nobody", "--json")
    assert unknown.error_type == "ClosureNotFound"
    said = "closure-of-nobody is neither an account that has a closure nor a closure"
    assert unknown.json["error"]["message"].startswith(said)
    finished = installed_program.start("status", "somebody-else", "--closure", closure_id, "--json")
    assert finished.error_type == "ClosureNotFound", finished


def test_the_brake_holds_what_is_irrevocable_until_it_is_lifted(installed_program: InstalledProgram) -> None:
    account = "e2e-braked"
    installed_program.load(sample_account(account))
    closure_id = installed_program.make_ready(account)["closure_id"]
    assert installed_program.ask("brake") == {"brakes": [], "changed": False}
    brake = ("--closure", closure_id, "--reason", "the billing feed is broken")
    on = installed_program.ask("brake", "on", *brake)
    (shown,) = on["brakes"]
    assert (shown["scope"], shown["target"]) == ("closure", closure_id)
    assert shown["reason"] == "the billing feed is broken"
    assert on["changed"]
    assert installed_program.ask("brake", "on", *brake) == {**on, "changed": False}

    installed_program.ask("confirm", account, *CONFIRM)
    installed_program.ask("fast-forward", account, "6m")
    held = installed_program.ask("status", account)
    assert (held["stage"], held["waiting_for"]["reason"]) == ("entering", "brake")
    assert installed_program.start("platform", "request", account, "--kind", "api").exit_code == 0
    told = installed_program.start("status", account)
    assert "an operator has put the brake on" in told.stdout

    off = installed_program.ask("brake", "off", "--closure", closure_id, "--reason", "mended")
    assert off == {"brakes": [], "changed": True}
    assert not installed_program.ask("brake", "off", "--closure", closure_id, "--reason", "r")["changed"]
    installed_program.start("recheck", account)
    installed_program.ask("fast-forward", account, "6m")
    assert installed_program.ask("status", account)["stage"] == "silent"
    events = str(installed_program.ask("audit", account)["events"])
    assert "'braked'" in events
    assert "'brake_lifted'" in events


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (("brake", "on"), 2),
        (("brake", "on", "--reason", " "), 2),
        (("brake", "sideways", "--reason", "r"), 2),
        (("brake", "--reason", "r"), 2),
        (("brake", "on", "--reason", "r", "--provider", "p", "--closure", "c"), 2),
        (("brake", "on", "--reason", "r", "--provider", "nobody"), 1),
        (("brake", "on", "--reason", "r", "--closure", "closure-of-nobody"), 1),
    ],
    ids=repr,
)
def test_a_brake_that_would_stop_nothing_is_not_put_on(
    installed_program: InstalledProgram, words: tuple[str, ...], exit_code: int
) -> None:
    finished = installed_program.start(*words)
    assert finished.exit_code == exit_code, finished
    assert installed_program.ask("brake")["brakes"] == []


def test_a_confirm_that_nobody_took_up_does_nothing_when_a_worker_comes(
    own_program: InstalledProgram,
) -> None:
    account = "e2e-late-confirm"
    with working(own_program):
        own_program.load(sample_account(account))
        ready = own_program.make_ready(account)
    finished = own_program.start("confirm", account, *CONFIRM, "--json")
    assert (finished.exit_code, finished.error_type) == (3, "Unreachable"), finished
    assert "nothing was done, and nothing will be" in finished.json["error"]["message"]
    with working(own_program):
        checked = own_program.ask("recheck", account)
        assert (checked["stage"], checked["confirmed_at"]) == ("ready", None)
        assert checked["survey_number"] == ready["survey_number"] + 1, "the worker does work"
        assert own_program.ask("confirm", account, *CONFIRM)["stage"] == "entering"


async def test_a_confirm_that_its_customer_broke_off_does_nothing_when_a_worker_comes(
    own_program: InstalledProgram,
) -> None:
    account = "e2e-broken-off"
    with working(own_program):
        own_program.load(sample_account(account))
        own_program.make_ready(account)

    async def waiting() -> int:
        with closing(sqlite3.connect(own_program.database)) as connection:
            query = "SELECT count(*) FROM record_acts WHERE kind = 'confirm' AND status = 'waiting'"
            (count,) = connection.execute(query).fetchone()
        return int(count)

    confirming = own_program.begin("confirm", account, *CONFIRM)
    await eventually(waiting, lambda count: count == 1, "the act")
    confirming.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(confirming.wait, DEADLINE.total_seconds()) in BROKEN_OFF
    assert await waiting() == 0
    with working(own_program):
        checked = own_program.ask("recheck", account)
        assert (checked["stage"], checked["confirmed_at"]) == ("ready", None)


def test_no_clock_of_a_production_installation_is_moved(
    temporal_server: RunningServer, tmp_path: Path
) -> None:
    account = "e2e-production"
    there = installed(temporal_server, tmp_path, "account-closure-production", InstallationKind.PRODUCTION)
    with working(there):
        there.load(sample_account(account))
        there.make_ready(account)
        before = there.ask("status", account)
        finished = there.start("fast-forward", account, "6m", "--json")
        assert (finished.exit_code, finished.error_type) == (1, "FastForwardRefused"), finished
        after = there.ask("status", account)
    assert {**after, "remaining_seconds": None} == {**before, "remaining_seconds": None}


def test_reading_creates_nothing(tmp_path: Path) -> None:
    alone = InstalledProgram(tmp_path)
    for words in (
        ("status", "a-1"),
        ("list",),
        ("plan", "a-1"),
        ("audit", "a-1"),
        ("brake",),
        ("certificate", "c-1"),
        ("platform", "show", "a-1"),
        ("platform", "pay", "a-1", "b-1"),
    ):
        finished = alone.start(*words)
        assert finished.exit_code == 3, finished
        assert len(finished.stderr.strip().splitlines()) == 1, finished
        assert "make up" in finished.stderr
    assert list(tmp_path.iterdir()) == []


def test_accounts_alone_are_no_installation(tmp_path: Path) -> None:
    alone = InstalledProgram(tmp_path)
    alone.load(sample_account("a-1"))
    finished = alone.start("list", "--json")
    assert (finished.exit_code, finished.error_type) == (3, "Unreachable")


def test_the_version_is_pyprojects(tmp_path: Path) -> None:
    alone = InstalledProgram(tmp_path)
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    anywhere = alone.start("status", "a-1", "--version")
    for said in (alone.start("--version"), anywhere, alone.work("--version")):
        assert (said.exit_code, said.stderr) == (0, ""), said
        assert said.stdout == f"{version}\n"
