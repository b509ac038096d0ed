"""Which closure holds an account that stops: claimed as a whole when the irrevocable part begins."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from database.parts import in_parts
from records.tables import record_claims, record_closures


def claim_accounts(
    connection: Connection, closure_id: str, account_ids: Iterable[str], *, time: datetime
) -> tuple[str, ...]:
    """Claims the accounts, in sorted order; one that another closure has claimed stays with that closure.

    Returns:
        What this closure holds now, sorted.
    """
    wanted = sorted(set(account_ids))
    for account_id in wanted:
        holder = connection.scalar(
            select(record_claims.c.closure_id).where(record_claims.c.account_id == account_id)
        )
        if holder is None:
            connection.execute(
                insert(record_claims).values(account_id=account_id, closure_id=closure_id, claimed_at=time)
            )
    return claimed_by(connection, closure_id)


def claimed_by(connection: Connection, closure_id: str) -> tuple[str, ...]:
    """The accounts that this closure holds, sorted; its own among them."""
    query = select(record_claims.c.account_id).where(record_claims.c.closure_id == closure_id)
    return tuple(sorted(connection.scalars(query)))  # each database sorts texts by rules of its own


def claim_of(connection: Connection, account_id: str) -> str | None:
    """The closure that holds the account."""
    found: str | None = connection.scalar(
        select(record_claims.c.closure_id).where(record_claims.c.account_id == account_id)
    )
    return found


def is_claimed_by_owner(connection: Connection, account_id: str) -> bool:
    """Whether the closure of another account holds this one: of the account that owns it."""
    holder, claim = record_closures.c, record_claims.c
    query = select(claim.account_id).where(
        claim.account_id == account_id,
        holder.closure_id == claim.closure_id,
        holder.account_id != account_id,
    )
    return connection.scalar(query) is not None


def claimed_by_others(connection: Connection, closure_id: str, account_ids: Iterable[str]) -> tuple[str, ...]:
    """Those of the accounts that another closure holds, sorted."""
    found: list[str] = []
    for part in in_parts(account_ids):
        query = select(record_claims.c.account_id).where(
            record_claims.c.account_id.in_(part), record_claims.c.closure_id != closure_id
        )
        found += connection.scalars(query)
    return tuple(sorted(found))


def give_up_claims(connection: Connection, closure_id: str, account_ids: Iterable[str] | None = None) -> int:
    """At a restoration all of them go; else those named. How many went."""
    going = delete(record_claims).where(record_claims.c.closure_id == closure_id)
    if account_ids is not None:
        going = going.where(record_claims.c.account_id.in_(list(account_ids)))
    return connection.execute(going).rowcount
