"""Releasing what the customer gave up, in dependency order, until a fresh list shows none of it (A6, A16)."""

from collections import Counter

from temporalio import activity

from activities.holds import refuse_held
from activities.plans import confirmed_plan
from activities.requests import Effect, Released
from closure.plan import AccountPlan
from connectors.ports import InventorySource, LegalHolds
from records.closures import ClosureRecords

HEARTBEAT_EVERY = 50
"""Releases between two heartbeats."""


class StillListed(Exception):
    """Accepted is not done: the inventory still shows what was released. Retried."""


class ResourceActivities:
    """Accepted releases are re-listed before they count."""

    def __init__(self, inventory: InventorySource, holds: LegalHolds, records: ClosureRecords) -> None:
        self._inventory = inventory
        self._holds = holds
        self._records = records

    @activity.defn
    async def release_resources(self, effect: Effect) -> Released:
        """Releases the confirmed plan's resources, dependents first, and cancels its subscriptions (T6).

        Raises:
            Refused: `LEGAL_HOLD`.
            StillListed: some are still shown; a retry lists again and releases only those.
        """
        plan = await confirmed_plan(self._records, effect)
        released = cancelled = 0
        products: Counter[str] = Counter()
        for account in plan.accounts:
            await self._release(effect.key, account)
            resources, subscriptions = await self._listed(account.account_id)
            remaining = {*account.released_ids} & resources | {*account.cancellations} & subscriptions
            if remaining:
                raise StillListed(f"{len(remaining)} still listed, first {min(remaining)}")
            released += len(account.released_ids)
            cancelled += len(account.cancellations)
            products.update(account.products.values())
        return Released(resources=released, subscriptions=cancelled, products=products)

    async def _release(self, key: str, plan: AccountPlan) -> None:
        name = plan.account_id
        resources, subscriptions = await self._listed(name)
        activity.heartbeat(name)
        if plan.released_ids or plan.cancellations:
            await refuse_held(self._holds, name)
        for done, resource_id in enumerate(plan.released_ids, start=1):
            if resource_id in resources:
                await self._inventory.release_resource(name, resource_id, key=f"{key}/{name}/{resource_id}")
            if done % HEARTBEAT_EVERY == 0:
                activity.heartbeat(name, done)
                await refuse_held(self._holds, name)
        for subscription_id in plan.cancellations:
            if subscription_id in subscriptions:
                await self._inventory.cancel_subscription(
                    name, subscription_id, key=f"{key}/{name}/{subscription_id}"
                )

    async def _listed(self, account_id: str) -> tuple[set[str], set[str]]:
        inventory = await self._inventory.inventory(account_id)
        return (
            {resource.resource_id for resource in inventory.resources},
            {subscription.subscription_id for subscription in inventory.subscriptions},
        )
