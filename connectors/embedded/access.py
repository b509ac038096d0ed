"""Who may do what with an account, and its end."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from closure.accounts import Access
from connectors.embedded import tables
from connectors.embedded.accounts import Account, owned_accounts
from connectors.embedded.effects import apply_once
from connectors.embedded.forgetting import forget_persons
from connectors.embedded.inventory import remove
from connectors.embedded.retention import refuse_retained_account, retention_columns
from connectors.embedded.tables import Effect
from connectors.ports import StoppedAccounts
from database import Database
from database.parts import in_parts

# Built once: most of what a short statement costs is making it.
_GOING: Final = tuple(
    delete(table).where(table.c.account_id == bindparam("of"))
    for table in tables.OWNED
    if table is not tables.data_stores
)


class EmbeddedAccessControl:
    """Implements `connectors.ports.AccessControl`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stop(
        self, account_id: str, *, access: Access, key: str, time: datetime, spared: tuple[str, ...] = ()
    ) -> StoppedAccounts:
        def act(connection: Connection, account: Account) -> JsonValue:
            account.refuse_closed()
            stopped_at = account.stopped_at or time.astimezone(UTC)
            owned = owned_accounts(connection, account_id, lock=True)
            stopped = _still_open(connection, [each for each in owned if each not in spared])
            own = [account_id] if account.access is Access.OPEN else []
            for part in in_parts([*own, *stopped]):
                _stop(connection, part, account_id, access, stopped_at)
            return {"at": stopped_at.isoformat(), "subaccounts": [*stopped]}

        result = await apply_once(self._database, Effect.STOP, account_id, key=key, act=act, over_tree=True)
        return StoppedAccounts.model_validate(result)

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        def act(connection: Connection, account: Account) -> JsonValue:
            account.refuse_closed()
            owned_accounts(connection, account_id, lock=True, with_closed=True)
            row = tables.accounts.c
            stopped = select(row.id).where(row.stopped_by == account_id, row.access != Access.CLOSED)
            reopened = [name for (name,) in connection.execute(stopped)]
            for part in in_parts(reopened):
                _reopen(connection, part)
            return {"reopened_at": time.astimezone(UTC).isoformat()}

        await apply_once(self._database, Effect.REOPEN, account_id, key=key, act=act, over_tree=True)

    async def create_service_role(self, account_id: str, role: str, *, key: str) -> None:
        def act(connection: Connection, account: Account) -> JsonValue:
            account.refuse_closed()
            row = tables.service_roles.c
            there = connection.scalar(select(row.id).where(row.account_id == account_id, row.id == role))
            if there is None:
                connection.execute(insert(tables.service_roles).values(account_id=account_id, id=role))
            return {"created": there is None}

        await apply_once(self._database, Effect.CREATE_SERVICE_ROLE, account_id, key=key, act=act)

    async def delete_service_role(self, account_id: str, role: str, *, key: str) -> None:
        def act(connection: Connection, account: Account) -> JsonValue:
            return {"deleted": remove(connection, tables.service_roles, account_id, role)}

        await apply_once(self._database, Effect.DELETE_SERVICE_ROLE, account_id, key=key, act=act)

    async def delete_bindings(self, account_id: str, *, key: str) -> int:
        def act(connection: Connection, account: Account) -> JsonValue:
            deleted = connection.execute(
                delete(tables.bindings).where(tables.bindings.c.account_id == account_id)
            )
            return deleted.rowcount

        result = await apply_once(self._database, Effect.DELETE_BINDINGS, account_id, key=key, act=act)
        assert isinstance(result, int)
        return result

    async def close(
        self, account_id: str, *, key: str, time: datetime, retained_stores: tuple[str, ...] = ()
    ) -> None:
        def act(connection: Connection, account: Account) -> JsonValue:
            if account.access is not Access.CLOSED:
                refuse_retained_account(connection, account_id, time)
                _erase_account(connection, account_id, time, retained_stores)
            return None

        await apply_once(self._database, Effect.CLOSE, account_id, key=key, act=act)


def _still_open(connection: Connection, owned: Iterable[str]) -> list[str]:
    """Without what another closure has stopped before."""
    row = tables.accounts.c
    found: list[str] = []
    for part in in_parts(owned):
        still_open = select(row.id).where(row.id.in_(part), row.access == Access.OPEN)
        found += [name for (name,) in connection.execute(still_open)]
    return sorted(found)


def _stop(
    connection: Connection, names: Sequence[str], stopped_by: str, access: Access, stopped_at: datetime
) -> None:
    connection.execute(
        update(tables.accounts)
        .where(tables.accounts.c.id.in_(names))
        .values(access=access, stopped_at=stopped_at, stopped_by=stopped_by)
    )
    key = tables.api_keys.c
    connection.execute(
        update(tables.api_keys)
        .where(key.account_id.in_(names), key.enabled.is_(True))
        .values(enabled=False, disabled_by_stop=True)
    )
    connection.execute(delete(tables.sessions).where(tables.sessions.c.account_id.in_(names)))


def _reopen(connection: Connection, names: Sequence[str]) -> None:
    """What was disabled before the stop stays disabled."""
    connection.execute(
        update(tables.accounts)
        .where(tables.accounts.c.id.in_(names))
        .values(access=Access.OPEN, stopped_at=None, stopped_by=None)
    )
    key = tables.api_keys.c
    connection.execute(
        update(tables.api_keys)
        .where(key.account_id.in_(names), key.disabled_by_stop.is_(True))
        .values(enabled=True, disabled_by_stop=False)
    )


def _erase_account(
    connection: Connection, account_id: str, time: datetime, retained_stores: tuple[str, ...]
) -> None:
    logins = _logins_of_this_account_only(connection, account_id)
    for going in _GOING:
        connection.execute(going, {"of": account_id})
    stores = tables.data_stores
    connection.execute(
        delete(stores).where(stores.c.account_id == account_id, stores.c.id.not_in(retained_stores))
    )
    if logins:
        connection.execute(delete(tables.logins).where(tables.logins.c.login.in_(logins)))
    forget_persons(connection, account_id)
    connection.execute(
        update(tables.accounts)
        .where(tables.accounts.c.id == account_id)
        .values(
            access=Access.CLOSED,
            closed_at=time,
            usage_final_until=None,
            definition_hash=None,
            **retention_columns(None),
        )
    )


def _logins_of_this_account_only(connection: Connection, account_id: str) -> list[str]:
    """A person's own login survives: it opens their other accounts, and may open a new one."""
    user, login = tables.users.c, tables.logins.c
    elsewhere = (
        select(func.count()).where(user.login == login.login, user.account_id != account_id).scalar_subquery()
    )
    rows = connection.execute(
        select(login.login).where(
            login.personal.is_(False),
            elsewhere == 0,
            login.login.in_(select(user.login).where(user.account_id == account_id)),
        )
    )
    return [name for (name,) in rows]
