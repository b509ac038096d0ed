"""What staff and operators type for refunds, backups, brakes and lost runs, and what they may type wrong."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local.temporal_server import RunningServer
from tests.e2e.test_operating import working
from tests.e2e.test_twilio import close_for_good, twilio_account
from tests.harness.installed_program import InstalledProgram, Json, installed, sample_account

PAID = ("--amount", "20.00", "--reference", "wire 1")
UNREACHABLE = "postgresql+psycopg://nobody@127.0.0.1:1/accounts"


@pytest.fixture(scope="module")
def idle_program(
    temporal_server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> InstalledProgram:
    """An installation in which nothing has happened, without a worker."""
    return installed(temporal_server, tmp_path_factory.mktemp("idle"), "account-closure-idle")


@pytest.fixture(scope="module")
def failed_refund(installed_program: InstalledProgram) -> str:
    """A closure whose refund of 20.00 has failed; tests must leave it so."""
    return fail_refund(installed_program, "e2e-settle-wrong")


def fail_refund(there: InstalledProgram, account: str) -> str:
    there.load(twilio_account(account, balance={"cash": "20.00", "promo": "0.00"}))
    closure_id = str(close_for_good(there, account)["closure_id"])
    there.ask("platform", "refund", account, "failed")
    refund = there.ask("recheck", account)["refund"]
    assert (refund["status"], refund["failed"]) == ("failed", "20.00")
    return closure_id


def told_in_one_line(there: InstalledProgram, exit_code: int, *words: str, **settings: str) -> str:
    """What a command that must fail says to a person: one line, no traceback, nothing on stdout."""
    finished = there.start(*words, **settings)
    assert (finished.exit_code, finished.stdout) == (exit_code, ""), finished
    assert "Traceback" not in finished.stderr
    if exit_code != 2 or "Usage:" not in finished.stderr:
        assert len(finished.stderr.strip().splitlines()) == 1, finished
    return finished.stderr


def content(there: InstalledProgram) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the database."""
    with closing(sqlite3.connect(there.database)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in sorted(names)}


@pytest.fixture
def unchanged(idle_program: InstalledProgram) -> Iterator[InstalledProgram]:
    """The idle program, whose database must be afterwards as it was before."""
    before = content(idle_program)
    yield idle_program
    assert content(idle_program) == before


# refund settle


def settlements(there: InstalledProgram, closure_id: str) -> int:
    with closing(sqlite3.connect(there.database)) as connection:
        query = "SELECT count(*) FROM record_settlements WHERE closure_id = ?"
        (count,) = connection.execute(query, (closure_id,)).fetchone()
    return int(count)


def events_of(there: InstalledProgram, account: str) -> list[Json]:
    return [
        each for each in there.ask("audit", account)["events"] if each["event"] == "refund_paid_otherwise"
    ]


