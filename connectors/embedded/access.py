"""Who may do what with an account, and its end."""

from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.accounts import Access
from connectors.embedded import tables
from connectors.embedded.accounts import Account
from connectors.embedded.effects import apply_once
from connectors.embedded.inventory import remove
from connectors.embedded.tables import Effect


class EmbeddedAccessControl:
    """Implements `connectors.ports.AccessControl`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def stop(self, account_id: str, *, key: str, time: datetime) -> datetime:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            account.refuse_closed()
            stopped_at = account.stopped_at if account.access is not Access.OPEN else None
            stopped_at = stopped_at or time.astimezone(UTC)
            await connection.execute(
                update(tables.accounts)
                .where(tables.accounts.c.id == account_id)
                .values(access=Access.CLOSURE_STATUS_ONLY, stopped_at=stopped_at)
            )
            await _set_api_keys(connection, account_id, enabled=False)
            await connection.execute(
                delete(tables.sessions).where(tables.sessions.c.account_id == account_id)
            )
            return {"stopped_at": stopped_at.isoformat()}

        result = await apply_once(self._engine, Effect.STOP, account_id, key=key, act=act)
        return _stopped_at(result)

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            account.refuse_closed()
            await connection.execute(
                update(tables.accounts)
                .where(tables.accounts.c.id == account_id)
                .values(access=Access.OPEN, stopped_at=None)
            )
            await _set_api_keys(connection, account_id, enabled=True)
            return {"reopened_at": time.astimezone(UTC).isoformat()}

        await apply_once(self._engine, Effect.REOPEN, account_id, key=key, act=act)

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

    async def close(self, account_id: str, *, key: str, time: datetime) -> None:
        async def act(connection: AsyncConnection, account: Account) -> JsonValue:
            if account.access is not Access.CLOSED:
                await _erase_account(connection, account_id, time)
            return None

        await apply_once(self._engine, Effect.CLOSE, account_id, key=key, act=act)


async def _set_api_keys(connection: AsyncConnection, account_id: str, *, enabled: bool) -> None:
    await connection.execute(
        update(tables.api_keys).where(tables.api_keys.c.account_id == account_id).values(enabled=enabled)
    )


def _stopped_at(result: JsonValue) -> datetime:
    assert isinstance(result, dict)
    stopped_at = result["stopped_at"]
    assert isinstance(stopped_at, str)
    return datetime.fromisoformat(stopped_at)


async def _erase_account(connection: AsyncConnection, account_id: str, time: datetime) -> None:
    logins = await _logins_of_this_account_only(connection, account_id)
    for table in tables.OWNED:
        await connection.execute(delete(table).where(table.c.account_id == account_id))
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
