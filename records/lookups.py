"""Reading the record's rows inside a transaction that somebody else has begun."""

from sqlalchemy import ColumnElement, RowMapping, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from records.anchors import ChainHead
from records.personal import AccountKey, NotOpened, open_personal
from records.rows import event_of
from records.tables import record_account_keys, record_closures, record_events, record_names, record_plans


async def closure_row(
    connection: AsyncConnection, closure_id: str, *, lock: bool = False
) -> RowMapping | None:
    query = select(record_closures).where(record_closures.c.closure_id == closure_id)
    if lock:
        # Nothing on SQLite, where the whole transaction holds the write lock.
        query = query.with_for_update()
    return (await connection.execute(query)).mappings().one_or_none()


async def written_before(connection: AsyncConnection, closure_id: str, key: str) -> int | None:
    sequence: int | None = await connection.scalar(
        select(record_events.c.sequence).where(
            record_events.c.closure_id == closure_id, record_events.c.key == key
        )
    )
    return sequence


async def event_rows(connection: AsyncConnection, closure_id: str) -> tuple[RowMapping, ...]:
    query = (
        select(record_events)
        .where(record_events.c.closure_id == closure_id)
        .order_by(record_events.c.sequence)
    )
    return tuple((await connection.execute(query)).mappings().all())


async def plan_content(connection: AsyncConnection, closure_id: str, plan_hash: str) -> str | None:
    content: str | None = await connection.scalar(
        select(record_plans.c.content).where(
            record_plans.c.closure_id == closure_id, record_plans.c.plan_hash == plan_hash
        )
    )
    return content


async def chain_head(connection: AsyncConnection, closure_id: str, sequence: int) -> ChainHead:
    """The head of a closure's chain as it was with this event."""
    query = (
        select(record_names.c.record_id, record_closures.c.account_id, record_events.c.hash)
        .join_from(record_events, record_closures, record_closures.c.closure_id == record_events.c.closure_id)
        .join(record_names, true())
        .where(record_events.c.closure_id == closure_id, record_events.c.sequence == sequence)
    )
    row = (await connection.execute(query)).one()
    return ChainHead(
        record_id=row.record_id,
        account_id=row.account_id,
        closure_id=closure_id,
        event_count=sequence,
        head_hash=row.hash,
    )


async def openers(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> dict[str, str]:
    """Who opened the closures that meet the conditions, by closure id; without those that are erased.

    The first event knows; one that was changed so that it can't be read counts as erased.
    """
    first_events = (
        select(record_events, record_account_keys.c.key.label("account_key"))
        .join(record_closures, record_closures.c.closure_id == record_events.c.closure_id)
        .outerjoin(record_account_keys, record_account_keys.c.account_id == record_closures.c.account_id)
        .where(record_events.c.sequence == 1, *conditions)
    )
    found = {}
    for row in (await connection.execute(first_events)).mappings():
        columns = dict(row)
        key = columns.pop("account_key")
        try:
            opened = open_personal(event_of(columns), AccountKey.from_hex(key) if key else None)
        except (ValueError, NotOpened):
            continue
        if opened.actor is not None and not opened.erased:
            found[opened.closure_id] = opened.actor
    return found
