"""The named steps of a closure's lifecycle: pure, each gives the next state and the event that says so.

What the lifecycle lacks is refused here, whoever asks for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from closure import events
from closure.errors import RefusalType, Refused
from closure.findings import Change, CountedItems, Findings
from closure.lifecycle import UNCONFIRMED, Mode, Stage, may_step
from closure.messages import ChecklistItem, RefundStatus
from closure.policy import Policy
from closure.state import Approver, ClosureState
from closure.waiting import Waiting, WaitingReason

NOT_CONFIRMED = "nobody confirmed in time"
GOES_WITH_OWNER = "the account goes with the closure of the account that owns it"
CHANGES_NAMED = 200
"""Items and changes that one audit event names: the record has all of them."""
OWED_NAMED = 5
"""Items that the reason for a restoration names."""
HELD_UP_NAMED = 50
"""Subaccounts that one audit event names."""
LATE_MONEY_INTERVAL = timedelta(days=5)
"""How often an account whose data is kept is looked at although nothing has to go back."""


def at_stage(state: ClosureState, stage: Stage) -> ClosureState:
    """The state in another stage; what it waited for is over.

    Raises:
        Refused: `STAGE_CONFLICT` when the lifecycle has no such step. Staying is none: who asks for a step
            that another attempt has taken is behind.
    """
    if not may_step(state.stage, stage):
        raise Refused(
            RefusalType.STAGE_CONFLICT,
            f"closure {state.closure_id} can't go from {state.stage.value} to {stage.value}",
        )
    return replace(state, stage=stage, waiting=None)


def require_stage(state: ClosureState, *stages: Stage) -> None:
    if state.stage not in stages:
        raise Refused(
            RefusalType.STAGE_CONFLICT,
            f"closure {state.closure_id} is {state.stage.value}: this has no place",
        )


def _after_check(state: ClosureState, counted: CountedItems) -> ClosureState:
    """Where a checklist leads, which may be where the closure is; only before confirm.

    Raises:
        Refused: `STAGE_CONFLICT` once it is confirmed.
    """
    require_stage(state, *UNCONFIRMED)
    stage = counted.stage
    return state if state.stage is stage else at_stage(state, stage)


# Until confirm.


def check_started(state: ClosureState) -> Change:
    return Change(at_stage(state, Stage.CHECKING), events.CheckStarted())


def _with_items(state: ClosureState, counted: CountedItems) -> ClosureState:
    """The state's counts of a checklist."""
    return replace(state, item_count=counted.number, blocking=counted.blocking, checks=counted.checks)


def _with_findings(state: ClosureState, findings: Findings) -> ClosureState:
    counted = _with_items(state, findings.counted)
    return replace(counted, survey_number=state.survey_number + 1, plan=findings.summary)


def surveyed(state: ClosureState, findings: Findings) -> Change:
    """The checklist is as the survey found it; another plan voids an approval (A15)."""
    after = _with_findings(_after_check(state, findings.counted), findings)
    return Change(
        after,
        events.Surveyed(
            survey=after.survey_number,
            items=after.item_count,
            blocking=after.blocking,
            plan_hash=findings.plan_hash,
        ),
    )


def found_stopped(state: ClosureState) -> Change:
    """The record is older than the platform: the account stands stopped, and must not be left so."""
    return Change(replace(state, found_stopped=True), events.FoundStopped())


def renounced(state: ClosureState, items: Iterable[ChecklistItem], given_up: Sequence[str]) -> Change:
    """`items` is the whole checklist after it (A16)."""
    counted = CountedItems.of(items)
    after = _with_items(_after_check(state, counted), counted)
    return Change(after, events.Renounced(number=len(given_up), items=tuple(given_up[:CHANGES_NAMED])))


