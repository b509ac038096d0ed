"""Customer data, store by store."""

from collections.abc import Sequence

from closure.accounts import DATA_STORES, DataStore
from connectors.http import operations
from connectors.http.asked import OfStore
from connectors.http.calling.caller import Caller
from connectors.http.calling.pages import pages, read_whole
from connectors.ports import MustRetain


class HttpDataStores:
    """Implements `connectors.ports.DataStores`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def stores(self, account_id: str) -> Sequence[DataStore]:
        return await read_whole(lambda: self._read(account_id))

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        asked = OfStore(account_id=account_id, store_id=store_id)
        erased = await self._caller.ask(operations.ERASE, asked, key=key)
        if erased.retained_because is not None:
            raise MustRetain(erased.retained_because, erased.retained_until)
        return erased.objects

    async def remaining_objects(self, account_id: str, store_id: str) -> int:
        asked = OfStore(account_id=account_id, store_id=store_id)
        return (await self._caller.ask(operations.REMAINING_OBJECTS, asked)).objects

    async def _read(self, account_id: str) -> Sequence[DataStore]:
        stores = DATA_STORES.growing()
        async for page in pages(self._caller, operations.STORES, account_id):
            stores.extend(page.stores)
        return stores.packed()
