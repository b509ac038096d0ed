"""The JSON documents of contract and status, key by key, and what a pipe gets."""

import json
import re
import zipfile

import pytest

from tests.harness.installed_program import ESCAPE, InstalledProgram, Json, sample_account

STATUS_KEYS = {
    "closure_id", "account_id", "provider", "policy", "policy_version", "mode", "stage", "outcome",
    "outcome_reason", "checklist", "survey_number", "advice", "plan_hash", "confirmed_at", "silent_until",
    "delete_after", "remaining_seconds", "refund", "unrecoverable", "restart_advice", "workflow_id", "run_id",
    "web_url", "opened_at", "draft_until", "cool_off_until", "deadline", "waiting_for", "owed", "actions",
    "standing", "blocking", "item_count", "page", "pages", "money", "certificate_id", "opened_by", "phrase",
}  # fmt: skip
ITEM_KEYS = {
    "item_id", "check", "category", "title", "how_to", "resource_id", "amount", "currency", "renounced",
}  # fmt: skip
MESSAGE_KEYS = {"id", "channel", "template", "language", "subject", "body", "html", "time"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def check_status(document: Json) -> None:
    assert set(document) == STATUS_KEYS
    assert all(set(item) == ITEM_KEYS for item in document["checklist"])
    for name in ("confirmed_at", "silent_until", "delete_after", "opened_at", "draft_until"):
        assert document[name] is None or TIME.fullmatch(document[name]), name
    assert document["workflow_id"] == f"closure/{document['provider']}/{document['account_id']}"


def test_status_document_is_the_answer_of_every_act(installed_program: InstalledProgram) -> None:
    account = "e2e-shapes"
    installed_program.load(sample_account(account, balance={"cash": "5.00", "promo": "0.00"}))
    document = installed_program.close(account)
    check_status(document)
    assert (document["provider"], document["policy"]) == ("alibaba-cloud", "alibaba-cloud")
    assert (document["mode"], document["outcome"], document["refund"]) == ("delete", None, None)
    assert document["advice"], "A5: export first"
    assert re.fullmatch(r"[0-9a-f]{64}", document["plan_hash"])
    (item,) = document["checklist"]
    assert (item["category"], item["amount"], item["currency"]) == ("renounceable", "5.00", "USD")

    item_id = item["item_id"]
    acts = (
        ("status", account),
        ("status", account, "--closure", document["closure_id"]),
        ("recheck", account),
        ("renounce", account, item_id, "--as", "u-main", "--accept-risk"),
        ("withdraw", account, "--as", "u-main"),
        ("status", account),
    )
    for words in acts:
        answered = installed_program.ask(*words)
        check_status(answered)
        assert answered["closure_id"] == document["closure_id"]
    assert installed_program.ask("status", account)["outcome"] == "withdrawn"


def test_silent_status(installed_program: InstalledProgram, silent_account: str) -> None:
    document = installed_program.ask("status", silent_account)
    check_status(document)
    assert document["confirmed_at"]
    assert document["silent_until"] == document["delete_after"], "no retention"
    assert isinstance(document["remaining_seconds"], int)


def test_workflow_answers_the_same_document(
    installed_program: InstalledProgram, blocked_account: str
) -> None:
    document = installed_program.ask("status", blocked_account)
    assert document["stage"] == "blocked"
    check_status(document)


def test_outbox_and_challenge(installed_program: InstalledProgram) -> None:
    account = "e2e-outbox"
    installed_program.load(sample_account(account))
    installed_program.code_for(account)
    code = installed_program.code_for(account, method="sms_code")
    outbox = installed_program.ask("platform", "outbox", account)
    assert set(outbox) == {"messages"}
    first, second = outbox["messages"]
    assert set(first) == set(second) == MESSAGE_KEYS
    assert [first["channel"], second["channel"]] == ["email", "sms"]
    assert {first["template"], second["template"]} == {"identity_code"}
    assert code in second["body"]
    assert first["subject"]
    assert second["subject"] is None
    assert first["html"].startswith("<!doctype html>")
    assert second["html"] is None
    assert TIME.fullmatch(first["time"])


def test_show_has_the_shape_of_the_account_file(installed_program: InstalledProgram) -> None:
    account = "e2e-show"
    bill = {"id": "b-1", "amount": "18.20", "status": "unpaid"}
    given = sample_account(account, bills=[bill], balance={"cash": "200.00", "promo": "15.00"})
    installed_program.load(given)
    shown = installed_program.ask("platform", "show", account)
    accounts = shown.get("accounts", [shown])
    assert len(accounts) == 1
    for name in ("id", "provider", "kind", "currency", "balance"):
        assert accounts[0][name] == given[name], name
    assert accounts[0]["bills"][0]["status"] == "unpaid"
    assert "identity_code" not in str(shown), "the outbox is not part of it"
    assert "password" not in str(shown).lower() or "…" not in str(shown)


@pytest.mark.parametrize(
    "words",
    [
        ["status", "{blocked}"],
        ["list"],
        ["list", "--temporal"],
        ["audit", "{blocked}"],
        ["platform", "show", "{blocked}"],
    ],
    ids=" ".join,
)
def test_pipes_get_no_escape_sequences(
    installed_program: InstalledProgram, blocked_account: str, words: list[str]
) -> None:
    finished = installed_program.start(*(word.format(blocked=blocked_account) for word in words))
    assert finished.exit_code == 0, finished
    assert finished.stdout.strip()
    assert ESCAPE not in finished.stdout + finished.stderr


def test_closures_are_listed_from_visibility_and_from_the_record(
    installed_program: InstalledProgram, blocked_account: str, silent_account: str
) -> None:
    for source in ((), ("--temporal",)):
        listed = installed_program.ask("list", *source)
        accounts = {closure["account_id"]: closure for closure in listed["closures"]}
        assert accounts[blocked_account]["stage"] == "blocked"
        assert accounts[silent_account]["stage"] == "silent"
        only = installed_program.ask("list", "--stage", "silent", "--provider", "alibaba-cloud", *source)
        stages = {closure["stage"] for closure in only["closures"]}
        assert stages == {"silent"}
        assert installed_program.ask("list", "--provider", "nobody", *source)["closures"] == []


def test_a5_the_export_bundle_holds_the_financial_records(installed_program: InstalledProgram) -> None:
    account = "e2e-export"
    bill = {"id": "=b-1", "amount": "18.20", "status": "paid"}
    installed_program.load(sample_account(account, bills=[bill], balance={"cash": "7.00", "promo": "0.00"}))
    written = installed_program.ask("export", account, "--output", "records.zip")
    assert (written["bills"], written["payments"]) == (1, 1)
    with zipfile.ZipFile(installed_program.folder / "records.zip") as bundle:
        assert json.loads(bundle.read("account.json"))["cash"] == "7.00"
        assert b'"\'=b-1","18.20","USD","paid"' in bundle.read("bills.csv")
    again = installed_program.start("export", account, "--output", "records.zip")
    assert again.exit_code == 2, "never overwritten"
    assert installed_program.refused("export", "nobody") == "AccountNotFound"
