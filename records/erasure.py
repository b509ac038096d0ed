"""Keys of accounts' personal data in the record, and the end of all of it in the step that ends `deleted`."""

from datetime import UTC, datetime

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from closure.lifecycle import Outcome
from closure.messages import StatusDocument
from records.personal import AccountKey
from records.tables import (
    record_account_keys,
    record_challenges,
    record_closures,
    record_guesses,
    record_plans,
    record_proofs,
)

ERASED_PLAN = ""
"""In the place of a plan's JSON; its hash stays."""


async def key_for_writing(connection: AsyncConnection, account_id: str) -> AccountKey:
    """The account's key, made now if it has none; for a deleted account one that is kept nowhere.

    Raises:
        sqlalchemy.exc.IntegrityError: another transaction makes it at this moment; try again.
    """
    row = await _key_row(connection, account_id)
    if row is not None and row["key"] is not None:
        return AccountKey.from_hex(row["key"])
    key = AccountKey.new()
    if row is None:
        await connection.execute(
            insert(record_account_keys).values(
                account_id=account_id, key=key.hex(), created_at=datetime.now(UTC)
            )
        )
    return key


async def key_for_reading(connection: AsyncConnection, account_id: str) -> AccountKey | None:
    """The account's key; None when there is none (any more)."""
    row = await _key_row(connection, account_id)
    return AccountKey.from_hex(row["key"]) if row is not None and row["key"] is not None else None


async def was_deleted(connection: AsyncConnection, account_id: str) -> bool:
    """Whether a closure of the account ended as deleted."""
    query = select(record_closures.c.closure_id).where(
        record_closures.c.account_id == account_id, record_closures.c.outcome == Outcome.DELETED.value
    )
    return await connection.scalar(query.limit(1)) is not None


async def erase_account(connection: AsyncConnection, account_id: str, time: datetime) -> None:
    """Destroys the key and blanks what is personal in all the account's closures; hashes and events stay."""
    await connection.execute(
        update(record_account_keys)
        .where(record_account_keys.c.account_id == account_id)
        .values(key=None, destroyed_at=time)
    )
    for table in (record_challenges, record_guesses, record_proofs):
        await connection.execute(delete(table).where(table.c.account_id == account_id))
    closures = await connection.execute(
        select(record_closures.c.closure_id, record_closures.c.document).where(
            record_closures.c.account_id == account_id
        )
    )
    for closure in closures.mappings().all():
        await _blank(connection, closure)


async def _blank(connection: AsyncConnection, closure: RowMapping) -> None:
    document = StatusDocument.model_validate_json(closure["document"]).without_personal_data()
    await connection.execute(
        update(record_closures)
        .where(record_closures.c.closure_id == closure["closure_id"])
        .values(document=document.model_dump_json())
    )
    await connection.execute(
        update(record_plans)
        .where(record_plans.c.closure_id == closure["closure_id"])
        .values(content=ERASED_PLAN)
    )


async def _key_row(connection: AsyncConnection, account_id: str) -> RowMapping | None:
    query = select(record_account_keys).where(record_account_keys.c.account_id == account_id)
    return (await connection.execute(query)).mappings().one_or_none()
