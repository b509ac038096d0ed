"""Rules of resources, subscriptions and data: accepted is not done, gone is success, order is kept."""

from collections import Counter
from typing import Final
from uuid import uuid4

from closure.errors import RefusalType
from connectors.conformance.effects import free_resource
from connectors.conformance.rule import Trial, require, require_refusal, require_retained, rule
from connectors.conformance.subject import AccountWanted, NotOffered


async def _resources(trial: Trial) -> set[str]:
    found = await trial.platform.inventory.inventory(trial.account_id)
    return {each.resource_id for each in found.resources}


async def _subscriptions(trial: Trial) -> set[str]:
    found = await trial.platform.inventory.inventory(trial.account_id)
    return {each.subscription_id for each in found.subscriptions}


async def _stores(trial: Trial) -> dict[str, int]:
    return {each.store_id: each.objects for each in await trial.platform.data_stores.stores(trial.account_id)}


async def _release(trial: Trial, resource_id: str, name: str) -> None:
    await trial.platform.inventory.release_resource(trial.account_id, resource_id, key=trial.key(name))


@rule(
    "inventory.release_resource.done",
    "what is accepted is listed no more, and nothing else goes",
    wants=AccountWanted(resources=2),
)
async def release_is_done(trial: Trial) -> None:
    before, chosen = await _resources(trial), (await free_resource(trial)).resource_id
    await _release(trial, chosen, "release")

    async def is_gone() -> bool:
        return chosen not in await _resources(trial)

    await trial.eventually(is_gone, "it is still listed")
    require(await _resources(trial) == before - {chosen}, "another resource has gone with it")


@rule(
    "inventory.release_resource.order",
    "refused while another needs it; then the same key works",
    wants=AccountWanted(resources=2),
)
async def release_keeps_order(trial: Trial) -> None:
    found = tuple((await trial.platform.inventory.inventory(trial.account_id)).resources)
    uses = Counter(name for each in found for name in each.depends_on)
    pairs = ((each, name) for each in found for name in each.depends_on)
    free = ((each, name) for each, name in pairs if not uses[each.resource_id] and uses[name] == 1)
    user, needed = next(free, (None, ""))
    if user is None:
        raise NotOffered("there are no two resources of which only one needs the other")
    await require_refusal(_release(trial, needed, "needed"), RefusalType.THING_NOT_ALLOWED)
    require(needed in await _resources(trial), "it was refused, and has gone")
    await _release(trial, user.resource_id, "user")

    async def is_gone() -> bool:
        return user.resource_id not in await _resources(trial)

    await trial.eventually(is_gone, "it is still listed")
    await _release(trial, needed, "needed")


@rule("inventory.already-gone", "is success")
async def things_already_gone(trial: Trial) -> None:
    nothing = f"no-such-{uuid4().hex}"
    await _release(trial, nothing, "release")
    await trial.platform.inventory.cancel_subscription(trial.account_id, nothing, key=trial.key("cancel"))


@rule(
    "inventory.cancel_subscription.done",
    "what is accepted is listed no more, and nothing else goes",
    wants=AccountWanted(subscriptions=2),
)
async def cancel_is_done(trial: Trial) -> None:
    before = await _subscriptions(trial)
    chosen = min(before)
    await trial.platform.inventory.cancel_subscription(trial.account_id, chosen, key=trial.key("cancel"))

    async def is_gone() -> bool:
        return chosen not in await _subscriptions(trial)

    await trial.eventually(is_gone, "it is still listed")
    require(await _subscriptions(trial) == before - {chosen}, "another subscription has gone with it")


@rule(
    "data_stores.erase.accepted-is-not-done",
    "says that nothing is left when nothing is, and nothing else goes",
    wants=AccountWanted(stores=2),
)
async def erase_is_done(trial: Trial) -> None:
    before = await _stores(trial)
    chosen = next(iter(before))
    stores = trial.platform.data_stores
    remaining = await stores.remaining_objects(trial.account_id, chosen)
    require(remaining == before[chosen], "lists other objects than a fresh read finds")
    await stores.erase(trial.account_id, chosen, key=trial.key("erase"))

    async def is_empty() -> bool:
        return await stores.remaining_objects(trial.account_id, chosen) == 0

    await trial.eventually(is_empty, "objects are still there")
    left = await _stores(trial)
    require(left.pop(chosen, 0) == 0, "says that nothing remains while the store still lists objects")
    require(left == {name: objects for name, objects in before.items() if name != chosen}, "more has gone")


@rule("data_stores.erase.evidence", "returns how many objects it erased", wants=AccountWanted(stores=1))
async def erase_returns_evidence(trial: Trial) -> None:
    chosen, objects = next(iter((await _stores(trial)).items()))
    erased = await trial.platform.data_stores.erase(trial.account_id, chosen, key=trial.key("erase"))
    require(erased in (0, objects), f"says {erased} of {objects} objects")

    async def is_known() -> bool:
        again = await trial.platform.data_stores.erase(trial.account_id, chosen, key=trial.key("erase"))
        return again == objects

    await trial.eventually(is_known, f"doesn't say that {objects} objects are erased")


@rule(
    "data_stores.erase.must-retain",
    "says of a store that the law keeps why and until when, every time, and leaves it as it is",
    wants=AccountWanted(stores=2),
)
async def what_must_stay_is_answered(trial: Trial) -> None:
    before, stores = await _stores(trial), trial.platform.data_stores
    chosen, other, *_ = before
    await trial.subject.must_retain(trial.account_id, chosen)
    await require_retained(
        lambda: stores.erase(trial.account_id, chosen, key=trial.key("erase")),
        "answers as if it had been erased",
    )
    left = await stores.remaining_objects(trial.account_id, chosen)
    require((await _stores(trial), left) == (before, before[chosen]), "something of it is gone")
    erased = await stores.erase(trial.account_id, other, key=trial.key("erase", "other"))
    require(erased in (0, before[other]), "another store is not erased")


@rule("data_stores.already-gone", "is success, with no objects")
async def store_already_gone(trial: Trial) -> None:
    nothing, stores = f"no-such-{uuid4().hex}", trial.platform.data_stores
    require(await stores.remaining_objects(trial.account_id, nothing) == 0, "nothing has objects")
    erased = await stores.erase(trial.account_id, nothing, key=trial.key("erase"))
    require(erased == 0, "nothing was erased")


RULES: Final = (
    *(release_is_done, release_keeps_order, things_already_gone, cancel_is_done),
    *(erase_is_done, erase_returns_evidence, what_must_stay_is_answered, store_already_gone),
)
