"""The named steps of a closure's life: whatever the order in which they are asked for."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure import settling, transitions
from closure.errors import RefusalType, Refused
from closure.events import EVENTS
from closure.findings import Change, Findings
from closure.identifiers import workflow_id_of
from closure.lifecycle import ENDED, IRREVOCABLE, REVOCABLE, UNCONFIRMED, Mode, Stage, may_step
from closure.messages import ChecklistItem, ItemCategory, RefundState, RefundStatus
from closure.money import Money
from closure.planning import make_plan
from closure.policy import CoolOff, Policy
from closure.state import STATE, Approver, ClosureState, ClosureView, view_of
from closure.waiting import WaitingReason
from tests.harness.instances import instances
from tests.harness.strategies import NOW
from tests.unit.examples import account, alibaba_cloud, item, twilio

TWILIO = twilio()
COOLING = alibaba_cloud().model_copy(
    update={"cool_off": CoolOff(duration=timedelta(days=7), reminders=(timedelta(days=1),))}
)
POLICIES = (alibaba_cloud(), TWILIO, COOLING)
ITEMS = (
    item("debt", ItemCategory.MANUAL, check="debt"),
    item("balance", ItemCategory.RENOUNCEABLE, check="balance"),
    item("promo", ItemCategory.RENOUNCEABLE, check="balance", renounced=True),
    item("unknown/billing", ItemCategory.UNKNOWN, check="unknown"),
)


Walk = list[tuple[ClosureState, str, Change]]
"""A closure's life: each step that was taken, by name, with the state before it."""


@dataclass(frozen=True)
class Occasion:
    """What a step may need beside the state."""

    policy: Policy
    findings: Findings
    items: tuple[ChecklistItem, ...]
    now: datetime
    refund: RefundStatus
    reason: WaitingReason
    number: int


def approver(person: str) -> Approver:
    return Approver(act_id=f"act of {person}", person=person)


MOVES: Mapping[str, Callable[[ClosureState, Occasion], Change]] = MappingProxyType(
    {
        "check_started": lambda state, _: transitions.check_started(state),
        "surveyed": lambda state, given: transitions.surveyed(state, given.findings),
        "found_stopped": lambda state, _: transitions.found_stopped(state),
        "renounced": lambda state, given: transitions.renounced(
            state, given.items, tuple(each.item_id for each in given.items)
        ),
        "approved": lambda state, given: transitions.approved(state, approver(f"person-{given.number}")),
        "withdrawn": lambda state, _: transitions.withdrawn(state),
        "expired": lambda state, _: transitions.expired(state),
        "taken_along": lambda state, _: transitions.taken_along(state, "owners-closure"),
        "confirmed": lambda state, given: transitions.confirmed(
            state, given.policy, given.findings, reason="moving", now=given.now
        ),
        "reminded": lambda state, _: transitions.reminded(state),
        "cool_off_ended": lambda state, given: transitions.cool_off_ended(
            state, given.policy, given.findings
        ),
        "cool_off_stopped": lambda state, given: transitions.cool_off_stopped(
            state, given.policy, given.findings, now=given.now
        ),
        "access_stopped": lambda state, given: transitions.access_stopped(
            state, at=given.now, subaccounts=given.number
        ),
        "plan_adapted": lambda state, given: transitions.plan_adapted(state, given.findings),
        "silence_began": lambda state, given: transitions.silence_began(state, given.policy, now=given.now),
        "fell_asleep": lambda state, _: transitions.fell_asleep(state),
        "final_check_began": lambda state, _: transitions.final_check_began(state),
        "final_check_failed": lambda state, given: transitions.final_check_failed(state, given.items),
        "final_check_passed": lambda state, _: transitions.final_check_passed(state),
        "restored": lambda state, _: transitions.restored(state),
        "retention_began": lambda state, given: transitions.retention_began(
            state, given.policy, since=state.silent_until or state.entering_until or NOW, refund=given.refund
        ),
        "deletion_began": lambda state, given: transitions.deletion_began(state, refund=given.refund),
        "refund_turned": lambda state, given: settling.refund_turned(
            state, given.refund, is_ordered=True, next_look=given.now, looked_by="run/7"
        )[-1],
        "refund_paid_otherwise": lambda state, given: settling.refund_paid_otherwise(
            replace(state, refund=state.refund or given.refund), Money.parse("1.00", "USD"), "R-1"
        ),
        "leaves_seen": lambda state, given: settling.leaves_seen(state, given.number),
        "dues_handed_over": lambda state, _: settling.dues_handed_over(state, (), ()),
        "appeared_later": lambda state, given: transitions.appeared_later(state, given.findings),
        "subaccounts_joined": lambda state, given: transitions.subaccounts_joined(state, given.number),
        "subaccounts_held_up": lambda state, given: transitions.subaccounts_held_up(
            state, {f"s-{each}": "LegalHold" for each in range(given.number)}
        ),
        "subaccounts_deleted": lambda state, given: transitions.subaccounts_deleted(
            state, min(given.number, state.subaccounts)
        ),
        "deleted": lambda state, _: transitions.deleted(state),
        "waits": lambda state, given: transitions.waits(
            state, given.reason, now=given.now, detail=f"detail {given.number}"
        ),
        "goes_on": lambda state, _: transitions.goes_on(state),
    }
)


