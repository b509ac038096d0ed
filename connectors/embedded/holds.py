"""Legal holds: while one stands, nothing of the account may be destroyed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.accounts import Account, find_account, find_accounts, lock_account
from database import Database
from database.parts import in_parts

_row = tables.holds.c
_HOLDS: Final = select(_row.account_id).where(_row.account_id.in_(bindparam("names", expanding=True)))
_HELD: Final = _HOLDS.limit(1)


class EmbeddedLegalHolds:
    """Implements `connectors.ports.LegalHolds`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_held(self, account_id: str) -> bool:
        def work(connection: Connection) -> bool:
            return _is_held(connection, _with_owners(connection, account_id))

        return await self._database.read(work)


def lock_owners(connection: Connection, account_id: str) -> None:
    """Keeps holds on the account's owners away until the transaction ends; comes before the account's lock.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    row = tables.accounts.c.id
    _, *owners = _with_owners(connection, account_id)
    for name in reversed(owners):  # from the top, as whoever stops them all
        connection.execute(select(row).where(row == name).with_for_update(read=True))


def refuse_held(connection: Connection, account_id: str) -> None:
    """Raises `Refused` (`LEGAL_HOLD`) for an account that is held; it and its owners are locked."""
    if _is_held(connection, _with_owners(connection, account_id)):
        raise Refused(
            RefusalType.LEGAL_HOLD,
            f"account {account_id!r} is under legal hold",
            facts={"account_id": account_id},
        )


def _with_owners(connection: Connection, account_id: str) -> list[str]:
    """The account, its owner, and so on. Raises `Refused` (`ACCOUNT_NOT_FOUND`)."""
    account = find_account(connection, account_id)
    names = [account_id]
    while account.parent_id is not None:
        account = find_account(connection, account.parent_id)
        names.append(account.account_id)
    return names


def _is_held(connection: Connection, names: Sequence[str]) -> bool:
    return connection.scalar(_HELD, {"names": [*names]}) is not None


def held_among(connection: Connection, accounts: Mapping[str, Account]) -> frozenset[str]:
    """Ids of those of the accounts that are under legal hold, or that an account owns which is."""
    known = dict(accounts)
    while owners := {each.parent_id for each in known.values() if each.parent_id is not None} - known.keys():
        known |= find_accounts(connection, owners)
    held: set[str] = set()
    for part in in_parts(known):
        held |= {*connection.scalars(_HOLDS, {"names": part})}
    return frozenset(name for name in accounts if not held.isdisjoint(_chain(known, name)))


def _chain(known: Mapping[str, Account], name: str) -> Iterator[str]:
    """The account, its owner, and so on."""
    owner: str | None = name
    while owner is not None:
        yield owner
        owner = known[owner].parent_id


async def hold(database: Database, account_id: str, reason: str) -> None:
    """Puts the account and all it owns under legal hold; again changes the reason.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`, or `ACCOUNT_CLOSED`: nothing is left to hold.
    """

    def work(connection: Connection) -> None:
        lock_account(connection, account_id).refuse_closed()
        changed = connection.execute(
            update(tables.holds).where(tables.holds.c.account_id == account_id).values(reason=reason)
        )
        if changed.rowcount == 0:
            values = {"account_id": account_id, "reason": reason, "since": datetime.now(UTC)}
            connection.execute(insert(tables.holds).values(values))

    await database.write(work)


async def unhold(database: Database, account_id: str) -> bool:
    """Lifts the account's legal hold; False when there was none.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """

    def work(connection: Connection) -> bool:
        lock_account(connection, account_id)
        gone = connection.execute(delete(tables.holds).where(tables.holds.c.account_id == account_id))
        return gone.rowcount == 1

    return await database.write(work)
