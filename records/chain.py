"""The hash chain over a closure's audit events: pure, so that an auditor can repeat it without this program.

An event's hash is SHA-256, in hex, of the canonical JSON of its columns but for the hash itself. The columns
hold the hash of the event before (64 zeros before the first) and the closure's id, so that no event can be
changed, moved, left out or taken over from another closure without a visible break. A cut tail shows by the
count and the head hash in the closure's row. Who can rewrite every row and the head can forge a chain: keep
head hashes elsewhere too.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from closure.canonical import canonical_json
from records.entries import AuditEvent, ChainFault

GENESIS_HASH = "0" * 64
"""What the first event names as its predecessor."""


def canonical_time(moment: datetime) -> str:
    """The one spelling of an instant: RFC 3339, UTC, always six decimals."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def text_hash(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_event(event: AuditEvent) -> str:
    """The hash that belongs to the event's content; whatever `event.hash` says."""
    # Named one by one: a field that the model gets later must not change the hashes of old events.
    content: dict[str, JsonValue] = {
        "closure_id": event.closure_id,
        "sequence": event.sequence,
        "event": event.event.value,
        "time": canonical_time(event.time),
        "stage_from": event.stage_from.value if event.stage_from else None,
        "stage_to": event.stage_to.value if event.stage_to else None,
        "actor": event.actor,
        "details": event.details,
        "previous_hash": event.previous_hash,
    }
    return text_hash(canonical_json(content))


def seal(event: AuditEvent) -> AuditEvent:
    """The event with the hash of its content."""
    return event.model_copy(update={"hash": hash_event(event)})


def verify_chain(
    events: Sequence[AuditEvent], *, closure_id: str, event_count: int, head_hash: str
) -> ChainFault | None:
    """The first fault of a chain, or None when it is whole.

    Args:
        events: in the order of their sequence, as they were read.
        closure_id: whose events they must be.
        event_count: how many the closure's row says there are.
        head_hash: the last event's hash according to the closure's row.
    """
    previous = GENESIS_HASH
    for expected, event in enumerate(events, start=1):
        fault = _link_fault(event, expected, previous, closure_id)
        if fault is not None:
            return ChainFault(sequence=expected, reason=fault)
        previous = event.hash
    if len(events) != event_count:
        missing = min(len(events), event_count) + 1
        return ChainFault(
            sequence=missing, reason=f"the closure has {event_count} events recorded, {len(events)} are there"
        )
    if previous != head_hash:
        return ChainFault(sequence=len(events), reason="the last event is not the one that the closure names")
    return None


def _link_fault(event: AuditEvent, expected: int, previous: str, closure_id: str) -> str | None:
    if event.closure_id != closure_id:
        return "it belongs to another closure"
    if event.sequence != expected:
        return (
            f"event {event.sequence} stands in place of event {expected}: events are missing or out of order"
        )
    if event.previous_hash != previous:
        return "it does not continue the event before it"
    if event.hash != hash_event(event):
        return "its content does not match its hash"
    return None
