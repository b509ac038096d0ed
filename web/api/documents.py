"""What answers say, beside the documents that every face gives away."""

from client.identity import Challenge
from client.listing import ListedClosure
from closure.messages import ChecklistItem, IdentityMethod
from closure.model import Instant, WireModel
from records.entries import AuditTrail, ChainFault, ReadEvent


class SentChallenge(WireModel):
    """A code is on its way, if the user has an address for it; the same for one who does not exist."""

    account_id: str
    user_id: str
    method: IdentityMethod
    expires_at: Instant

    @classmethod
    def of(cls, challenge: Challenge) -> "SentChallenge":
        return cls(
            account_id=challenge.account_id,
            user_id=challenge.user_id,
            method=challenge.method,
            expires_at=challenge.expires_at,
        )


class ClosureList(WireModel):
    """Some closures, those opened last first; `next_cursor` asks for the rest, null after the last."""

    closures: tuple[ListedClosure, ...]
    next_cursor: str | None


class ItemList(WireModel):
    """Some items of a checklist, in its order; `next_cursor` as in lists of closures."""

    items: tuple[ChecklistItem, ...]
    next_cursor: str | None


class EventList(WireModel):
    """A closure's audit events by sequence."""

    closure_id: str
    account_id: str
    events: tuple[ReadEvent, ...]


class Audit(EventList):
    """`verified`: the hash chain holds and every row can be read; else `fault` says where it breaks first."""

    verified: bool
    fault: ChainFault | None
    unreadable: int

    @classmethod
    def of(cls, trail: AuditTrail) -> "Audit":
        return cls(
            closure_id=trail.closure_id,
            account_id=trail.account_id,
            events=trail.events,
            verified=trail.fault is None and not trail.unreadable,
            fault=trail.fault,
            unreadable=trail.unreadable,
        )


class Health(WireModel):
    """`ok`, or `ready` where everything that is needed answers."""

    status: str
