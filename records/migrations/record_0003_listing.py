"""What lists of closures are filtered by: columns beside the state, and indexes."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

import sqlalchemy as sa
from alembic import op

revision: str = "record_0003"
down_revision: str | None = "record_0002"
branch_labels: str | None = None
depends_on: str | None = None

INSTANT = sa.DateTime(timezone=True)
AT_ONCE = 500

closures = sa.table(
    "record_closures",
    sa.column("opened_sequence", sa.Integer),
    sa.column("closure_id", sa.String),
    sa.column("state", sa.Text),
    sa.column("stage_since", INSTANT),
    sa.column("refund", sa.String),
    sa.column("refund_due_by", INSTANT),
)
events = sa.table(
    "record_events",
    sa.column("closure_id", sa.String),
    sa.column("sequence", sa.Integer),
    sa.column("time", sa.String),
    sa.column("stage_to", sa.String),
)


def upgrade() -> None:
    op.add_column("record_closures", sa.Column("stage_since", INSTANT))
    op.add_column("record_closures", sa.Column("refund", sa.String(20)))
    op.add_column("record_closures", sa.Column("refund_due_by", INSTANT))
    _fill_since()
    _fill_from_state()
    _create_indexes()


def _fill_since() -> None:
    last = (
        sa.select(events.c.closure_id, sa.func.max(events.c.sequence).label("sequence"))
        .where(events.c.stage_to.is_not(None))
        .group_by(events.c.closure_id)
        .subquery()
    )
    query = sa.select(events.c.closure_id, events.c.time).join(
        last, sa.and_(last.c.closure_id == events.c.closure_id, last.c.sequence == events.c.sequence)
    )
    statement = (
        sa.update(closures)
        .where(closures.c.closure_id == sa.bindparam("of"))
        .values(stage_since=sa.bindparam("since", type_=INSTANT))
    )
    rows = op.get_bind().execute(query).all()
    for part in _parts({"of": of, "since": _instant(time)} for of, time in rows):
        op.get_bind().execute(statement, part)


def _fill_from_state() -> None:
    """Refunds, which so far only the states told of."""
    columns = {"refund": sa.bindparam("status"), "refund_due_by": sa.bindparam("due_by", type_=INSTANT)}
    statement = (
        sa.update(closures).where(closures.c.opened_sequence == sa.bindparam("number")).values(**columns)
    )
    rows = op.get_bind().execute(sa.select(closures.c.opened_sequence, closures.c.state)).all()
    for part in _parts(found for number, state in rows if (found := _of_state(number, state))):
        op.get_bind().execute(statement, part)


def _of_state(number: int, text: str) -> dict[str, object] | None:
    refund = json.loads(text).get("refund")
    if refund is None:
        return None
    is_open = refund["status"] != "settled"
    return {
        "number": number,
        "status": refund["status"],
        "due_by": _instant(refund["due_by"]) if is_open else None,
    }


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _parts(rows: Iterable[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    rest = iter(rows)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def _create_indexes() -> None:
    op.create_index("record_closures_provider", "record_closures", ["provider", "opened_sequence"])
    op.create_index("record_closures_opened", "record_closures", ["opened_at"])
    for name, columns, condition in (
        ("record_closures_deadline", ["deadline"], "outcome IS NULL"),
        ("record_closures_waiting", ["opened_sequence"], "waiting_for IS NOT NULL"),
        ("record_closures_interrupted", ["opened_sequence"], "interrupted_at IS NOT NULL"),
        ("record_closures_refund", ["refund_due_by"], "refund_due_by IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, "record_closures", columns, sqlite_where=where, postgresql_where=where)
    op.create_index("record_items_check", "record_items", ["check_id", "closure_id"])
