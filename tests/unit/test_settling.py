"""How a refund turns, look by look, and what the audit says of it and of what stays due."""

from dataclasses import replace
from datetime import timedelta

import pytest

from closure import events
from closure.dues import Due
from closure.errors import RefusalType, Refused
from closure.lifecycle import Mode, Stage
from closure.messages import Becomes, RefundState, RefundStatus
from closure.money import Money
from closure.policy_checks import Inspects
from closure.settling import dues_handed_over, handed_over, refund_paid_otherwise, refund_turned, refund_turns
from closure.state import ClosureState
from tests.harness.strategies import NOW

LOOK = NOW + timedelta(hours=12)


def refund(state: RefundState = RefundState.PENDING, amount: str = "10.00", **parts: str) -> RefundStatus:
    due_by = NOW + timedelta(days=14)
    return RefundStatus(status=state, amount=amount, currency="USD", due_by=due_by, **parts)


def closing(known: RefundStatus | None = None, *, is_started: bool = True) -> ClosureState:
    return ClosureState(
        closure_id="c-1",
        account_id="a-1",
        provider="twilio",
        policy="twilio",
        policy_version="1",
        mode=Mode.DELETE,
        workflow_id="closure/twilio/a-1",
        stage=Stage.RETAINED,
        opened_at=NOW,
        draft_until=NOW,
        refund=known,
        refund_started=is_started,
    )


def told(before: ClosureState, now: RefundStatus, *, is_ordered: bool = True) -> list[str]:
    turns = refund_turns(before, now, is_ordered=is_ordered)
    after = refund_turned(before, now, is_ordered=is_ordered, next_look=LOOK, looked_by="run/7")[-1].state
    assert refund_turns(after, now, is_ordered=is_ordered) == (), "told again, it is nothing new"
    return [each.TYPE.value.removeprefix("refund_") for each in turns]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (refund(), refund(), []),
        (refund(), refund(amount="9.00"), ["changed"]),
        (refund(), refund(RefundState.PARTLY_SETTLED, settled="4.00"), ["partly_settled"]),
        (
            refund(RefundState.PARTLY_SETTLED, settled="4.00"),
            refund(RefundState.PARTLY_SETTLED, settled="5.00"),
            ["partly_settled"],
        ),
        (refund(), refund(RefundState.SETTLED, settled="10.00"), ["settled"]),
        (refund(), refund(RefundState.FAILED, failed="10.00"), ["failed"]),
        (
            refund(RefundState.FAILED, failed="4.00"),
            refund(RefundState.LATE, failed="4.00"),
            ["late"],
        ),
        (refund(RefundState.FAILED, failed="4.00"), refund(RefundState.FAILED, failed="6.00"), ["failed"]),
        (refund(RefundState.LATE), refund(RefundState.LATE, failed="4.00"), ["failed"]),
        (
            refund(RefundState.FAILED, settled="6.00", failed="4.00"),
            refund(RefundState.SETTLED, settled="6.00", paid_otherwise="4.00"),
            ["settled"],
        ),
        (
            refund(RefundState.SETTLED, settled="10.00"),
            refund(RefundState.PARTLY_SETTLED, amount="60.00", settled="10.00"),
            ["changed"],
        ),
        (refund(), refund(RefundState.SETTLED, amount="0.00"), ["changed"]),
    ],
)
def test_each_turn_is_told_once(before: RefundStatus, now: RefundStatus, expected: list[str]) -> None:
    assert told(closing(before), now) == expected


def test_what_is_ordered_first_is_told_as_it_is_by_then() -> None:
    before = closing(refund(), is_started=False)
    assert told(before, refund(amount="9.00")) == ["changed", "started"]
    assert told(before, refund(RefundState.LATE)) == ["started", "late"]


def test_money_that_nobody_expected_is_a_refund_from_then_on() -> None:
    before = closing(is_started=False)
    assert told(before, refund(amount="50.00")) == ["started"]
    nothing = refund(RefundState.SETTLED, amount="0.00")
    assert told(before, nothing, is_ordered=False) == []
    (change,) = refund_turned(before, nothing, is_ordered=False, next_look=LOOK, looked_by="run/7")
    assert change.state.refund is None


def test_a_change_says_how_much_it_was() -> None:
    (change,) = refund_turned(
        closing(refund()), refund(amount="9.00"), is_ordered=True, next_look=LOOK, looked_by="run/7"
    )
    assert isinstance(change.event, events.RefundChanged)
    assert (change.event.amount_before, change.event.amount) == ("10.00", "9.00")
    assert (change.state.refund_changes, change.state.refund_look_at) == (1, LOOK)


def test_payments_past_the_provider_add_up() -> None:
    before = closing(refund(failed="4.00", paid_otherwise="1.00"))
    change = refund_paid_otherwise(before, Money.parse("2.00", "USD"), "wire")
    assert change.state.refund is not None
    assert change.state.refund.paid_otherwise == "3.00"
    assert change.event == events.RefundPaidOtherwise(amount="2.00", currency="USD", reference="wire")


def test_what_stays_due_is_in_the_audit_by_kind_and_amount_and_by_id_under_the_accounts_key() -> None:
    dues = [
        Due(kind=Inspects.BILLS, becomes=Becomes.STAYS_DUE, thing_id="b-1", amount="80.00", currency="USD"),
        Due(kind=Inspects.DEBT, becomes=Becomes.STAYS_DUE, amount="75.00", currency="USD"),
    ]
    things = [
        Due(kind=Inspects.DOMAINS, becomes=Becomes.LEFT_BEHIND, thing_id=each)
        for each in ("jane-doe.example", "b.example")
    ]
    event = dues_handed_over(replace(closing(), stage=Stage.DELETING), dues, things).event
    assert isinstance(event, events.DuesHandedOver)
    assert [(each.kind, each.amount) for each in event.dues] == [("bills", "80.00"), ("debt", "75.00")]
    assert event.left_behind == {Inspects.DOMAINS: 2}
    assert event.due_ids == ("b-1", "debt")
    public = event.model_dump(mode="json", exclude=set(event.personal_fields()))
    assert "jane-doe" not in str(public)
    assert "b-1" not in str(public)


def test_what_was_taken_stays_told_when_the_last_list_has_the_rest() -> None:
    def handed(amount: str, becomes: Becomes) -> events.HandedDue:
        return events.HandedDue(kind=Inspects.BILLS, amount=amount, currency="USD", becomes=becomes)

    taken, old, new = (
        handed("80.00", Becomes.TAKEN_FROM_REFUND),
        handed("30.00", Becomes.STAYS_DUE),
        handed("31.00", Becomes.STAYS_DUE),
    )
    story = [events.DuesHandedOver(dues=(taken, old)), events.Resumed(), events.DuesHandedOver(dues=(new,))]
    assert handed_over(story) == (taken, new)
    assert handed_over(story[1:2]) == ()


def test_no_money_turns_before_the_account_has_stopped() -> None:
    early = replace(closing(refund()), stage=Stage.READY)
    for act in (
        lambda: refund_turned(early, refund(), is_ordered=True, next_look=LOOK, looked_by="run/7"),
        lambda: refund_paid_otherwise(early, Money.parse("1.00", "USD"), "wire"),
        lambda: dues_handed_over(closing(), (), ()),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.type is RefusalType.STAGE_CONFLICT
