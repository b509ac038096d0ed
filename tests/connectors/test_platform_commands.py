"""The `platform` commands as a person or a script runs them, without a Temporal server."""

import json
from pathlib import Path

import pytest

from tests.connectors.samples import Json, account
from tests.harness.installed_program import ESCAPE, PROJECT, InstalledProgram


@pytest.fixture
def alone(tmp_path: Path) -> InstalledProgram:
    """A folder in which nothing has been started."""
    return InstalledProgram(tmp_path, {"CLOSURE_POLICY_DIR": str(PROJECT / "policies")})


def show(alone: InstalledProgram, account_id: str = "a-1") -> Json:
    (shown,) = alone.ask("platform", "show", account_id)["accounts"]
    assert isinstance(shown, dict)
    return shown


def test_load_says_what_became_of_each_account(alone: InstalledProgram) -> None:
    given = account(balance={"cash": "1.50"})
    loaded = {"id": "a-1", "provider": "alibaba-cloud", "result": "loaded"}
    assert alone.load(given) == {"accounts": [loaded]}
    assert alone.load(given, account("a-2")) == {
        "accounts": [
            {**loaded, "result": "unchanged"},
            {"id": "a-2", "provider": "alibaba-cloud", "result": "loaded"},
        ]
    }


def test_a_bad_file_gives_one_line_for_each_fault(alone: InstalledProgram) -> None:
    file = alone.folder / "bad.yaml"
    file.write_text(
        "accounts:\n"
        "- {id: good, provider: p, kind: k, currency: USD}\n"
        '- {id: bad, provider: p, kind: k, currency: XXY, balance: {cash: 1.5}, "a\\e[31mb": 1}\n'
    )
    finished = alone.start("platform", "load", "bad.yaml")
    assert finished.exit_code == 2, finished
    assert finished.stdout == ""
    assert ESCAPE not in finished.stderr
    assert finished.stderr.splitlines() == [
        "error: bad.yaml has 3 faults; nothing was loaded:",
        "  bad.yaml: accounts.1.a[31mb: unknown field",
        '  bad.yaml: accounts.1.balance.cash: must be text: write it in quotes, such as "18.20"',
        "  bad.yaml: accounts.1.currency: 'XXY' is not an ISO 4217 currency code",
    ]
    finished = alone.start("platform", "load", "bad.yaml", "--json")
    assert (finished.exit_code, finished.error_type) == (2, "BadInput")
    assert len(finished.json["error"]["faults"]) == 3
    assert alone.refused("platform", "show", "good") == "AccountNotFound"


def test_a_language_that_no_policy_has_is_refused_with_the_whole_file(alone: InstalledProgram) -> None:
    good, bad = account("good"), account("bad")
    users = [
        {"id": "u-1", "role": "main", "language": "zh-TW"},
        {"id": "u-2", "role": "ram", "language": "fr"},
    ]
    file = alone.folder / "french.json"
    file.write_text(json.dumps({"accounts": [good, {**bad, "users": users}]}), encoding="utf-8")
    finished = alone.start("platform", "load", "french.json")
    assert (finished.exit_code, finished.stdout) == (2, "")
    assert finished.stderr == (
        "error: french.json: accounts.1.users.1.language: no policy has messages in 'fr'; "
        "there are: en, zh; nothing was loaded\n"
    )
    assert alone.refused("platform", "show", "good") == "AccountNotFound"


def test_policies_are_read_only_where_somebody_wants_another_language(alone: InstalledProgram) -> None:
    elsewhere = {"CLOSURE_POLICY_DIR": "nowhere"}
    english = {**account(), "users": [{"id": "u-1", "role": "main", "language": "en"}]}
    file = alone.folder / "f.json"
    file.write_text(json.dumps({"accounts": [english]}), encoding="utf-8")
    alone.ask("platform", "load", "f.json", **elsewhere)
    file.write_text(json.dumps({"accounts": [account("a-2")]}), encoding="utf-8")
    finished = alone.start("platform", "load", "f.json", **elsewhere)
    assert finished.exit_code == 2
    assert finished.stderr.startswith("error: the policies in nowhere can't be used")