def approved(state: ClosureState, approver: Approver) -> Change:
    """Somebody approved the plan as it stands; the same person again counts once."""
    require_stage(state, *UNCONFIRMED)
    if state.plan is None:
        raise Refused(RefusalType.NOT_READY, "the system check is still running")
    plan_hash = state.plan.plan_hash
    others = state.approved_by if state.approved_plan == plan_hash else ()
    others = tuple(each for each in others if each.person != approver.person)
    after = replace(state, approved_plan=plan_hash, approved_by=(*others, approver))
    return Change(after, events.Approved(plan_hash=plan_hash))


def withdrawn(state: ClosureState) -> Change:
    return Change(at_stage(state, Stage.WITHDRAWN), events.Withdrawn())


def taken_along(state: ClosureState, owner_closure: str) -> Change:
    """The closure of the account's owner has claimed the account: nobody confirms this one any more."""
    after = replace(at_stage(state, Stage.WITHDRAWN), outcome_reason=GOES_WITH_OWNER)
    return Change(after, events.TakenAlong(owner_closure=owner_closure))


def expired(state: ClosureState) -> Change:
    after = replace(at_stage(state, Stage.EXPIRED), outcome_reason=NOT_CONFIRMED)
    return Change(after, events.Expired())


# Confirm, and a cool-off.


def confirmed(
    state: ClosureState, policy: Policy, findings: Findings, *, reason: str, now: datetime
) -> Change:
    """From here on there is no way back, or only while the policy's cool-off lasts (A17)."""
    require_stage(state, Stage.READY)
    event = events.Confirmed(plan_hash=findings.plan_hash, reason=reason)
    surveyed_state = replace(
        _with_findings(state, findings), confirmed_at=now, confirmations=state.confirmations + 1
    )
    if policy.cool_off is None:
        return Change(_entering(surveyed_state, policy, now), event)
    cooling = replace(
        at_stage(surveyed_state, Stage.COOLING_OFF),
        cool_off_until=now + policy.cool_off.duration,
        reminders_sent=0,
    )
    return Change(cooling, event)


def _entering(state: ClosureState, policy: Policy, since: datetime) -> ClosureState:
    return replace(at_stage(state, Stage.ENTERING), entering_until=since + policy.entering_duration)


def reminded(state: ClosureState) -> Change:
    require_stage(state, Stage.COOLING_OFF)
    assert state.cool_off_until is not None
    after = replace(state, reminders_sent=state.reminders_sent + 1)
    return Change(after, events.Reminded(irrevocable_from=state.cool_off_until))


def cool_off_ended(state: ClosureState, policy: Policy, findings: Findings) -> Change:
    """The account is as it was confirmed: the irrevocable part begins when the cool-off was over."""
    require_stage(state, Stage.COOLING_OFF)
    assert state.cool_off_until is not None
    after = _entering(_with_findings(state, findings), policy, state.cool_off_until)
    return Change(after, events.CoolOffEnded(plan_hash=findings.plan_hash))


def cool_off_stopped(state: ClosureState, policy: Policy, findings: Findings, *, now: datetime) -> Change:
    """The account has changed since confirm: the customer is asked again."""
    require_stage(state, Stage.COOLING_OFF)
    after = replace(
        _with_findings(at_stage(state, findings.stage), findings),
        confirmed_at=None,
        cool_off_until=None,
        draft_until=now + policy.draft_lifetime,
    )
    changes = findings.changes[:CHANGES_NAMED]
    return Change(after, events.CoolOffStopped(plan_hash=findings.plan_hash, changes=changes))


# Entering.


def access_stopped(state: ClosureState, *, at: datetime, subaccounts: int) -> Change:
    """In one step the account and all it owns stopped (A18, T4)."""
    require_stage(state, Stage.ENTERING)
    after = replace(state, access_stopped_at=at, subaccounts=subaccounts)
    return Change(after, events.AccessStopped(access_stopped_at=at, subaccounts=subaccounts))


