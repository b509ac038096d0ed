"""Twilio's procedure by the commands alone (T1 to T12)."""

from datetime import datetime, timedelta

import pytest

from tests.harness.installed_program import InstalledProgram, Json

PASSWORD = "correct horse"
WORDS = "DELETE ALL ACCOUNT DATA AND SETTINGS"
LOOKS = 20
KINDS = ("api", "call", "message", "verify", "sign-in")


def twilio_account(account: str, **changes: object) -> Json:
    return {
        "id": account,
        "provider": "twilio",
        "kind": "upgraded",
        "currency": "USD",
        "users": [
            {"id": "u-1", "role": "owner", "email": f"{account}@example.com", "password": PASSWORD},
            {"id": "u-2", "role": "administrator", "email": f"a.{account}@example.com", "password": PASSWORD},
        ],
        "data": [{"id": "usage", "store": "usage-history", "objects": 3}],
        "api_keys": [{"id": "k-1"}],
        **changes,
    }


def close(installed_program: InstalledProgram, account: str, *options: str, password: str = PASSWORD) -> Json:
    """What `close` prints as JSON, whether it was done or refused."""
    words = ("close", account, "--as", "u-1", "--password-stdin", *options, "--json")
    finished = installed_program.start(*words, stdin=f"{password}\n")
    assert password not in finished.stdout + finished.stderr
    return finished.json


def close_for_good(installed_program: InstalledProgram, account: str) -> Json:
    document = close(installed_program, account, "--acknowledge", WORDS)
    assert document["stage"] == "ready", document
    confirm = ("confirm", account, "--as", "u-1", "--reason", "moving", "--plan-hash", document["plan_hash"])
    installed_program.ask(*confirm)
    return stage_reached(installed_program, account, "retained")


def stage_reached(installed_program: InstalledProgram, account: str, stage: str) -> Json:
    """At once, but for the seconds that the worker needs."""
    document = installed_program.ask("status", account)
    for _ in range(LOOKS):
        if document["stage"] == stage:
            break
        document = installed_program.ask("status", account)
    assert document["stage"] == stage, document
    return document


def works(installed_program: InstalledProgram, account: str) -> set[bool]:
    return {
        installed_program.start("platform", "request", account, "--kind", kind).exit_code == 0
        for kind in KINDS
    }


def test_an_account_with_a_subaccount_stops_is_refunded_and_goes_after_thirty_days(
    installed_program: InstalledProgram,
) -> None:
    """T3 to T5, T8 to T11: the whole story."""
    account, sub = "e2e-twilio", "e2e-twilio-sub"
    installed_program.load(
        twilio_account(account, balance={"cash": "200.00", "promo": "15.00"}, subaccounts=[sub]),
        twilio_account(sub, users=[]),
    )
    refused = close(installed_program, account, "--acknowledge", WORDS, password="battery staple")
    assert refused["error"]["type"] == "SecretRefused"
    assert installed_program.start("close", account, "--as", "u-1", "--acknowledge", WORDS).exit_code == 1
    refused = close(installed_program, account)
    assert refused["error"]["acknowledgements"] == [WORDS]
    assert works(installed_program, account) == {True}

    document = close_for_good(installed_program, account)
    assert document["stage"] == "retained"
    assert works(installed_program, account) == works(installed_program, sub) == {False}
    confirmed, delete_after = (
        datetime.fromisoformat(document[name]) for name in ("confirmed_at", "delete_after")
    )
    assert delete_after - confirmed == timedelta(days=30)
    refund = document["refund"]
    assert (refund["status"], refund["amount"], refund["currency"]) == ("pending", "200.00", "USD")
    due_by = datetime.fromisoformat(refund["due_by"])
    assert timedelta(days=13) < due_by - confirmed < timedelta(days=20)
    assert installed_program.ask("status", sub)["stage"] == "retained"
    assert installed_program.refused("platform", "move", sub) == "ThingNotAllowed"

    installed_program.ask("platform", "refund", account, "partial")
    document = installed_program.ask("recheck", account)
    assert document["refund"] == {**refund, "status": "partly_settled", "settled": "100.00"}
    installed_program.ask("platform", "refund", account, "settled")
    document = installed_program.ask("recheck", account)
    assert document["refund"] == {**refund, "status": "settled", "settled": "200.00"}
    assert document["stage"] == "retained"

    installed_program.ask("fast-forward", account, "29d")
    assert installed_program.ask("status", account)["stage"] == "retained"
    installed_program.ask("fast-forward", account, "2d")
    document = installed_program.ask("status", account)
    assert (document["stage"], document["outcome"]) == ("deleted", "deleted")
    assert installed_program.ask("status", sub)["outcome"] == "deleted"
    for each in (account, sub):
        assert installed_program.start("audit", each, "--verify").exit_code == 0
        assert installed_program.refused("platform", "request", each, "--kind", "api") == "AccountClosed"
    messages = installed_program.ask("platform", "outbox", account)["messages"]
    assert [message["template"] for message in messages] == [
        "closure_opened",
        "closure_confirmed",
        "account_closed",
        "refund_started",
        "refund_partly_settled",
        "refund_settled",
        "closure_deleted",
    ]
    assert {(message["subject"], message["body"]) for message in messages} == {("", "")}, "blanked"
    assert close(installed_program, account, "--acknowledge", WORDS)["error"]["type"]


