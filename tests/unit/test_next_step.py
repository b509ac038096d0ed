import shlex

import pytest

from closure.lifecycle import Stage
from closure.messages import ChecklistItem, ItemCategory
from commandline.next_step import next_steps
from tests.unit.examples import item, status
from tests.unit.strategies import NOW

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
    steps = next_steps(status(stage="blocked", checklist=checklist))
    assert [step.split("python starter.py ")[1].split()[0] for step in steps] == commands


def test_a16_the_risk_is_named_where_things_are_given_up() -> None:
    (step,) = next_steps(status(stage="blocked", checklist=[RENOUNCEABLE]))
    assert "risk" in step
    assert "--accept-risk" in step


def test_a17_confirming_is_bound_to_the_plan_that_was_seen() -> None:
    confirm, withdraw = next_steps(status(stage="ready", plan_hash="a" * 64))
    assert f"--plan-hash {'a' * 64}" in confirm
    assert "nothing can be revoked" in confirm
    assert " withdraw ali-1 " in withdraw


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
