"""Money that is given up when the irrevocable part begins: forfeited balances, voided debts (A3, A4)."""

from datetime import datetime
from typing import Final, Self

from activities.heartbeats import heartbeat
from activities.held import HeldClosure, Writing
from closure.events import BalanceForfeited
from closure.findings import Change
from closure.identifiers import effect_key
from closure.model import WireModel
from closure.money import Money
from closure.plan import AccountPlan
from closure.steps import Step
from connectors.ports import Billing
from records.steps import OpenedStep, note_step

PAGE: Final = 50
"""Accounts after which an attempt notes how far it is: the next one goes on there, whatever time it has."""


class _Done(WireModel):
    """Of how many accounts, in the plan's order, the money is gone, and how much it was."""

    accounts: int
    cash: Money
    promo: Money
    debt: Money

    @classmethod
    def nothing(cls, currency: str) -> Self:
        zero = Money.zero(currency)
        return cls(accounts=0, cash=zero, promo=zero, debt=zero)

    def and_of(self, cash: Money, promo: Money, debt: Money) -> Self:
        """With one more account's."""
        return self.model_copy(
            update={
                "accounts": self.accounts + 1,
                "cash": self.cash + cash,
                "promo": self.promo + promo,
                "debt": self.debt + debt,
            }
        )


class WriteOffs:
    """By the confirmed plan; never more than is there now."""

    def __init__(self, billing: Billing) -> None:
        self._billing = billing

    async def write_off(self, closure: HeldClosure) -> None:
        """Raises `MustWait` when a hold forbids it or a brake is on."""
        await closure.effect(Step.WRITE_OFF, lambda opened: self._write_off(closure, opened), _record)

    async def _write_off(self, closure: HeldClosure, opened: OpenedStep) -> BalanceForfeited:
        plan = await closure.plan()
        done = _Done.model_validate_json(opened.result) if opened.result else _Done.nothing(plan.currency)
        giving = [account for account in plan.accounts if account.writes_off]
        for account in giving[done.accounts :]:
            heartbeat(account.account_id)
            await closure.require_no_hold(account.account_id)
            done = done.and_of(*await self._of_account(closure.closure_id, account, opened.opened_at))
            if done.accounts % PAGE == 0:
                await _note(closure, done)
        return BalanceForfeited(
            currency=plan.currency,
            forfeited_cash=str(done.cash),
            forfeited_promo=str(done.promo),
            voided_debt=str(done.debt),
        )

    async def _of_account(
        self, closure_id: str, plan: AccountPlan, time: datetime
    ) -> tuple[Money, Money, Money]:
        """What the first try took: a retry finds the effect by its key and counts the same."""
        zero = Money.zero(plan.currency)
        cash, promo, debt = (
            Money.parse(amount or "0", plan.currency)
            for amount in (plan.forfeited_cash, plan.forfeited_promo, plan.voided_debt)
        )
        if zero < cash or zero < promo:
            key = effect_key(closure_id, "write-off", plan.account_id, "forfeit")
            taken = await self._billing.forfeit(plan.account_id, cash=cash, promo=promo, key=key, time=time)
            cash, promo = taken.cash, taken.promo
        if zero < debt:
            key = effect_key(closure_id, "write-off", plan.account_id, "void")
            debt = await self._billing.void_debt(plan.account_id, debt=debt, key=key, time=time)
        return cash, promo, debt


async def _note(closure: HeldClosure, done: _Done) -> None:
    await closure.write(
        lambda writing: note_step(
            writing.connection, closure.closure_id, Step.WRITE_OFF, done.model_dump_json()
        )
    )


def _record(writing: Writing, written_off: BalanceForfeited) -> None:
    writing.apply(Change(writing.state, written_off))
