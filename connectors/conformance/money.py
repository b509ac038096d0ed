"""Rules of money: never more than there is, never in another currency, and what is under way counts."""

from typing import Final
from uuid import uuid4

from closure.dues import Due
from closure.errors import RefusalType
from closure.messages import Becomes
from closure.money import Money
from closure.policy_checks import Inspects
from closure.refunds import AttemptState, RefundAttempt
from connectors.conformance.effects import ENOUGH, SOME
from connectors.conformance.rule import Trial, require, require_refusal, rule
from connectors.conformance.subject import AccountWanted
from connectors.ports import Forfeited

LATER_SUM: Final = 1_000_000_00
FUNDED: Final = AccountWanted(cash=ENOUGH, payments=2)
"""Two payments of half the cash each."""


async def _another(trial: Trial, minor: int) -> Money:
    """So much in a currency that the account doesn't settle in."""
    own = (await trial.money(0)).currency
    return Money(minor=minor, currency="EUR" if own != "EUR" else "USD")


async def _forfeit(trial: Trial, cash: Money, promo: Money, name: str = "forfeit") -> Forfeited:
    key = trial.key(name)
    return await trial.platform.billing.forfeit(
        trial.account_id, cash=cash, promo=promo, key=key, time=trial.time
    )


async def _order(trial: Trial, payment_id: str | None, amount: Money, name: str = "order") -> None:
    await trial.platform.refunds.order(
        trial.account_id,
        payment_id,
        amount,
        closure_id=trial.trial_id,
        key=trial.key(name),
        time=trial.time,
    )


async def _paid(trial: Trial, amount: Money) -> Money:
    return await trial.platform.refunds.paid_otherwise(
        trial.account_id,
        amount,
        "conformance",
        closure_id=trial.trial_id,
        key=trial.key("paid", amount.currency),
        time=trial.time,
    )


async def _attempts(trial: Trial) -> tuple[RefundAttempt, ...]:
    return await trial.platform.refunds.attempts(trial.account_id, closure_id=trial.trial_id, time=trial.time)


async def _refundable(trial: Trial) -> dict[str, int]:
    found = await trial.platform.refunds.payments(trial.account_id)
    return {each.payment_id: each.refundable.minor for each in found}


@rule(
    "billing.forfeit.bounded",
    "takes at most what is there, and says what it took",
    wants=AccountWanted(cash=ENOUGH, promo=SOME),
)
async def forfeit_is_bounded(trial: Trial) -> None:
    there = await trial.platform.billing.statement(trial.account_id)
    much = await trial.money(LATER_SUM)
    taken = await _forfeit(trial, there.cash + much, there.promo + much)
    require(taken == Forfeited(cash=there.cash, promo=there.promo), "it says it took something else")
    left = await trial.platform.billing.statement(trial.account_id)
    require((left.cash.minor, left.promo.minor) == (0, 0), "the account doesn't stand at zero")


@rule("billing.forfeit.of-a-debt", "takes nothing of a debt", wants=AccountWanted(cash=-ENOUGH))
async def forfeit_of_a_debt(trial: Trial) -> None:
    before, zero = await trial.cash(), await trial.money(0)
    taken = await _forfeit(trial, await trial.money(SOME), zero)
    require(taken.cash == zero, "it took something")
    require(await trial.cash() == before, "the debt has changed")


@rule("billing.void_debt.bounded", "writes off at most the debt", wants=AccountWanted(cash=-ENOUGH))
async def void_is_bounded(trial: Trial) -> None:
    debt = -await trial.cash()
    voided = await trial.platform.billing.void_debt(
        trial.account_id,
        debt=debt + await trial.money(LATER_SUM),
        key=trial.key("void"),
        time=trial.time,
    )
    require(voided == debt, "it says it voided something else")
    require((await trial.cash()).minor == 0, "the account doesn't stand at zero")


