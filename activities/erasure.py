"""Erasing customer data: erased is when a fresh read finds nothing (A22)."""

from temporalio import activity

from activities.holds import refuse_held
from activities.plans import confirmed_plan, pinned_policy
from activities.requests import Effect, Erased, ErasedStore, RetainedStore
from connectors.ports import DataStores, LegalHolds
from records.closures import ClosureRecords


class NotErased(Exception):
    """A store still shows objects after its erasure was accepted. Retried."""


class ErasureActivities:
    """Every store that the account has at that moment, planned or not, but for what the law keeps."""

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
        policy = await pinned_policy(self._records, effect.closure_id)
        listed = {store.store_id: store for store in await self._data_stores.stores(effect.account_id)}
        retained = {
            name: kept for name, store in listed.items() if (kept := policy.retains(store.store)) is not None
        }
        kinds = await self._planned(effect) | {name: store.store for name, store in listed.items()}
        erased = []
        for store_id in sorted(kinds.keys() - retained.keys()):
            activity.heartbeat(store_id)
            await refuse_held(self._holds, effect.account_id)
            objects = await self._erase(effect, store_id)
            erased.append(ErasedStore(store_id=store_id, store=kinds[store_id], objects_found=objects))
        return Erased(
            stores=tuple(erased),
            retained=tuple(
                RetainedStore(
                    store_id=name,
                    store=listed[name].store,
                    objects=listed[name].objects,
                    retained_as=retained[name].name,
                )
                for name in sorted(retained)
            ),
        )

    async def _erase(self, effect: Effect, store_id: str) -> int:
        objects = await self._data_stores.erase(effect.account_id, store_id, key=f"{effect.key}/{store_id}")
        remaining = await self._data_stores.remaining_objects(effect.account_id, store_id)
        if remaining:
            raise NotErased(f"store {store_id} still has {remaining} objects")
        return objects

    async def _planned(self, effect: Effect) -> dict[str, str]:
        """Kinds of the stores of the plan, by id: what an earlier attempt erased is listed no more."""
        plan = await confirmed_plan(self._records, effect)
        return {
            erasure.store_id: erasure.store
            for account in plan.accounts
            if account.account_id == effect.account_id
            for erasure in account.erasures
        }
