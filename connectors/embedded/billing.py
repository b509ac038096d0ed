"""Balances, bills and credit notes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from closure.accounts import Bill, BillingStatement, BillStatus, CreditNote
from closure.dues import Due
from closure.errors import RefusalType, Refused
from closure.messages import Becomes
from closure.money import Money
from connectors.embedded import tables
from connectors.embedded.accounts import Account, find_account, rows_of_many
from connectors.embedded.effects import apply_once
from connectors.embedded.ledger import (
    LedgerAccount,
    Movement,
    MovementReason,
    balance,
    balances,
    post,
    provider_account,
    reference,
)
from connectors.embedded.tables import Effect, LedgerKind
from connectors.ports import Forfeited
from database import Database

_bill, _note = tables.bills.c, tables.credit_notes.c
_BILLS: Final = select(_bill.id, _bill.amount, _bill.status).where(_bill.account_id == bindparam("of"))
_CREDIT_NOTES: Final = select(_note.id, _note.amount, _note.status).where(_note.account_id == bindparam("of"))
_MANY_BILLS: Final = select(_bill.account_id, _bill.id, _bill.amount, _bill.status).where(
    _bill.account_id.in_(bindparam("of", expanding=True))
)
_MANY_CREDIT_NOTES: Final = select(_note.account_id, _note.id, _note.amount, _note.status).where(
    _note.account_id.in_(bindparam("of", expanding=True))
)
_FORFEITS = {
    LedgerKind.CASH: MovementReason.FORFEIT_CASH,
    LedgerKind.PROMO: MovementReason.FORFEIT_PROMO,
}


class EmbeddedBilling:
    """Implements `connectors.ports.Billing`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def statement(self, account_id: str) -> BillingStatement:
        return await self._database.read(
            lambda connection: read_statement(connection, find_account(connection, account_id))
        )

    async def forfeit(
        self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime
    ) -> Forfeited:
        def act(connection: Connection, account: Account) -> JsonValue:
            account.refuse_closed()
            taken: dict[str, JsonValue] = {}
            for kind, amount in ((LedgerKind.CASH, cash), (LedgerKind.PROMO, promo)):
                require_amount(account, amount)
                source = LedgerAccount(account.account_id, kind, account.currency)
                given_up = at_most(amount, balance(connection, source))
                reason = _FORFEITS[kind]
                target = provider_account(LedgerKind.FORFEITED, account.currency)
                if given_up.minor:
                    post(connection, [Movement(source, target, given_up, reason, key, time)])
                taken[kind.value] = given_up.model_dump()
            return taken

        result = await apply_once(self._database, Effect.FORFEIT, account_id, key=key, act=act)
        return Forfeited.model_validate(result)

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> Money:
        def act(connection: Connection, account: Account) -> JsonValue:
            account.refuse_closed()
            require_amount(account, debt)
            cash = LedgerAccount(account.account_id, LedgerKind.CASH, account.currency)
            voided = at_most(debt, -balance(connection, cash))
            if voided.minor:
                source = provider_account(LedgerKind.VOIDED_DEBT, account.currency)
                post(connection, [Movement(source, cash, voided, MovementReason.VOID_DEBT, key, time)])
            return voided.model_dump()

        result = await apply_once(self._database, Effect.VOID_DEBT, account_id, key=key, act=act)
        return Money.model_validate(result)

    async def hand_over(self, account_id: str, dues: tuple[Due, ...], *, key: str, time: datetime) -> None:
        def act(connection: Connection, account: Account) -> JsonValue:
            account.refuse_closed()
            connection.execute(delete(tables.dues).where(tables.dues.c.account_id == account_id))
            for due in dues:
                amount = Money.parse(due.amount or "", account.currency)
                if due.becomes is Becomes.TAKEN_FROM_REFUND:
                    _take(connection, account, due.thing_id or "", amount, time)
                else:
                    values = {
                        "account_id": account_id,
                        "kind": due.kind,
                        "id": due.thing_id or "",
                        "amount": amount.minor,
                        "handed_over_at": time,
                    }
                    connection.execute(insert(tables.dues).values(values))
            return None

        await apply_once(self._database, Effect.HAND_OVER, account_id, key=key, act=act)


