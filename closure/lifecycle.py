"""Stages of a closure, the steps allowed between them, and the outcomes it can end in."""

from enum import StrEnum


class Mode(StrEnum):
    """Whether the customer's data goes or stays."""

    DELETE = "delete"
    KEEP_DATA = "keep-data"


class Outcome(StrEnum):
    """How a closure ended; each is also the closure's last stage."""

    DELETED = "deleted"
    RESTORED = "restored"
    DORMANT = "dormant"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Stage(StrEnum):
    """Where a closure is."""

    OPENED = "opened"
    CHECKING = "checking"
    BLOCKED = "blocked"
    READY = "ready"
    COOLING_OFF = "cooling_off"
    """Confirmed, but still revocable: only under policies with a cool-off."""
    ENTERING = "entering"
    SILENT = "silent"
    FINAL_CHECK = "final_check"
    RESTORING = "restoring"
    RETAINED = "retained"
    DELETING = "deleting"
    DELETED = "deleted"
    RESTORED = "restored"
    DORMANT = "dormant"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"

    @property
    def outcome(self) -> Outcome | None:
        """The outcome this stage is; None while the closure goes on."""
        return Outcome(self.value) if self in ENDED else None


ENDED = frozenset(Stage(outcome.value) for outcome in Outcome)
UNCONFIRMED = frozenset({Stage.OPENED, Stage.CHECKING, Stage.BLOCKED, Stage.READY})
"""Until confirm: the draft can expire."""
REVOCABLE = UNCONFIRMED | {Stage.COOLING_OFF}
"""The customer can withdraw, and nothing has been changed."""
IRREVOCABLE = frozenset(
    {Stage.ENTERING, Stage.SILENT, Stage.FINAL_CHECK, Stage.RESTORING, Stage.RETAINED, Stage.DELETING}
)
"""From entering on: nobody stops, shortens or revokes it."""

STEPS: dict[Stage, frozenset[Stage]] = {
    Stage.OPENED: frozenset({Stage.CHECKING, Stage.REFUSED, Stage.EXPIRED}),
    Stage.CHECKING: frozenset({Stage.BLOCKED, Stage.READY, Stage.WITHDRAWN, Stage.EXPIRED}),
    Stage.BLOCKED: frozenset({Stage.CHECKING, Stage.READY, Stage.WITHDRAWN, Stage.EXPIRED}),
    Stage.READY: frozenset(
        {
            Stage.CHECKING,
            Stage.BLOCKED,
            Stage.COOLING_OFF,
            Stage.ENTERING,
            Stage.WITHDRAWN,
            Stage.EXPIRED,
        }
    ),
    Stage.COOLING_OFF: frozenset({Stage.BLOCKED, Stage.READY, Stage.ENTERING, Stage.WITHDRAWN}),
    Stage.ENTERING: frozenset({Stage.SILENT, Stage.RETAINED, Stage.DELETING, Stage.DORMANT, Stage.RESTORING}),
    Stage.SILENT: frozenset({Stage.FINAL_CHECK}),
    Stage.FINAL_CHECK: frozenset({Stage.RESTORING, Stage.RETAINED, Stage.DELETING}),
    Stage.RESTORING: frozenset({Stage.RESTORED}),
    Stage.RETAINED: frozenset({Stage.DELETING}),
    Stage.DELETING: frozenset({Stage.DELETED}),
    **{stage: frozenset() for stage in ENDED},
}
"""Every allowed step. What is not here is refused by the record."""


def may_step(start: Stage, end: Stage) -> bool:
    """Whether a closure in `start` may go to `end`; staying is no step."""
    return end in STEPS[start]