def test_t10_what_staff_have_paid_stands_in_status_audit_and_certificate_once(
    installed_program: InstalledProgram,
) -> None:
    account = "e2e-settle"
    closure_id = fail_refund(installed_program, account)
    settled = installed_program.ask("refund", "settle", closure_id, *PAID)
    assert settled["refund"] == {
        **settled["refund"],
        "status": "settled",
        "amount": "20.00",
        "paid_otherwise": "20.00",
        "failed": None,
    }
    again = installed_program.ask("refund", "settle", closure_id, *PAID)
    assert again["refund"] == settled["refund"], "one payment is told once"
    other = ("--amount", "19.00", "--reference", "wire 1")
    assert installed_program.refused("refund", "settle", closure_id, *other) == "ThingNotAllowed"
    more = ("--amount", "20.00", "--reference", "wire 2")
    assert installed_program.refused("refund", "settle", closure_id, *more) == "ThingNotAllowed"
    assert settlements(installed_program, closure_id) == 1
    (told,) = events_of(installed_program, account)
    assert (told["details"]["amount"], told["details"]["reference"]) == ("20.00", "wire 1")

    installed_program.ask("fast-forward", account, "31d")
    assert installed_program.ask("status", account)["outcome"] == "deleted"
    money = installed_program.ask("certificate", closure_id)["money"]
    assert (money["refunded"], money["paid_otherwise"]) == ("0.00", "20.00")
    ended = installed_program.start("refund", "settle", closure_id, *more)
    assert ended.exit_code == 1, ended


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("--amount", "20.01", "--reference", "r"), 1, "20.00 USD has failed"),
        (("--amount", "0.00", "--reference", "r"), 2, "not above zero"),
        (("--amount", "-5.00", "--reference", "r"), 2, "not above zero"),
        (("--amount", "5.001", "--reference", "r"), 2, "more decimals"),
        (("--amount", "much", "--reference", "r"), 2, "decimal amount"),
        (("--amount", "", "--reference", "r"), 2, "decimal amount"),
        (("--amount", "5,00", "--reference", "r"), 2, "decimal amount"),
        (("--amount", "5.00", "--reference", " "), 2, "--reference"),
        (("--amount", "5.00", "--reference", "w" * 201), 2, "--reference"),
        (("--amount", "5.00", "--reference", "r\udcff"), 2, "UTF-8"),
        (("--amount", "5.00"), 2, "--reference"),
        (("--reference", "r"), 2, "--amount"),
    ],
    ids=repr,
)
def test_wrong_words_about_a_payment_are_refused_and_nothing_is_written(
    installed_program: InstalledProgram,
    failed_refund: str,
    words: tuple[str, ...],
    exit_code: int,
    said: str,
) -> None:
    error = told_in_one_line(installed_program, exit_code, "refund", "settle", failed_refund, *words)
    assert said in error
    assert settlements(installed_program, failed_refund) == 0
    refund = installed_program.ask("status", failed_refund)["refund"]
    assert (refund["failed"], refund["paid_otherwise"]) == ("20.00", None)


def test_nothing_is_settled_where_nothing_has_failed(
    installed_program: InstalledProgram, silent_account: str
) -> None:
    closure_id = installed_program.ask("status", silent_account)["closure_id"]
    said = told_in_one_line(installed_program, 1, "refund", "settle", closure_id, *PAID)
    assert "refunds nothing" in said
    assert settlements(installed_program, closure_id) == 0


def test_nothing_is_settled_of_an_unknown_closure_or_where_nothing_can_be_reached(
    unchanged: InstalledProgram, tmp_path: Path
) -> None:
    settle = ("refund", "settle", "nope", *PAID)
    assert "nope" in told_in_one_line(unchanged, 1, *settle)
    told_in_one_line(unchanged, 2, "refund", "settle", "no\npe", *PAID)
    told_in_one_line(unchanged, 3, *settle, TEMPORAL_ADDRESS="127.0.0.1:1")
    told_in_one_line(unchanged, 3, *settle, CLOSURE_DATABASE_URL=UNREACHABLE)
    told_in_one_line(InstalledProgram(tmp_path), 3, *settle)


# erase-again


def test_there_is_nothing_to_erase_again_where_nothing_was_erased(unchanged: InstalledProgram) -> None:
    assert unchanged.ask("erase-again") == {"accounts": []}
    assert unchanged.start("erase-again").stdout.strip() == "0 accounts were erased again."


def test_erase_again_needs_an_installation_that_it_can_reach(
    unchanged: InstalledProgram, tmp_path: Path
) -> None:
    told_in_one_line(unchanged, 3, "erase-again", CLOSURE_DATABASE_URL=UNREACHABLE)
    told_in_one_line(unchanged, 2, "erase-again", "everything")
    alone = InstalledProgram(tmp_path)
    told_in_one_line(alone, 3, "erase-again")
    assert list(tmp_path.iterdir()) == []


