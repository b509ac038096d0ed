"""Who may do what with an account, and its end."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.accounts import Access
from connectors.embedded import tables
from connectors.embedded.accounts import Account, owned_accounts
from connectors.embedded.effects import apply_once
from connectors.embedded.inventory import remove
from connectors.embedded.tables import Effect
from connectors.ports import StoppedAccounts


class EmbeddedAccessControl:
    """Implements `connectors.ports.AccessControl`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def stop(self, account_id: str, *, access: Access, key: str, time: datetime) -> StoppedAccounts:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            account.refuse_closed()
            stopped_at = account.stopped_at or time.astimezone(UTC)
            owned = await owned_accounts(connection, account_id, lock=True)
            stopped = await _still_open(connection, owned)
            own = [account_id] if account.access is Access.OPEN else []
            for part in tables.in_parts([*own, *stopped]):
                await _stop(connection, part, account_id, access, stopped_at)
            return {"at": stopped_at.isoformat(), "subaccounts": [*stopped]}

        result = await apply_once(self._engine, Effect.STOP, account_id, key=key, act=act, over_tree=True)
        return StoppedAccounts.model_validate(result)

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            account.refuse_closed()
            row = tables.accounts.c
            stopped = select(row.id).where(row.stopped_by == account_id, row.access != Access.CLOSED)
            reopened = [name for (name,) in await connection.execute(stopped)]
            for part in tables.in_parts(reopened):
                await _reopen(connection, part)
            return {"reopened_at": time.astimezone(UTC).isoformat()}

        await apply_once(self._engine, Effect.REOPEN, account_id, key=key, act=act, over_tree=True)

    async def create_service_role(self, account_id: str, role: str, *, key: str) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            account.refuse_closed()
            row = tables.service_roles.c
            there = await connection.scalar(
                select(row.id).where(row.account_id == account_id, row.id == role)
            )
            if there is None:
                await connection.execute(insert(tables.service_roles).values(account_id=account_id, id=role))
            return {"created": there is None}

        await apply_once(self._engine, Effect.CREATE_SERVICE_ROLE, account_id, key=key, act=act)

    async def delete_service_role(self, account_id: str, role: str, *, key: str) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            return {"deleted": await remove(connection, tables.service_roles, account_id, role)}

        await apply_once(self._engine, Effect.DELETE_SERVICE_ROLE, account_id, key=key, act=act)

    async def delete_bindings(self, account_id: str, *, key: str) -> int:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            deleted = await connection.execute(
                delete(tables.bindings).where(tables.bindings.c.account_id == account_id)
            )
            return deleted.rowcount

        result = await apply_once(self._engine, Effect.DELETE_BINDINGS, account_id, key=key, act=act)
        assert isinstance(result, int)
        return result

    async def close(
        self, account_id: str, *, key: str, time: datetime, retained_stores: tuple[str, ...] = ()
    ) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            if account.access is not Access.CLOSED:
                await _erase_account(connection, account_id, time, retained_stores)
            return None

        await apply_once(self._engine, Effect.CLOSE, account_id, key=key, act=act)


async def _still_open(connection: AsyncConnection, owned: Iterable[str]) -> list[str]:
    """Without what another closure has stopped before."""
    row = tables.accounts.c
    found: list[str] = []
    for part in tables.in_parts(list(owned)):
        still_open = select(row.id).where(row.id.in_(part), row.access == Access.OPEN)
        found += [name for (name,) in await connection.execute(still_open)]
    return sorted(found)


async def _stop(
    connection: AsyncConnection, names: Sequence[str], stopped_by: str, access: Access, stopped_at: datetime
) -> None:
    await connection.execute(
        update(tables.accounts)
        .where(tables.accounts.c.id.in_(names))
        .values(access=access, stopped_at=stopped_at, stopped_by=stopped_by)
    )
    key = tables.api_keys.c
    await connection.execute(
        update(tables.api_keys)
        .where(key.account_id.in_(names), key.enabled.is_(True))
        .values(enabled=False, disabled_by_stop=True)
    )
    await connection.execute(delete(tables.sessions).where(tables.sessions.c.account_id.in_(names)))


async def _reopen(connection: AsyncConnection, names: Sequence[str]) -> None:
    """What was disabled before the stop stays disabled."""
    await connection.execute(
        update(tables.accounts)
        .where(tables.accounts.c.id.in_(names))
        .values(access=Access.OPEN, stopped_at=None, stopped_by=None)
    )
    key = tables.api_keys.c
    await connection.execute(
        update(tables.api_keys)
        .where(key.account_id.in_(names), key.disabled_by_stop.is_(True))
        .values(enabled=True, disabled_by_stop=False)
    )


async def _erase_account(
    connection: AsyncConnection, account_id: str, time: datetime, retained_stores: tuple[str, ...]
) -> None:
    logins = await _logins_of_this_account_only(connection, account_id)
    for table in tables.OWNED:
        going = delete(table).where(table.c.account_id == account_id)
        if table is tables.data_stores:
            going = going.where(table.c.id.not_in(retained_stores))
        await connection.execute(going)
    if logins:
        await connection.execute(delete(tables.logins).where(tables.logins.c.login.in_(logins)))
    await connection.execute(
        update(tables.outbox).where(tables.outbox.c.account_id == account_id).values(body="", address="")
    )
    await connection.execute(
        update(tables.accounts)
        .where(tables.accounts.c.id == account_id)
        .values(access=Access.CLOSED, closed_at=time, usage_final_until=None, definition_hash=None)
    )


async def _logins_of_this_account_only(connection: AsyncConnection, account_id: str) -> list[str]:
    """A person's own login survives: it opens their other accounts, and may open a new one."""
    user, login = tables.users.c, tables.logins.c
    elsewhere = (
        select(func.count()).where(user.login == login.login, user.account_id != account_id).scalar_subquery()
    )
    rows = await connection.execute(
        select(login.login).where(
            login.personal.is_(False),
            elsewhere == 0,
            login.login.in_(select(user.login).where(user.account_id == account_id)),
        )
    )
    return [name for (name,) in rows]
