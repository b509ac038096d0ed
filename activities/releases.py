"""Releasing what the customer gave up, in dependency order, until a fresh list shows none of it (A6, A16)."""

from collections import Counter
from itertools import chain
from typing import Final

from activities.heartbeats import heartbeat
from activities.held import HeldClosure, Writing
from closure.events import ResourcesReleased
from closure.findings import Change
from closure.identifiers import effect_key
from closure.plan import AccountPlan
from closure.steps import Step
from connectors.ports import InventorySource

PAGE: Final = 50
"""Releases between two looks at the legal hold, and two heartbeats."""


class StillListed(Exception):
    """Accepted is not done: the inventory still shows what was released. Retried."""


class Releases:
    """Accepted releases are listed again before they count."""

    def __init__(self, inventory: InventorySource) -> None:
        self._inventory = inventory

    async def release(self, closure: HeldClosure) -> None:
        """Releases the confirmed plan's resources, dependents first, and cancels its subscriptions (T6).

        Raises:
            MustWait: a hold forbids it, or a brake is on.
            StillListed: a retry lists again and releases only what is left.
        """
        await closure.effect(Step.RELEASE, lambda opened: self._release(closure), _record)

    async def _release(self, closure: HeldClosure) -> ResourcesReleased:
        plan = await closure.plan()
        released = cancelled = 0
        products: Counter[str] = Counter()
        for account in plan.accounts:
            await self._release_of(closure, account)
            resources, subscriptions = await self._listed(account.account_id)
            remaining = sum(each in resources for each in account.released_ids)
            remaining += sum(each in subscriptions for each in account.cancellations)
            if remaining:
                raise StillListed(f"{remaining} still listed")
            released += sum(map(len, account.releases))
            cancelled += len(account.cancellations)
            products.update(product for _, product in account.products)
        return ResourcesReleased(resources=released, subscriptions=cancelled, products=products)

    async def _release_of(self, closure: HeldClosure, plan: AccountPlan) -> None:
        name = plan.account_id
        resources, subscriptions = await self._listed(name)
        going = chain(
            (
                (self._inventory.release_resource, each, "resource")
                for each in plan.released_ids
                if each in resources
            ),
            (
                (self._inventory.cancel_subscription, each, "subscription")
                for each in plan.cancellations
                if each in subscriptions
            ),
        )
        for done, (release, thing, kind) in enumerate(going):
            if done % PAGE == 0:
                heartbeat(name, done)
                await closure.require_no_hold(name)
            await release(name, thing, key=effect_key(closure.closure_id, "release", kind, name, thing))

    async def _listed(self, account_id: str) -> tuple[set[str], set[str]]:
        inventory = await self._inventory.inventory(account_id)
        return (
            {resource.resource_id for resource in inventory.resources},
            {subscription.subscription_id for subscription in inventory.subscriptions},
        )


def _record(writing: Writing, released: ResourcesReleased) -> None:
    writing.apply(Change(writing.state, released))