def test_after_a_restored_backup_what_the_ledger_names_is_erased_again_and_the_worker_starts(
    temporal_server: RunningServer, tmp_path: Path
) -> None:
    account, neighbour = "e2e-back-to-life", "e2e-neighbour"
    there = installed(temporal_server, tmp_path, "account-closure-restored")
    with working(there):
        there.load(sample_account(account), sample_account(neighbour))
        closure_id = there.make_silent(account)["closure_id"]
        backup = tmp_path / "backup.db"
        with closing(sqlite3.connect(there.database)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
        there.ask("fast-forward", account, "8d")
        assert there.ask("status", account)["outcome"] == "deleted"
    assert there.ask("erase-again") == {"accounts": []}, "the record is as new as its ledger"
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(there.database)) as old:
        source.backup(old)
    assert stores_of(there, account), "it is back"

    assert "erase-again" in ended_by_itself(there)
    ledger = tmp_path / ".closure" / "erasures.jsonl"
    kept = ledger.read_bytes()
    ledger.unlink()
    assert "is missing" in told_in_one_line(there, 2, "erase-again")
    ledger.write_bytes(kept.replace(account.encode(), neighbour.encode()))
    assert "was changed" in told_in_one_line(there, 2, "erase-again")
    ledger.write_bytes(kept)
    assert stores_of(there, account), "nothing was changed"
    there.ask("platform", "hold", account, "--reason", "court order")
    held = there.start("erase-again", "--json")
    assert (held.exit_code, held.error_type) == (1, "NotErasedAgain"), held
    assert held.json["accounts"] == [{"account_id": account, "closure_id": closure_id, "result": "held"}]
    there.ask("platform", "unhold", account)

    erased = there.ask("erase-again")
    assert erased["accounts"] == [{"account_id": account, "closure_id": closure_id, "result": "erased_again"}]
    assert there.ask("erase-again") == {"accounts": []}
    assert there.ask("status", account)["outcome"] == "deleted"
    assert there.ask("certificate", closure_id)["outcome"] == "deleted"
    assert not stores_of(there, account)
    assert stores_of(there, neighbour), "the neighbour is as it was"
    with working(there):
        there.make_ready(neighbour)


def stores_of(there: InstalledProgram, account: str) -> list[Json]:
    (shown,) = there.ask("platform", "show", account)["accounts"]
    return list(shown["data"])


def ended_by_itself(there: InstalledProgram) -> str:
    refused = there.work()
    assert refused.exit_code == 2, refused
    assert len(refused.stderr.strip().splitlines()) == 1, refused
    return refused.stderr


# resume, brake


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("resume", "nope"), 1, "there is no closure nope"),
        (("resume", "n\x07pe"), 2, "control characters"),
        (("resume", ""), 2, "1 to 200 characters"),
        (("resume", "n" * 201), 2, "1 to 200 characters"),
        (("resume",), 2, "CLOSURE"),
        (("resume", "nope", "twice"), 2, "twice"),
        (("brake", "on", "--reason", "r", "--closure", "nope"), 1, "there is no closure nope"),
        (("brake", "on", "--reason", "r", "--provider", "nope"), 1, "no policy is for accounts of 'nope'"),
        (("brake", "on", "--reason", "r", "--closure", ""), 2, "1 to 200 characters"),
        (("brake", "on", "--reason", "r" * 501), 2, "--reason"),
        (("brake", "on", "--reason", "r\udcff"), 2, "UTF-8"),
        (("brake", "on", "--closure", "nope"), 2, "--reason"),
        (("brake", "off", "--provider", "nope"), 2, "--reason"),
        (("brake", "--closure", "nope"), 2, "on or off"),
    ],
    ids=repr,
)
def test_what_names_nothing_resumes_and_stops_nothing(
    unchanged: InstalledProgram, words: tuple[str, ...], exit_code: int, said: str
) -> None:
    assert said in told_in_one_line(unchanged, exit_code, *words)
    assert unchanged.ask("brake")["brakes"] == []


def test_what_cannot_be_reached_resumes_and_stops_nothing(
    unchanged: InstalledProgram, tmp_path: Path
) -> None:
    told_in_one_line(unchanged, 3, "resume", "nope", TEMPORAL_ADDRESS="127.0.0.1:1")
    brake = ("brake", "on", "--reason", "r")
    for words in (("resume", "nope"), brake):
        told_in_one_line(unchanged, 3, *words, CLOSURE_DATABASE_URL=UNREACHABLE)
        told_in_one_line(InstalledProgram(tmp_path), 3, *words)
    assert list(tmp_path.iterdir()) == []
