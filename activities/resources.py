"""Releasing what the customer gave up, in dependency order, until a fresh list shows none of it (A6, A16)."""

from temporalio import activity

from activities.plans import confirmed_plan
from activities.requests import Effect, Released
from closure.plan import Plan
from connectors.ports import InventorySource
from records.closures import ClosureRecords

HEARTBEAT_EVERY = 50
"""Releases between two heartbeats."""


class StillListed(Exception):
    """Accepted is not done: the inventory still shows what was released. Retried."""


class ResourceActivities:
    """Accepted releases are re-listed before they count."""

    def __init__(self, inventory: InventorySource, records: ClosureRecords) -> None:
        self._inventory = inventory
        self._records = records

    @activity.defn
    async def release_resources(self, effect: Effect) -> Released:
        """Releases the confirmed plan's resources, dependents first, and cancels its subscriptions.

        Raises:
            StillListed: some are still shown; a retry lists again and releases only those.
        """
        plan = await confirmed_plan(self._records, effect)
        await self._release(effect, plan)
        resources, subscriptions = await self._listed(effect.account_id)
        remaining = _planned_resources(plan) & resources | set(plan.cancellations) & subscriptions
        if remaining:
            raise StillListed(f"{len(remaining)} still listed, first {min(remaining)}")
        return Released(resources=len(_planned_resources(plan)), subscriptions=len(plan.cancellations))

    async def _release(self, effect: Effect, plan: Plan) -> None:
        resources, subscriptions = await self._listed(effect.account_id)
        done = 0
        for batch in plan.releases:
            for resource_id in batch:
                if resource_id in resources:
                    await self._inventory.release_resource(
                        effect.account_id, resource_id, key=f"{effect.key}/{resource_id}"
                    )
                done += 1
                if done % HEARTBEAT_EVERY == 0:
                    activity.heartbeat(done)
        for subscription_id in plan.cancellations:
            if subscription_id in subscriptions:
                await self._inventory.cancel_subscription(
                    effect.account_id, subscription_id, key=f"{effect.key}/{subscription_id}"
                )

    async def _listed(self, account_id: str) -> tuple[set[str], set[str]]:
        inventory = await self._inventory.inventory(account_id)
        return (
            {resource.resource_id for resource in inventory.resources},
            {subscription.subscription_id for subscription in inventory.subscriptions},
        )


def _planned_resources(plan: Plan) -> set[str]:
    return {resource_id for batch in plan.releases for resource_id in batch}
