"""Customer data, store by store."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, select

from closure.accounts import DATA_STORES, DataStore
from connectors.embedded import tables
from connectors.embedded.accounts import Account, find_account
from connectors.embedded.effects import apply_once
from connectors.embedded.inventory import remove
from connectors.embedded.retention import refuse_retained_store
from connectors.embedded.tables import Effect
from database import Database
from database.parts import InOrder

_row = tables.data_stores.c
_STORES: Final = InOrder(
    select(_row.id, _row.store, _row.objects).where(_row.account_id == bindparam("of")), _row.id
)

_MANY_STORES: Final = InOrder(
    select(_row.account_id, _row.id, _row.store, _row.objects).where(
        _row.account_id.in_(bindparam("of", expanding=True))
    ),
    _row.account_id,
    _row.id,
)


class EmbeddedDataStores:
    """Implements `connectors.ports.DataStores`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stores(self, account_id: str) -> Sequence[DataStore]:
        def work(connection: Connection) -> Sequence[DataStore]:
            find_account(connection, account_id)
            return _stores(_STORES.rows(connection, {"of": account_id}))

        return await self._database.read(work)

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        def act(connection: Connection, account: Account) -> JsonValue:
            refuse_retained_store(connection, account_id, store_id)
            objects = _objects(connection, account_id, store_id)
            remove(connection, tables.data_stores, account_id, store_id)
            return objects

        erased = await apply_once(self._database, Effect.ERASE, account_id, key=key, act=act)
        assert isinstance(erased, int)
        return erased

    async def remaining_objects(self, account_id: str, store_id: str) -> int:
        def work(connection: Connection) -> int:
            find_account(connection, account_id)
            return _objects(connection, account_id, store_id)

        return await self._database.read(work)


def read_stores(connection: Connection, account_ids: Sequence[str]) -> dict[str, Sequence[DataStore]]:
    """Of each of the accounts, which are few enough for one statement."""
    rows = _MANY_STORES.rows(connection, {"of": account_ids})
    found = {
        name: _stores(row[1:] for row in of_account) for name, of_account in groupby(rows, key=itemgetter(0))
    }
    return {name: found.get(name, ()) for name in account_ids}


def _stores(rows: Iterable[Iterable[Any]]) -> Sequence[DataStore]:
    return DATA_STORES.of(
        DataStore(store_id=name, store=store, objects=objects) for name, store, objects in rows
    )


def _objects(connection: Connection, account_id: str, store_id: str) -> int:
    row = tables.data_stores.c
    objects: int | None = connection.scalar(
        select(row.objects).where(row.account_id == account_id, row.id == store_id)
    )
    return objects or 0