def plan_adapted(state: ClosureState, findings: Findings) -> Change:
    """There is something else than was confirmed: less, or what the policy includes; the plan has it now."""
    require_stage(state, Stage.ENTERING)
    after = replace(state, plan=findings.summary)
    return Change(
        after,
        events.PlanAdapted(
            plan_hash=findings.plan_hash,
            subaccounts=state.subaccounts,
            changes=findings.changes[:CHANGES_NAMED],
        ),
    )


def appeared_later(state: ClosureState, findings: Findings) -> Change:
    """Something turned up that nobody has consented to lose, and nothing is lost yet: all goes back."""
    beyond = findings.uncovered or ()
    after = _with_items(at_stage(state, Stage.RESTORING), findings.counted)
    return Change(
        replace(after, outcome_reason=f"not in what was confirmed: {'; '.join(beyond[:OWED_NAMED])}"),
        events.AppearedLater(number=len(beyond), appeared=beyond[:OWED_NAMED]),
    )


def silence_began(state: ClosureState, policy: Policy, *, now: datetime) -> Change:
    silent_until = now + policy.silent_period
    after = replace(
        at_stage(state, Stage.SILENT),
        silent_until=silent_until,
        delete_after=silent_until + policy.retention,
    )
    return Change(after, events.SilenceBegan(silent_until=silent_until))


def fell_asleep(state: ClosureState) -> Change:
    """A soft close ends: data and money stay (T6)."""
    return Change(at_stage(state, Stage.DORMANT), events.Dormant())


# The end.


def final_check_began(state: ClosureState) -> Change:
    return Change(at_stage(state, Stage.FINAL_CHECK), events.FinalCheckBegan())


def final_check_failed(
    state: ClosureState,
    owed: tuple[ChecklistItem, ...],
    appeared: tuple[str, ...] = (),
    *,
    items: Iterable[ChecklistItem] = (),
) -> Change:
    """Something is owed, or has appeared since: the account goes back, and `items` say what (A23)."""
    after = _with_items(at_stage(state, Stage.RESTORING), CountedItems.of(items or owed))
    event = events.FinalCheckFailed(
        number=len(owed),
        owed=tuple(item.item_id for item in owed[:OWED_NAMED]),
        appeared=appeared[:OWED_NAMED],
    )
    reasons = [owed_text(owed)] if owed else []
    reasons += [f"not in what was confirmed: {'; '.join(appeared[:OWED_NAMED])}"] if appeared else []
    return Change(replace(after, outcome_reason="; ".join(reasons)), event)


def owed_text(owed: Sequence[ChecklistItem]) -> str:
    """What is owed, in a sentence."""
    named = owed[:OWED_NAMED]
    what = ", ".join(f"{item.item_id} {item.amount or ''} {item.currency or ''}".strip() for item in named)
    more = f" and {len(owed) - len(named)} more" if len(owed) > len(named) else ""
    return f"newly found at the final check: {what}{more}"


def final_check_passed(state: ClosureState) -> Change:
    require_stage(state, Stage.FINAL_CHECK)
    return Change(replace(state, waiting=None), events.FinalCheckPassed())


def restored(state: ClosureState) -> Change:
    return Change(replace(at_stage(state, Stage.RESTORED), delete_after=None), events.Restored())


def retention_began(
    state: ClosureState,
    policy: Policy,
    *,
    since: datetime,
    refund: RefundStatus | None,
    refund_order_by: datetime | None = None,
) -> Change:
    """The account is closed; its data is kept for the policy's retention from `since` on (T5).

    A refund is looked after at once; where there is none, what arrives later is looked for.
    """
    after = replace(
        at_stage(state, Stage.RETAINED),
        delete_after=since + policy.retention,
        refund=refund,
        refund_look_at=None if refund is not None else since + LATE_MONEY_INTERVAL,
        refund_order_by=refund_order_by,
    )
    return Change(after, events.RetentionBegan(delete_after=since + policy.retention))


