"""The payment provider's part: refunds that are ordered, settle in their time, or fail and come back."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, bindparam, case, func, insert, select, update

from closure.business_days import add_business_days
from closure.errors import RefusalType, Refused
from closure.money import Money
from closure.refunds import AttemptState, Payment, RefundAttempt
from connectors.embedded import tables
from connectors.embedded.accounts import (
    Account,
    find_account,
    keep_ownership,
    lock_account,
    owned_accounts,
    rows_of_many,
)
from connectors.embedded.billing import at_most, require_amount
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
from database import Database
from database.parts import in_parts

SETTLES_AFTER: Final = 3
"""Business days of the closure's clock until a refund settles that nothing else is said about."""
_CALENDAR: Final = "US"

_payment, _refund = tables.payments.c, tables.refunds.c
_TAKEN: Final = case((_refund.state == AttemptState.FAILED, _refund.settled), else_=_refund.amount)
"""What a refund takes of its payment: all of it, or of a failed one what had arrived."""
_GOING_BACK: Final = (
    select(func.coalesce(func.sum(_TAKEN), 0))
    .where(_refund.account_id == _payment.account_id, _refund.payment_id == _payment.id)
    .scalar_subquery()
)
_PAYMENTS: Final = select(
    _payment.id, _payment.paid_at, _payment.amount, _GOING_BACK.label("going_back")
).where(_payment.account_id == bindparam("of"))
_MANY_PAYMENTS: Final = select(
    _payment.account_id, _payment.id, _payment.paid_at, _payment.amount, _GOING_BACK.label("going_back")
).where(_payment.account_id.in_(bindparam("of", expanding=True)))


