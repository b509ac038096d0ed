"""Erasing customer data: erased is when a fresh read finds nothing (A22)."""

from temporalio import activity

from activities.holds import refuse_held
from activities.plans import confirmed_plan
from activities.requests import Effect, Erased, ErasedStore
from connectors.ports import DataStores, LegalHolds
from records.closures import ClosureRecords


class NotErased(Exception):
    """A store still shows objects after its erasure was accepted. Retried."""


class ErasureActivities:
    """Every store that the account has at that moment, planned or not."""

    def __init__(self, data_stores: DataStores, holds: LegalHolds, records: ClosureRecords) -> None:
        self._data_stores = data_stores
        self._holds = holds
        self._records = records

    @activity.defn
    async def erase_data(self, effect: Effect) -> Erased:
        """Erases store by store and reads each again. Evidence of what an earlier attempt erased is kept.

        Raises:
            Refused: `LEGAL_HOLD`.
            NotErased: a store still has objects.
        """
        erased = []
        for store_id in await self._store_ids(effect):
            activity.heartbeat(store_id)
            await refuse_held(self._holds, effect.account_id)
            objects = await self._data_stores.erase(
                effect.account_id, store_id, key=f"{effect.key}/{store_id}"
            )
            remaining = await self._data_stores.remaining_objects(effect.account_id, store_id)
            if remaining:
                raise NotErased(f"store {store_id} still has {remaining} objects")
            erased.append(ErasedStore(store_id=store_id, objects_found=objects))
        return Erased(stores=tuple(erased))

    async def _store_ids(self, effect: Effect) -> list[str]:
        """Those that are there and those of the plan: what an earlier attempt erased is listed no more."""
        plan = await confirmed_plan(self._records, effect)
        planned = {
            erasure.store_id
            for account in plan.accounts
            if account.account_id == effect.account_id
            for erasure in account.erasures
        }
        listed = {store.store_id for store in await self._data_stores.stores(effect.account_id)}
        return sorted(planned | listed)