def deletion_began(
    state: ClosureState, *, refund: RefundStatus | None = None, refund_order_by: datetime | None = None
) -> Change:
    after = replace(
        at_stage(state, Stage.DELETING),
        refund=state.refund or refund,
        refund_order_by=state.refund_order_by or refund_order_by,
        refund_look_at=None,  # at the end all is looked at, and tried, once more
    )
    return Change(after, events.DeletionBegan())


def subaccounts_joined(state: ClosureState, number: int) -> Change:
    """What has no closure of its own any more goes with the account, too."""
    require_stage(state, Stage.DELETING)
    after = replace(state, subaccounts=state.subaccounts + number)
    return Change(after, events.SubaccountsJoined(subaccounts=number))


def subaccounts_deleted(state: ClosureState, number: int) -> Change:
    require_stage(state, Stage.DELETING)
    after = replace(state, subaccounts=state.subaccounts - number)
    return Change(after, events.SubaccountsDeleted(subaccounts=number))


def subaccounts_held_up(state: ClosureState, reasons: Mapping[str, str]) -> Change:
    """Told once, not in every round; `reasons` by the subaccounts' ids."""
    event = events.SubaccountsHeldUp(
        count=len(reasons),
        subaccounts=tuple(sorted(reasons)[:HELD_UP_NAMED]),
        reasons=tuple(sorted(set(reasons.values()))),
    )
    return Change(replace(state, told_of_held_up=True), event)


def deleted(state: ClosureState) -> Change:
    """The account and its data are gone; so is what the state says of them (A22)."""
    return Change(without_personal_data(at_stage(state, Stage.DELETED)), events.Deleted())


def erased_again(state: ClosureState, deleted_at: datetime) -> Change:
    """From any stage: the account was deleted once, and a restored backup does not undo that."""
    after = without_personal_data(replace(state, stage=Stage.DELETED))
    return Change(after, events.ErasedAgain(deleted_at=deleted_at))


def without_personal_data(state: ClosureState) -> ClosureState:
    """What may stay of a state when the account and its data are gone."""
    return replace(
        state, item_count=0, blocking=0, checks=(), outcome_reason=None, approved_by=(), waiting=None
    )


# Waiting.

_WAITS: dict[WaitingReason, type[events.Event]] = {
    WaitingReason.LEGAL_HOLD: events.LegalHoldFound,
    WaitingReason.BRAKE: events.Braked,
}
_FINAL_CHECK_WAITS = frozenset(
    {WaitingReason.BILLING_UNREADABLE, WaitingReason.SOURCE_UNREADABLE, WaitingReason.USAGE_NOT_BILLED}
)
_GOES_ON: dict[WaitingReason, type[events.Event]] = {
    WaitingReason.LEGAL_HOLD: events.LegalHoldLifted,
    WaitingReason.BRAKE: events.BrakeLifted,
}


def waits(state: ClosureState, reason: WaitingReason, *, now: datetime, detail: str | None = None) -> Change:
    """The closure waits; an event for the first time that a hold, a brake or billing stops it."""
    known = state.waiting
    if known is not None and known.reason is reason:
        return Change(replace(state, waiting=Waiting(reason=reason, since=known.since, detail=detail)))
    after = replace(state, waiting=Waiting(reason=reason, since=now, detail=detail))
    if reason in _FINAL_CHECK_WAITS and state.stage is Stage.FINAL_CHECK:
        return Change(after, events.FinalCheckWaiting(waiting_for=reason))
    told = _WAITS.get(reason)
    return Change(after, told() if told else None)


def goes_on(state: ClosureState) -> Change:
    """What it waited for is over."""
    over = None if state.waiting is None else _GOES_ON.get(state.waiting.reason)
    return Change(replace(state, waiting=None), over() if over else None)


def ends_without_silence(state: ClosureState, policy: Policy) -> bool:
    """Whether entering leads straight to the end."""
    return state.mode is Mode.DELETE and policy.silent_period == timedelta()
