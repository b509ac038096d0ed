"""What is written to and read from the record."""

from enum import StrEnum

from pydantic import Field, JsonValue

from closure.lifecycle import Stage
from closure.messages import IdentityMethod, StatusDocument
from closure.model import Instant, WireModel


class EventType(StrEnum):
    """What an audit event says."""

    OPENED = "opened"
    REFUSED = "refused"
    CHECK_STARTED = "check_started"
    SURVEYED = "surveyed"
    RENOUNCED = "renounced"
    CONFIRM_REFUSED = "confirm_refused"
    CONFIRMED = "confirmed"
    ACCESS_STOPPED = "access_stopped"
    RESOURCES_RELEASED = "resources_released"
    BALANCE_FORFEITED = "balance_forfeited"
    DEBT_VOIDED = "debt_voided"
    SILENCE_BEGAN = "silence_began"
    FINAL_CHECK_BEGAN = "final_check_began"
    FINAL_CHECK_WAITING = "final_check_waiting"
    FINAL_CHECK_PASSED = "final_check_passed"
    FINAL_CHECK_FAILED = "final_check_failed"
    REFUND_STARTED = "refund_started"
    REFUND_PARTLY_SETTLED = "refund_partly_settled"
    REFUND_SETTLED = "refund_settled"
    REFUND_FAILED = "refund_failed"
    REFUND_LATE = "refund_late"
    RETENTION_BEGAN = "retention_began"
    SUBACCOUNTS_STOPPED = "subaccounts_stopped"
    PLAN_ADAPTED = "plan_adapted"
    SUBACCOUNTS_HELD_UP = "subaccounts_held_up"
    SUBACCOUNTS_DELETED = "subaccounts_deleted"
    DELETION_BEGAN = "deletion_began"
    DORMANT = "dormant"
    APPROVED = "approved"
    COOL_OFF_BEGAN = "cool_off_began"
    COOL_OFF_ENDED = "cool_off_ended"
    COOL_OFF_STOPPED = "cool_off_stopped"
    LEGAL_HOLD = "legal_hold"
    LEGAL_HOLD_LIFTED = "legal_hold_lifted"
    DATA_ERASED = "data_erased"
    DELETED = "deleted"
    RESTORED = "restored"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CANCEL_IGNORED = "cancel_ignored"
    RESUMED = "resumed"


class Entry(WireModel):
    """One write: an audit event and, with it in one transaction, the closure's new state.

    `key` makes the write idempotent. `stage_from` is compared with the row's stage and `run_epoch` with its
    epoch; when `stage_to` is None the stage stays. `time` is the closure's clock, UTC. `actor` is a user id,
    None for the engine itself. The actor and what else may be personal in `details` is stored under the
    account's key (`records.personal`).
    """

    closure_id: str
    run_epoch: int = 0
    key: str
    event: EventType
    time: Instant
    stage_from: Stage
    stage_to: Stage | None = None
    actor: str | None = None
    details: dict[str, JsonValue] = Field(default_factory=dict)
    document: StatusDocument | None = None
    """The whole public state after the step; None leaves the stored one, but for its stage."""


class NewClosure(WireModel):
    """The first write: the row itself. `policy_snapshot` is the pinned policy's canonical JSON."""

    document: StatusDocument
    policy_hash: str
    policy_snapshot: str
    opened_by: str
    key: str
    time: Instant
    details: dict[str, JsonValue] = Field(default_factory=dict)


class AuditEvent(WireModel):
    """One link of a closure's hash chain, as it is hashed; ordered by `sequence`, never by `time`."""

    closure_id: str
    sequence: int
    key: str
    event: EventType
    time: Instant
    stage_from: Stage | None
    stage_to: Stage | None
    actor: str | None
    details: dict[str, JsonValue]
    previous_hash: str
    hash: str


class HashedPart(WireModel):
    """What the hash of an event covers in the place of its readable actor and details."""

    actor: str | None
    details: dict[str, JsonValue]


class ReadEvent(AuditEvent):
    """An event as people read it: its sealed parts opened, or said to be erased."""

    hashed: HashedPart
    erased: bool = False


class ChainFault(WireModel):
    """The first place where a chain does not verify; `sequence` 0 is the closure's row itself."""

    sequence: int
    reason: str


class RecordedClosure(WireModel):
    """A closure as the record has it; `head_hash` is the last event's hash.

    `opened_by` is None when it is erased.
    """

    document: StatusDocument
    run_epoch: int
    policy_hash: str
    opened_by: str | None
    opened_at: Instant
    updated_at: Instant
    event_count: int
    head_hash: str


class AuditTrail(WireModel):
    """A closure's events with the verdict on their chain.

    Rows that cannot be read (somebody wrote nonsense into them) are not among `events` but counted.
    """

    closure_id: str
    account_id: str
    events: tuple[ReadEvent, ...]
    fault: ChainFault | None
    unreadable: int = 0


class Proof(WireModel):
    """That a user proved their identity for an account; `closure_id` once an act has consumed it."""

    proof_id: str
    account_id: str
    user_id: str
    method: IdentityMethod
    created_at: Instant
    closure_id: str | None = None
