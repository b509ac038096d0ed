"""Keys of accounts' personal data in the record, and the end of all of it in the step that ends `deleted`."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from closure.lifecycle import Outcome
from closure.state import STATE
from closure.transitions import without_personal_data
from records.personal import AccountKey
from records.tables import (
    record_account_keys,
    record_acts,
    record_challenges,
    record_closures,
    record_guesses,
    record_items,
    record_losses,
    record_plans,
    record_proofs,
    record_settlements,
    record_steps,
)

ERASED_PLAN = ""
"""In the place of a plan's JSON; its hash stays."""

_KEY: Final = select(record_account_keys).where(record_account_keys.c.account_id == bindparam("of"))


def key_for_writing(connection: Connection, account_id: str) -> AccountKey:
    """The account's key, made now if it has none; for a deleted account one that is kept nowhere.

    Raises:
        sqlalchemy.exc.IntegrityError: another transaction makes it at this moment; try again.
    """
    row = _key_row(connection, account_id)
    if row is not None and row["key"] is not None:
        return AccountKey.from_hex(row["key"])
    key = AccountKey.new()
    if row is None:
        connection.execute(
            insert(record_account_keys).values(
                account_id=account_id, key=key.hex(), created_at=datetime.now(UTC)
            )
        )
    return key


def key_for_reading(connection: Connection, account_id: str) -> AccountKey | None:
    """The account's key; None when there is none (any more)."""
    row = _key_row(connection, account_id)
    return AccountKey.from_hex(row["key"]) if row is not None and row["key"] is not None else None


def was_deleted(connection: Connection, account_id: str) -> bool:
    """Whether a closure of the account ended as deleted."""
    query = select(record_closures.c.closure_id).where(
        record_closures.c.account_id == account_id, record_closures.c.outcome == Outcome.DELETED.value
    )
    return connection.scalar(query.limit(1)) is not None


def erase_account(connection: Connection, account_id: str, time: datetime) -> None:
    """Destroys the key and blanks what is personal in all the account's closures; hashes and events stay."""
    connection.execute(
        update(record_account_keys)
        .where(record_account_keys.c.account_id == account_id)
        .values(key=None, destroyed_at=time)
    )
    for table in (record_challenges, record_guesses, record_proofs):
        connection.execute(delete(table).where(table.c.account_id == account_id))
    connection.execute(
        update(record_acts).where(record_acts.c.account_id == account_id).values(content="", answer=None)
    )
    closures = connection.execute(
        select(record_closures.c.closure_id, record_closures.c.state).where(
            record_closures.c.account_id == account_id
        )
    )
    for closure in closures.mappings().all():
        _blank(connection, closure)


def _blank(connection: Connection, closure: RowMapping) -> None:
    """Items, losses and results of steps name things that a customer may have named after somebody."""
    closure_id = closure["closure_id"]
    state = without_personal_data(STATE.validate_json(closure["state"]))
    connection.execute(
        update(record_closures)
        .where(record_closures.c.closure_id == closure_id)
        .values(state=STATE.dump_json(state, exclude_defaults=True).decode())
    )
    for table in (record_items, record_losses):
        connection.execute(delete(table).where(table.c.closure_id == closure_id))
    connection.execute(
        update(record_plans).where(record_plans.c.closure_id == closure_id).values(content=ERASED_PLAN)
    )
    connection.execute(
        update(record_steps).where(record_steps.c.closure_id == closure_id).values(result=None)
    )
    connection.execute(
        update(record_settlements).where(record_settlements.c.closure_id == closure_id).values(reference=None)
    )


def _key_row(connection: Connection, account_id: str) -> RowMapping | None:
    return connection.execute(_KEY, {"of": account_id}).mappings().one_or_none()
