"""Which account owns which. A change waits for a stop that is under way, and then is refused."""

from sqlalchemy import Connection, update

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
from database import Database


async def move_account(database: Database, account_id: str, owner_id: str | None) -> None:
    """Gives the account another owner, or none; all accounts concerned must be open (T4).

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`; `THING_NOT_ALLOWED` when an account concerned is stopped or closed, is
            of another provider or currency, or would own itself.
    """

    def work(connection: Connection) -> None:
        lock_ownership(connection)
        seen = find_account(connection, account_id)
        concerned = sorted({account_id, *filter(None, (seen.parent_id, owner_id))})
        locked = {each: lock_account(connection, each) for each in concerned}
        for account in locked.values():
            if account.access is not Access.OPEN:
                raise Refused(
                    RefusalType.THING_NOT_ALLOWED,
                    f"account {account.account_id!r} is stopped or closed: nothing moves in or out any more",
                    facts={"account_id": account.account_id},
                )
        if owner_id is not None:
            _require_fitting(connection, locked[account_id], locked[owner_id])
        connection.execute(
            update(tables.accounts).where(tables.accounts.c.id == account_id).values(parent_id=owner_id)
        )

    await database.write(work)


def _require_fitting(connection: Connection, account: Account, owner: Account) -> None:
    if owner.account_id == account.account_id or owner.account_id in owned_accounts(
        connection, account.account_id
    ):
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            "an account can't own itself",
            facts={"account_id": account.account_id},
        )
    if (account.provider, account.currency) != (owner.provider, owner.currency):
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            f"account {owner.account_id!r} is of another provider or settles in another currency",
            facts={"account_id": owner.account_id},
        )
