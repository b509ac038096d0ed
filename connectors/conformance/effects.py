"""What is true of every effect: it happens once for its key, whatever becomes of calls and answers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from closure.accounts import Access, Channel, Resource
from closure.dues import Due
from closure.errors import RefusalType, Refused
from closure.messages import Becomes
from closure.policy_checks import Inspects
from connectors.conformance.rule import Rule, Trial, require, require_refusal
from connectors.conformance.subject import AccountWanted, NotOffered
from connectors.ports import OutgoingMessage

SOME: Final = 1_00
ENOUGH: Final = 50_00
AT_ONCE: Final = 4
ROLE: Final = "ConformanceCleanup"

Act = Callable[[str, str], Awaitable[object]]
"""The effect on a thing that was chosen before: of which account, and by which key."""


@dataclass(frozen=True)
class Effect:
    """`prepare` chooses what it is done to; `cash` is by how many minor units the account's cash changes."""

    name: str
    prepare: Callable[[Trial], Awaitable[Act]]
    wants: AccountWanted = AccountWanted()  # noqa: RUF009 - frozen
    cash: int = 0
    destroys: bool = False
    """Whether a legal hold forbids it."""


async def forfeit(trial: Trial) -> Act:
    some, none = await trial.money(SOME), await trial.money(0)
    return lambda name, key: trial.platform.billing.forfeit(
        name, cash=some, promo=none, key=key, time=trial.time
    )


async def void_debt(trial: Trial) -> Act:
    some = await trial.money(SOME)
    return lambda name, key: trial.platform.billing.void_debt(name, debt=some, key=key, time=trial.time)


async def hand_over(trial: Trial) -> Act:
    some = await trial.money(SOME)
    due = Due(kind=Inspects.DEBT, becomes=Becomes.STAYS_DUE, amount=str(some), currency=some.currency)
    return lambda name, key: trial.platform.billing.hand_over(name, (due,), key=key, time=trial.time)


async def release(trial: Trial) -> Act:
    chosen = (await free_resource(trial)).resource_id
    return lambda name, key: trial.platform.inventory.release_resource(name, chosen, key=key)


async def cancel(trial: Trial) -> Act:
    found = await trial.platform.inventory.inventory(trial.account_id)
    chosen = found.subscriptions[0].subscription_id
    return lambda name, key: trial.platform.inventory.cancel_subscription(name, chosen, key=key)


async def stop(trial: Trial) -> Act:
    return lambda name, key: trial.platform.access.stop(name, access=Access.STOPPED, key=key, time=trial.time)


async def reopen(trial: Trial) -> Act:
    await (await stop(trial))(trial.account_id, trial.key("before"))
    return lambda name, key: trial.platform.access.reopen(name, key=key, time=trial.time)


async def create_role(trial: Trial) -> Act:
    return lambda name, key: trial.platform.access.create_service_role(name, ROLE, key=key)


async def delete_role(trial: Trial) -> Act:
    await (await create_role(trial))(trial.account_id, trial.key("before"))
    return lambda name, key: trial.platform.access.delete_service_role(name, ROLE, key=key)


async def delete_bindings(trial: Trial) -> Act:
    return lambda name, key: trial.platform.access.delete_bindings(name, key=key)


async def erase(trial: Trial) -> Act:
    chosen = (await trial.platform.data_stores.stores(trial.account_id))[0].store_id
    return lambda name, key: trial.platform.data_stores.erase(name, chosen, key=key)


async def order(trial: Trial) -> Act:
    some = await trial.money(SOME)
    payments = await trial.platform.refunds.payments(trial.account_id)
    chosen = next((each.payment_id for each in payments if not each.refundable < some), None)
    return lambda name, key: trial.platform.refunds.order(
        name, chosen, some, closure_id=trial.trial_id, key=key, time=trial.time
    )


async def pay_otherwise(trial: Trial) -> Act:
    some = await trial.money(SOME)
    return lambda name, key: trial.platform.refunds.paid_otherwise(
        name, some, "conformance", closure_id=trial.trial_id, key=key, time=trial.time
    )


async def send(trial: Trial) -> Act:
    return lambda name, key: trial.platform.messages.send(
        OutgoingMessage(
            key=key,
            account_id=name,
            channel=Channel.EMAIL,
            template="conformance",
            subjects={"en": "Conformance"},
            bodies={"en": "A test message."},
            time=trial.time,
        )
    )


async def close(trial: Trial) -> Act:
    await (await stop(trial))(trial.account_id, trial.key("before"))
    return lambda name, key: trial.platform.access.close(name, key=key, time=trial.time)