@rule("billing.forfeit.wrong-currency", "refused, and nothing is taken", wants=AccountWanted(cash=ENOUGH))
async def forfeit_in_another_currency(trial: Trial) -> None:
    before, zero = await trial.cash(), await trial.money(0)
    asked = _forfeit(trial, await _another(trial, SOME), zero)
    await require_refusal(asked, RefusalType.MALFORMED_INPUT)
    require(await trial.cash() == before, "something was taken")


@rule("billing.forfeit.below-zero", "refused, and nothing is given", wants=AccountWanted(cash=ENOUGH))
async def forfeit_below_zero(trial: Trial) -> None:
    before, zero = await trial.cash(), await trial.money(0)
    await require_refusal(_forfeit(trial, await trial.money(-SOME), zero), RefusalType.MALFORMED_INPUT)
    require(await trial.cash() == before, "something was given")


@rule(
    "billing.void_debt.wrong-currency", "refused, as is less than nothing", wants=AccountWanted(cash=-ENOUGH)
)
async def void_in_another_currency(trial: Trial) -> None:
    before = await trial.cash()
    for debt in (await _another(trial, SOME), await trial.money(-SOME)):
        asked = trial.platform.billing.void_debt(
            trial.account_id, debt=debt, key=trial.key("void", debt.currency), time=trial.time
        )
        await require_refusal(asked, RefusalType.MALFORMED_INPUT)
    require(await trial.cash() == before, "something was written off")


@rule("billing.hand_over.more-than-cash", "a bill that the cash doesn't cover isn't taken from it")
async def hand_over_more_than_cash(trial: Trial) -> None:
    before = await trial.cash()
    much = before + await trial.money(LATER_SUM)
    due = Due(
        kind=Inspects.BILLS,
        becomes=Becomes.TAKEN_FROM_REFUND,
        thing_id="conformance",
        amount=str(much),
        currency=much.currency,
    )
    asked = trial.platform.billing.hand_over(
        trial.account_id, (due,), key=trial.key("hand over"), time=trial.time
    )
    await require_refusal(asked, RefusalType.THING_NOT_ALLOWED)
    require(await trial.cash() == before, "something was taken")


@rule("refunds.order.arithmetic", "leaves cash and payment at once, and is listed at once", wants=FUNDED)
async def order_counts_at_once(trial: Trial) -> None:
    before, refundable = await trial.cash(), await _refundable(trial)
    chosen = max(refundable, key=lambda each: refundable[each])
    amount = await trial.money(SOME)
    await _order(trial, chosen, amount)
    require(await trial.cash() == before - amount, "the cash isn't less by the order")
    left = await _refundable(trial)
    expected = refundable | {chosen: refundable[chosen] - SOME}
    require(left == expected, "what can go back counts without what is on its way")
    listed = [(each.key, each.payment_id, each.amount) for each in await _attempts(trial)]
    require(listed == [(trial.key("order"), chosen, amount)], "the order isn't listed at once")


@rule("refunds.order.pending-counts", "what is under way can't be ordered again", wants=FUNDED)
async def order_what_is_under_way(trial: Trial) -> None:
    refundable = await _refundable(trial)
    chosen = max(refundable, key=lambda each: refundable[each])
    await _order(trial, chosen, await trial.money(refundable[chosen] - SOME))
    asked = _order(trial, chosen, await trial.money(2 * SOME), "too much")
    await require_refusal(asked, RefusalType.THING_NOT_ALLOWED)
    await _order(trial, chosen, await trial.money(SOME), "the rest")
    require((await _refundable(trial))[chosen] == 0, "the payment doesn't stand at zero")


@rule("refunds.order.more-than-cash", "refused", wants=FUNDED)
async def order_more_than_cash(trial: Trial) -> None:
    before = await trial.cash()
    asked = _order(trial, None, before + await trial.money(1))
    await require_refusal(asked, RefusalType.THING_NOT_ALLOWED)
    require(await trial.cash() == before, "something has left the cash")


