"""Legal holds: while one stands, nothing of the account may be destroyed."""

from datetime import UTC, datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.embedded import tables
from connectors.embedded.accounts import find_account, lock_account
from database import reading, transaction


class EmbeddedLegalHolds:
    """Implements `connectors.ports.LegalHolds`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def is_held(self, account_id: str) -> bool:
        async with reading(self._engine) as connection:
            account = await find_account(connection, account_id)
            row = tables.holds.c.account_id
            while account.parent_id is not None:
                if await connection.scalar(select(row).where(row == account.account_id)) is not None:
                    return True
                account = await find_account(connection, account.parent_id)
            return await connection.scalar(select(row).where(row == account.account_id)) is not None


async def hold(engine: AsyncEngine, account_id: str, reason: str) -> None:
    """Puts the account and all it owns under legal hold; again changes the reason.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, or `ACCOUNT_CLOSED`: nothing is left to hold.
    """
    async with transaction(engine) as connection:
        (await lock_account(connection, account_id)).refuse_closed()
        changed = await connection.execute(
            update(tables.holds).where(tables.holds.c.account_id == account_id).values(reason=reason)
        )
        if changed.rowcount == 0:
            values = {"account_id": account_id, "reason": reason, "since": datetime.now(UTC)}
            await connection.execute(insert(tables.holds).values(values))


async def unhold(engine: AsyncEngine, account_id: str) -> bool:
    """Lifts the account's legal hold; False when there was none.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    async with transaction(engine) as connection:
        await lock_account(connection, account_id)
        gone = await connection.execute(delete(tables.holds).where(tables.holds.c.account_id == account_id))
        return gone.rowcount == 1
