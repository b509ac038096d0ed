"""Rows of the record as models, and back."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import RowMapping, String, Table

from closure.canonical import canonical_json
from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from closure.state import STATE, ClosureState
from records.chain import canonical_time, text_hash, verify_chain
from records.entries import AuditEvent, AuditTrail, ChainFault, ReadEvent, RecordedClosure
from records.personal import OPENED_BY, SEALED, AccountKey, NotOpened, open_personal

PINNED = ("account_id", "provider", "policy", "policy_version", "policy_hash", "mode")
"""Columns of a closure's row that its first event repeats, so that they can't be exchanged unseen."""


def closure_of(row: RowMapping, opened_by: str | None) -> RecordedClosure:
    """The closure in a row of `record_closures`; who opened it is in its first event."""
    return RecordedClosure(
        state=state_of(row),
        run_id=row["run_id"],
        owner_closure_id=row["owner_closure_id"],
        policy_hash=row["policy_hash"],
        opened_by=opened_by,
        opened_at=row["opened_at"],
        updated_at=row["updated_at"],
        interrupted_at=row["interrupted_at"],
        event_count=row["event_count"],
        head_hash=row["head_hash"],
    )


def state_of(row: RowMapping | Mapping[str, object]) -> ClosureState:
    """The state in a row of `record_closures`."""
    return STATE.validate_json(str(row["state"]))


def state_columns(state: ClosureState) -> dict[str, str | datetime | None]:
    """The columns of `record_closures` that follow from a state."""
    deadline = state.deadline
    return {
        "stage": state.stage.value,
        "outcome": state.outcome.value if state.outcome else None,
        "deadline": deadline.at if deadline else None,
        "waiting_for": state.waiting.reason.value if state.waiting else None,
        "refund": state.refund.status.value if state.refund else None,
        "refund_due_by": state.refund.due_by if state.refund and state.refund_is_open else None,
        "state": STATE.dump_json(state, exclude_defaults=True).decode(),
    }


def event_of(row: Mapping[str, str | int | None] | RowMapping) -> AuditEvent:
    """The event in a row of `record_events`.

    Raises:
        ValueError: the row was tampered with so that it is no event, or none that `event_columns` spells so.
    """
    event = AuditEvent.model_validate({**row, "details": json.loads(str(row["details"]))})
    if event_columns(event) != dict(row):
        raise ValueError(f"event {event.sequence} is spelled otherwise than it was written")
    return event


def event_columns(event: AuditEvent) -> dict[str, str | int | None]:
    """The columns of `record_events`: exactly what was hashed."""
    return {
        "closure_id": event.closure_id,
        "sequence": event.sequence,
        "event": event.event.value,
        "time": canonical_time(event.time),
        "stage_from": event.stage_from.value if event.stage_from else None,
        "stage_to": event.stage_to.value if event.stage_to else None,
        "actor": event.actor,
        "details": canonical_json(event.details),
        "previous_hash": event.previous_hash,
        "hash": event.hash,
    }


def require_storable(table: Table, values: Mapping[str, str | None]) -> None:
    """Checks texts for columns of `table`; what only one of the databases would store is refused on both.

    Raises:
        Refused: `MALFORMED_INPUT`, which names the first text that is too long or is no text.
    """
    for name, value in values.items():
        column_type = table.c[name].type
        longest = column_type.length if isinstance(column_type, String) else None
        if value is not None and not is_storable(value, longest):
            raise Refused(
                RefusalType.MALFORMED_INPUT,
                f"the text for {name} can't be stored: it is too long or has characters that are no text",
            )


def is_storable(value: str, longest: int | None) -> bool:
    """Whether a column of `longest` characters can hold the text: no NUL, nothing that UTF-8 doesn't have."""
    return (
        (longest is None or len(value) <= longest)
        and "\0" not in value
        and not any("\ud800" <= character <= "\udfff" for character in value)
    )


def trail_of(
    closure: RowMapping,
    rows: Iterable[RowMapping],
    key: AccountKey | None,
    *,
    policy_content: str,
    erased: bool,
) -> AuditTrail:
    """Reads and verifies a closure's events, in the order given, against the closure's row.

    Args:
        closure: the row of `record_closures`.
        rows: of `record_events`.
        key: of the account's personal data; None when there is none.
        policy_content: what the record keeps under the closure's policy hash.
        erased: whether the account was deleted, so that there must be no key.
    """
    stored: list[AuditEvent] = []
    events: list[ReadEvent] = []
    unreadable: list[ChainFault] = []
    for position, row in enumerate(rows, start=1):
        try:
            event = event_of(row)
            events.append(open_personal(event, key))
            stored.append(event)
        except (ValueError, TypeError, NotOpened):
            unreadable.append(ChainFault(sequence=position, reason="it is unreadable: somebody changed it"))
    if unreadable:
        fault: ChainFault | None = unreadable[0]
    else:
        fault = (
            verify_chain(
                stored,
                closure_id=closure["closure_id"],
                event_count=closure["event_count"],
                head_hash=closure["head_hash"],
            )
            or _row_fault(closure, stored, policy_content)
            or _key_fault(events, key, erased=erased)
        )
    return AuditTrail(
        closure_id=closure["closure_id"],
        account_id=closure["account_id"],
        events=tuple(events),
        fault=fault,
        unreadable=len(unreadable),
    )


def _key_fault(events: list[ReadEvent], key: AccountKey | None, *, erased: bool) -> ChainFault | None:
    """Only deletion destroys the key, and it always does."""
    sealed = next((event for event in events if SEALED in event.hashed.details), None)
    if sealed is None or erased is (key is None):
        return None
    reason = (
        "the key of the account's personal data is still there although the account was deleted"
        if erased
        else "the key of the account's personal data is gone although the account was not deleted"
    )
    return ChainFault(sequence=sealed.sequence, reason=reason)


def _row_fault(closure: RowMapping, events: list[AuditEvent], policy_content: str) -> ChainFault | None:
    """What the events vouch for in the closure's own row: stage, outcome and what is pinned."""
    stage = next((event.stage_to for event in reversed(events) if event.stage_to is not None), None)
    if stage is None or stage.value != closure["stage"]:
        return ChainFault(sequence=0, reason="the closure's stage is not the one its events lead to")
    if closure["outcome"] != (stage.outcome.value if stage.outcome else None):
        return ChainFault(sequence=0, reason="the closure's outcome is not the one its events lead to")
    if not _states_agree(closure, stage):
        return ChainFault(sequence=0, reason="the closure's state is not the one its events lead to")
    opened = events[0]
    if any(opened.details.get(name) != closure[name] for name in PINNED):
        return ChainFault(
            sequence=0, reason="the closure's account, provider or policy is not the one it was opened with"
        )
    if opened.details.get(OPENED_BY) != closure["opened_by"]:
        return ChainFault(sequence=0, reason="the closure was opened by another user")
    if text_hash(policy_content) != closure["policy_hash"]:
        return ChainFault(sequence=0, reason="the pinned policy's content does not match its hash")
    return None


def _states_agree(closure: RowMapping, stage: Stage) -> bool:
    try:
        state = state_of(closure)
    except ValueError:
        return False
    return state.stage is stage and all(
        getattr(state, name) == closure[name]
        for name in (
            "closure_id",
            "account_id",
            "provider",
            "policy",
            "policy_version",
            "mode",
            "workflow_id",
        )
    )
