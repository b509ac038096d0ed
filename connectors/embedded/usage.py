"""Trying to use an account: what the platform serves in each state of its access (A20, T4)."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, func, select

from closure.accounts import Access, RequestKind
from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.accounts import find_account
from database import Database


class Scope(StrEnum):
    """What a request that works may see."""

    FULL = "full"
    CLOSURE_STATUS = "closure-status"
    """The remaining time of the closure, and nothing else (A20)."""


@dataclass(frozen=True)
class Served:
    """A request that works."""

    account_id: str
    kind: RequestKind
    scope: Scope


async def request(database: Database, account_id: str, kind: RequestKind) -> Served:
    """Tries to use the account; changes nothing.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, `ACCOUNT_CLOSED` or `ACCESS_REFUSED`.
    """

    def work(connection: Connection) -> Served:
        account = find_account(connection, account_id)
        account.refuse_closed()
        if account.access is Access.CLOSURE_STATUS_ONLY and kind is RequestKind.SIGN_IN:
            return Served(account_id, kind, Scope.CLOSURE_STATUS)
        if account.access is not Access.OPEN:
            raise Refused(
                RefusalType.ACCESS_REFUSED,
                f"account {account_id!r} is stopped by its closure: it serves no {kind.value} requests",
                facts={"account_id": account_id, "kind": kind.value},
            )
        if kind is RequestKind.API and not _has_usable_key(connection, account_id):
            raise Refused(
                RefusalType.ACCESS_REFUSED,
                f"all API keys of account {account_id!r} are disabled",
                facts={"account_id": account_id, "kind": kind.value},
            )
        return Served(account_id, kind, Scope.FULL)

    return await database.read(work)


def _has_usable_key(connection: Connection, account_id: str) -> bool:
    """An account without API keys is used by other credentials."""
    row = tables.api_keys.c
    keys, usable = (
        connection.execute(
            select(func.count(), func.count().filter(row.enabled.is_(True))).where(
                row.account_id == account_id
            )
        )
    ).one()
    return keys == 0 or usable > 0
