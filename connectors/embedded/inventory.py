"""Deployed resources, subscriptions, domains and filings."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Connection, Table, bindparam, delete, select

from closure.accounts import IDS, RESOURCES, SUBSCRIPTIONS, Inventory, Resource, Subscription
from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.accounts import Account, find_account, rows_of_many
from connectors.embedded.effects import apply_once
from connectors.embedded.tables import Effect
from database import Database
from database.parts import InOrder

_resource, _subscription = tables.resources.c, tables.subscriptions.c
_dependency = tables.resource_dependencies.c
# Built once: a closure reads them again and again, and so each of very many subaccounts.
_RESOURCES: Final = InOrder(
    select(_resource.id, _resource.product, _resource.billing, _resource.renounceable).where(
        _resource.account_id == bindparam("of")
    ),
    _resource.id,
)
_SUBSCRIPTIONS: Final = InOrder(
    select(
        _subscription.id, _subscription.product, _subscription.expires_at, _subscription.renounceable
    ).where(_subscription.account_id == bindparam("of")),
    _subscription.id,
)
_DOMAINS, _ICP_FILINGS = (
    InOrder(select(table.c.id).where(table.c.account_id == bindparam("of")), table.c.id)
    for table in (tables.domains, tables.icp_filings)
)
_MANY_RESOURCES: Final = InOrder(
    select(
        _resource.account_id, _resource.id, _resource.product, _resource.billing, _resource.renounceable
    ).where(_resource.account_id.in_(bindparam("of", expanding=True))),
    _resource.account_id,
    _resource.id,
)
_MANY_SUBSCRIPTIONS: Final = InOrder(
    select(
        _subscription.account_id,
        _subscription.id,
        _subscription.product,
        _subscription.expires_at,
        _subscription.renounceable,
    ).where(_subscription.account_id.in_(bindparam("of", expanding=True))),
    _subscription.account_id,
    _subscription.id,
)
_MANY_DOMAINS, _MANY_ICP_FILINGS = (
    select(table.c.account_id, table.c.id).where(table.c.account_id.in_(bindparam("of", expanding=True)))
    for table in (tables.domains, tables.icp_filings)
)
_MANY_DEPENDENCIES: Final = select(
    _dependency.account_id, _dependency.resource_id, _dependency.depends_on
).where(_dependency.account_id.in_(bindparam("of", expanding=True)))
_DEPENDENCIES: Final = select(_dependency.resource_id, _dependency.depends_on).where(
    _dependency.account_id == bindparam("of")
)

_ACCOUNT_ID: Final = itemgetter(0)


class EmbeddedInventory:
    """Implements `connectors.ports.InventorySource`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def inventory(self, account_id: str) -> Inventory:
        def work(connection: Connection) -> Inventory:
            find_account(connection, account_id)
            return read_inventory(connection, account_id)

        return await self._database.read(work)

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        def act(connection: Connection, account: Account) -> JsonValue:
            return {"released": release(connection, account_id, resource_id)}

        await apply_once(self._database, Effect.RELEASE_RESOURCE, account_id, key=key, act=act)

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        def act(connection: Connection, account: Account) -> JsonValue:
            return {"cancelled": remove(connection, tables.subscriptions, account_id, subscription_id)}

        await apply_once(self._database, Effect.CANCEL_SUBSCRIPTION, account_id, key=key, act=act)


def read_inventory(connection: Connection, account_id: str) -> Inventory:
    """Everything deployed or registered, by id; row by row, since it may be very much."""
    of = {"of": account_id}
    depends_on = _by_resource(sorted(connection.execute(_DEPENDENCIES, of)))
    return Inventory(
        resources=_resources(_RESOURCES.rows(connection, of), depends_on),
        subscriptions=_subscriptions(_SUBSCRIPTIONS.rows(connection, of)),
        domains=IDS.of(name for (name,) in _DOMAINS.rows(connection, of)),
        icp_filings=IDS.of(name for (name,) in _ICP_FILINGS.rows(connection, of)),
    )


def read_inventories(connection: Connection, account_ids: Sequence[str]) -> dict[str, Inventory]:
    """As `read_inventory`, of each of the accounts, which are few enough for one statement."""
    of = {"of": account_ids}
    needed = rows_of_many(connection, _MANY_DEPENDENCIES, account_ids)
    resources = {
        name: _resources((row[1:] for row in rows), _by_resource(needed.get(name, ())))
        for name, rows in groupby(_MANY_RESOURCES.rows(connection, of), key=_ACCOUNT_ID)
    }
    subscriptions = {
        name: _subscriptions(row[1:] for row in rows)
        for name, rows in groupby(_MANY_SUBSCRIPTIONS.rows(connection, of), key=_ACCOUNT_ID)
    }
    domains = rows_of_many(connection, _MANY_DOMAINS, account_ids)
    icp_filings = rows_of_many(connection, _MANY_ICP_FILINGS, account_ids)
    return {
        name: Inventory(
            resources=resources.get(name, ()),
            subscriptions=subscriptions.get(name, ()),
            domains=IDS.of(each for (each,) in domains.get(name, ())),
            icp_filings=IDS.of(each for (each,) in icp_filings.get(name, ())),
        )
        for name in account_ids
    }


def _resources(rows: Iterable[Iterable[Any]], depends_on: Mapping[str, Sequence[str]]) -> Sequence[Resource]:
    return RESOURCES.of(
        Resource(
            resource_id=name,
            product=product,
            billing=billing,
            renounceable=renounceable,
            depends_on=tuple(depends_on.get(name, ())),
        )
        for name, product, billing, renounceable in rows
    )


def _subscriptions(rows: Iterable[Iterable[Any]]) -> Sequence[Subscription]:
    return SUBSCRIPTIONS.of(
        Subscription(subscription_id=name, product=product, expires_at=expires_at, renounceable=renounceable)
        for name, product, expires_at, renounceable in rows
    )


def release(connection: Connection, account_id: str, resource_id: str) -> bool:
    """Removes the resource; False when it was gone already.

    Raises:
        Refused: `THING_NOT_ALLOWED` while another resource depends on it.
    """
    row = tables.resource_dependencies.c
    dependent: str | None = connection.scalar(
        select(row.resource_id).where(row.account_id == account_id, row.depends_on == resource_id).limit(1)
    )
    if dependent is not None:
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            f"resource {resource_id!r} is still needed by {dependent!r}; that must be released first",
            facts={"account_id": account_id, "id": resource_id, "needed_by": dependent},
        )
    return remove(connection, tables.resources, account_id, resource_id)


def remove(connection: Connection, table: Table, account_id: str, name: str) -> bool:
    """Deletes one thing of the account; False when it was gone already."""
    deleted = connection.execute(delete(table).where(table.c.account_id == account_id, table.c.id == name))
    return deleted.rowcount == 1


def _by_resource(rows: Iterable[Iterable[Any]]) -> Mapping[str, Sequence[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for resource_id, depends_on in rows:
        found[resource_id].append(depends_on)
    return found
