"""Finding an account's row, with or without its lock."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from closure.accounts import Access
from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.tables import RefundAnswer

_OWNERSHIP = 0x6F776E65
"""On PostgreSQL, of two that lock more than one account the second waits; SQLite has one writer anyway."""


@dataclass(frozen=True)
class Account:
    """One row of `platform_accounts`."""

    account_id: str
    provider: str
    kind: str
    currency: str
    parent_id: str | None
    access: Access
    stopped_at: datetime | None
    closed_at: datetime | None
    usage_final_until: datetime | None
    refund_answer: RefundAnswer | None

    def refuse_closed(self) -> None:
        """Raises `ACCOUNT_CLOSED` when the account is closed for good."""
        if self.access is Access.CLOSED:
            raise Refused(RefusalType.ACCOUNT_CLOSED, f"account {self.account_id!r} is closed for good")


_Columns = tuple[
    str,
    str,
    str,
    str,
    str | None,
    Access,
    datetime | None,
    datetime | None,
    datetime | None,
    RefundAnswer | None,
]


def _statement(account_id: str) -> Select[*_Columns]:
    row = tables.accounts.c
    statement: Select[*_Columns] = select(
        row.id,
        row.provider,
        row.kind,
        row.currency,
        row.parent_id,
        row.access,
        row.stopped_at,
        row.closed_at,
        row.usage_final_until,
        row.refund_answer,
    ).where(row.id == account_id)
    return statement


def _account(row: Row[*_Columns] | None, account_id: str) -> Account:
    if row is None:
        raise Refused(
            RefusalType.ACCOUNT_NOT_FOUND,
            f"there is no account {account_id!r}; `platform load` loads accounts",
        )
    return Account(*row)


async def find_account(connection: AsyncConnection, account_id: str) -> Account:
    """The account as this transaction sees it.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    return _account((await connection.execute(_statement(account_id))).one_or_none(), account_id)


async def lock_account(connection: AsyncConnection, account_id: str) -> Account:
    """The account; other writers to it wait for this transaction.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    locked = _statement(account_id).with_for_update()
    return _account((await connection.execute(locked)).one_or_none(), account_id)


async def lock_ownership(connection: AsyncConnection) -> None:
    """Comes first in a transaction that locks several accounts, or that changes which account owns which.

    Without it two of them could wait for each other, or each make the other's owner its own subaccount.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(_OWNERSHIP)))


async def owned_accounts(
    connection: AsyncConnection, account_id: str, *, lock: bool = False, with_closed: bool = False
) -> tuple[str, ...]:
    """What the account owns, directly or through others, by level and id.

    Accounts closed for good, and what they own, are left out unless `with_closed`. With `lock` nobody can
    bring an account in or out, or create one, before this transaction ends: that takes the lock of its owner.
    """
    row = tables.accounts.c
    owned: dict[str, None] = {}
    owners = [account_id]
    while owners:
        level: list[str] = []
        for part in tables.in_parts(owners):
            query = select(row.id).where(row.parent_id.in_(part))
            if not with_closed:
                query = query.where(row.access != Access.CLOSED)
            found = await connection.execute(query.with_for_update() if lock else query)
            level += [name for (name,) in found]
        # By Python: the databases' own orders of text differ.
        owners = sorted({*level} - owned.keys() - {account_id})
        owned |= dict.fromkeys(owners)
    return tuple(owned)
