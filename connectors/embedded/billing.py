"""Balances, bills and credit notes."""

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.accounts import Bill, BillingStatement, CreditNote
from closure.errors import RefusalType, Refused
from closure.money import Money
from connectors.embedded import tables
from connectors.embedded.accounts import Account, find_account
from connectors.embedded.effects import apply_once
from connectors.embedded.ledger import (
    LedgerAccount,
    Movement,
    MovementReason,
    balance,
    post,
    provider_account,
)
from connectors.embedded.tables import Effect, LedgerKind
from connectors.ports import Forfeited
from database import reading

_FORFEITS = {
    LedgerKind.CASH: MovementReason.FORFEIT_CASH,
    LedgerKind.PROMO: MovementReason.FORFEIT_PROMO,
}


class EmbeddedBilling:
    """Implements `connectors.ports.Billing`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def statement(self, account_id: str) -> BillingStatement:
        async with reading(self._engine) as connection:
            return await read_statement(connection, await find_account(connection, account_id))

    async def forfeit(
        self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime
    ) -> Forfeited:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            account.refuse_closed()
            taken: dict[str, JsonValue] = {}
            for kind, amount in ((LedgerKind.CASH, cash), (LedgerKind.PROMO, promo)):
                require_amount(account, amount)
                source = LedgerAccount(account.account_id, kind, account.currency)
                given_up = _at_most(amount, await balance(connection, source))
                reason = _FORFEITS[kind]
                target = provider_account(LedgerKind.FORFEITED, account.currency)
                if given_up.minor:
                    await post(connection, [Movement(source, target, given_up, reason, key, time)])
                taken[kind.value] = given_up.model_dump()
            return taken

        result = await apply_once(self._engine, Effect.FORFEIT, account_id, key=key, act=act)
        return Forfeited.model_validate(result)

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> Money:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            account.refuse_closed()
            require_amount(account, debt)
            cash = LedgerAccount(account.account_id, LedgerKind.CASH, account.currency)
            voided = _at_most(debt, -(await balance(connection, cash)))
            if voided.minor:
                source = provider_account(LedgerKind.VOIDED_DEBT, account.currency)
                await post(connection, [Movement(source, cash, voided, MovementReason.VOID_DEBT, key, time)])
            return voided.model_dump()

        result = await apply_once(self._engine, Effect.VOID_DEBT, account_id, key=key, act=act)
        return Money.model_validate(result)


async def read_statement(connection: AsyncConnection, account: Account) -> BillingStatement:
    """Where the account's money stands, in this transaction's view."""
    bill, note = tables.bills.c, tables.credit_notes.c
    currency = account.currency
    bills = await connection.execute(
        select(bill.id, bill.amount, bill.status).where(bill.account_id == account.account_id)
    )
    notes = await connection.execute(
        select(note.id, note.amount, note.status).where(note.account_id == account.account_id)
    )
    return BillingStatement(
        cash=await balance(connection, LedgerAccount(account.account_id, LedgerKind.CASH, currency)),
        promo=await balance(connection, LedgerAccount(account.account_id, LedgerKind.PROMO, currency)),
        bills=tuple(
            Bill(bill_id=bill_id, amount=Money(minor=minor, currency=currency), status=status)
            for bill_id, minor, status in sorted(bills)
        ),
        credit_notes=tuple(
            CreditNote(credit_note_id=note_id, amount=Money(minor=minor, currency=currency), status=status)
            for note_id, minor, status in sorted(notes)
        ),
        usage_final_until=account.usage_final_until,
    )


def _at_most(amount: Money, available: Money) -> Money:
    return min(amount, max(available, Money.zero(amount.currency)))


def require_amount(account: Account, amount: Money) -> None:
    """Raises `Refused` (`MALFORMED_INPUT`) for an amount below zero or in another currency."""
    if amount.minor < 0 or amount.currency != account.currency:
        raise Refused(
            RefusalType.MALFORMED_INPUT,
            f"{amount} {amount.currency} is not a positive amount in {account.currency}",
        )
