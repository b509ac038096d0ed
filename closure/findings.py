"""What a survey has found, and what a transition changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from closure import events
from closure.checks import LEGAL_HOLD
from closure.lifecycle import Stage
from closure.messages import ChecklistItem
from closure.plan import Plan
from closure.state import ClosureState, PlanSummary


@dataclass(frozen=True)
class Change:
    """The state after a step, and the event that records it. None: nothing worth an event."""

    state: ClosureState
    event: events.Event | None = None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What one survey found, given-up items carried over."""

    items: Sequence[ChecklistItem]
    plan: Plan
    needs_approval: bool = False
    changes: tuple[str, ...] = ()
    """In words, what differs from the plan that was seen."""
    uncovered: tuple[str, ...] | None = None
    """In words, what is beyond the plan that was seen or consented to; None where that is unknown."""
    found_stopped: bool = False
    """Whether the account has stopped although no closure holds it."""

    @cached_property
    def counted(self) -> "CountedItems":
        """The items in numbers."""
        return CountedItems.of(self.items)

    def computed(self) -> "Findings":
        """Itself, with its numbers and hash computed: nobody has to wait for them later."""
        _ = (self.counted, self.summary)
        return self

    @property
    def stage(self) -> Stage:
        return self.counted.stage

    @property
    def is_held(self) -> bool:
        """Whether a legal hold forbids destroying anything."""
        return LEGAL_HOLD in self.counted.checks

    @property
    def plan_hash(self) -> str:
        """Of the plan, which is gone through once for it."""
        return self.summary.plan_hash

    @cached_property
    def summary(self) -> PlanSummary:
        accounts = self.plan.accounts
        return PlanSummary(
            plan_hash=self.plan.plan_hash,
            releases=sum(each.releases_number for each in accounts),
            writes_off=any(each.writes_off for each in accounts),
            refunds=self.plan.refund_total is not None,
            refund_applies=any(each.refund_applies for each in accounts),
            leaves=self.plan.leaves,
            needs_approval=self.needs_approval,
        )


@dataclass(frozen=True, kw_only=True)
class CountedItems:
    """A checklist in numbers, and the checks that found something."""

    number: int
    blocking: int
    checks: tuple[str, ...]

    @classmethod
    def of(cls, items: Iterable[ChecklistItem]) -> "CountedItems":
        number = blocking = 0
        checks = set()
        for item in items:
            number += 1
            blocking += item.blocks
            checks.add(item.check)
        return cls(number=number, blocking=blocking, checks=tuple(sorted(checks)))

    @property
    def stage(self) -> Stage:
        """Where it leads: blocked while anything blocks."""
        return Stage.BLOCKED if self.blocking else Stage.READY