def test_a_failed_refund_is_shown(installed_program: InstalledProgram) -> None:
    """T10."""
    account = "e2e-twilio-failed"
    installed_program.load(twilio_account(account, balance={"cash": "12.34", "promo": "0.00"}))
    close_for_good(installed_program, account)
    installed_program.ask("platform", "refund", account, "failed")
    assert installed_program.ask("recheck", account)["refund"]["status"] == "failed"
    installed_program.ask("platform", "refund", account, "settled")
    assert installed_program.ask("recheck", account)["refund"]["status"] == "settled"


def test_only_owners_and_no_invoiced_accounts(installed_program: InstalledProgram) -> None:
    """T1, T2."""
    account, invoiced = "e2e-twilio-role", "e2e-twilio-invoiced"
    installed_program.load(twilio_account(account), twilio_account(invoiced, kind="invoiced"))
    words = ("close", account, "--as", "u-2", "--password-stdin", "--acknowledge", WORDS, "--json")
    finished = installed_program.start(*words, stdin=f"{PASSWORD}\n")
    assert (finished.exit_code, finished.error_type) == (1, "RoleRefused")
    refused = close(installed_program, invoiced, "--acknowledge", WORDS)["error"]
    assert refused["type"] == "AccountKindRefused"
    assert "account manager" in refused["message"]


def test_soft_close_keeps_the_data(installed_program: InstalledProgram) -> None:
    """T6."""
    account = "e2e-twilio-soft"
    number = {"id": "n-1", "product": "number"}
    installed_program.load(
        twilio_account(account, resources=[number], balance={"cash": "5.00", "promo": "1.00"})
    )
    document = close(installed_program, account, "--mode", "keep-data")
    assert document["stage"] == "ready"
    installed_program.ask("confirm", account, "--as", "u-1", "--reason", "back soon", "--yes")
    document = stage_reached(installed_program, account, "dormant")
    assert (document["stage"], document["outcome"], document["refund"]) == ("dormant", "dormant", None)
    shown = installed_program.ask("platform", "show", account)["accounts"][0]
    assert shown["resources"] == []
    assert shown["balance"] == {"cash": "5.00", "promo": "1.00"}
    assert len(shown["data"]) == 1
    assert works(installed_program, account) == {True}


@pytest.mark.parametrize("to", [(), ("--to", "e2e-twilio-other-owner")])
def test_a_subaccount_that_moves_away_first_is_left_alone(
    installed_program: InstalledProgram, to: tuple[str, ...]
) -> None:
    """T4: only what the account owns."""
    number = len(to)
    account, sub = f"e2e-twilio-owner-{number}", f"e2e-twilio-moved-{number}"
    installed_program.load(twilio_account("e2e-twilio-other-owner"))
    installed_program.load(twilio_account(account, subaccounts=[sub]), twilio_account(sub))
    moved = installed_program.ask("platform", "move", sub, *to)
    assert moved["owner"] == (to[1] if to else None)
    close_for_good(installed_program, account)
    assert works(installed_program, account) == {False}
    assert works(installed_program, sub) == {True}
