"""The named steps of a closure's money: how its refund turns, and what stays due when it ends."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from closure import events
from closure.dues import Due
from closure.findings import Change
from closure.lifecycle import Stage
from closure.messages import Becomes, RefundState, RefundStatus
from closure.money import Money
from closure.state import ClosureState
from closure.transitions import require_stage


def refund_turned(
    state: ClosureState, refund: RefundStatus, *, is_ordered: bool, next_look: datetime, looked_by: str
) -> tuple[Change, ...]:
    """How the refund stands after a look, with an event for each turn that it has taken (T10).

    Asked again with what it knows already, it tells nothing anew.
    """
    require_stage(state, Stage.RETAINED, Stage.DELETING)
    turns = refund_turns(state, refund, is_ordered=is_ordered)
    after = replace(
        state,
        refund=refund if state.refund is not None or refund.money(refund.amount).minor else None,
        refund_started=state.refund_started or is_ordered,
        refund_look_at=next_look,
        refund_looked_by=looked_by,
        refund_changes=state.refund_changes + any(isinstance(each, events.RefundChanged) for each in turns),
    )
    return tuple(Change(after, each) for each in turns) or (Change(after),)


def refund_turns(
    state: ClosureState, refund: RefundStatus, *, is_ordered: bool
) -> tuple[events.RefundEvent, ...]:
    """The turns that a refund has taken since the record saw it last, in the order in which they are told."""
    before = state.refund or refund.model_copy(
        update={"status": RefundState.PENDING, "settled": None, "failed": None}
    )
    content = refund.model_dump(exclude={"status"})
    turns: list[events.RefundEvent] = []
    if before.amount != refund.amount:
        turns.append(events.RefundChanged(**content, amount_before=before.amount))
    if is_ordered and not state.refund_started:
        turns.append(events.RefundStarted(**{**content, "settled": None}))
    has_ended = refund.status is RefundState.SETTLED
    if not has_ended and before.money(before.settled) < refund.money(refund.settled):
        turns.append(events.RefundPartlySettled(**content))
    if before.money(before.failed) < refund.money(refund.failed):
        turns.append(events.RefundFailed(**content))
    if refund.status is RefundState.LATE and before.status is not RefundState.LATE:
        turns.append(events.RefundLate(**content))
    if has_ended and before.status is not RefundState.SETTLED and refund.money(refund.amount).minor:
        turns.append(events.RefundSettled(**content))
    return tuple(turns)


def refund_looked_at(state: ClosureState, *, next_look: datetime, looked_by: str) -> ClosureState:
    return replace(state, refund_look_at=next_look, refund_looked_by=looked_by)


def refund_paid_otherwise(state: ClosureState, amount: Money, reference: str) -> Change:
    """Staff paid part of the refund past its payments; `reference` is theirs."""
    require_stage(state, Stage.RETAINED, Stage.DELETING)
    refund = state.refund
    assert refund is not None, "there is no refund"
    paid = refund.money(refund.paid_otherwise) + amount
    return Change(
        replace(state, refund=refund.model_copy(update={"paid_otherwise": str(paid)})),
        events.RefundPaidOtherwise(amount=str(amount), currency=amount.currency, reference=reference),
    )


# What is left.


def leaves_seen(state: ClosureState, leaves: int) -> Change:
    """How many things stay due or are left behind, as it was seen last."""
    require_stage(state, Stage.RETAINED, Stage.DELETING)
    plan = None if state.plan is None else replace(state.plan, leaves=leaves)
    return Change(replace(state, plan=plan))


def dues_handed_over(state: ClosureState, dues: Iterable[Due], things: Iterable[Due]) -> Change:
    """Billing has what stays due; the audit says, too, what nobody looks after any more."""
    require_stage(state, Stage.DELETING)
    money, left = tuple(dues), tuple(things)
    event = events.DuesHandedOver(
        dues=tuple(
            events.HandedDue(
                kind=each.kind, amount=each.amount or "", currency=each.currency or "", becomes=each.becomes
            )
            for each in money
        ),
        left_behind=dict(Counter(each.kind for each in left)),
        due_ids=tuple(each.thing_id or each.kind.value for each in money),
        things=tuple(f"{each.kind.value}/{each.thing_id}" for each in left),
    )
    return Change(state, event)


def handed_over(contents: Iterable[events.Event]) -> tuple[events.HandedDue, ...]:
    """What was due in the end, by the audit: what was taken at any time, and the last list of the rest."""
    lists = [each.dues for each in contents if isinstance(each, events.DuesHandedOver)]
    is_taken = Becomes.TAKEN_FROM_REFUND
    taken = [due for dues in lists for due in dues if due.becomes is is_taken]
    rest = [due for due in (lists[-1] if lists else ()) if due.becomes is not is_taken]
    return (*taken, *rest)
