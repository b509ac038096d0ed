"""Deployed resources, subscriptions, domains and filings."""

from collections import defaultdict

from pydantic import JsonValue
from sqlalchemy import Row, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.accounts import Inventory, Resource, Subscription
from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.accounts import Account, find_account
from connectors.embedded.effects import apply_once
from connectors.embedded.tables import Effect
from database import reading


class EmbeddedInventory:
    """Implements `connectors.ports.InventorySource`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def inventory(self, account_id: str) -> Inventory:
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
            return await read_inventory(connection, account_id)

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            return {"released": await release(connection, account_id, resource_id)}

        await apply_once(self._engine, Effect.RELEASE_RESOURCE, account_id, key=key, act=act)

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            return {"cancelled": await remove(connection, tables.subscriptions, account_id, subscription_id)}

        await apply_once(self._engine, Effect.CANCEL_SUBSCRIPTION, account_id, key=key, act=act)


async def read_inventory(connection: AsyncConnection, account_id: str) -> Inventory:
    """Everything deployed or registered, by id: in Python's order, since the databases' own differ."""
    depends_on = await _dependencies(connection, account_id)
    resource, subscription = tables.resources.c, tables.subscriptions.c
    resources = await connection.execute(
        select(resource.id, resource.product, resource.billing, resource.renounceable).where(
            resource.account_id == account_id
        )
    )
    subscriptions = await connection.execute(
        select(
            subscription.id, subscription.product, subscription.expires_at, subscription.renounceable
        ).where(subscription.account_id == account_id)
    )
    return Inventory(
        resources=tuple(
            Resource(
                resource_id=name,
                product=product,
                billing=billing,
                renounceable=renounceable,
                depends_on=tuple(depends_on[name]),
            )
            for name, product, billing, renounceable in sorted(resources)
        ),
        subscriptions=tuple(
            Subscription(
                subscription_id=name, product=product, expires_at=expires_at, renounceable=renounceable
            )
            for name, product, expires_at, renounceable in sorted(subscriptions)
        ),
        domains=await _ids(connection, tables.domains, account_id),
        icp_filings=await _ids(connection, tables.icp_filings, account_id),
    )


async def release(connection: AsyncConnection, account_id: str, resource_id: str) -> bool:
    """Removes the resource; False when it was gone already.

    Raises:
        Refused: `THING_NOT_ALLOWED` while another resource depends on it.
    """
    row = tables.resource_dependencies.c
    dependent: str | None = await connection.scalar(
        select(row.resource_id).where(row.account_id == account_id, row.depends_on == resource_id).limit(1)
    )
    if dependent is not None:
        raise Refused(
            RefusalType.THING_NOT_ALLOWED,
            f"resource {resource_id!r} is still needed by {dependent!r}; release that first",
        )
    return await remove(connection, tables.resources, account_id, resource_id)


async def remove(connection: AsyncConnection, table: Table, account_id: str, name: str) -> bool:
    """Deletes one thing of the account; False when it was gone already."""
    deleted = await connection.execute(
        delete(table).where(table.c.account_id == account_id, table.c.id == name)
    )
    return deleted.rowcount == 1


async def _dependencies(connection: AsyncConnection, account_id: str) -> defaultdict[str, list[str]]:
    row = tables.resource_dependencies.c
    found: defaultdict[str, list[str]] = defaultdict(list)
    rows = await connection.execute(
        select(row.resource_id, row.depends_on).where(row.account_id == account_id)
    )
    for resource_id, depends_on in sorted(rows):
        found[resource_id].append(depends_on)
    return found


async def _ids(connection: AsyncConnection, table: Table, account_id: str) -> tuple[str, ...]:
    rows: list[Row[str]] = list(
        await connection.execute(select(table.c.id).where(table.c.account_id == account_id))
    )
    return tuple(sorted(name for (name,) in rows))
