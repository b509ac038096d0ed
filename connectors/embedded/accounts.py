"""Finding an account's row, with or without its lock."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, func, select

from closure.accounts import Access
from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.tables import RefundAnswer
from database.parts import in_parts

_OWNERSHIP = 0x6F776E65
"""On PostgreSQL, who changes which account owns which is alone; SQLite has one writer anyway."""


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
            raise Refused(
                RefusalType.ACCOUNT_CLOSED,
                f"account {self.account_id!r} is closed for good",
                facts={"account_id": self.account_id},
            )


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


_row = tables.accounts.c
# Built once: most of what a short statement costs is making it.
_ACCOUNTS: Final[Select[*_Columns]] = select(
    _row.id,
    _row.provider,
    _row.kind,
    _row.currency,
    _row.parent_id,
    _row.access,
    _row.stopped_at,
    _row.closed_at,
    _row.usage_final_until,
    _row.refund_answer,
)
_ACCOUNT: Final = _ACCOUNTS.where(_row.id == bindparam("account_id"))
_MANY_ACCOUNTS: Final = _ACCOUNTS.where(_row.id.in_(bindparam("account_ids", expanding=True)))
_LOCKED_ACCOUNT: Final = _ACCOUNT.with_for_update()
_OWNED: Final = select(_row.id).where(_row.parent_id.in_(bindparam("owners", expanding=True)))
_OWNED_OPEN: Final = _OWNED.where(_row.access != Access.CLOSED)


def _account(row: Row[*_Columns] | None, account_id: str) -> Account:
    if row is None:
        raise Refused(
            RefusalType.ACCOUNT_NOT_FOUND,
            f"there is no account {account_id!r}",
            facts={"account_id": account_id},
        )
    return Account(*row)


def find_account(connection: Connection, account_id: str) -> Account:
    """The account as this transaction sees it.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    return _account(connection.execute(_ACCOUNT, {"account_id": account_id}).one_or_none(), account_id)


def find_accounts(connection: Connection, account_ids: Iterable[str]) -> dict[str, Account]:
    """Those of the accounts that there are, by id."""
    found: dict[str, Account] = {}
    for part in in_parts(account_ids):
        rows = connection.execute(_MANY_ACCOUNTS, {"account_ids": part})
        found |= {row[0]: Account(*row) for row in rows}
    return found


def rows_of_many(
    connection: Connection, query: Select[*tuple[Any, ...]], account_ids: Iterable[str]
) -> defaultdict[str, list[tuple[Any, ...]]]:
    """The rows of a query whose first column is the account, without that column, in order, by account."""
    found: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for part in in_parts(account_ids):
        for account_id, *row in connection.execute(query, {"of": part}):
            found[account_id].append(tuple(row))
    for rows in found.values():
        rows.sort()
    return found


def lock_account(connection: Connection, account_id: str) -> Account:
    """The account; other writers to it wait for this transaction.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    found = connection.execute(_LOCKED_ACCOUNT, {"account_id": account_id})
    return _account(found.one_or_none(), account_id)


def lock_ownership(connection: Connection) -> None:
    """Comes first in a transaction that changes which account owns which.

    Without it two of them could each make the other's owner its own subaccount.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_OWNERSHIP)))


def keep_ownership(connection: Connection) -> None:
    """Comes first in a transaction that locks an account and then what it owns.

    Many may do so at once. As each locks owners before what they own, and no owner changes meanwhile, no two
    of them wait for each other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock_shared(_OWNERSHIP)))


def owned_accounts(
    connection: Connection, account_id: str, *, lock: bool = False, with_closed: bool = False
) -> tuple[str, ...]:
    """What the account owns, directly or through others, by level and id.

    Accounts closed for good, and what they own, are left out unless `with_closed`. With `lock` nobody can
    bring an account in or out, or create one, before this transaction ends: that takes the lock of its owner.
    """
    query = _OWNED if with_closed else _OWNED_OPEN
    if lock:
        query = query.with_for_update()
    owned: dict[str, None] = {}
    owners = [account_id]
    while owners:
        level: list[str] = []
        for part in in_parts(owners):
            level += connection.scalars(query, {"owners": part})
        # By Python: the databases' own orders of text differ.
        owners = sorted({*level} - owned.keys() - {account_id})
        owned |= dict.fromkeys(owners)
    return tuple(owned)
