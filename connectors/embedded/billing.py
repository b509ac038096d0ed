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
from database import reading


class EmbeddedBilling:
    """Implements `connectors.ports.Billing`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def statement(self, account_id: str) -> BillingStatement:
        async with reading(self._engine) as connection:
            return await read_statement(connection, await find_account(connection, account_id))

    async def forfeit(self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            account.refuse_closed()
            amounts = ((LedgerKind.CASH, cash), (LedgerKind.PROMO, promo))
            movements = [
                await _forfeited(connection, account, kind, amount, key, time)
                for kind, amount in amounts
                if _is_amount(account, amount)
            ]
            await post(connection, movements)
            return {"cash": str(cash), "promo": str(promo), "currency": account.currency}

        await apply_once(self._engine, Effect.FORFEIT, account_id, key=key, act=act)

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            account.refuse_closed()
            cash = LedgerAccount(account.account_id, LedgerKind.CASH, account.currency)
            if _is_amount(account, debt):
                owed = -(await balance(connection, cash))
                if owed < debt:
                    raise Refused(
                        RefusalType.THING_NOT_ALLOWED,
                        f"the debt of account {account.account_id!r} is smaller than {debt} {debt.currency}",
                    )
                written_off = provider_account(LedgerKind.VOIDED_DEBT, account.currency)
                await post(
                    connection, [Movement(written_off, cash, debt, MovementReason.VOID_DEBT, key, time)]
                )
            return {"debt": str(debt), "currency": account.currency}

        await apply_once(self._engine, Effect.VOID_DEBT, account_id, key=key, act=act)


async def read_statement(connection: AsyncConnection, account: Account) -> BillingStatement:
    """Where the account's money stands, in this transaction's view."""
    bill, note = tables.bills.c, tables.credit_notes.c
    currency = account.currency
    bills = await connection.execute(
        select(bill.id, bill.amount, bill.status)
        .where(bill.account_id == account.account_id)
        .order_by(bill.id)
    )
    notes = await connection.execute(
        select(note.id, note.amount, note.status)
        .where(note.account_id == account.account_id)
        .order_by(note.id)
    )
    return BillingStatement(
        cash=await balance(connection, LedgerAccount(account.account_id, LedgerKind.CASH, currency)),
        promo=await balance(connection, LedgerAccount(account.account_id, LedgerKind.PROMO, currency)),
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


async def _forfeited(
    connection: AsyncConnection, account: Account, kind: LedgerKind, amount: Money, key: str, time: datetime
) -> Movement:
    source = LedgerAccount(account.account_id, kind, account.currency)
    there = await balance(connection, source)
    if there < amount:
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            f"account {account.account_id!r} has {there} {there.currency} of {kind.value} balance, "
            f"less than {amount}",
        )
    reason = MovementReason.FORFEIT_CASH if kind is LedgerKind.CASH else MovementReason.FORFEIT_PROMO
    return Movement(
        source, provider_account(LedgerKind.FORFEITED, account.currency), amount, reason, key, time
    )


def _is_amount(account: Account, amount: Money) -> bool:
    """Whether there is something to move: above zero and in the account's currency.

    Raises:
        Refused: below zero, or another currency.
    """
    if amount.minor < 0 or amount.currency != account.currency:
        raise Refused(
            RefusalType.MALFORMED_INPUT,
            f"{amount} {amount.currency} is not a positive amount in {account.currency}",
        )
    return amount.minor > 0