async def free_resource(trial: Trial) -> Resource:
    """One that no other needs."""
    found = await trial.platform.inventory.inventory(trial.account_id)
    needed = {name for each in found.resources for name in each.depends_on}
    for each in found.resources:
        if each.resource_id not in needed:
            return each
    raise NotOffered("every resource is needed by another")


EFFECTS: Final = (
    Effect("billing.forfeit", forfeit, AccountWanted(cash=ENOUGH), cash=-SOME, destroys=True),
    Effect("billing.void_debt", void_debt, AccountWanted(cash=-ENOUGH), cash=SOME, destroys=True),
    Effect("billing.hand_over", hand_over),
    Effect("inventory.release_resource", release, AccountWanted(resources=2), destroys=True),
    Effect("inventory.cancel_subscription", cancel, AccountWanted(subscriptions=2), destroys=True),
    Effect("refunds.order", order, AccountWanted(cash=ENOUGH, payments=1), cash=-SOME),
    Effect("refunds.paid_otherwise", pay_otherwise, AccountWanted(cash=ENOUGH), cash=-SOME),
    Effect("messages.send", send),
    Effect("access.create_service_role", create_role),
    Effect("access.delete_service_role", delete_role),
    Effect("access.delete_bindings", delete_bindings, AccountWanted(bindings=2), destroys=True),
    Effect("data_stores.erase", erase, AccountWanted(stores=2), destroys=True),
    Effect("access.stop", stop, AccountWanted(subaccounts=1)),
    Effect("access.reopen", reopen, AccountWanted(subaccounts=1)),
    Effect("access.close", close, destroys=True),
)


async def _cash(trial: Trial) -> int | None:
    """Minor units; None for an account that is no longer known."""
    try:
        return (await trial.cash()).minor
    except Refused as refused:
        if refused.type is not RefusalType.ACCOUNT_NOT_FOUND:
            raise
        return None


async def _require_once(trial: Trial, effect: Effect, before: int | None) -> None:
    after = await _cash(trial)
    if before is not None and after is not None:
        moved = after - before
        require(moved == effect.cash, f"the cash changed by {moved} minor units instead of {effect.cash}")


def _repeated_key(effect: Effect) -> Rule:
    async def check(trial: Trial) -> None:
        act = await effect.prepare(trial)
        before, key = await _cash(trial), trial.key("effect")
        first = await act(trial.account_id, key)
        await _require_once(trial, effect, before)
        require(await act(trial.account_id, key) == first, "the second answer is another")
        await _require_once(trial, effect, before)

    says = "the same key again: nothing more, and the first answer"
    return Rule(f"{effect.name}.repeated-key", says, check, effect.wants)


def _at_the_same_time(effect: Effect) -> Rule:
    async def check(trial: Trial) -> None:
        act = await effect.prepare(trial)
        before, key = await _cash(trial), trial.key("effect")
        calls = (act(trial.account_id, key) for _ in range(AT_ONCE))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        refusals = [each for each in answers if isinstance(each, Refused)]
        require(not refusals, f"one of several calls at once was refused: {refusals}")
        last = await act(trial.account_id, key)  # of the others one may have found it busy
        answered = [each for each in answers if not isinstance(each, BaseException)]
        require(all(each == last for each in answered), "calls at the same time have different answers")
        await _require_once(trial, effect, before)

    says = f"{AT_ONCE} calls with one key at the same time: one effect"
    return Rule(f"{effect.name}.at-the-same-time", says, check, effect.wants)


def _lost_answer(effect: Effect) -> Rule:
    async def check(trial: Trial) -> None:
        act = await effect.prepare(trial)
        before, key = await _cash(trial), trial.key("effect")
        call = asyncio.ensure_future(act(trial.account_id, key))
        await asyncio.sleep(0)  # it is on its way
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
        answer = await act(trial.account_id, key)
        require(await act(trial.account_id, key) == answer, "what was asked again is answered otherwise")
        await _require_once(trial, effect, before)

    says = "a call that broke off is made again: one effect"
    return Rule(f"{effect.name}.lost-answer", says, check, effect.wants)


def _unknown_account(effect: Effect) -> Rule:
    async def check(trial: Trial) -> None:
        act = await effect.prepare(trial)
        asked = act(f"no-such-{uuid4().hex}", trial.key("effect"))
        await require_refusal(asked, RefusalType.ACCOUNT_NOT_FOUND)

    says = "refuses an account that nobody knows"
    return Rule(f"{effect.name}.unknown-account", says, check, effect.wants)


RULES: Final = tuple(
    make(effect)
    for effect in EFFECTS
    for make in (_repeated_key, _at_the_same_time, _lost_answer, _unknown_account)
)
