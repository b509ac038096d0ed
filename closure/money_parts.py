"""What a closure makes of an account's money: what is given up, what is voided, what goes back."""

from collections.abc import Iterable

from closure.events import BalanceForfeited, Event
from closure.messages import MoneyParts
from closure.money import Money
from closure.plan import Plan


def planned_parts(plan: Plan) -> MoneyParts | None:
    """What a plan would do; None where it moves no money.

    A subaccount in another currency is not in it: it blocks the closure.
    """
    alike = [each for each in plan.accounts if each.currency == plan.currency]

    def total(amounts: Iterable[str | None]) -> str | None:
        there = [Money.parse(amount, plan.currency) for amount in amounts if amount is not None]
        return str(sum(there, Money.zero(plan.currency))) if there else None

    refund = plan.refund_total
    parts = MoneyParts(
        currency=plan.currency,
        forfeited_cash=total(each.forfeited_cash for each in alike),
        forfeited_promo=total(each.forfeited_promo for each in alike),
        voided_debt=total(each.voided_debt for each in alike),
        refund=str(refund) if refund is not None else None,
    )
    return parts if parts.amounts else None


def taken_parts(contents: Iterable[Event]) -> MoneyParts | None:
    """What was given up and voided, by the audit; None when nothing was."""
    taken = next((each for each in contents if isinstance(each, BalanceForfeited)), None)
    if taken is None:
        return None

    def some(amount: str) -> str | None:
        return amount if Money.parse(amount, taken.currency).minor else None

    parts = MoneyParts(
        currency=taken.currency,
        forfeited_cash=some(taken.forfeited_cash),
        forfeited_promo=some(taken.forfeited_promo),
        voided_debt=some(taken.voided_debt),
    )
    return parts if parts.amounts else None
