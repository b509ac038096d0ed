import shlex

import pytest
import typer

from closure.lifecycle import Stage
from closure.messages import ChecklistItem, ItemCategory
from commandline.next_step import next_steps
from starter import every_command
from tests.harness.strategies import NOW
from tests.unit.examples import item, status

MANUAL = item("unpaid-bills/b-1")
RENOUNCEABLE = item("balance", ItemCategory.RENOUNCEABLE)
GIVEN_UP = item("balance", ItemCategory.RENOUNCEABLE, renounced=True)
UNKNOWN = item("unknown/billing", ItemCategory.UNKNOWN)


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_says_what_to_do_next_or_that_nothing_is_left(stage: Stage) -> None:
    steps = next_steps(status(stage=stage, checklist=[MANUAL], silent_until=NOW, delete_after=NOW))
    assert steps
    assert all(step.strip() for step in steps)


@pytest.mark.parametrize(
    ("checklist", "commands"),
    [
        ([MANUAL], ["platform", "recheck"]),
        ([RENOUNCEABLE], ["renounce"]),
        ([UNKNOWN], ["recheck"]),
        ([MANUAL, RENOUNCEABLE], ["renounce", "platform", "recheck"]),
        ([MANUAL, GIVEN_UP], ["platform", "recheck"]),
    ],
)
def test_a15_what_blocks_decides_what_to_do(checklist: list[ChecklistItem], commands: list[str]) -> None:
    can_go = any(each.category is ItemCategory.RENOUNCEABLE and each.blocks for each in checklist)
    actions = ["renounce"] if can_go else []
    steps = next_steps(status(stage="blocked", checklist=checklist, actions=actions))
    assert [step.split("python starter.py ")[1].split()[0] for step in steps] == commands


def test_a16_the_risk_is_named_where_things_are_given_up() -> None:
    (step,) = next_steps(status(stage="blocked", checklist=[RENOUNCEABLE], actions=["renounce"]))
    assert "risk" in step
    assert "--accept-risk" in step


def test_a17_confirming_is_bound_to_the_plan_that_was_seen() -> None:
    ready = status(stage="ready", plan_hash="a" * 64, actions=["confirm", "withdraw"], opened_by="u-1")
    confirm, withdraw = next_steps(ready)
    assert f" confirm ali-1 --as u-1 --reason REASON --plan-hash {'a' * 64}" in confirm
    assert "nothing can be revoked" in confirm
    assert withdraw.endswith(" withdraw ali-1 --as u-1")
    assert next_steps(ready, "u-2")[1].endswith(" withdraw ali-1 --as u-2"), "who acted acts next"


def test_confirming_takes_the_phrase_and_waits_for_the_second_person() -> None:
    ready = {"stage": "ready", "plan_hash": "a" * 64}
    (confirm,) = next_steps(status(**ready, actions=["confirm"], phrase="close ali-1"))
    assert " --phrase 'close ali-1' " in confirm
    approve, withdraw = next_steps(status(**ready, actions=["approve", "withdraw"]))
    assert f" approve ali-1 --as USER --plan-hash {'a' * 64}" in approve
    assert " withdraw " in withdraw


def test_t10_a_refund_that_failed_is_paid_another_way_and_recorded() -> None:
    refund = {
        "status": "failed",
        "amount": "9.00",
        "failed": "5.00",
        "currency": "USD",
        "due_by": NOW,
    }
    settle, _ = next_steps(status(stage="retained", delete_after=NOW, refund=refund, actions=["recheck"]))
    assert settle.endswith(" refund settle c-1 --amount 5.00 --reference REFERENCE")


def test_what_waits_can_be_looked_at_at_once_where_that_is_not_refused() -> None:
    waiting = {"reason": "legal_hold", "since": NOW}
    held = status(stage="deleting", waiting_for=waiting, actions=["recheck"])
    assert " recheck ali-1" in next_steps(held)[0]
    assert not any(" recheck " in step for step in next_steps(status(stage="deleting", waiting_for=waiting)))


def test_a_closure_that_nobody_answered_says_whether_it_still_may_be() -> None:
    asked = {"stage": "opened", "standing": "unanswered"}
    (awaited,) = next_steps(status(**asked, waiting_for={"reason": "no_answer", "since": NOW}))
    assert awaited.endswith(" status ali-1")
    (lapsed,) = next_steps(status(**asked))
    assert lapsed.endswith(" plan ali-1")


def test_a20_a_wait_says_until_when_and_that_nobody_can_shorten_it() -> None:
    (step,) = next_steps(status(stage="silent", silent_until=NOW, remaining_seconds=86_400))
    assert "until 2026-11-24 12:00:00 UTC, 1 day from now" in step
    assert "nobody can shorten or revoke it" in step


def test_a23_a_restored_customer_reads_the_policys_advice_first() -> None:
    first, again = next_steps(status(stage="restored", restart_advice="Pay first."))
    assert first == "Pay first."
    assert again.endswith(" plan ali-1")


@pytest.mark.parametrize("stage", list(Stage))
def test_a_command_can_be_copied_whatever_the_account_is_called(stage: Stage) -> None:
    hostile = "x; rm -rf $HOME '"
    steps = next_steps(
        status(stage=stage, account_id=hostile, checklist=[MANUAL], silent_until=NOW, delete_after=NOW)
    )
    commands = [step.partition("python starter.py ")[2] for step in steps if "python starter.py " in step]
    assert commands
    for command in commands:
        assert shlex.quote(hostile) in command


@pytest.mark.parametrize("account", ["-1", "--json", "-", "--", "-as", "a b", "ali-1"])
def test_what_is_printed_names_the_account_whatever_its_id_looks_like(account: str) -> None:
    ready = status(
        account_id=account,
        stage="ready",
        plan_hash="a" * 64,
        actions=["recheck", "confirm", "withdraw"],
        opened_by="-u",
        item_count=201,
        pages=2,
    )
    steps = next_steps(ready, proof=["--code", "CODE"])
    assert len(steps) == 3
    for step in steps:
        options = options_of(step)
        assert options["account"] == account
        assert options.get("actor", "-u") == "-u"
    assert options_of(next_steps(status(account_id=account, stage="deleted"))[0])["verify"] is True


def options_of(step: str) -> dict[str, object]:
    """What the command line makes of the command that a step ends with."""
    name, *words = shlex.split(step.split("python starter.py ")[1])
    group = typer.main.get_command(every_command())
    each = getattr(group, "commands", {})[name]
    context = each.make_context(name, words)
    parsed: dict[str, object] = dict(context.params)
    return parsed