@rule("refunds.order.wrong-currency", "refused, as are nothing and less", wants=FUNDED)
async def order_in_another_currency(trial: Trial) -> None:
    before = await trial.cash()
    wrong = (await _another(trial, SOME), await trial.money(0), await trial.money(-SOME))
    for number, amount in enumerate(wrong):
        asked = _order(trial, None, amount, f"wrong {number}")
        await require_refusal(asked, RefusalType.MALFORMED_INPUT)
    require(await trial.cash() == before, "something has left the cash")


@rule("refunds.order.unknown-payment", "refused", wants=FUNDED)
async def order_to_an_unknown_payment(trial: Trial) -> None:
    asked = _order(trial, f"no-such-{uuid4().hex}", await trial.money(SOME))
    await require_refusal(asked, RefusalType.THING_NOT_FOUND)


@rule("refunds.attempts.of-the-closure", "lists another closure's orders not", wants=FUNDED)
async def attempts_of_another_closure(trial: Trial) -> None:
    await _order(trial, None, await trial.money(SOME))
    others = await trial.platform.refunds.attempts(
        trial.account_id, closure_id=trial.key("other"), time=trial.time
    )
    require(others == (), "lists what another closure has ordered")


@rule("refunds.attempts.failed-comes-back", "a refund that fails is back in full", wants=FUNDED)
async def failed_comes_back(trial: Trial) -> None:
    before, refundable = await trial.cash(), await _refundable(trial)
    chosen = max(refundable, key=lambda each: refundable[each])
    await _order(trial, chosen, await trial.money(SOME))
    await trial.subject.answer_refunds(trial.account_id, AttemptState.FAILED)

    async def has_failed() -> bool:
        return [each.state for each in await _attempts(trial)] == [AttemptState.FAILED]

    await trial.eventually(has_failed, "the refund has not failed")
    require(await trial.cash() == before, "the cash isn't back")
    require(await _refundable(trial) == refundable, "the payment can't take it again")


@rule("refunds.attempts.settled-is-gone", "a refund that settles is gone, and counted once", wants=FUNDED)
async def settled_is_gone(trial: Trial) -> None:
    before, amount = await trial.cash(), await trial.money(SOME)
    await _order(trial, None, amount)
    await trial.subject.answer_refunds(trial.account_id, AttemptState.SETTLED)

    async def has_settled() -> bool:
        found = [(each.state, each.settled) for each in await _attempts(trial)]
        return found == [(AttemptState.SETTLED, amount)]

    await trial.eventually(has_settled, "the refund has not settled")
    require(await trial.cash() == before - amount, "the cash isn't less by the refund")


@rule(
    "refunds.paid_otherwise.wrong-currency",
    "refused, as is less than nothing",
    wants=AccountWanted(cash=ENOUGH),
)
async def paid_in_another_currency(trial: Trial) -> None:
    before = await trial.cash()
    for amount in (await _another(trial, SOME), await trial.money(-SOME)):
        await require_refusal(_paid(trial, amount), RefusalType.MALFORMED_INPUT)
    require(await trial.cash() == before, "something was paid")


@rule("refunds.paid_otherwise.bounded", "takes at most the cash", wants=AccountWanted(cash=ENOUGH))
async def paid_otherwise_is_bounded(trial: Trial) -> None:
    before = await trial.cash()
    paid = await _paid(trial, before + await trial.money(SOME))
    require(paid == before, "it says that something else was paid")
    require((await trial.cash()).minor == 0, "the account doesn't stand at zero")


RULES: Final = (
    *(forfeit_of_a_debt, forfeit_in_another_currency, forfeit_below_zero, hand_over_more_than_cash),
    *(order_counts_at_once, order_what_is_under_way, order_more_than_cash, order_in_another_currency),
    *(order_to_an_unknown_payment, attempts_of_another_closure, failed_comes_back, settled_is_gone),
    *(void_in_another_currency, paid_in_another_currency),
    *(void_is_bounded, forfeit_is_bounded, paid_otherwise_is_bounded),
)
