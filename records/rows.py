"""Rows of the record as models, and back."""

import json
from collections.abc import Iterable

from sqlalchemy import RowMapping

from closure.messages import StatusDocument
from records.chain import canonical_json, canonical_time, text_hash, verify_chain
from records.entries import AuditEvent, AuditTrail, ChainFault, EventType, RecordedClosure


def closure_of(row: RowMapping) -> RecordedClosure:
    """The closure in a row of `record_closures`."""
    return RecordedClosure(
        document=StatusDocument.model_validate_json(row["document"]),
        run_epoch=row["run_epoch"],
        policy_hash=row["policy_hash"],
        opened_by=row["opened_by"],
        opened_at=row["opened_at"],
        updated_at=row["updated_at"],
        event_count=row["event_count"],
        head_hash=row["head_hash"],
    )


def event_of(row: RowMapping) -> AuditEvent:
    """The event in a row of `record_events`.

    Raises:
        ValueError: the row was tampered with so that it is no event.
    """
    return AuditEvent.model_validate({**row, "details": json.loads(row["details"])})


def event_columns(event: AuditEvent) -> dict[str, str | int | None]:
    """The columns of `record_events`: exactly what was hashed."""
    return {
        "closure_id": event.closure_id,
        "sequence": event.sequence,
        "key": event.key,
        "event": event.event.value,
        "time": canonical_time(event.time),
        "stage_from": event.stage_from.value if event.stage_from else None,
        "stage_to": event.stage_to.value if event.stage_to else None,
        "actor": event.actor,
        "details": canonical_json(event.details),
        "previous_hash": event.previous_hash,
        "hash": event.hash,
    }


def trail_of(closure: RowMapping, rows: Iterable[RowMapping]) -> AuditTrail:
    """Reads and verifies a closure's events, in the order given, against the closure's row."""
    events: list[AuditEvent] = []
    unreadable: list[ChainFault] = []
    for position, row in enumerate(rows, start=1):
        try:
            events.append(event_of(row))
        except (ValueError, TypeError):
            unreadable.append(ChainFault(sequence=position, reason="it is unreadable: somebody changed it"))
    if unreadable:
        fault: ChainFault | None = unreadable[0]
    else:
        fault = verify_chain(
            events,
            closure_id=closure["closure_id"],
            event_count=closure["event_count"],
            head_hash=closure["head_hash"],
        ) or _row_fault(closure, events)
    return AuditTrail(
        closure_id=closure["closure_id"],
        account_id=closure["account_id"],
        events=tuple(events),
        fault=fault,
        unreadable=len(unreadable),
    )


def _row_fault(closure: RowMapping, events: list[AuditEvent]) -> ChainFault | None:
    """What the events vouch for in the closure's own row: its stage, its outcome and its pinned policy."""
    stage = next((event.stage_to for event in reversed(events) if event.stage_to is not None), None)
    if stage is None or stage.value != closure["stage"]:
        return ChainFault(sequence=0, reason="the closure's stage is not the one its events lead to")
    outcome = stage.outcome.value if stage.outcome else None
    if closure["outcome"] != outcome:
        return ChainFault(sequence=0, reason="the closure's outcome is not the one its events lead to")
    policy_hash = closure["policy_hash"]
    opened = next((event for event in events if event.event is EventType.OPENED), None)
    if opened is None or opened.details.get("policy_hash") != policy_hash:
        return ChainFault(sequence=0, reason="the closure's policy is not the one it was opened under")
    if text_hash(closure["policy_snapshot"]) != policy_hash:
        return ChainFault(sequence=0, reason="the pinned policy's content does not match its hash")
    return None
