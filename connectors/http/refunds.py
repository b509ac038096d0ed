"""Money on its way back to what it was paid with."""

from datetime import datetime

from closure.money import Money
from closure.refunds import Payment, RefundAttempt
from connectors.http import operations
from connectors.http.asked import OfAccount, OfClosure, PaidOtherwise, RefundOrder
from connectors.http.calling.caller import Caller


class HttpRefunds:
    """Implements `connectors.ports.Refunds`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def payments(self, account_id: str) -> tuple[Payment, ...]:
        return (await self._caller.ask(operations.PAYMENTS, OfAccount(account_id=account_id))).payments

    async def attempts(
        self, account_id: str, *, closure_id: str, time: datetime
    ) -> tuple[RefundAttempt, ...]:
        asked = OfClosure(account_id=account_id, closure_id=closure_id, time=time)
        return (await self._caller.ask(operations.ATTEMPTS, asked)).attempts

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
        asked = RefundOrder(
            account_id=account_id, payment_id=payment_id, amount=amount, closure_id=closure_id, time=time
        )
        await self._caller.ask(operations.ORDER, asked, key=key)

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
        asked = PaidOtherwise(
            account_id=account_id, amount=amount, reference=reference, closure_id=closure_id, time=time
        )
        return (await self._caller.ask(operations.PAID_OTHERWISE, asked, key=key)).amount