class EmbeddedRefunds:
    """Implements `connectors.ports.Refunds`; the ledger shows money under way as the provider's liability."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def payments(self, account_id: str) -> tuple[Payment, ...]:
        return await self._database.read(
            lambda connection: _payments(connection, find_account(connection, account_id))
        )

    async def attempts(
        self, account_id: str, *, closure_id: str, time: datetime
    ) -> tuple[RefundAttempt, ...]:
        def work(connection: Connection) -> tuple[RefundAttempt, ...]:
            account = lock_account(connection, account_id)
            row = tables.refunds.c
            mine = select(tables.refunds).where(row.account_id == account_id, row.closure_id == closure_id)
            for refund in (connection.execute(mine)).mappings().all():
                if refund["state"] is AttemptState.PENDING:
                    _answer(connection, account, refund, time)
            found = (connection.execute(mine)).mappings().all()
            by_age = sorted(found, key=lambda refund: (refund["created_at"], refund["key"]))
            return tuple(_attempt(refund, account.currency) for refund in by_age)

        return await self._database.write(work)

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
        def act(connection: Connection, account: Account) -> JsonValue:
            # Also of a closed account: what a failed refund brought back still has to go.
            _require_refundable(connection, account, payment_id, amount)
            cash = LedgerAccount(account_id, LedgerKind.CASH, account.currency)
            under_way = provider_account(LedgerKind.REFUNDS, account.currency)
            post(connection, [Movement(cash, under_way, amount, MovementReason.REFUND_ORDERED, key, time)])
            connection.execute(
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

        await apply_once(self._database, Effect.ORDER_REFUND, account_id, key=key, act=act)

    async def paid_otherwise(
        self,
        account_id: str,
        amount: Money,
        reference: str,
        *,
        closure_id: str,
        key: str,
        time: datetime,
    ) -> Money:
        def act(connection: Connection, account: Account) -> JsonValue:
            # Also of a closed account, as with an order.
            require_amount(account, amount)
            cash = LedgerAccount(account_id, LedgerKind.CASH, account.currency)
            paid = at_most(amount, balance(connection, cash))
            if paid.minor:
                outside = provider_account(LedgerKind.EXTERNAL_PAYMENTS, account.currency)
                reason = MovementReason.REFUND_PAID_OTHERWISE
                post(connection, [Movement(cash, outside, paid, reason, key, time)])
            return paid.model_dump()

        result = await apply_once(self._database, Effect.PAY_OTHERWISE, account_id, key=key, act=act)
        return Money.model_validate(result)


async def play_answer(database: Database, account_id: str, answer: RefundAnswer) -> None:
    """From now on the provider answers so about every refund of the account and of what it owns.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """

    def work(connection: Connection) -> None:
        keep_ownership(connection)
        lock_account(connection, account_id)
        owned = owned_accounts(connection, account_id, lock=True, with_closed=True)
        for part in in_parts([account_id, *owned]):
            connection.execute(
                update(tables.accounts).where(tables.accounts.c.id.in_(part)).values(refund_answer=answer)
            )

    await database.write(work)


def _payments(connection: Connection, account: Account) -> tuple[Payment, ...]:
    return _with_refundable(account, sorted(connection.execute(_PAYMENTS, {"of": account.account_id})))


def read_payments(connection: Connection, accounts: Mapping[str, Account]) -> dict[str, tuple[Payment, ...]]:
    """The payments that funded each of the accounts."""
    rows = rows_of_many(connection, _MANY_PAYMENTS, accounts)
    return {name: _with_refundable(account, rows.get(name, ())) for name, account in accounts.items()}


def _with_refundable(account: Account, rows: Iterable[Iterable[Any]]) -> tuple[Payment, ...]:
    return tuple(
        Payment(
            payment_id=name,
            paid_at=paid_at,
            refundable=Money(minor=amount - int(taken), currency=account.currency),
        )
        for name, paid_at, amount, taken in rows
    )


def _require_refundable(
    connection: Connection, account: Account, payment_id: str | None, amount: Money
) -> None:
    require_amount(account, amount)
    if amount.minor == 0:
        raise Refused(
            RefusalType.MALFORMED_INPUT,
            "nothing can't be refunded",
            facts={"account_id": account.account_id},
        )
    cash = balance(connection, LedgerAccount(account.account_id, LedgerKind.CASH, account.currency))
    if cash < amount:
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            f"account {account.account_id!r} has {cash} {cash.currency}, less than {amount} to refund",
            facts={
                "account_id": account.account_id,
                "cash": str(cash),
                "amount": str(amount),
                "currency": cash.currency,
            },
        )
    if payment_id is None:
        return
    payment = next((each for each in _payments(connection, account) if each.payment_id == payment_id), None)
    if payment is None:
        raise Refused(
            RefusalType.THING_NOT_FOUND,
            f"account {account.account_id!r} has no payment {payment_id!r}",
            facts={"account_id": account.account_id, "id": payment_id},
        )
    if payment.refundable < amount:
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            f"only {payment.refundable} of payment {payment_id!r} can go back",
            facts={
                "account_id": account.account_id,
                "id": payment_id,
                "refundable": str(payment.refundable),
                "currency": amount.currency,
            },
        )


def _answer(connection: Connection, account: Account, refund: RowMapping, time: datetime) -> None:
    """What the provider says about a pending refund at `time`, and the money that moves with it."""
    answer = account.refund_answer
    if answer is None and time >= refund["settles_at"]:
        answer = RefundAnswer.SETTLED
    rest = refund["amount"] - refund["settled"]
    match answer:
        case RefundAnswer.SETTLED:
            _settle(connection, account, refund, rest, AttemptState.SETTLED, time)
        case RefundAnswer.PARTIAL if refund["settled"] == 0 and rest > 1:
            _settle(connection, account, refund, rest // 2, AttemptState.PENDING, time)
        case RefundAnswer.FAILED:
            cash = LedgerAccount(account.account_id, LedgerKind.CASH, account.currency)
            _move(connection, account, refund, rest, cash, MovementReason.REFUND_FAILED, time)
            _set(connection, refund, state=AttemptState.FAILED, settled=refund["settled"])
        case _:
            return


def _settle(
    connection: Connection,
    account: Account,
    refund: RowMapping,
    minor: int,
    state: AttemptState,
    time: datetime,
) -> None:
    outside = provider_account(LedgerKind.EXTERNAL_PAYMENTS, account.currency)
    _move(connection, account, refund, minor, outside, MovementReason.REFUND_SETTLED, time)
    _set(connection, refund, state=state, settled=refund["settled"] + minor)


def _move(
    connection: Connection,
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
    post(connection, [Movement(under_way, target, amount, reason, name, time)])


def _set(connection: Connection, refund: RowMapping, *, state: AttemptState, settled: int) -> None:
    connection.execute(
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