PLANS = (
    make_plan(alibaba_cloud(), account(), (), Mode.DELETE),
    make_plan(TWILIO, account(), (), Mode.DELETE),
)
REFUNDS = tuple(RefundStatus(status=each, amount="5.00", currency="USD", due_by=NOW) for each in RefundState)
BEGINNING = ("check_started", "surveyed", "confirmed")
ENDING = ("access_stopped", "silence_began", "final_check_began")
STORIES = (
    BEGINNING,
    (*BEGINNING, "reminded", "cool_off_stopped", "renounced", "approved", "confirmed"),
    (*BEGINNING, "cool_off_ended", "access_stopped", "plan_adapted", "fell_asleep"),
    (*BEGINNING, "cool_off_ended", *ENDING, "final_check_failed", "restored"),
    (*BEGINNING, "cool_off_ended", "access_stopped", "appeared_later", "restored"),
    (*BEGINNING, *ENDING, "final_check_passed", "deletion_began", "deleted"),
    (
        *BEGINNING,
        "cool_off_ended",
        *ENDING,
        "retention_began",
        "deletion_began",
        "subaccounts_deleted",
        "deleted",
    ),
)
"""A walk begins with one of them, as far as it comes, and goes on at random."""
checklists = st.just(()) | st.lists(st.sampled_from(ITEMS), unique=True).map(tuple)
found = st.builds(
    Findings,
    items=checklists,
    plan=st.sampled_from(PLANS),
    needs_approval=st.booleans(),
    changes=st.sampled_from(((), ("~ balance",))),
    uncovered=st.sampled_from((None, (), ("+ release i-1",))),
)


def occasions(policy: Policy) -> st.SearchStrategy[Occasion]:
    return st.builds(
        Occasion,
        policy=st.just(policy),
        findings=found,
        items=checklists,
        now=st.integers(0, 10**7).map(lambda seconds: NOW + timedelta(seconds=seconds)),
        refund=st.sampled_from(REFUNDS),
        reason=st.sampled_from(WaitingReason),
        number=st.integers(0, 3),
    )


def opened(policy: Policy, mode: Mode) -> ClosureState:
    return ClosureState(
        closure_id="c-1",
        account_id="a-1",
        provider=policy.provider,
        policy=policy.name,
        policy_version=policy.version,
        mode=mode,
        workflow_id=workflow_id_of(policy.provider, "a-1"),
        stage=Stage.OPENED,
        opened_at=NOW,
        draft_until=NOW + policy.draft_lifetime,
    )


def attempt(state: ClosureState, name: str, occasion: Occasion) -> Change | None:
    """None when it is refused."""
    try:
        return MOVES[name](state, occasion)
    except Refused as refused:
        if refused.type in (RefusalType.STAGE_CONFLICT, RefusalType.NOT_READY):
            return None
        raise


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    policy = draw(st.sampled_from(POLICIES))
    start = opened(policy, draw(st.sampled_from(Mode)))
    story = draw(st.sampled_from(STORIES))
    forward = story[: len(story) - draw(st.integers(0, len(story)))]
    walk: Walk = []

    def step(name: str, occasion: Occasion) -> None:
        before = walk[-1][2].state if walk else start
        change = attempt(before, name, occasion)
        if change is not None:
            walk.append((before, name, change))

    for name in forward:
        step(name, draw(occasions(policy)))
    for name in draw(st.lists(st.sampled_from(sorted(MOVES)), max_size=10)):
        step(name, draw(occasions(policy)))
    return walk


def test_every_transition_is_walked() -> None:
    named = {
        name
        for module in (transitions, settling)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if inspect.signature(function).return_annotation in (Change, tuple[Change, ...])
    }
    assert named - {"erased_again"} == set(MOVES)


@pytest.mark.parametrize("stage", Stage)
def test_an_account_that_was_deleted_is_deleted_again_from_any_stage(stage: Stage) -> None:
    state = replace(opened(COOLING, Mode.DELETE), stage=stage, outcome_reason="a person's words")
    after = transitions.erased_again(state, NOW).state
    assert after.stage is Stage.DELETED
    assert after.outcome_reason is None


