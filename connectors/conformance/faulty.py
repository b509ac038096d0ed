"""Implementations that each break one rule, around one that breaks none: what the rules must catch."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, cast

from closure.accounts import BillingStatement, DataStore, Inventory
from closure.errors import RefusalType, Refused
from closure.money import Money
from closure.refunds import Payment, RefundAttempt
from connectors.account_reader import AccountReading
from connectors.conformance.variant import Call, Variant
from connectors.conformance.wrong_ends import (
    back_to_life,
    half_closed,
    half_closes_what_must_stay,
    keeps_nothing,
    opens_everything,
    raises_when_closed,
    remembers_the_no,
    spares_nobody,
    stays_listed,
    stops_in_two_steps,
    stops_itself_alone,
    tells_it_once,
)
from connectors.ports import Forfeited, MustRetain, OutgoingMessage, StoppedAccounts

PAGE: Final = 1_000


async def _forgets_keys(call: Call) -> object:
    number = call.seen[call.name] = cast("int", call.seen.get(call.name, 0)) + 1
    return await call.right(key=f"{call.options['key']}/{number}")


async def _looks_before_it_acts(call: Call) -> object:
    """Keys are remembered when all is done: two calls at the same time are two effects."""
    key = (call.name, call.options["key"])
    if key in call.seen:
        return call.seen[key]
    await asyncio.sleep(0)
    answer = await _forgets_keys(call)
    call.seen[key] = answer
    return answer


async def _another_answer(call: Call) -> object:
    answer = await call.right()
    assert isinstance(answer, StoppedAccounts)
    number = call.seen["stops"] = cast("int", call.seen.get("stops", 0)) + 1
    return answer.model_copy(update={"at": answer.at + timedelta(seconds=number)})


async def _empty_when_unknown(call: Call) -> object:
    try:
        return await call.right()
    except Refused:
        return () if call.name == "data_stores.stores" else Inventory()


async def _success_when_unknown(call: Call) -> object:
    try:
        return await call.right()
    except Refused as refused:
        if refused.type is not RefusalType.ACCOUNT_NOT_FOUND:
            raise
        return None


async def _raises_for_strangers(call: Call) -> object:
    answer = await call.right()
    if answer is None:
        raise KeyError("no such user")
    return answer


async def _first_page(call: Call) -> object:
    answer = await call.right()
    if isinstance(answer, Inventory):
        return answer.model_copy(update={"resources": tuple(answer.resources)[:PAGE]})
    return tuple(cast("Sequence[DataStore]", answer))[:PAGE]


async def _overlapping_pages(call: Call) -> object:
    answer = cast("Inventory", await call.right())
    return answer.model_copy(update={"resources": (*answer.resources, *tuple(answer.resources)[:1])})


async def _but_one(call: Call) -> object:
    return cast("tuple[str, ...]", await call.right())[1:]


async def _never_answers(call: Call) -> object:
    return await asyncio.Event().wait()


async def _another_currency(call: Call) -> object:
    """Takes the number for what it isn't."""
    own = (await call.platform.directory.profile(call.account_id)).currency

    def own_money(value: object) -> object:
        return Money(minor=value.minor, currency=own) if isinstance(value, Money) else value

    return await call.right(
        *map(own_money, call.arguments), **{name: own_money(each) for name, each in call.options.items()}
    )


async def _says_what_was_asked(call: Call) -> object:
    await call.right()
    return Forfeited(cash=cast("Money", call.options["cash"]), promo=cast("Money", call.options["promo"]))


async def _pending_does_not_count(call: Call) -> object:
    """What can go back is told without what is on its way."""
    answer = cast("tuple[Payment, ...]", await call.right())
    first = cast("dict[str, Payment]", call.seen.setdefault(call.account_id, {}))
    return tuple(first.setdefault(each.payment_id, each) for each in answer)


async def _listed_when_settled(call: Call) -> object:
    return tuple(
        each for each in cast("tuple[RefundAttempt, ...]", await call.right()) if each.state != "pending"
    )


async def _failed_stays_away(call: Call) -> object:
    """What has failed is missing from the cash, as if it were still on its way."""
    answer = await call.right()
    if not isinstance(answer, BillingStatement):
        left = await call.platform.billing.statement(call.account_id)
        call.seen[call.account_id] = left.cash
        return answer
    least = cast("Money", call.seen.get(call.account_id, answer.cash))
    return answer.model_copy(update={"cash": min(least, answer.cash)})


