"""What a closure carries into its next run: everything that its next decisions need."""

from closure.messages import ClosureInput, StatusDocument
from closure.model import Instant, WireModel
from closure.policy import Policy


class ClosureProgress(WireModel):
    """The state of a run. Replaced, never changed in place; deadlines are absolute and fixed once."""

    document: StatusDocument
    policy: Policy
    opened_by: str
    draft_until: Instant
    releases: int = 0
    writes_off: bool = False
    refunds: bool = False
    unrecoverable: tuple[str, ...] = ()
    access_stopped_at: Instant | None = None
    subaccounts: tuple[str, ...] = ()
    """What stopped with the account and is not deleted yet."""
    subaccounts_opened: bool = False
    subaccounts_held_up: tuple[str, ...] = ()
    """Of those, what the audit calls held up."""
    subaccounts_tried: int = 0
    """How many of those were tried in this round and are held up."""
    cool_off_until: Instant | None = None
    reminders_sent: int = 0
    approved_plan: str | None = None
    approved_by: tuple[str, ...] = ()
    refund_started: bool = False
    next_refund_look: Instant | None = None
    erased: bool = False
    retained_stores: tuple[str, ...] = ()
    waiting_for: str | None = None
    recheck_requested: bool = False
    entries: int = 0
    handled_updates: tuple[str, ...] = ()


class AccountClosureInput(ClosureInput):
    """A new closure has no `progress`; a run that continues another one has."""

    progress: ClosureProgress | None = None
