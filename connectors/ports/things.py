"""What an account consists of: resources, subscriptions and data."""

from collections.abc import Sequence
from typing import Protocol

from closure.accounts import DataStore, Inventory


class InventorySource(Protocol):
    """Deployed resources, subscriptions, domains and filings."""

    async def inventory(self, account_id: str) -> Inventory:
        """All of it. Of very many things none need be in hand: `Inventory` takes any iterable."""
        ...

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        """Accepts the release of one resource. Done is when `inventory` no longer lists it.

        Raises:
            Refused: `THING_NOT_ALLOWED` while another resource still depends on it.
        """
        ...

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        """As `release_resource`."""
        ...


class DataStores(Protocol):
    """Customer data, store by store."""

    async def stores(self, account_id: str) -> Sequence[DataStore]:
        """All that hold something, best by id; `closure.accounts.DATA_STORES` holds very many, one by one."""
        ...

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        """Accepts the erasure; returns how many objects this key has erased, 0 when the store was gone.

        Done is when `remaining_objects` finds none and `stores` lists it no more. A deletion that takes days
        is accepted again by the same key until then.

        Raises:
            MustRetain: nothing of it was erased, and `stores` goes on listing it. That is an answer, final:
                the closure goes on without it.
        """
        ...

    async def remaining_objects(self, account_id: str, store_id: str) -> int:
        """Objects that a fresh read still finds; 0 when the store is gone."""
        ...
