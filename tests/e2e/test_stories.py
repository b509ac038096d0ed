"""Whole closures by the commands alone, under the policy's real durations (A1 to A27)."""

from datetime import datetime, timedelta

import pytest

from tests.harness.installed_program import COMMAND_SECONDS, ESCAPE, InstalledProgram, Json, sample_account


def items_by_thing(document: Json) -> dict[str, Json]:
    return {item["resource_id"] or item["check"]: item for item in document["checklist"]}


def test_blocked_handled_renounced_confirmed_silent_deleted(installed_program: InstalledProgram) -> None:
    """A1, A3, A6 to A8, A15 to A22, A24, A25: the first story of `make demo`."""
    account = "e2e-story-1"
    installed_program.load(
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

    document = installed_program.close(account)
    assert (document["stage"], document["survey_number"]) == ("blocked", 1)
    found = items_by_thing(document)
    manual = {"b-1", "example.com", "r-1"}
    assert {thing for thing, item in found.items() if item["category"] == "manual"} == manual
    assert len(found) == 7
    assert (found["b-1"]["amount"], found["b-1"]["currency"]) == ("18.20", "USD")
    assert all(item["how_to"] for item in found.values())

    for handled in ("pay b-1", "transfer example.com", "unlink r-1"):
        act, thing = handled.split()
        installed_program.ask("platform", act, account, thing)
    document = installed_program.ask("recheck", account)
    assert (document["stage"], document["survey_number"]) == ("blocked", 2)
    assert {item["category"] for item in document["checklist"]} == {"renounceable"}

    document = installed_program.ask("renounce", account, "--all", "--as", "u-main", "--accept-risk")
    assert document["stage"] == "ready"
    assert all(item["renounced"] for item in document["checklist"])

    plan_hash = document["plan_hash"]
    document = installed_program.ask(
        "confirm", account, "--as", "u-main", "--reason", "moving away", "--plan-hash", plan_hash
    )
    assert document["stage"] == "entering"
    installed_program.ask("fast-forward", account, "6m")
    document = installed_program.ask("status", account)
    assert document["stage"] == "silent"
    wait = datetime.fromisoformat(document["silent_until"]) - datetime.fromisoformat(document["confirmed_at"])
    assert timedelta(days=7, minutes=5) <= wait < timedelta(days=7, minutes=6)
    assert 0 < document["remaining_seconds"] < timedelta(days=7).total_seconds()

    assert installed_program.start("platform", "request", account, "--kind", "api").exit_code == 1
    assert (
        installed_program.ask("platform", "request", account, "--kind", "sign-in")["scope"]
        == "closure-status"
    )
    shown = installed_program.ask("platform", "show", account)
    assert "vpc-1" not in str(shown), "released in the order of their dependencies"
    assert "AliyunServiceRoleForAccountDeletion" in str(shown)

    installed_program.ask("fast-forward", account, "7d")
    document = installed_program.ask("status", account)
    assert (document["stage"], document["outcome"]) == ("deleted", "deleted")
    assert document["remaining_seconds"] is None
    assert installed_program.start("platform", "request", account, "--kind", "sign-in").exit_code == 1
    assert "AliyunServiceRoleForAccountDeletion" not in str(
        installed_program.ask("platform", "show", account)
    )
    messages = installed_program.ask("platform", "outbox", account)["messages"]
    results = [message for message in messages if message["template"] != "identity_code"]
    assert {message["channel"] for message in results} == {"email", "sms"}
    assert not any(message["body"] for message in messages), "blanked with the account"
    assert installed_program.start("audit", account, "--verify").exit_code == 0


def test_usage_billed_late_restores_then_closes_again(installed_program: InstalledProgram) -> None:
    """A21, A23, A24, A26: the second story of `make demo`."""
    account = "e2e-story-2"
    installed_program.load(
        sample_account(
            account,
            balance={"cash": "42.00", "promo": "0.00"},
            resources=[{"id": "i-1", "product": "ecs", "renounceable": True}],
        )
    )
    first = installed_program.make_silent(account)
    installed_program.ask("fast-forward", account, "5d")
    document = installed_program.ask("status", account)
    assert document["stage"] == "silent"
    assert document["remaining_seconds"] <= timedelta(days=2).total_seconds()
    installed_program.ask("platform", "charge", account, "--amount", "12.34", "--product", "ecs")
    installed_program.ask("fast-forward", account, "2d")

    document = installed_program.ask("status", account)
    assert (document["stage"], document["outcome"]) == ("restored", "restored")
    assert [item["amount"] for item in document["checklist"]] == ["12.34"]
    assert document["unrecoverable"], "told what can't come back"
    assert document["restart_advice"]
    shown = str(installed_program.ask("platform", "show", account))
    assert "i-1" not in shown, "what is gone stays gone"
    assert "AliyunServiceRoleForAccountDeletion" not in shown
    assert installed_program.start("platform", "request", account, "--kind", "api").exit_code == 0
    told = [
        message["body"]
        for message in installed_program.ask("platform", "outbox", account)["messages"]
        if message["template"] == "closure_restored"
    ]
    assert len(told) == 2, "by e-mail and by text message"

    bill = document["checklist"][0]["resource_id"]
    assert installed_program.close(account)["stage"] == "blocked", "still owed"
    installed_program.ask("platform", "pay", account, bill)
    document = installed_program.ask("recheck", account)
    assert document["stage"] == "ready"
    assert document["closure_id"] != first["closure_id"]
    installed_program.ask("confirm", account, "--as", "u-main", "--reason", "still moving", "--yes")
    installed_program.ask("fast-forward", account, "6m")
    installed_program.ask("fast-forward", account, "7d")
    assert installed_program.ask("status", account)["outcome"] == "deleted"
    ended = installed_program.ask("status", account, "--closure", first["closure_id"])
    assert ended["outcome"] == "restored", "the first closure's record stays"


def test_usage_not_final_waits_then_deletes(installed_program: InstalledProgram) -> None:
    """A21: meters that are behind hold the final check, however long."""
    account = "e2e-story-3"
    installed_program.load(sample_account(account, usage_final_until="2026-01-01T00:00:00Z"))
    installed_program.make_silent(account)
    installed_program.ask("fast-forward", account, "7d")
    assert installed_program.ask("status", account)["stage"] == "final_check"
    installed_program.ask("platform", "meter", account, "--until", "2099-01-01T00:00:00Z")
    installed_program.start("recheck", account)
    installed_program.ask("fast-forward", account, "1h")
    assert installed_program.ask("status", account)["outcome"] == "deleted"


@pytest.mark.parametrize("method", ["email_code", "sms_code"])
def test_either_code_proves_identity(installed_program: InstalledProgram, method: str) -> None:
    """A12."""
    account = f"e2e-{method.replace('_', '-')}"
    installed_program.load(sample_account(account))
    code = installed_program.code_for(account, method=method)
    document = installed_program.ask("close", account, "--as", "u-main", "--code", code, "--agree")
    assert document["stage"] == "ready"
    document = installed_program.ask("withdraw", account, "--as", "u-main")
    assert (document["stage"], document["outcome"]) == ("withdrawn", "withdrawn")


def test_watch_in_a_pipe_follows_to_the_outcome(installed_program: InstalledProgram) -> None:
    account = "e2e-watch"
    installed_program.load(sample_account(account))
    installed_program.make_ready(account)
    with installed_program.begin("watch", account) as watching:
        assert watching.stdout is not None
        seen = [watching.stdout.readline()]  # it looks on before anything changes
        installed_program.ask("withdraw", account, "--as", "u-main")
        seen += watching.stdout.readlines()
        assert watching.wait(COMMAND_SECONDS) == 0
    assert "withdrawn" in "".join(seen)
    assert ESCAPE not in "".join(seen)