def test_a_single_fault_is_one_line(alone: InstalledProgram) -> None:
    (alone.folder / "bad.yaml").write_text("accounts: 7")
    finished = alone.start("platform", "load", "bad.yaml")
    assert finished.stderr == "error: bad.yaml: accounts: must be a list; nothing was loaded\n"


def test_an_account_with_other_content_is_bad_input(alone: InstalledProgram) -> None:
    alone.load(account())
    (alone.folder / "other.json").write_text(json.dumps({"accounts": [account(kind="other")]}))
    finished = alone.start("platform", "load", "other.json")
    assert finished.exit_code == 2, finished
    assert len(finished.stderr.splitlines()) == 1
    assert "ids can't be reused" in finished.stderr


def test_what_happens_elsewhere_is_told_and_shown(alone: InstalledProgram) -> None:
    alone.load(
        account(
            bills=[{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
            domains=[{"id": "example.com"}],
            resources=[
                {"id": "vpc", "product": "vpc"},
                {"id": "vm", "product": "ecs", "depends_on": ["vpc"]},
            ],
        )
    )
    paid = {"account_id": "a-1", "id": "b-1", "result": "paid", "changed": True}
    assert alone.ask("platform", "pay", "a-1", "b-1") == paid
    assert alone.ask("platform", "pay", "a-1", "b-1") == {**paid, "changed": False}
    assert alone.refused("platform", "release", "a-1", "vpc") == "ThingNotAllowed"
    assert alone.ask("platform", "release", "a-1", "vm")["result"] == "released"
    assert alone.ask("platform", "transfer", "a-1", "example.com")["result"] == "transferred"
    assert alone.refused("platform", "transfer", "a-1", "example.com") == "ThingNotFound"
    charged = alone.ask("platform", "charge", "a-1", "--amount", "12.3", "--product", "ecs")
    late = {"id": "late-1", "amount": "12.30", "status": "unpaid", "product": "ecs"}
    assert charged == {"account_id": "a-1", "bill": {**late, "currency": "USD"}}
    moved = alone.ask("platform", "meter", "a-1", "--until", "2099-01-01T08:00:00+08:00")
    assert moved == {"account_id": "a-1", "usage_final_until": "2099-01-01T00:00:00Z"}
    shown = show(alone)
    assert shown["bills"] == [{"id": "b-1", "amount": "18.20", "status": "paid", "product": None}, late]
    assert shown["usage_final_until"] == "2099-01-01T00:00:00Z"
    assert (shown["domains"], [each["id"] for each in shown["resources"]]) == ([], ["vpc"])


def test_bad_usage_changes_nothing(alone: InstalledProgram) -> None:
    alone.load(account())
    before = show(alone)
    for words in (
        ["charge", "a-1", "--amount", "-5"],
        ["charge", "a-1", "--amount", "1.234"],
        ["charge", "a-1"],
        ["meter", "a-1", "--until", "2099-01-01T00:00:00"],
        ["request", "a-1", "--kind", "teleport"],
        ["pay", "a-1", "a\nb"],
        ["load"],
        [],
    ):
        finished = alone.start("platform", *words)
        assert finished.exit_code == 2, finished
        assert "Traceback" not in finished.stderr
    assert show(alone) == before


def test_requests_work_and_the_empty_outbox_is_shown(alone: InstalledProgram) -> None:
    alone.load(account())
    assert alone.ask("platform", "request", "a-1", "--kind", "api") == {
        "account_id": "a-1",
        "kind": "api",
        "allowed": True,
        "scope": "full",
    }
    assert alone.ask("platform", "outbox", "a-1") == {"messages": []}


@pytest.mark.parametrize("words", [["show", "a-1"], ["outbox", "a-1"], ["request", "a-1", "--kind", "call"]])
def test_people_are_told_what_to_do_next(alone: InstalledProgram, words: list[str]) -> None:
    alone.load(account(domains=[{"id": "[bold]example.com[/]"}]))
    finished = alone.start("platform", *words)
    assert finished.exit_code == 0, finished
    assert "Next" in finished.stdout
    assert "python starter.py" in finished.stdout
    if words[0] == "show":
        assert "[bold]example.com[/]" in finished.stdout
        assert "owner@example.com" in finished.stdout
