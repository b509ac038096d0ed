"""The double-entry ledger: money only moves from one ledger account to another, never appears or vanishes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from closure.money import Money
from connectors.embedded import tables
from connectors.embedded.tables import LedgerKind

PROVIDER = ""
"""The owner of the provider's own ledger accounts."""


class MovementReason(StrEnum):
    PAYMENT = "payment"
    PROMOTION = "promotion"
    USAGE = "usage"
    BILL_PAYMENT = "bill-payment"
    BILL_SETTLED = "bill-settled"
    CREDIT_NOTE_SETTLED = "credit-note-settled"
    FORFEIT_CASH = "forfeit-cash"
    FORFEIT_PROMO = "forfeit-promo"
    VOID_DEBT = "void-debt"
    REFUND_ORDERED = "refund-ordered"
    REFUND_FAILED = "refund-failed"
    REFUND_SETTLED = "refund-settled"


@dataclass(frozen=True, order=True)
class LedgerAccount:
    """Where money is: a customer's cash or promotional balance, or an account of the provider's own."""

    owner: str
    kind: LedgerKind
    currency: str


@dataclass(frozen=True)
class Movement:
    """`amount` (above zero) leaves `debit` and arrives at `credit`.

    `reference` is unique per reason: the database refuses the same movement twice.
    """

    debit: LedgerAccount
    credit: LedgerAccount
    amount: Money
    reason: MovementReason
    reference: str
    time: datetime


def provider_account(kind: LedgerKind, currency: str) -> LedgerAccount:
    return LedgerAccount(PROVIDER, kind, currency)


def reference(*ids: str) -> str:
    """A movement's reference made of ids; different ids never give the same one."""
    return "/".join(part.replace("~", "~0").replace("/", "~1") for part in ids)


async def post(connection: AsyncConnection, movements: Sequence[Movement]) -> None:
    """Writes the movements.

    Raises:
        sqlalchemy.exc.IntegrityError: an amount that is not above zero, one account on both sides, two
            currencies, or a movement that is in the ledger already.
    """
    if not movements:
        return
    ids = await _ids(
        connection, {side for movement in movements for side in (movement.debit, movement.credit)}
    )
    await connection.execute(
        insert(tables.ledger_movements),
        [
            {
                "debit_account": ids[movement.debit],
                "credit_account": ids[movement.credit],
                "amount": movement.amount.minor,
                "currency": movement.amount.currency,
                "reason": movement.reason.value,
                "reference": movement.reference,
                "time": movement.time,
            }
            for movement in movements
        ],
    )


async def balance(connection: AsyncConnection, account: LedgerAccount) -> Money:
    """What arrived less what left; zero for an account that nothing ever touched."""
    row, movement = tables.ledger_accounts.c, tables.ledger_movements.c
    number = (
        select(row.id)
        .where(row.owner == account.owner, row.kind == account.kind, row.currency == account.currency)
        .scalar_subquery()
    )
    arrived = select(func.coalesce(func.sum(movement.amount), 0)).where(movement.credit_account == number)
    left = select(func.coalesce(func.sum(movement.amount), 0)).where(movement.debit_account == number)
    minor = (
        await connection.execute(select(arrived.scalar_subquery() - left.scalar_subquery()))
    ).scalar_one()
    return Money(minor=int(minor), currency=account.currency)


async def sum_of_postings(connection: AsyncConnection) -> int:
    """Over the whole ledger in minor units, currencies mixed; anything but zero is a broken ledger."""
    postings = tables.ledger_postings.c
    return int((await connection.execute(select(func.coalesce(func.sum(postings.amount), 0)))).scalar_one())


async def _ids(connection: AsyncConnection, accounts: Iterable[LedgerAccount]) -> dict[LedgerAccount, int]:
    row = tables.ledger_accounts.c
    ids: dict[LedgerAccount, int] = {}
    # In one order for everybody, so that two first users of the same accounts cannot deadlock.
    for account in sorted(accounts):
        values = {"owner": account.owner, "kind": account.kind, "currency": account.currency}
        found = select(row.id).where(
            row.owner == account.owner, row.kind == account.kind, row.currency == account.currency
        )
        number = await connection.scalar(found)
        if number is None:
            create = insert_sqlite if connection.dialect.name == "sqlite" else insert_postgresql
            await connection.execute(create(tables.ledger_accounts).values(values).on_conflict_do_nothing())
            number = (await connection.execute(found)).scalar_one()
        ids[account] = number
    return ids
