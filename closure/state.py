"""The state of a closure as the record holds it, and what of it may be seen in Temporal's history."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import Field, TypeAdapter

from closure.deadlines import Deadline, DeadlineKind
from closure.lifecycle import UNCONFIRMED, Mode, Outcome, Stage
from closure.messages import RefundState, RefundStatus
from closure.model import Instant, WireModel
from closure.waiting import Wait, Waiting

LONGEST_WAIT: Final = timedelta(days=1)
"""A closure that waits for something other than its deadline is looked at again after that."""


@dataclass(frozen=True, kw_only=True)
class PlanSummary:
    """What the plan would do, in numbers; the plan itself is in the record."""

    plan_hash: str
    releases: int = 0
    writes_off: bool = False
    refunds: bool = False
    """Whether money goes back as the account stands."""
    refund_applies: bool = False
    """Whether money that arrives later would go back, too."""
    leaves: int = 0
    """How many things stay due or are left behind."""
    needs_approval: bool = False


@dataclass(frozen=True, kw_only=True)
class Approver:
    """Who approved a plan: the act that holds their words, and the keyed hash of the person they are."""

    act_id: str
    person: str


@dataclass(frozen=True, kw_only=True)
class ClosureState:
    """Everything that a closure's next decisions need. Replaced, never changed in place.

    Times are the closure's clock, UTC; deadlines are absolute and fixed once. Items, plans and evidence have
    places of their own in the record.
    """

    closure_id: str
    account_id: str
    provider: str
    policy: str
    policy_version: str
    mode: Mode
    workflow_id: str
    stage: Stage
    opened_at: Instant
    draft_until: Instant
    survey_number: int = 0
    item_count: int = 0
    blocking: int = 0
    checks: tuple[str, ...] = ()
    """Ids of the checks that found something."""
    plan: PlanSummary | None = None
    approved_plan: str | None = None
    approved_by: tuple[Approver, ...] = ()
    """Who approved `approved_plan`."""
    confirmed_at: Instant | None = None
    confirmations: int = 0
    """How often it was confirmed: a cool-off that ends with changes has the customer asked again."""
    cool_off_until: Instant | None = None
    reminders_sent: int = 0
    entering_until: Instant | None = None
    access_stopped_at: Instant | None = None
    subaccounts: int = 0
    """How many stopped with the account and are not deleted yet."""
    told_of_held_up: bool = False
    """Whether the audit says that subaccounts are held up."""
    silent_until: Instant | None = None
    delete_after: Instant | None = None
    refund: RefundStatus | None = None
    refund_started: bool = False
    refund_look_at: Instant | None = None
    refund_looked_by: str | None = None
    """Which activity looked last: one that is repeated, since its answer was lost, is no new look."""
    refund_order_by: Instant | None = None
    """Until then the order waits for metering to reach the stop."""
    refund_changes: int = 0
    """How often its amount has changed since it was expected."""
    outcome_reason: str | None = None
    waiting: Waiting | None = None
    found_stopped: bool = False
    """The account had stopped before this closure was confirmed: it is reopened unless that happens."""

    @property
    def outcome(self) -> Outcome | None:
        return self.stage.outcome

    @property
    def plan_hash(self) -> str | None:
        return self.plan.plan_hash if self.plan else None

    @property
    def entering_since(self) -> datetime | None:
        """When the irrevocable part began: with confirm, or when the cool-off was over."""
        return self.cool_off_until or self.confirmed_at

    @property
    def refund_is_open(self) -> bool:
        return self.refund is not None and self.refund.status is not RefundState.SETTLED

    def has_expired(self, now: datetime) -> bool:
        """Whether nobody confirmed in time."""
        return self.stage in UNCONFIRMED and now >= self.draft_until

    @property
    def deadline(self) -> Deadline | None:
        """The next moment at which something happens by itself."""
        if self.stage in UNCONFIRMED:
            return Deadline(what=DeadlineKind.DRAFT_EXPIRES, at=self.draft_until)
        moments = {
            Stage.COOLING_OFF: (DeadlineKind.COOL_OFF_ENDS, self.cool_off_until),
            Stage.ENTERING: (DeadlineKind.SILENCE_BEGINS, self.entering_until),
            Stage.SILENT: (DeadlineKind.FINAL_CHECK, self.silent_until),
            Stage.RETAINED: (DeadlineKind.DATA_IS_DELETED, self.delete_after),
        }
        what, at = moments.get(self.stage, (DeadlineKind.DRAFT_EXPIRES, None))
        return None if at is None else Deadline(what=what, at=at)


STATE: TypeAdapter[ClosureState] = TypeAdapter(ClosureState)
"""Reads and writes a state as JSON."""


class MovedMoney(WireModel):
    """What became of the money of a closure that has ended: decimal amounts of `currency`."""

    currency: str
    forfeited_cash: str
    forfeited_promo: str
    voided_debt: str
    refunded: str
    paid_otherwise: str


class ClosureView(WireModel):
    """What Temporal's history may hold of a closure: stages, deadlines, counts, check ids and hashes.

    `look_again_in` are seconds: so long there is nothing to do but wait for a recheck. `certificate_id` and
    `moved_money` are there once the certificate is issued.
    """

    closure_id: str
    stage: Stage
    outcome: Outcome | None = None
    mode: Mode
    policy: str
    policy_version: str
    opened_at: Instant
    draft_until: Instant
    survey_number: int = 0
    item_count: int = 0
    blocking: int = 0
    checks: tuple[str, ...] = ()
    plan_hash: str | None = None
    releases: int = 0
    subaccounts: int = 0
    confirmed_at: Instant | None = None
    remind_at: Instant | None = None
    cool_off_until: Instant | None = None
    entering_until: Instant | None = None
    silent_until: Instant | None = None
    delete_after: Instant | None = None
    refund: RefundState | None = None
    refund_look_at: Instant | None = None
    money_look_at: Instant | None = None
    """When money is looked for again that arrives once all has gone back, or where nothing had to."""
    waiting: Wait | None = None
    look_again_in: float | None = Field(default=None, ge=0, le=LONGEST_WAIT.total_seconds())
    deadline: Deadline | None = None
    certificate_id: str | None = None
    moved_money: MovedMoney | None = None


def view_of(
    state: ClosureState, *, remind_at: datetime | None = None, look_again_in: timedelta | None = None
) -> ClosureView:
    """The view of a state. When a reminder is due only the policy knows."""
    return ClosureView(
        closure_id=state.closure_id,
        stage=state.stage,
        outcome=state.outcome,
        mode=state.mode,
        policy=state.policy,
        policy_version=state.policy_version,
        opened_at=state.opened_at,
        draft_until=state.draft_until,
        survey_number=state.survey_number,
        item_count=state.item_count,
        blocking=state.blocking,
        checks=state.checks,
        plan_hash=state.plan_hash,
        releases=state.plan.releases if state.plan else 0,
        subaccounts=state.subaccounts,
        confirmed_at=state.confirmed_at,
        remind_at=remind_at,
        cool_off_until=state.cool_off_until,
        entering_until=state.entering_until,
        silent_until=state.silent_until,
        delete_after=state.delete_after,
        refund=state.refund.status if state.refund else None,
        refund_look_at=state.refund_look_at,
        money_look_at=None if state.refund_is_open else state.refund_look_at,
        waiting=Wait(reason=state.waiting.reason, since=state.waiting.since) if state.waiting else None,
        look_again_in=None if look_again_in is None else min(look_again_in, LONGEST_WAIT).total_seconds(),
        deadline=state.deadline,
    )
