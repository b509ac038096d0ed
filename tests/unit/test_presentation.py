"""What a person reads of a closure in the Temporal Web UI."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.deadlines import DeadlineKind
from closure.lifecycle import Stage
from closure.messages import RefundState
from closure.state import ClosureView
from closure.waiting import WAITING_TEXTS, WaitingReason
from tests.harness.instances import instances
from tests.harness.strategies import NOW
from workflows.presentation import current_details, escaped

HASH = "0123456789abcdef" * 4


def view(**fields: object) -> ClosureView:
    """By default of a closure that is being checked."""
    defaults: dict[str, object] = {
        "closure_id": "c-1",
        "stage": "checking",
        "mode": "delete",
        "policy": "alibaba-cloud",
        "policy_version": "2026-11-01",
        "opened_at": NOW,
        "draft_until": NOW,
    }
    return ClosureView.model_validate({**defaults, **fields})


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_has_a_heading_and_a_story(stage: Stage) -> None:
    lines = current_details(view(stage=stage)).splitlines()
    assert lines[0] == f"### {stage.value.replace('_', ' ').capitalize()}"
    assert lines[2].endswith(".")
    assert lines[-1] == r"Policy alibaba-cloud, version 2026-11-01 · survey 0"


def test_a_deadline_and_what_comes_next_are_shown() -> None:
    deadline = {"what": DeadlineKind.FINAL_CHECK, "at": NOW}
    text = current_details(view(stage="silent", deadline=deadline))
    assert "**Deadline:** 2026-11-24 12:00:00 UTC" in text
    assert "**Next:**" in text


@pytest.mark.parametrize("reason", list(WaitingReason))
def test_what_is_waited_for_is_shown_with_its_beginning(reason: WaitingReason) -> None:
    text = current_details(view(stage="final_check", waiting={"reason": reason, "since": NOW}))
    assert f"**Waiting:** {WAITING_TEXTS[reason]}, since 2026-11-24 12:00 UTC" in text


@pytest.mark.parametrize("refund", list(RefundState))
def test_how_the_refund_stands_is_shown(refund: RefundState) -> None:
    assert f"**Refund:** {refund.value.replace('_', ' ')}" in current_details(view(refund=refund))


def test_a15_how_much_blocks_and_what_found_it_is_shown_and_no_item() -> None:
    text = current_details(view(stage="blocked", item_count=3, blocking=2, checks=["debt", "domains"]))
    assert "**Checklist:** 3 items, 2 of them block: debt, domains" in text
    assert "Checklist" not in current_details(view(stage="ready"))


def test_what_was_given_up_is_no_longer_said_to_block() -> None:
    text = current_details(view(stage="ready", item_count=2, checks=["balance"]))
    assert "**Checklist:** 2 items, none of them blocks any more: balance" in text


def test_a_closure_that_has_ended_shows_its_certificate_and_money() -> None:
    kinds = ("forfeited_cash", "forfeited_promo", "voided_debt", "refunded", "paid_otherwise")
    money = {
        **dict.fromkeys(kinds, "0.00"),
        "currency": "USD",
        "forfeited_cash": "200.00",
        "refunded": "7.50",
    }
    text = current_details(view(stage="deleted", certificate_id=HASH, moved_money=money))
    assert f"**Certificate:** `{HASH}`" in text
    assert "**Money:** cash forfeited 200.00 USD, refunded 7.50 USD" in text
    assert "**Money:** none was moved" in current_details(view(stage="dormant", certificate_id=HASH))
    assert "Money" not in current_details(view(stage="withdrawn"))


def test_the_plan_hash_is_shown_when_it_is_needed() -> None:
    assert f"`{HASH}`" in current_details(view(stage="ready", plan_hash=HASH))
    assert HASH not in current_details(view(stage="silent", plan_hash=HASH))


@given(instances(ClosureView, look_again_in=st.none() | st.floats(0, 86_400)))
def test_whatever_a_closure_is_like_it_can_be_shown(shown: ClosureView) -> None:
    text = current_details(shown)
    assert text.startswith("### ")
    assert len(text) < 4_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a*b*", r"a\*b\*"),
        ("a|b", r"a\|b"),
        ("[x](http://evil)", r"\[x\](http://evil)"),
        ("<script>", r"\<script\>"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("two\nlines\r\n# three", r"two lines \# three"),
        ("`code`", r"\`code\`"),
        ("back\\slash", r"back\\slash"),
        ("\x1b[31mred\x9b0m \u202ekcab\u2066", r"\[31mred0m kcab"),
    ],
)
def test_text_from_outside_is_no_markup(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_name_of_a_policy_or_a_check_can_break_a_line(policy: str, version: str, check: str) -> None:
    shown = view(stage="blocked", policy=policy, policy_version=version, checks=[check], item_count=1)
    lines = current_details(shown).split("\n")
    assert len(lines) == len(
        current_details(view(stage="blocked", checks=["debt"], item_count=1)).split("\n")
    )
    for name in (policy, version, check):
        assert escaped(name) in "\n".join(lines)
