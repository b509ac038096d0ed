"""Wrong answers of who stops, gives back and ends accounts."""

import asyncio
from typing import Any, Final, cast

from closure.accounts import Access, AccountProfile
from connectors.conformance.variant import Call
from connectors.ports import MustRetain, StoppedAccounts

BETWEEN_STEPS: Final = 0.1
"""Seconds; long enough for others to look."""


async def stops_itself_alone(call: Call) -> object:
    owned = await call.platform.directory.subaccounts(call.account_id)
    answer = cast("StoppedAccounts", await call.right(spared=owned))
    return answer.model_copy(update={"subaccounts": owned})


async def spares_nobody(call: Call) -> object:
    return await call.right(spared=())


async def opens_everything(call: Call) -> object:
    await call.right()
    for each in await call.platform.directory.subaccounts(call.account_id):
        await call.platform.access.reopen(
            each, key=f"{call.options['key']}/{each}", time=cast("Any", call.options["time"])
        )
    return None


async def stops_in_two_steps(call: Call) -> object:
    owned = await call.platform.directory.subaccounts(call.account_id)
    await call.right(key=f"{call.options['key']}/alone", spared=owned)
    await asyncio.sleep(BETWEEN_STEPS)
    return await call.right()


async def half_closed(call: Call) -> object:
    """Says that it is closed, and only stops."""
    return None


async def keeps_nothing(call: Call) -> object:
    return await call.right(retained_stores=())


async def half_closes_what_must_stay(call: Call) -> object:
    """Says that the account must stay, and has let its users go before."""
    if call.name == "directory.role_of":
        return None if call.account_id in call.seen else await call.right()
    try:
        return await call.right()
    except MustRetain:
        call.seen[call.account_id] = True
        raise


async def tells_it_once(call: Call) -> object:
    """Says that the account must stay, and takes the second call for one that insists."""
    try:
        return await call.right()
    except MustRetain:
        if call.account_id in call.seen:
            return None
        call.seen[call.account_id] = True
        raise


async def remembers_the_no(call: Call) -> object:
    """Takes "must stay" for the key's answer, and goes on giving it when the time is over."""
    said = call.seen.get(call.options["key"])
    if isinstance(said, MustRetain):
        raise said
    try:
        return await call.right()
    except MustRetain as kept:
        call.seen[call.options["key"]] = kept
        raise


async def stays_listed(call: Call) -> object:
    answer = await call.right()
    return call.seen.setdefault(call.account_id, answer)


async def back_to_life(call: Call) -> object:
    answer = cast("AccountProfile", await call.right())
    return answer.model_copy(update={"access": Access.OPEN}) if answer.access is Access.CLOSED else answer


async def raises_when_closed(call: Call) -> object:
    profile = await call.platform.directory.profile(call.account_id)
    if profile.access is Access.CLOSED:
        raise LookupError("no row")
    return await call.right()
