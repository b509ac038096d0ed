"""Which account owns which. A change waits for a stop that is under way, and then is refused."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.accounts import Access
from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.accounts import (
    Account,
    find_account,
    lock_account,
    lock_ownership,
    owned_accounts,
)
from database import transaction


async def move_account(engine: AsyncEngine, account_id: str, owner_id: str | None) -> None:
    """Gives the account another owner, or none; all accounts concerned must be open (T4).

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`; `THING_NOT_ALLOWED` when an account concerned is stopped or closed, is
            of another provider or currency, or would own itself.
    """
    async with transaction(engine) as connection:
        await lock_ownership(connection)
        seen = await find_account(connection, account_id)
        concerned = sorted({account_id, *filter(None, (seen.parent_id, owner_id))})
        locked = {each: await lock_account(connection, each) for each in concerned}
        for account in locked.values():
            if account.access is not Access.OPEN:
                raise Refused(
                    RefusalType.THING_NOT_ALLOWED,
                    f"account {account.account_id!r} is stopped or closed: nothing moves in or out any more",
                )
        if owner_id is not None:
            await _require_fitting(connection, locked[account_id], locked[owner_id])
        await connection.execute(
            update(tables.accounts).where(tables.accounts.c.id == account_id).values(parent_id=owner_id)
        )


async def _require_fitting(connection: AsyncConnection, account: Account, owner: Account) -> None:
    if owner.account_id == account.account_id or owner.account_id in await owned_accounts(
        connection, account.account_id
    ):
        raise Refused(RefusalType.THING_NOT_ALLOWED, "an account can't own itself")
    if (account.provider, account.currency) != (owner.provider, owner.currency):
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            f"account {owner.account_id!r} is of another provider or settles in another currency",
        )