async def _accepts_and_forgets(call: Call) -> object:
    return None


async def _done_when_accepted(call: Call) -> object:
    """Accepts an erasure, does nothing yet, and says that nothing remains."""
    if call.name == "data_stores.erase":
        call.seen[call.arguments] = True
        return 3
    return 0 if call.arguments in call.seen else await call.right()


async def _releases_what_is_needed(call: Call) -> object:
    try:
        return await call.right()
    except Refused as refused:
        if refused.type is not RefusalType.THING_NOT_ALLOWED:
            raise
        return None


async def _fails_when_gone(call: Call) -> object:
    found = await call.platform.inventory.inventory(call.account_id)
    if call.arguments[1] not in {each.resource_id for each in found.resources}:
        raise Refused(RefusalType.THING_NOT_FOUND, "there is no such resource")
    return await call.right()


async def _looks_no_hold_up(call: Call) -> object:
    """The hold is not looked at when it matters."""
    try:
        return await call.right()
    except Refused as refused:
        if refused.type is not RefusalType.LEGAL_HOLD:
            raise
        return 0


async def _holds_by_name(call: Call) -> object:
    """The hold of an owner is not seen."""
    profile = await call.platform.directory.profile(call.account_id)
    return False if "-" in profile.account_id.removeprefix("conformance-") else await call.right()


async def _accepts_what_must_stay(call: Call) -> object:
    """Accepts the erasure, and never does it."""
    try:
        return await call.right()
    except MustRetain:
        return 0


async def _says_no_reason(call: Call) -> object:
    try:
        return await call.right()
    except MustRetain as kept:
        raise MustRetain(" ", kept.until) from kept


async def _any_sign(call: Call) -> object:
    """Takes less than nothing, and another currency, for nothing."""
    own = (await call.platform.directory.profile(call.account_id)).currency

    def no_less(value: object) -> object:
        if not isinstance(value, Money):
            return value
        return value if value.minor > 0 and value.currency == own else Money.zero(own)

    return await call.right(
        *map(no_less, call.arguments), **{name: no_less(each) for name, each in call.options.items()}
    )


async def _tells_everybody(call: Call) -> object:
    message = cast("OutgoingMessage", call.arguments[0])
    return await call.right(message.model_copy(update={"roles": ()}))


async def _in_another_order(call: Call) -> object:
    """What billing answers is put to the accounts in the order in which it came."""
    answer = cast("tuple[AccountReading, ...]", await call.right())
    return tuple(
        reading.model_copy(update={"statement": other.statement})
        for reading, other in zip(answer, reversed(answer), strict=True)
    )


async def _first_of_many(call: Call) -> object:
    answer = cast("tuple[AccountReading, ...]", await call.right())
    return tuple(
        each.model_copy(update={"inventory": each.inventory.model_copy(update={"resources": ()})})
        for each in answer
        if each.inventory is not None
    )


async def _all_or_nobody(call: Call) -> object:
    account_ids = cast("Sequence[str]", call.arguments[0])
    answer = cast("tuple[AccountReading, ...]", await call.right())
    return answer if len(answer) == len(account_ids) else ()


async def _free_unless_named(call: Call) -> object:
    answer = cast("tuple[AccountReading, ...]", await call.right())
    return tuple(each.model_copy(update={"held": False}) for each in answer)


