"""What is read from the record."""

from pydantic import JsonValue

from closure.acts import ActKind
from closure.events import EVENTS, Event, EventType
from closure.lifecycle import Stage
from closure.messages import IdentityMethod
from closure.model import Instant, WireModel
from closure.state import ClosureState


class AuditEvent(WireModel):
    """One link of a closure's hash chain, as it is hashed; ordered by `sequence`, never by `time`."""

    closure_id: str
    sequence: int
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

    @property
    def content(self) -> Event:
        """The event as its model; what is erased of it has its default."""
        model = EVENTS[self.event]
        gone = model.personal_fields() if self.erased else frozenset[str]()
        return model.model_validate({name: value for name, value in self.details.items() if name not in gone})


class ChainFault(WireModel):
    """The first place where a chain does not verify; `sequence` 0 is the closure's row itself."""

    sequence: int
    reason: str


class RecordedClosure(WireModel):
    """A closure as the record has it; `head_hash` is the last event's hash.

    `opened_by` is None when it is erased, and for what an owner's closure took along.
    """

    state: ClosureState
    run_id: str | None
    owner_closure_id: str | None
    policy_hash: str
    opened_by: str | None
    opened_at: Instant
    updated_at: Instant
    interrupted_at: Instant | None
    event_count: int
    head_hash: str

    @property
    def closure_id(self) -> str:
        return self.state.closure_id


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
    """That a user proved their identity for an account; `closure_id` once an act has consumed it.

    `door` is the act that it was given for; what was given to close authorises every act on that closure.
    """

    proof_id: str
    account_id: str
    user_id: str
    method: IdentityMethod
    door: ActKind
    created_at: Instant
    closure_id: str | None = None
