"""Whole closures by the commands alone, under the policy's real durations (A1 to A27)."""

from datetime import datetime, timedelta

import pytest

from tests.e2e.driver import COMMAND_SECONDS, ESCAPE, Installation, Json, sample_account


def items_by_thing(document: Json) -> dict[str, Json]:
    return {item["resource_id"] or item["check"]: item for item in document["checklist"]}


def test_blocked_handled_renounced_confirmed_silent_deleted(installation: Installation) -> None:
    """A1, A3, A6 to A8, A15 to A22, A24, A25: the first story of `make demo`."""
    account = "e2e-story-1"
    installation.load(
        sample_account(
            account,
            balance={"cash": "200.00", "promo": "15.00"},
            bills=[{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
            resources=[
                {"id": "vpc-1", "product": "vpc", "renounceable": True},
                {"id": "i-1", "product": "ecs", "renounceable": True, "depends_on": ["vpc-1"]},
                {"id": "lb-1", "product": "slb", "renounceable": True, "depends_on": ["i-1"]},
            ],
            domains=[{"id": "example.com"}],
            relationships=[{"id": "r-1", "type": "resource-directory", "role": "member"}],
            bindings=[{"id": "bind-1", "third_party": "github"}],
        )
    )

    document = installation.close(account)
    assert (document["stage"], document["survey_number"]) == ("blocked", 1)
    found = items_by_thing(document)
    manual = {"b-1", "example.com", "r-1"}
    assert {thing for thing, item in found.items() if item["category"] == "manual"} == manual
    assert len(found) == 7
    assert (found["b-1"]["amount"], found["b-1"]["currency"]) == ("18.20", "USD")
    assert all(item["how_to"] for item in found.values())

    for handled in ("pay b-1", "transfer example.com", "unlink r-1"):
        act, thing = handled.split()
        installation.ask("platform", act, account, thing)
    document = installation.ask("recheck", account)
    assert (document["stage"], document["survey_number"]) == ("blocked", 2)
    assert {item["category"] for item in document["checklist"]} == {"renounceable"}

    document = installation.ask("renounce", account, "--all", "--as", "u-main", "--accept-risk")
    assert document["stage"] == "ready"
    assert all(item["renounced"] for item in document["checklist"])

    plan_hash = document["plan_hash"]
    document = installation.ask(
        "confirm", account, "--as", "u-main", "--reason", "moving away", "--plan-hash", plan_hash
    )
    assert document["stage"] == "entering"
    installation.ask("fast-forward", account, "6m")
    document = installation.ask("status", account)
    assert document["stage"] == "silent"
    wait = datetime.fromisoformat(document["silent_until"]) - datetime.fromisoformat(document["confirmed_at"])
    assert timedelta(days=7, minutes=5) <= wait < timedelta(days=7, minutes=6)
    assert 0 < document["remaining_seconds"] < timedelta(days=7).total_seconds()

    assert installation.start("platform", "request", account, "--kind", "api").exit_code == 1
    assert installation.ask("platform", "request", account, "--kind", "sign-in")["scope"] == "closure-status"
    shown = installation.ask("platform", "show", account)
    assert "vpc-1" not in str(shown), "released in the order of their dependencies"
    assert "AliyunServiceRoleForAccountDeletion" in str(shown)

    installation.ask("fast-forward", account, "7d")
    document = installation.ask("status", account)
    assert (document["stage"], document["outcome"]) == ("deleted", "deleted")
    assert document["remaining_seconds"] is None
    assert installation.start("platform", "request", account, "--kind", "sign-in").exit_code == 1
    assert "AliyunServiceRoleForAccountDeletion" not in str(installation.ask("platform", "show", account))
    messages = installation.ask("platform", "outbox", account)["messages"]
    results = [message for message in messages if message["template"] != "identity_code"]
    assert {message["channel"] for message in results} == {"email", "sms"}
    assert not any(message["body"] for message in messages), "blanked with the account"
    assert installation.start("audit", account, "--verify").exit_code == 0


def test_usage_billed_late_restores_then_closes_again(installation: Installation) -> None:
    """A21, A23, A24, A26: the second story of `make demo`."""
    account = "e2e-story-2"
    installation.load(
        sample_account(
            account,
            balance={"cash": "42.00", "promo": "0.00"},
            resources=[{"id": "i-1", "product": "ecs", "renounceable": True}],
        )
    )
    first = installation.make_silent(account)
    installation.ask("fast-forward", account, "5d")
    document = installation.ask("status", account)
    assert document["stage"] == "silent"
    assert document["remaining_seconds"] <= timedelta(days=2).total_seconds()
    installation.ask("platform", "charge", account, "--amount", "12.34", "--product", "ecs")
    installation.ask("fast-forward", account, "2d")

    document = installation.ask("status", account)
    assert (document["stage"], document["outcome"]) == ("restored", "restored")
    assert [item["amount"] for item in document["checklist"]] == ["12.34"]
    assert document["unrecoverable"], "told what can't come back"
    assert document["restart_advice"]
    shown = str(installation.ask("platform", "show", account))
    assert "i-1" not in shown, "what is gone stays gone"
    assert "AliyunServiceRoleForAccountDeletion" not in shown
    assert installation.start("platform", "request", account, "--kind", "api").exit_code == 0
    told = [
        message["body"]
        for message in installation.ask("platform", "outbox", account)["messages"]
        if message["template"] == "closure_restored"
    ]
    assert len(told) == 2, "by e-mail and by text message"

    bill = document["checklist"][0]["resource_id"]
    assert installation.close(account)["stage"] == "blocked", "still owed"
    installation.ask("platform", "pay", account, bill)
    document = installation.ask("recheck", account)
    assert document["stage"] == "ready"
    assert document["closure_id"] != first["closure_id"]
    installation.ask("confirm", account, "--as", "u-main", "--reason", "still moving")
    installation.ask("fast-forward", account, "6m")
    installation.ask("fast-forward", account, "7d")
    assert installation.ask("status", account)["outcome"] == "deleted"
    ended = installation.ask("status", account, "--closure", first["closure_id"])
    assert ended["outcome"] == "restored", "the first closure's record stays"


def test_usage_not_final_waits_then_deletes(installation: Installation) -> None:
    """A21: meters that are behind hold the final check, however long."""
    account = "e2e-story-3"
    installation.load(sample_account(account, usage_final_until="2026-01-01T00:00:00Z"))
    installation.make_silent(account)
    installation.ask("fast-forward", account, "7d")
    assert installation.ask("status", account)["stage"] == "final_check"
    installation.ask("platform", "meter", account, "--until", "2099-01-01T00:00:00Z")
    installation.start("recheck", account)
    installation.ask("fast-forward", account, "1h")
    assert installation.ask("status", account)["outcome"] == "deleted"


@pytest.mark.parametrize("method", ["email_code", "sms_code"])
def test_either_code_proves_identity(installation: Installation, method: str) -> None:
    """A12."""
    account = f"e2e-{method.replace('_', '-')}"
    installation.load(sample_account(account))
    code = installation.code_for(account, method=method)
    document = installation.ask("close", account, "--as", "u-main", "--code", code, "--agree")
    assert document["stage"] == "ready"
    document = installation.ask("withdraw", account, "--as", "u-main")
    assert (document["stage"], document["outcome"]) == ("withdrawn", "withdrawn")


def test_watch_in_a_pipe_follows_to_the_outcome(installation: Installation) -> None:
    account = "e2e-watch"
    installation.load(sample_account(account))
    installation.make_ready(account)
    with installation.begin("watch", account) as watching:
        assert watching.stdout is not None
        seen = [watching.stdout.readline()]  # it looks on before anything changes
        installation.ask("withdraw", account, "--as", "u-main")
        seen += watching.stdout.readlines()
        assert watching.wait(COMMAND_SECONDS) == 0
    assert "withdrawn" in "".join(seen)
    assert ESCAPE not in "".join(seen)