def _take(connection: Connection, account: Account, bill_id: str, amount: Money, time: datetime) -> None:
    """The bill is paid from the account's cash."""
    cash = LedgerAccount(account.account_id, LedgerKind.CASH, account.currency)
    there = balance(connection, cash)
    if there < amount:
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            f"account {account.account_id!r} has {there} {there.currency}, less than bill {bill_id!r}",
            facts={"account_id": account.account_id, "id": bill_id},
        )
    bill = tables.bills.c
    paid = connection.execute(
        update(tables.bills)
        .where(bill.account_id == account.account_id, bill.id == bill_id, bill.status != BillStatus.PAID)
        .values(status=BillStatus.PAID)
    )
    if paid.rowcount:
        revenue = provider_account(LedgerKind.REVENUE, account.currency)
        name = reference(account.account_id, bill_id)
        post(connection, [Movement(cash, revenue, amount, MovementReason.BILL_SETTLED, name, time)])


def read_statement(connection: Connection, account: Account) -> BillingStatement:
    """Where the account's money stands, in this transaction's view."""
    bills = connection.execute(_BILLS, {"of": account.account_id})
    notes = connection.execute(_CREDIT_NOTES, {"of": account.account_id})
    cash, promo = (balance(connection, each) for each in _customers_own(account))
    return _statement(account, (cash, promo), sorted(bills), sorted(notes))


def read_statements(connection: Connection, accounts: Mapping[str, Account]) -> dict[str, BillingStatement]:
    """As `read_statement`, of each of the accounts."""
    money = balances(connection, accounts)
    bills = rows_of_many(connection, _MANY_BILLS, accounts)
    notes = rows_of_many(connection, _MANY_CREDIT_NOTES, accounts)

    def statement(account: Account) -> BillingStatement:
        nothing = Money.zero(account.currency)
        cash, promo = (money.get(each, nothing) for each in _customers_own(account))
        name = account.account_id
        return _statement(account, (cash, promo), bills.get(name, ()), notes.get(name, ()))

    return {name: statement(account) for name, account in accounts.items()}


def _customers_own(account: Account) -> tuple[LedgerAccount, LedgerAccount]:
    """Where the account's cash and its promotional balance are."""
    name, currency = account.account_id, account.currency
    return LedgerAccount(name, LedgerKind.CASH, currency), LedgerAccount(name, LedgerKind.PROMO, currency)


def _statement(
    account: Account,
    cash_and_promo: tuple[Money, Money],
    bills: Iterable[Iterable[Any]],
    notes: Iterable[Iterable[Any]],
) -> BillingStatement:
    currency = account.currency
    cash, promo = cash_and_promo
    return BillingStatement(
        cash=cash,
        promo=promo,
        bills=tuple(
            Bill(bill_id=bill_id, amount=Money(minor=minor, currency=currency), status=status)
            for bill_id, minor, status in bills
        ),
        credit_notes=tuple(
            CreditNote(credit_note_id=note_id, amount=Money(minor=minor, currency=currency), status=status)
            for note_id, minor, status in notes
        ),
        usage_final_until=account.usage_final_until,
    )


def at_most(amount: Money, available: Money) -> Money:
    """The amount, or as much of it as there is."""
    return min(amount, max(available, Money.zero(amount.currency)))


def require_amount(account: Account, amount: Money) -> None:
    """Raises `Refused` (`MALFORMED_INPUT`) for an amount below zero or in another currency."""
    if amount.minor < 0 or amount.currency != account.currency:
        raise Refused(
            RefusalType.MALFORMED_INPUT,
            f"{amount} {amount.currency} is not a positive amount in {account.currency}",
            facts={"account_id": account.account_id, "amount": str(amount), "currency": amount.currency},
        )