@given(walks())
def test_no_sequence_of_steps_leaves_the_lifecycle(walk: Walk) -> None:
    for before, name, change in walk:
        after = change.state
        assert after.stage is before.stage or may_step(before.stage, after.stage), name
        if before.stage in IRREVOCABLE:
            assert after.stage in IRREVOCABLE | {Stage.DELETED, Stage.RESTORED, Stage.DORMANT}, name
        if before.stage in ENDED:
            assert after.stage is before.stage, name


OCCASION = Occasion(
    policy=COOLING,
    findings=Findings(items=(), plan=PLANS[0]),
    items=(),
    now=NOW,
    refund=REFUNDS[0],
    reason=WaitingReason.BRAKE,
    number=1,
)


@pytest.mark.parametrize("name", MOVES)
def test_a_step_that_leads_on_is_not_taken_twice(name: str) -> None:
    """Or what it fixes would move. But a checklist may say again what it said."""
    led_on = 0
    for stage in Stage:
        state = replace(opened(COOLING, Mode.DELETE), stage=stage, cool_off_until=NOW, silent_until=NOW)
        change = attempt(state, name, OCCASION)
        if change is not None and change.state.stage is not stage and name not in ("surveyed", "renounced"):
            led_on += 1
            assert attempt(change.state, name, replace(OCCASION, now=NOW + timedelta(days=1))) is None
    assert led_on or name in STAYS


STAYS = {
    *("surveyed", "found_stopped", "renounced", "approved", "reminded", "access_stopped", "plan_adapted"),
    *("final_check_passed", "refund_turned", "refund_paid_otherwise", "leaves_seen", "dues_handed_over"),
    *("waits", "goes_on", "subaccounts_joined", "subaccounts_deleted", "subaccounts_held_up"),
}


FIXED_ONCE = ("confirmed_at", "entering_until", "silent_until", "delete_after")
PINNED = (
    "closure_id",
    "account_id",
    "provider",
    "policy",
    "policy_version",
    "mode",
    "workflow_id",
    "opened_at",
)


@given(walks())
def test_deadlines_are_fixed_once_and_what_is_pinned_stays(
    walk: Walk,
) -> None:
    for before, name, change in walk:
        after = change.state
        for field in PINNED:
            assert getattr(after, field) == getattr(before, field), (name, field)
        moved = [field for field in FIXED_ONCE if getattr(before, field) not in (None, getattr(after, field))]
        if before.stage in IRREVOCABLE | ENDED:
            # An account that is back has nothing to be deleted.
            assert moved == (["delete_after"] if name == "restored" and before.delete_after else []), name
        assert after.draft_until == before.draft_until or name == "cool_off_stopped"
        if before.cool_off_until is not None:
            assert after.cool_off_until == before.cool_off_until or name == "cool_off_stopped"


@given(walks())
def test_a_deadline_stands_in_the_stage_that_ends_with_it(
    walk: Walk,
) -> None:
    moments = {
        **dict.fromkeys(UNCONFIRMED, "draft_until"),
        Stage.COOLING_OFF: "cool_off_until",
        Stage.ENTERING: "entering_until",
        Stage.SILENT: "silent_until",
        Stage.RETAINED: "delete_after",
    }
    for _, _, change in walk:
        state = change.state
        field = moments.get(state.stage)
        if field is None:
            assert state.deadline is None
        else:
            assert state.deadline is not None
            assert state.deadline.at == getattr(state, field)


@given(walks())
def test_counts_agree(walk: Walk) -> None:
    for before, _, change in walk:
        after = change.state
        assert 0 <= after.blocking <= after.item_count
        assert list(after.checks) == sorted(set(after.checks))
        assert len(after.checks) <= after.item_count
        assert bool(after.checks) is bool(after.item_count)
        assert 0 <= after.survey_number - before.survey_number <= 1
        assert after.subaccounts >= 0
        assert len({each.person for each in after.approved_by}) == len(after.approved_by)
        if after.stage is Stage.BLOCKED:
            assert after.blocking
        if after.stage is Stage.READY:
            assert not after.blocking


@given(walks())
def test_a_new_stage_waits_for_nothing_yet(walk: Walk) -> None:
    for before, name, change in walk:
        if change.state.stage is not before.stage:
            assert change.state.waiting is None, name


@given(walks())
def test_a_state_survives_json(walk: Walk) -> None:
    for _, _, change in walk:
        for content in (STATE.dump_json(change.state), STATE.dump_json(change.state, exclude_defaults=True)):
            assert STATE.validate_json(content) == change.state