VARIANTS: Final = (
    Variant("forgets keys", "billing.forfeit.repeated-key", ("billing.forfeit",), _forgets_keys),
    Variant("forgets refunds' keys", "refunds.order.repeated-key", ("refunds.order",), _forgets_keys),
    Variant(
        "counts bindings anew",
        "access.delete_bindings.repeated-key",
        ("access.delete_bindings",),
        _forgets_keys,
    ),
    Variant(
        "looks before it acts",
        "refunds.paid_otherwise.at-the-same-time",
        ("refunds.paid_otherwise",),
        _looks_before_it_acts,
    ),
    Variant("another answer", "access.stop.repeated-key", ("access.stop",), _another_answer),
    Variant(
        "empty when unknown",
        "inventory.inventory.unknown-account",
        ("inventory.inventory", "data_stores.stores"),
        _empty_when_unknown,
    ),
    Variant(
        "success when unknown",
        "data_stores.erase.unknown-account",
        ("data_stores.erase",),
        _success_when_unknown,
    ),
    Variant("raises when closed", "end.reads", ("refunds.payments",), raises_when_closed),
    Variant("raises for strangers", "directory.unknown-user", ("directory.role_of",), _raises_for_strangers),
    Variant("first page", "inventory.inventory.whole", ("inventory.inventory",), _first_page),
    Variant("first page of stores", "data_stores.stores.whole", ("data_stores.stores",), _first_page),
    Variant("overlapping pages", "inventory.inventory.whole", ("inventory.inventory",), _overlapping_pages),
    Variant("a subaccount left out", "directory.subaccounts.all-once", ("directory.subaccounts",), _but_one),
    Variant("never answers", "billing.statement.answers", ("billing.statement",), _never_answers),
    Variant("another currency", "billing.forfeit.wrong-currency", ("billing.forfeit",), _another_currency),
    Variant(
        "refunds another currency", "refunds.order.wrong-currency", ("refunds.order",), _another_currency
    ),
    Variant("voids another currency", "billing.void_debt.wrong-currency", ("billing.void_debt",), _any_sign),
    Variant(
        "paid in another currency",
        "refunds.paid_otherwise.wrong-currency",
        ("refunds.paid_otherwise",),
        _any_sign,
    ),
    Variant("tells everybody", "messages.send.nobody", ("messages.send",), _tells_everybody),
    Variant("stops in two steps", "access.stop.at-once", ("access.stop",), stops_in_two_steps),
    Variant("says what was asked", "billing.forfeit.bounded", ("billing.forfeit",), _says_what_was_asked),
    Variant(
        "pending doesn't count", "refunds.order.arithmetic", ("refunds.payments",), _pending_does_not_count
    ),
    Variant(
        "lists what has settled", "refunds.order.arithmetic", ("refunds.attempts",), _listed_when_settled
    ),
    Variant(
        "what failed stays away",
        "refunds.attempts.failed-comes-back",
        ("billing.statement", "refunds.order"),
        _failed_stays_away,
    ),
    Variant(
        "accepts and forgets",
        "inventory.release_resource.done",
        ("inventory.release_resource",),
        _accepts_and_forgets,
    ),
    Variant(
        "done when accepted",
        "data_stores.erase.accepted-is-not-done",
        ("data_stores.erase", "data_stores.remaining_objects"),
        _done_when_accepted,
    ),
    Variant(
        "takes what is needed",
        "inventory.release_resource.order",
        ("inventory.release_resource",),
        _releases_what_is_needed,
    ),
    Variant("gone is an error", "inventory.already-gone", ("inventory.release_resource",), _fails_when_gone),
    Variant("stops itself alone", "access.stop.all", ("access.stop",), stops_itself_alone),
    Variant("spares nobody", "access.stop.spares", ("access.stop",), spares_nobody),
    Variant("opens everything", "access.reopen.own", ("access.reopen",), opens_everything),
    Variant("destroys what is held", "data_stores.erase.held", ("data_stores.erase",), _looks_no_hold_up),
    Variant("sees no owner's hold", "holds.of-the-owner", ("holds.is_held",), _holds_by_name),
    Variant("in another order", "accounts.read.as-alone", ("accounts.read",), _in_another_order),
    Variant("lists less of many", "accounts.read.as-alone", ("accounts.read",), _first_of_many),
    Variant("all or nobody", "accounts.read.unknown-account", ("accounts.read",), _all_or_nobody),
    Variant("free of an owner's hold", "accounts.read.held-by-owner", ("accounts.read",), _free_unless_named),
    Variant("closes nothing", "access.close.for-good", ("access.close",), half_closed),
    Variant("keeps nothing", "access.close.retained", ("access.close",), keeps_nothing),
    Variant(
        "accepts what must stay",
        "data_stores.erase.must-retain",
        ("data_stores.erase",),
        _accepts_what_must_stay,
    ),
    Variant("says no reason", "data_stores.erase.must-retain", ("data_stores.erase",), _says_no_reason),
    Variant(
        "half closes what must stay",
        "access.close.must-retain",
        ("access.close", "directory.role_of"),
        half_closes_what_must_stay,
    ),
    Variant("tells it once", "access.close.must-retain", ("access.close",), tells_it_once),
    Variant("remembers the no", "access.close.must-retain", ("access.close",), remembers_the_no),
    Variant("lists the closed", "access.close.leaves-owner", ("directory.subaccounts",), stays_listed),
    Variant("comes back to life", "access.close.for-good", ("directory.profile",), back_to_life),
)
