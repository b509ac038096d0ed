"""``python -m connectors.conformance``: a line for each rule, and what its exit codes mean."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.conformance.__main__ import main
from connectors.conformance.embedded import EmbeddedSubject, embedded_subject
from connectors.conformance.faulty import VARIANTS
from connectors.conformance.rules import RULES
from connectors.conformance.subject import ConformanceSubject
from connectors.embedded import embedded_platform
from connectors.ports import Platform
from database import Database
from settings import Settings
from tests.connectors.samples import account, load
from tests.harness.databases import prepare_template

HERE = "tests.connectors.conformance.test_command"
FORFEITS = "billing.forfeit"
Run = Callable[..., tuple[int, str, str]]


async def faulty(settings: Settings) -> ConformanceSubject:
    """The subject of a platform that forgets a key."""
    subject = await embedded_subject(settings)
    subject.platform = VARIANTS[0].over(subject.platform)
    return subject


def own(settings: Settings) -> Platform:
    """A platform that an entry point could name."""
    return embedded_platform(Database(settings.database_url))


def failing(settings: Settings) -> ConformanceSubject:
    raise RuntimeError("no\ntest accounts today")


def ending(settings: Settings) -> ConformanceSubject:
    sys.exit(0)


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError


def mute(settings: Settings) -> ConformanceSubject:
    raise Mute


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command's exit code, what it printed, and what it said on stderr."""
    monkeypatch.setenv("CLOSURE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/accounts.db")
    monkeypatch.delenv("CLOSURE_PLATFORM", raising=False)

    def main_with(*words: str) -> tuple[int, str, str]:
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return main_with


@pytest.fixture
async def loaded(tmp_path: Path) -> str:
    """An account of an installation on the embedded platform."""
    file = await prepare_template(tmp_path / "accounts.db")
    database = Database(f"sqlite+aiosqlite:///{file}")
    stores = [{"id": f"d-{each}", "store": "logs", "objects": 2} for each in range(6)]
    await load(database, account(balance={"cash": "200.00"}, data=stores))
    await database.dispose()
    return "a-1"


def test_every_rule_has_a_line_of_its_own(run: Run, tmp_path: Path) -> None:
    code, printed, _ = run("--rule", FORFEITS)
    *lines, last = printed.splitlines()
    names = [rule.name for rule in RULES if rule.name.startswith(FORFEITS)]
    assert (code, lines) == (0, [f"pass  {name}" for name in names])
    assert last == f"{len(names)} rules: {len(names)} pass, 0 fail, 0 n/a"
    assert not (tmp_path / "accounts.db").exists(), "the installation's database is left alone"


def test_what_is_broken_is_named_with_its_rule_within_eighty_columns(run: Run) -> None:
    code, printed, _ = run("--rule", FORFEITS, "--subject", f"{HERE}:faulty")
    assert code == 1
    assert "fail  billing.forfeit.repeated-key" in printed.splitlines()
    assert "Broken: the cash" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_json_is_one_document(run: Run) -> None:
    code, printed, _ = run("--rule", FORFEITS, "--subject", f"{HERE}:faulty", "--json")
    found = json.loads(printed)
    assert code == 1
    assert found["counts"]["fail"] == sum(1 for each in found["rules"] if each["verdict"] == "fail") > 0
    assert {each["rule"] for each in found["rules"]} == {
        rule.name for rule in RULES if rule.name.startswith(FORFEITS)
    }


async def test_an_account_that_is_there_is_only_read(run: Run, loaded: str, tmp_path: Path) -> None:
    before = (tmp_path / "accounts.db").read_bytes()
    code, printed, _ = await asyncio.to_thread(run, "--account", loaded, "--json")
    found = {each["rule"]: each for each in json.loads(printed)["rules"]}
    assert code == 0
    assert found["billing.statement.answers"]["verdict"] == "pass"
    assert found["billing.forfeit.bounded"]["reason"] == "tried with --destructive only"
    assert found["inventory.inventory.whole"]["reason"] == "needs an account with 1200 resources"
    assert (tmp_path / "accounts.db").read_bytes() == before


async def test_an_account_that_nobody_knows_is_not_passed_over(run: Run, loaded: str) -> None:
    for words in (("--account", "a-2"), ("--account", loaded, "--account", "a-2", "--json")):
        code, printed, complaint = await asyncio.to_thread(run, *words)
        assert (code, printed) == (2, "")
        assert complaint == "error: --account a-2: there is no account 'a-2'\n"


def test_where_there_is_no_database_none_is_made(run: Run, tmp_path: Path) -> None:
    code, printed, complaint = run("--account", "a-1")
    assert (code, printed) == (2, "")
    (line,) = complaint.splitlines()
    assert line.startswith("error: there is no database ")
    assert not (tmp_path / "accounts.db").exists()


async def test_where_no_rule_applies_nothing_was_tried(run: Run, loaded: str) -> None:
    code, printed, complaint = await asyncio.to_thread(run, "--account", loaded, "--rule", "access")
    assert code == 2
    assert "0 pass, 0 fail" in printed
    assert complaint == "error: nothing could be tried; most often: tried with --destructive only\n"


async def test_with_destructive_it_is_carried_to_its_end(run: Run, loaded: str) -> None:
    words = ("--account", loaded, "--destructive", "--json", "--platform", f"{HERE}:own")
    code, printed, _ = await asyncio.to_thread(run, *words)
    found = {each["rule"]: each["verdict"] for each in json.loads(printed)["rules"]}
    assert code == 0
    assert found["refunds.order.arithmetic"] == "n/a", "it has one payment"
    assert found["refunds.order.repeated-key"] == "pass"
    assert found["data_stores.erase.accepted-is-not-done"] == "pass"
    assert found["access.close.for-good"] == "n/a", "a rule before it has closed the account"
    assert found["access.close.repeated-key"] == "pass"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--platform", ""), "nobody opens test accounts for (empty)"),
        (("--platform", "nothing"), "nobody opens test accounts for nothing"),
        (("--platform", "nothing", "--account", "a-1"), "CLOSURE_PLATFORM: nothing: there is none"),
        (("--subject", "no.such:thing"), "can't be made: ModuleNotFoundError"),
        (("--subject", f"{HERE}:failing"), "can't be made: RuntimeError: no test accounts today"),
        (("--subject", "builtins:str"), "made a str instead of a ConformanceSubject"),
        (("--subject", f"{HERE}:ending"), "can't be made: SystemExit: 0"),
        (("--subject", f"{HERE}:mute"), f"subject {HERE}:mute can't be made: Mute"),
        (("--subject", f"{HERE}:faulty", "--account", "a-1"), "give one of them"),
        (("--account", "a-1", "--platform", f"{HERE}:own"), "--account a-1: can't be read: "),
        (("--patience", "nan"), "'nan' is no number of seconds above 0"),
        (("--rule", "no.such"), "no rule's name begins so"),
        (("--patience", "0"), "--patience"),
        (("--patience", "soon"), "--patience"),
        (("--nonsense",), "unrecognized arguments"),
    ],
)
def test_where_nothing_can_be_tried_one_line_says_why(run: Run, words: tuple[str, ...], said: str) -> None:
    code, printed, complaint = run(*words)
    assert (code, printed) == (2, "")
    assert said in complaint.splitlines()[-1]


async def test_an_embedded_subject_that_is_thrown_away_leaves_nothing() -> None:
    subject = await EmbeddedSubject.thrown_away()
    folder = Path(subject._database.url.database or "").parent
    assert folder.is_dir()
    await subject.aclose()
    assert not folder.exists()
