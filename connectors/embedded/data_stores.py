"""Customer data, store by store."""

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.accounts import DataStore
from connectors.embedded import tables
from connectors.embedded.accounts import Account, find_account
from connectors.embedded.effects import apply_once
from connectors.embedded.inventory import remove
from connectors.embedded.tables import Effect
from database import reading


class EmbeddedDataStores:
    """Implements `connectors.ports.DataStores`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def stores(self, account_id: str) -> tuple[DataStore, ...]:
        row = tables.data_stores.c
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
            rows = await connection.execute(
                select(row.id, row.store, row.objects).where(row.account_id == account_id)
            )
            return tuple(
                DataStore(store_id=name, store=store, objects=objects)
                for name, store, objects in sorted(rows)
            )

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            objects = await _objects(connection, account_id, store_id)
            await remove(connection, tables.data_stores, account_id, store_id)
            return objects

        erased = await apply_once(self._engine, Effect.ERASE, account_id, key=key, act=act)
        assert isinstance(erased, int)
        return erased

    async def remaining_objects(self, account_id: str, store_id: str) -> int:
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
            return await _objects(connection, account_id, store_id)


async def _objects(connection: AsyncConnection, account_id: str, store_id: str) -> int:
    row = tables.data_stores.c
    objects: int | None = await connection.scalar(
        select(row.objects).where(row.account_id == account_id, row.id == store_id)
    )
    return objects or 0