@given(instances(ClosureState))
def test_any_state_survives_json_and_can_be_viewed(state: ClosureState) -> None:
    assert STATE.validate_json(STATE.dump_json(state, exclude_defaults=True)) == state
    view = view_of(state)
    assert ClosureView.model_validate_json(view.model_dump_json()) == view
    assert (view.stage, view.outcome, view.deadline) == (state.stage, state.outcome, state.deadline)
    assert (view.waiting is None) is (state.waiting is None)


@given(walks())
def test_every_event_parses_back(walk: Walk) -> None:
    for _, name, change in walk:
        event = change.event
        if event is None:
            silent = ("reminded", "waits", "goes_on", "leaves_seen", "refund_turned")
            assert name in silent, "everything else is told"
            continue
        assert EVENTS[event.TYPE] is type(event)
        assert type(event).model_validate(json.loads(json.dumps(event.details()))) == event


@given(walks())
def test_a_step_to_another_stage_is_always_told(walk: Walk) -> None:
    for before, name, change in walk:
        if change.state.stage is not before.stage:
            assert change.event is not None, name


@given(walks())
def test_the_irrevocable_part_begins_with_a_confirm_alone(
    walk: Walk,
) -> None:
    for before, name, change in walk:
        if before.stage in REVOCABLE and change.state.stage in IRREVOCABLE:
            assert name in ("confirmed", "cool_off_ended")
            assert change.state.confirmed_at is not None
            assert change.state.entering_since is not None
            assert change.state.entering_until is not None
        if change.state.stage in IRREVOCABLE:
            assert change.state.plan is not None


@given(instances(ClosureState, stage=st.just(Stage.DELETING)))
def test_what_is_deleted_says_nothing_about_anybody(state: ClosureState) -> None:
    gone = transitions.deleted(state).state
    assert (gone.item_count, gone.blocking, gone.checks, gone.approved_by) == (0, 0, (), ())
    assert (gone.outcome_reason, gone.waiting) == (None, None)
    assert (gone.plan, gone.confirmed_at) == (state.plan, state.confirmed_at)


def test_a15_another_plan_needs_another_approval() -> None:
    first, other = (Findings(items=(), plan=plan) for plan in PLANS)
    ready = transitions.surveyed(replace(opened(COOLING, Mode.DELETE), stage=Stage.CHECKING), first).state
    once = transitions.approved(ready, approver("b")).state
    assert transitions.approved(once, approver("a")).state.approved_by == (approver("b"), approver("a"))
    assert transitions.approved(once, approver("b")).state == once
    changed = transitions.surveyed(once, other).state
    assert changed.approved_plan != changed.plan_hash
    assert transitions.approved(changed, approver("c")).state.approved_by == (approver("c"),)


def test_a_wait_is_told_once_and_keeps_its_beginning() -> None:
    state = replace(opened(TWILIO, Mode.DELETE), stage=Stage.DELETING)
    first = transitions.waits(state, WaitingReason.BRAKE, now=NOW, detail="feeds")
    again = transitions.waits(first.state, WaitingReason.BRAKE, now=NOW + timedelta(hours=1), detail="other")
    assert first.event is not None
    assert again.event is None
    assert again.state.waiting is not None
    assert (again.state.waiting.since, again.state.waiting.detail) == (NOW, "other")
    held = transitions.waits(again.state, WaitingReason.LEGAL_HOLD, now=NOW + timedelta(hours=2))
    assert held.event is not None
    over = transitions.goes_on(held.state)
    assert over.event is not None
    assert over.state == state


@pytest.mark.parametrize("status", list(RefundState))
def test_t10_a_refund_is_told_once_for_each_turn(status: RefundState) -> None:
    """Whoever looks again with what is known already tells nothing anew."""
    settled = {RefundState.SETTLED: "5.00", RefundState.PARTLY_SETTLED: "1.00"}.get(status)
    failed = "2.00" if status is RefundState.FAILED else None
    refund = RefundStatus(
        status=status, amount="5.00", currency="USD", due_by=NOW, settled=settled, failed=failed
    )
    state = replace(opened(TWILIO, Mode.DELETE), stage=Stage.RETAINED)
    first = settling.refund_turned(state, refund, is_ordered=True, next_look=NOW, looked_by="run/7")
    told = [change.event.TYPE.value for change in first if change.event is not None]
    assert told == ["refund_started", *([] if status is RefundState.PENDING else [f"refund_{status.value}"])]
    after = first[-1].state
    assert (after.refund, after.refund_started) == (refund, True)
    assert after.refund_is_open is (status is not RefundState.SETTLED)
    again = settling.refund_turned(after, refund, is_ordered=True, next_look=NOW, looked_by="run/7")
    assert [change.event for change in again] == [None]
    assert again[-1].state == after
