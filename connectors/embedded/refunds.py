"""The payment provider's part: refunds that are ordered, settle in their time, or fail and come back."""

from datetime import datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import Case, RowMapping, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.business_days import add_business_days
from closure.errors import RefusalType, Refused
from closure.money import Money
from closure.refunds import AttemptState, Payment, RefundAttempt
from connectors.embedded import tables
from connectors.embedded.accounts import (
    Account,
    find_account,
    lock_account,
    lock_ownership,
    owned_accounts,
)
from connectors.embedded.billing import require_amount
from connectors.embedded.effects import apply_once
from connectors.embedded.ledger import (
    LedgerAccount,
    Movement,
    MovementReason,
    balance,
    post,
    provider_account,
    reference,
)
from connectors.embedded.tables import Effect, LedgerKind, RefundAnswer
from database import reading, transaction

SETTLES_AFTER: Final = 3
"""Business days of the closure's clock until a refund settles that nothing else is said about."""
_CALENDAR: Final = "US"


class EmbeddedRefunds:
    """Implements `connectors.ports.Refunds`; the ledger shows money under way as the provider's liability."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def payments(self, account_id: str) -> tuple[Payment, ...]:
        async with reading(self._engine) as connection:
            account = await find_account(connection, account_id)
            return await _payments(connection, account)

    async def attempts(
        self, account_id: str, *, closure_id: str, time: datetime
    ) -> tuple[RefundAttempt, ...]:
        async with transaction(self._engine) as connection:
            account = await lock_account(connection, account_id)
            row = tables.refunds.c
            mine = select(tables.refunds).where(row.account_id == account_id, row.closure_id == closure_id)
            for refund in (await connection.execute(mine)).mappings().all():
                if refund["state"] is AttemptState.PENDING:
                    await _answer(connection, account, refund, time)
            found = (await connection.execute(mine)).mappings().all()
            by_age = sorted(found, key=lambda refund: (refund["created_at"], refund["key"]))
            return tuple(_attempt(refund, account.currency) for refund in by_age)

    async def order(
        self,
        account_id: str,
        payment_id: str | None,
        amount: Money,
        *,
        closure_id: str,
        key: str,
        time: datetime,
    ) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            # Also of a closed account: what a failed refund brought back still has to go.
            await _require_refundable(connection, account, payment_id, amount)
            cash = LedgerAccount(account_id, LedgerKind.CASH, account.currency)
            under_way = provider_account(LedgerKind.REFUNDS, account.currency)
            await post(
                connection, [Movement(cash, under_way, amount, MovementReason.REFUND_ORDERED, key, time)]
            )
            await connection.execute(
                insert(tables.refunds).values(
                    key=key,
                    account_id=account_id,
                    closure_id=closure_id,
                    payment_id=payment_id,
                    amount=amount.minor,
                    settled=0,
                    state=AttemptState.PENDING,
                    created_at=time,
                    settles_at=add_business_days(time, SETTLES_AFTER, _CALENDAR),
                )
            )
            return {"amount": str(amount), "currency": amount.currency}

        await apply_once(self._engine, Effect.ORDER_REFUND, account_id, key=key, act=act)


async def play_answer(engine: AsyncEngine, account_id: str, answer: RefundAnswer) -> None:
    """From now on the provider answers so about every refund of the account and of what it owns.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    async with transaction(engine) as connection:
        await lock_ownership(connection)
        await lock_account(connection, account_id)
        owned = await owned_accounts(connection, account_id, with_closed=True)
        for part in tables.in_parts([account_id, *owned]):
            await connection.execute(
                update(tables.accounts).where(tables.accounts.c.id.in_(part)).values(refund_answer=answer)
            )


async def _payments(connection: AsyncConnection, account: Account) -> tuple[Payment, ...]:
    payment, refund = tables.payments.c, tables.refunds.c
    going_back = (
        select(func.coalesce(func.sum(_taken()), 0))
        .where(refund.account_id == payment.account_id, refund.payment_id == payment.id)
        .scalar_subquery()
    )
    found = await connection.execute(
        select(payment.id, payment.paid_at, payment.amount, going_back.label("going_back")).where(
            payment.account_id == account.account_id
        )
    )
    return tuple(
        Payment(
            payment_id=name,
            paid_at=paid_at,
            refundable=Money(minor=amount - int(taken), currency=account.currency),
        )
        for name, paid_at, amount, taken in sorted(found)
    )


