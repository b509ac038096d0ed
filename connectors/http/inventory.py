"""Deployed resources, subscriptions, domains and filings."""

from closure.accounts import IDS, RESOURCES, SUBSCRIPTIONS, Inventory
from connectors.http import operations
from connectors.http.asked import OfResource, OfSubscription
from connectors.http.calling.caller import Caller
from connectors.http.calling.pages import pages, read_whole


class HttpInventory:
    """Implements `connectors.ports.InventorySource`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def inventory(self, account_id: str) -> Inventory:
        return await read_whole(lambda: self._read(account_id))

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        asked = OfResource(account_id=account_id, resource_id=resource_id)
        await self._caller.ask(operations.RELEASE_RESOURCE, asked, key=key)

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        asked = OfSubscription(account_id=account_id, subscription_id=subscription_id)
        await self._caller.ask(operations.CANCEL_SUBSCRIPTION, asked, key=key)

    async def _read(self, account_id: str) -> Inventory:
        resources, subscriptions = RESOURCES.growing(), SUBSCRIPTIONS.growing()
        domains, icp_filings = IDS.growing(), IDS.growing()
        async for page in pages(self._caller, operations.INVENTORY, account_id):
            resources.extend(page.resources)
            subscriptions.extend(page.subscriptions)
            domains.extend(page.domains)
            icp_filings.extend(page.icp_filings)
        return Inventory(
            resources=resources.packed(),
            subscriptions=subscriptions.packed(),
            domains=domains.packed(),
            icp_filings=icp_filings.packed(),
        )
