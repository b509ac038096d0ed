"""Reading the record's rows inside a transaction that somebody else has begun."""

from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, select, true

from records.anchors import ChainHead
from records.personal import AccountKey, NotOpened, open_personal
from records.rows import event_of
from records.tables import (
    record_account_keys,
    record_closures,
    record_events,
    record_installation,
    record_plans,
    record_policies,
)

# Built once: most of what a short statement costs is making it.
_CLOSURE: Final = select(record_closures).where(record_closures.c.closure_id == bindparam("of"))
_LOCKED_CLOSURE: Final = _CLOSURE.with_for_update()
_PLAN: Final = select(record_plans.c.content).where(
    record_plans.c.closure_id == bindparam("of"), record_plans.c.plan_hash == bindparam("named")
)
_POLICY: Final = select(record_policies.c.content).where(record_policies.c.policy_hash == bindparam("named"))

_HEAD: Final = (
    select(record_installation.c.installation_id, record_closures.c.account_id, record_events.c.hash)
    .join_from(record_events, record_closures, record_closures.c.closure_id == record_events.c.closure_id)
    .join(record_installation, true())
    .where(record_events.c.closure_id == bindparam("of"), record_events.c.sequence == bindparam("at"))
)
_FIRST_EVENT: Final = (
    select(record_events, record_account_keys.c.key.label("account_key"))
    .join(record_closures, record_closures.c.closure_id == record_events.c.closure_id)
    .outerjoin(record_account_keys, record_account_keys.c.account_id == record_closures.c.account_id)
    .where(record_events.c.sequence == 1, record_events.c.closure_id == bindparam("of"))
)


def closure_row(connection: Connection, closure_id: str, *, lock: bool = False) -> RowMapping | None:
    # Nothing is locked on SQLite, where the whole transaction holds the write lock.
    query = _LOCKED_CLOSURE if lock else _CLOSURE
    return connection.execute(query, {"of": closure_id}).mappings().one_or_none()


def event_rows(connection: Connection, closure_id: str) -> tuple[RowMapping, ...]:
    query = (
        select(record_events)
        .where(record_events.c.closure_id == closure_id)
        .order_by(record_events.c.sequence)
    )
    return tuple((connection.execute(query)).mappings().all())


def plan_content(connection: Connection, closure_id: str, plan_hash: str) -> str | None:
    content: str | None = connection.scalar(_PLAN, {"of": closure_id, "named": plan_hash})
    return content


def policy_content(connection: Connection, policy_hash: str) -> str:
    """The canonical JSON that is kept under the hash; empty when there is none."""
    content: str | None = connection.scalar(_POLICY, {"named": policy_hash})
    return content or ""


def chain_head(connection: Connection, closure_id: str, sequence: int) -> ChainHead:
    """The head of a closure's chain as it was with this event."""
    row = connection.execute(_HEAD, {"of": closure_id, "at": sequence}).one()
    return ChainHead(
        record_id=row.installation_id,
        account_id=row.account_id,
        closure_id=closure_id,
        event_count=sequence,
        head_hash=row.hash,
    )


def chain_end(connection: Connection, closure_id: str) -> ChainHead:
    """The head of a closure's chain as it is now."""
    query = select(record_closures.c.event_count).where(record_closures.c.closure_id == closure_id)
    return chain_head(connection, closure_id, connection.execute(query).scalar_one())


def opener(connection: Connection, closure_id: str) -> str | None:
    """Who opened the closure; None when that is erased.

    The first event knows; one that was changed so that it can't be read counts as erased.
    """
    row = connection.execute(_FIRST_EVENT, {"of": closure_id}).mappings().one_or_none()
    if row is None:
        return None
    columns = dict(row)
    key = columns.pop("account_key")
    try:
        opened = open_personal(event_of(columns), AccountKey.from_hex(key) if key else None)
    except (ValueError, NotOpened):
        return None
    return None if opened.erased else opened.actor