def _taken() -> Case[int]:
    """What a refund takes of its payment: all of it, or of a failed one what had arrived."""
    refund = tables.refunds.c
    return case((refund.state == AttemptState.FAILED, refund.settled), else_=refund.amount)


async def _require_refundable(
    connection: AsyncConnection, account: Account, payment_id: str | None, amount: Money
) -> None:
    require_amount(account, amount)
    if amount.minor == 0:
        raise Refused(RefusalType.MALFORMED_INPUT, "nothing can't be refunded")
    cash = await balance(connection, LedgerAccount(account.account_id, LedgerKind.CASH, account.currency))
    if cash < amount:
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            f"account {account.account_id!r} has {cash} {cash.currency}, less than {amount} to refund",
        )
    if payment_id is None:
        return
    payment = next(
        (each for each in await _payments(connection, account) if each.payment_id == payment_id), None
    )
    if payment is None:
        raise Refused(
            RefusalType.THING_NOT_FOUND, f"account {account.account_id!r} has no payment {payment_id!r}"
        )
    if payment.refundable < amount:
        raise Refused(
            RefusalType.THING_NOT_ALLOWED, f"only {payment.refundable} of payment {payment_id!r} can go back"
        )


async def _answer(connection: AsyncConnection, account: Account, refund: RowMapping, time: datetime) -> None:
    """What the provider says about a pending refund at `time`, and the money that moves with it."""
    answer = account.refund_answer
    if answer is None and time >= refund["settles_at"]:
        answer = RefundAnswer.SETTLED
    rest = refund["amount"] - refund["settled"]
    match answer:
        case RefundAnswer.SETTLED:
            await _settle(connection, account, refund, rest, AttemptState.SETTLED, time)
        case RefundAnswer.PARTIAL if refund["settled"] == 0 and rest > 1:
            await _settle(connection, account, refund, rest // 2, AttemptState.PENDING, time)
        case RefundAnswer.FAILED:
            cash = LedgerAccount(account.account_id, LedgerKind.CASH, account.currency)
            await _move(connection, account, refund, rest, cash, MovementReason.REFUND_FAILED, time)
            await _set(connection, refund, state=AttemptState.FAILED, settled=refund["settled"])
        case _:
            return


async def _settle(
    connection: AsyncConnection,
    account: Account,
    refund: RowMapping,
    minor: int,
    state: AttemptState,
    time: datetime,
) -> None:
    outside = provider_account(LedgerKind.EXTERNAL_PAYMENTS, account.currency)
    await _move(connection, account, refund, minor, outside, MovementReason.REFUND_SETTLED, time)
    await _set(connection, refund, state=state, settled=refund["settled"] + minor)


async def _move(
    connection: AsyncConnection,
    account: Account,
    refund: RowMapping,
    minor: int,
    target: LedgerAccount,
    reason: MovementReason,
    time: datetime,
) -> None:
    under_way = provider_account(LedgerKind.REFUNDS, account.currency)
    amount = Money(minor=minor, currency=account.currency)
    name = reference(refund["key"], str(refund["settled"]))
    await post(connection, [Movement(under_way, target, amount, reason, name, time)])


async def _set(connection: AsyncConnection, refund: RowMapping, *, state: AttemptState, settled: int) -> None:
    await connection.execute(
        update(tables.refunds)
        .where(tables.refunds.c.key == refund["key"])
        .values(state=state, settled=settled)
    )


def _attempt(refund: RowMapping, currency: str) -> RefundAttempt:
    return RefundAttempt(
        key=refund["key"],
        payment_id=refund["payment_id"],
        amount=Money(minor=refund["amount"], currency=currency),
        settled=Money(minor=refund["settled"], currency=currency),
        state=refund["state"],
    )
