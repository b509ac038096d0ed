"""The double-entry ledger: money only moves from one ledger account to another, never appears or vanishes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, Insert, bindparam, func, insert, select

from closure.money import Money
from connectors.embedded import tables
from connectors.embedded.tables import LedgerKind
from database.parts import in_parts

PROVIDER = ""
"""The owner of the provider's own ledger accounts."""

_row, _movement = tables.ledger_accounts.c, tables.ledger_movements.c
_NUMBER: Final = select(_row.id).where(
    _row.owner == bindparam("owner"), _row.kind == bindparam("kind"), _row.currency == bindparam("currency")
)
_SUM: Final = select(func.coalesce(func.sum(_movement.amount), 0))
_ARRIVED: Final = _SUM.where(_movement.credit_account == _NUMBER.scalar_subquery())
_LEFT: Final = _SUM.where(_movement.debit_account == _NUMBER.scalar_subquery())
_BALANCE: Final = select(_ARRIVED.scalar_subquery() - _LEFT.scalar_subquery())
_BALANCES: Final = select(
    _row.owner,
    _row.kind,
    _row.currency,
    _SUM.where(_movement.credit_account == _row.id).scalar_subquery()
    - _SUM.where(_movement.debit_account == _row.id).scalar_subquery(),
).where(_row.owner.in_(bindparam("owners", expanding=True)))


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
    REFUND_PAID_OTHERWISE = "refund-paid-otherwise"


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


def open_provider_accounts(connection: Connection, currencies: Iterable[str]) -> None:
    """Makes the provider's own accounts, so that no two who post to one of them first wait for each other."""
    kinds = [kind for kind in LedgerKind if kind not in (LedgerKind.CASH, LedgerKind.PROMO)]
    _ids(connection, [provider_account(kind, currency) for kind in kinds for currency in {*currencies}])


def reference(*ids: str) -> str:
    """A movement's reference made of ids; different ids never give the same one."""
    return "/".join(part.replace("~", "~0").replace("/", "~1") for part in ids)


def post(connection: Connection, movements: Sequence[Movement]) -> None:
    """Writes the movements.

    Raises:
        sqlalchemy.exc.IntegrityError: an amount that is not above zero, one account on both sides, two
            currencies, or a movement that is in the ledger already.
    """
    if not movements:
        return
    ids = _ids(connection, {side for movement in movements for side in (movement.debit, movement.credit)})
    connection.execute(
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


def balance(connection: Connection, account: LedgerAccount) -> Money:
    """What arrived less what left; zero for an account that nothing ever touched."""
    named = {"owner": account.owner, "kind": account.kind, "currency": account.currency}
    minor = connection.execute(_BALANCE, named).scalar_one()
    return Money(minor=int(minor), currency=account.currency)


def balances(connection: Connection, owners: Iterable[str]) -> dict[LedgerAccount, Money]:
    """The balance of every ledger account of these owners; one that nothing ever touched isn't there."""
    found: dict[LedgerAccount, Money] = {}
    for part in in_parts(owners):
        for owner, kind, currency, minor in connection.execute(_BALANCES, {"owners": part}):
            found[LedgerAccount(owner, kind, currency)] = Money(minor=int(minor), currency=currency)
    return found


def sum_of_postings(connection: Connection) -> int:
    """Over the whole ledger in minor units, currencies mixed; anything but zero is a broken ledger."""
    postings = tables.ledger_postings.c
    return int((connection.execute(select(func.coalesce(func.sum(postings.amount), 0)))).scalar_one())


def _ids(connection: Connection, accounts: Iterable[LedgerAccount]) -> dict[LedgerAccount, int]:
    ids: dict[LedgerAccount, int] = {}
    # In one order for everybody, so that two first users of the same accounts cannot deadlock.
    for account in sorted(accounts):
        values = {"owner": account.owner, "kind": account.kind, "currency": account.currency}
        number = connection.scalar(_NUMBER, values)
        if number is None:
            connection.execute(_unless_there(connection, values))
            number = connection.execute(_NUMBER, values).scalar_one()
        ids[account] = number
    return ids


def _unless_there(connection: Connection, values: Mapping[str, str]) -> Insert:
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(tables.ledger_accounts).values(values).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(tables.ledger_accounts).values(values).on_conflict_do_nothing()
