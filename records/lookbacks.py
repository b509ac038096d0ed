"""Whether a record is older than its anchors, as after a backup was restored, and what was done about it."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, insert, select

from database.database import database_time
from database.parts import in_parts
from records.anchors import AnchorLine
from records.tables import record_closures, record_lookbacks


class RecordIsOlder(Exception):
    """Anchored events are not in the record; the message names the first."""


def require_not_older(connection: Connection, lines: Sequence[AnchorLine | None], record_id: str) -> None:
    """Every anchored event must be in the record, but for what `erase-again` has looked at.

    Args:
        connection: of any transaction.
        lines: all of the anchor file; None is no anchor, which verifying an audit finds.
        record_id: the record's name; lines of other records are not compared.

    Raises:
        RecordIsOlder: one is missing.
    """
    looked_at = connection.scalar(select(func.max(record_lookbacks.c.anchor_lines))) or 0
    own = [line for line in lines[looked_at:] if line is not None and line.record_id == record_id]
    counts = _event_counts(connection, {line.closure_id for line in own})
    missing = next((line for line in own if counts.get(line.closure_id, 0) < line.event_count), None)
    if missing is not None:
        raise RecordIsOlder(
            f"the record is older than its anchors: event {missing.event_count} of closure "
            f"{missing.closure_id} is not in it"
        )


def note_look(connection: Connection, anchor_lines: int) -> None:
    """The record was looked at up to this line of the anchors; accounts that were gone are gone again."""
    known = connection.scalar(select(func.max(record_lookbacks.c.anchor_lines))) or 0
    if known < anchor_lines:
        connection.execute(
            insert(record_lookbacks).values(anchor_lines=anchor_lines, looked_at=database_time(connection))
        )


def _event_counts(connection: Connection, closure_ids: Iterable[str]) -> dict[str, int]:
    columns = record_closures.c
    counts: dict[str, int] = {}
    for part in in_parts(closure_ids):
        query = select(columns.closure_id, columns.event_count).where(columns.closure_id.in_(part))
        counts |= {row.closure_id: row.event_count for row in connection.execute(query)}
    return counts
