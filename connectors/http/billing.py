"""Balances, bills and credit notes."""

from datetime import datetime

from closure.accounts import BillingStatement
from closure.dues import Due
from closure.money import Money
from connectors.http import operations
from connectors.http.asked import Forfeit, HandedOverDue, HandOver, OfAccount, VoidDebt
from connectors.http.calling.caller import Caller
from connectors.ports import Forfeited


class HttpBilling:
    """Implements `connectors.ports.Billing`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def statement(self, account_id: str) -> BillingStatement:
        return await self._caller.ask(operations.STATEMENT, OfAccount(account_id=account_id))

    async def forfeit(
        self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime
    ) -> Forfeited:
        asked = Forfeit(account_id=account_id, cash=cash, promo=promo, time=time)
        return await self._caller.ask(operations.FORFEIT, asked, key=key)

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> Money:
        asked = VoidDebt(account_id=account_id, debt=debt, time=time)
        return (await self._caller.ask(operations.VOID_DEBT, asked, key=key)).debt

    async def hand_over(self, account_id: str, dues: tuple[Due, ...], *, key: str, time: datetime) -> None:
        handed_over = tuple(HandedOverDue.model_validate(due.model_dump()) for due in dues)
        asked = HandOver(account_id=account_id, dues=handed_over, time=time)
        await self._caller.ask(operations.HAND_OVER, asked, key=key)
