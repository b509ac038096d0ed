"""What a closure must be like for a customer's act."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.errors import RefusalType, Refused
from closure.findings import Findings
from closure.lifecycle import ENDED, IRREVOCABLE, UNCONFIRMED, Mode, Stage
from closure.messages import ChecklistItem, ItemCategory
from closure.plan import Plan
from closure.planning import make_plan
from closure.policy import Approval
from closure.rules import (
    require_approval,
    require_covered,
    require_current_plan,
    require_ready,
    require_revocable,
    require_unconfirmed,
)
from closure.state import Approver, ClosureState, PlanSummary
from closure.transitions import CHANGES_NAMED
from tests.harness.instances import instances
from tests.harness.strategies import NOW, moments
from tests.unit.examples import account, alibaba_cloud, item, statement

PLAN = make_plan(alibaba_cloud(), account(), (), Mode.DELETE)
OTHER = make_plan(alibaba_cloud(), account(statement("5.00")), (), Mode.DELETE)
BLOCKING = item("debt", ItemCategory.MANUAL, check="debt")
HOLD = item("legal-hold", ItemCategory.MANUAL, check="legal-hold")
POLICY = alibaba_cloud().model_copy(
    update={"approval": Approval(roles=("main", "auditor"), balance_above={"default": "1000"})}
)
states = instances(ClosureState)


def answer(guard: Callable[[], None]) -> RefusalType | None:
    """What it refuses with; None where it passes."""
    try:
        guard()
    except Refused as refused:
        return refused.type
    return None


def expected_of_revocable(state: ClosureState, now: datetime) -> RefusalType | None:
    if state.stage in IRREVOCABLE:
        return RefusalType.IRREVOCABLE
    if state.stage in ENDED or (state.stage in UNCONFIRMED and now >= state.draft_until):
        return RefusalType.CLOSURE_ENDED
    return None


@given(states, moments)
def test_a20_a_closure_is_revocable_until_entering_or_its_end(state: ClosureState, now: datetime) -> None:
    assert answer(lambda: require_revocable(state, now)) is expected_of_revocable(state, now)


@given(states)
def test_an_act_of_before_confirm_is_refused_in_a_cool_off_alone(state: ClosureState) -> None:
    expected = RefusalType.ALREADY_CONFIRMED if state.stage is Stage.COOLING_OFF else None
    assert answer(lambda: require_unconfirmed(state)) is expected


@given(states, moments)
def test_a17_only_what_is_ready_and_not_expired_can_be_confirmed(state: ClosureState, now: datetime) -> None:
    expected = expected_of_revocable(state, now)
    if expected is None and state.stage is not Stage.READY:
        expected = {
            Stage.COOLING_OFF: RefusalType.ALREADY_CONFIRMED,
            Stage.BLOCKED: RefusalType.ITEMS_OUTSTANDING,
        }.get(state.stage, RefusalType.NOT_READY)
    assert answer(lambda: require_ready(state, now)) is expected


def test_a_draft_expires_with_its_last_moment() -> None:
    state = _ready(draft_until=NOW)
    assert answer(lambda: require_ready(state, NOW - timedelta(microseconds=1))) is None
    assert answer(lambda: require_ready(state, NOW)) is RefusalType.CLOSURE_ENDED


def _ready(draft_until: datetime = NOW, plan_hash: str | None = PLAN.plan_hash) -> ClosureState:
    return ClosureState(
        closure_id="c-1",
        account_id="a-1",
        provider="p",
        policy="p",
        policy_version="1",
        mode=Mode.DELETE,
        workflow_id="w",
        stage=Stage.READY,
        opened_at=NOW,
        draft_until=draft_until,
        plan=PlanSummary(plan_hash=plan_hash) if plan_hash else None,
    )


@pytest.mark.parametrize("wrong", ["", "0" * 64, PLAN.plan_hash.upper(), PLAN.plan_hash + " "])
def test_a15_only_the_current_plan_is_approved(wrong: str) -> None:
    assert answer(lambda: require_current_plan(_ready(), PLAN.plan_hash)) is None
    assert answer(lambda: require_current_plan(_ready(), wrong)) is RefusalType.STALE_PLAN_HASH
    assert answer(lambda: require_current_plan(_ready(plan_hash=None), wrong)) is RefusalType.STALE_PLAN_HASH


BEYOND = ("+ release i-1 (ecs)",)


@pytest.mark.parametrize(
    ("findings", "refusal"),
    [
        (Findings(items=(), plan=PLAN, uncovered=()), None),
        (Findings(items=(), plan=OTHER, uncovered=(), changes=("- release i-1",)), None),
        (Findings(items=(BLOCKING,), plan=PLAN, uncovered=()), RefusalType.ITEMS_OUTSTANDING),
        (Findings(items=(), plan=PLAN), RefusalType.STALE_PLAN_HASH),
        (Findings(items=(BLOCKING,), plan=PLAN), RefusalType.STALE_PLAN_HASH),
        (Findings(items=(), plan=OTHER, uncovered=BEYOND), RefusalType.PLAN_CHANGED),
        (
            Findings(items=(BLOCKING,), plan=OTHER, uncovered=(), changes=("+ debt",)),
            RefusalType.PLAN_CHANGED,
        ),
        (Findings(items=(HOLD,), plan=PLAN, uncovered=()), RefusalType.LEGAL_HOLD),
        (Findings(items=(HOLD,), plan=PLAN), RefusalType.LEGAL_HOLD),
    ],
)
def test_a17_a_confirm_is_bound_to_the_plan_that_was_seen(
    findings: Findings, refusal: RefusalType | None
) -> None:
    assert answer(lambda: require_covered(findings)) is refusal


@given(
    items=st.lists(st.sampled_from((BLOCKING, HOLD)), unique=True).map(tuple),
    uncovered=st.sampled_from((None, (), BEYOND)),
    changes=st.sampled_from(((), ("~ balance",))),
)
def test_a17_nothing_but_what_was_seen_and_less_of_it_passes(
    items: tuple[ChecklistItem, ...], uncovered: tuple[str, ...] | None, changes: tuple[str, ...]
) -> None:
    findings = Findings(items=items, plan=PLAN, uncovered=uncovered, changes=changes)
    passes = answer(lambda: require_covered(findings)) is None
    assert passes is (uncovered == () and not items)


def test_a17_what_has_changed_is_said() -> None:
    findings = Findings(items=(), plan=OTHER, uncovered=BEYOND, changes=("~ balance", *BEYOND))
    with pytest.raises(Refused, match="~ balance; \\+ release i-1") as refused:
        require_covered(findings)
    assert refused.value.facts == {"changes": ["~ balance", *BEYOND]}


@pytest.mark.parametrize("more", [0, 1])
def test_a17_of_very_many_changes_the_first_are_said(more: int) -> None:
    changes = tuple(f"- release i-{number}" for number in range(CHANGES_NAMED + more))
    findings = Findings(items=(), plan=OTHER, uncovered=BEYOND, changes=changes)
    with pytest.raises(Refused) as refused:
        require_covered(findings)
    assert refused.value.facts == {"changes": [*changes[:CHANGES_NAMED]]}
    assert ("; and 1 more" in str(refused.value)) is bool(more)


people = st.sampled_from([Approver(act_id=f"act of {each}", person=each) for each in "abc"])


@given(
    needed=st.booleans(),
    approved=st.sampled_from((None, PLAN, OTHER)),
    approvers=st.sets(people),
    second_persons=st.sets(people),
)
def test_a_plan_of_high_value_needs_the_yes_of_somebody_else(
    needed: bool, approved: Plan | None, approvers: set[Approver], second_persons: set[Approver]
) -> None:
    state = replace(_ready(), approved_by=tuple(approvers))
    findings = Findings(items=(), plan=OTHER, needs_approval=needed)
    passes = (
        answer(
            lambda: require_approval(
                state, POLICY, findings, approved=approved, second_persons=second_persons
            )
        )
        is None
    )
    assert passes is (not needed or (approved == OTHER and bool(approvers & second_persons)))


def test_who_must_approve_is_said() -> None:
    findings = Findings(items=(), plan=PLAN, needs_approval=True)
    with pytest.raises(Refused, match="main or auditor") as refused:
        require_approval(_ready(), POLICY, findings, approved=PLAN, second_persons=[])
    assert refused.value.type is RefusalType.APPROVAL_REQUIRED
    assert refused.value.facts == {"roles": ["main", "auditor"], "plan_hash": PLAN.plan_hash}
