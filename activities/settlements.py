"""Taking up what staff have paid of a refund past its payments."""

from collections.abc import Mapping, Sequence

from activities.held import HeldClosure, Writing
from closure.identifiers import effect_key
from closure.money import Money
from closure.refunds import AttemptState
from closure.settling import refund_paid_otherwise
from connectors.ports import Refunds
from records.settlements import Settlement, open_settlements, take_up


class Settlements:
    """The cash leaves the accounts on which a refund has failed; the audit says so once."""

    def __init__(self, refunds: Refunds) -> None:
        self._refunds = refunds

    async def pay(self, closure: HeldClosure, names: Sequence[str]) -> Mapping[str, Money]:
        """How much of each open settlement has left these accounts; the same on every attempt."""
        waiting = await closure.read(lambda each: open_settlements(each, closure.closure_id))
        refund = closure.state.refund
        if not waiting or refund is None:
            return {}
        failed = [name for name in names if await self._has_failed(closure, name)]
        return {each.settlement_id: await self._pay(closure, each, failed) for each in waiting}

    def record(self, writing: Writing, paid: Mapping[str, Money]) -> None:
        """Each in the audit, once, with what it makes of the refund; nothing where nothing was left."""
        if not paid:
            return
        for settlement in open_settlements(writing.connection, writing.state.closure_id):
            amount = paid.get(settlement.settlement_id)
            if amount is None or not take_up(writing.connection, settlement.settlement_id, amount):
                continue
            if amount.minor:
                writing.apply(refund_paid_otherwise(writing.state, amount, settlement.reference or ""))

    async def _has_failed(self, closure: HeldClosure, account_id: str) -> bool:
        attempts = await self._refunds.attempts(account_id, closure_id=closure.closure_id, time=closure.now)
        return any(each.state is AttemptState.FAILED for each in attempts)

    async def _pay(self, closure: HeldClosure, settlement: Settlement, names: Sequence[str]) -> Money:
        assert closure.state.refund is not None
        rest = amount = closure.state.refund.money(settlement.amount)
        for account_id in names:
            if rest.minor:
                rest -= await self._refunds.paid_otherwise(
                    account_id,
                    rest,
                    settlement.reference or "",
                    closure_id=closure.closure_id,
                    key=effect_key(
                        closure.closure_id, "paid-otherwise", account_id, settlement.settlement_id
                    ),
                    time=closure.now,
                )
        return amount - rest
