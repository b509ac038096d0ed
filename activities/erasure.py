"""Erasing customer data: erased is when a fresh read finds nothing (A22)."""

from temporalio import activity

from activities.requests import Effect, Erased, ErasedStore
from connectors.ports import DataStores


class NotErased(Exception):
    """A store still shows objects after its erasure was accepted. Retried."""


class ErasureActivities:
    """Every store that the account has at that moment, planned or not."""

    def __init__(self, data_stores: DataStores) -> None:
        self._data_stores = data_stores

    @activity.defn
    async def erase_data(self, effect: Effect) -> Erased:
        """Erases store by store and reads each again.

        Raises:
            NotErased: a store still has objects.
        """
        erased = []
        for store in await self._data_stores.stores(effect.account_id):
            activity.heartbeat(store.store_id)
            await self._data_stores.erase(
                effect.account_id, store.store_id, key=f"{effect.key}/{store.store_id}"
            )
            remaining = await self._data_stores.remaining_objects(effect.account_id, store.store_id)
            if remaining:
                raise NotErased(f"store {store.store_id} still has {remaining} objects")
            erased.append(ErasedStore(store_id=store.store_id, objects_found=store.objects))
        return Erased(stores=tuple(erased))
