"""Accounts, users and how accounts hang together."""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, or_, select

from closure.accounts import AccountProfile, Relationship
from connectors.embedded import tables
from connectors.embedded.accounts import Account, find_account, owned_accounts, rows_of_many
from connectors.embedded.authenticator import use_code
from connectors.embedded.passwords import matches
from database import Database

_related = tables.relationships.c
_RELATIONSHIPS: Final = select(_related.id, _related.type, _related.role).where(
    _related.account_id == bindparam("of")
)
_MANY_RELATIONSHIPS: Final = select(_related.account_id, _related.id, _related.type, _related.role).where(
    _related.account_id.in_(bindparam("of", expanding=True))
)


class EmbeddedDirectory:
    """Implements `connectors.ports.Directory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def profile(self, account_id: str) -> AccountProfile:
        return profile_of(await self._database.read(lambda connection: find_account(connection, account_id)))

    async def role_of(self, account_id: str, user_id: str) -> str | None:
        row = tables.users.c

        def work(connection: Connection) -> str | None:
            find_account(connection, account_id)
            role: str | None = connection.scalar(
                select(row.role).where(row.account_id == account_id, row.id == user_id)
            )
            return role

        return await self._database.read(work)

    async def person_of(self, account_id: str, user_id: str) -> str | None:
        row = tables.users.c

        def work(connection: Connection) -> str | None:
            find_account(connection, account_id)
            login: str | None = connection.scalar(
                select(row.login).where(row.account_id == account_id, row.id == user_id)
            )
            return login

        login = await self._database.read(work)
        return None if login is None else hashlib.sha256(login.encode()).hexdigest()

    async def accounts_of(self, name: str) -> tuple[str, ...]:
        row = tables.users.c
        query = (
            select(row.account_id)
            .where(or_(row.login == name, func.lower(row.email) == name.lower()))
            .distinct()
            .order_by(row.account_id)
        )
        return await self._database.read(lambda connection: tuple(connection.scalars(query)))

    async def verify_password(self, account_id: str, user_id: str, password: str) -> bool:
        user, login = tables.users.c, tables.logins.c

        def work(connection: Connection) -> str | None:
            find_account(connection, account_id)
            stored: str | None = connection.scalar(
                select(login.password_hash)
                .join_from(tables.users, tables.logins)
                .where(user.account_id == account_id, user.id == user_id)
            )
            return stored

        return await asyncio.to_thread(matches, password, await self._database.read(work))

    async def verify_totp(self, account_id: str, user_id: str, code: str) -> bool:
        await self._database.read(lambda connection: find_account(connection, account_id))
        return await use_code(self._database, account_id, user_id, code, datetime.now(UTC))

    async def subaccounts(self, account_id: str) -> tuple[str, ...]:
        def work(connection: Connection) -> tuple[str, ...]:
            find_account(connection, account_id)
            return owned_accounts(connection, account_id)

        return await self._database.read(work)

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]:
        def work(connection: Connection) -> tuple[Relationship, ...]:
            find_account(connection, account_id)
            return _relationships(sorted(connection.execute(_RELATIONSHIPS, {"of": account_id})))

        return await self._database.read(work)


def profile_of(account: Account) -> AccountProfile:
    return AccountProfile(
        account_id=account.account_id,
        provider=account.provider,
        kind=account.kind,
        currency=account.currency,
        access=account.access,
    )


def read_relationships(
    connection: Connection, account_ids: Sequence[str]
) -> dict[str, tuple[Relationship, ...]]:
    """Of each of the accounts, by id."""
    rows = rows_of_many(connection, _MANY_RELATIONSHIPS, account_ids)
    return {name: _relationships(rows.get(name, ())) for name in account_ids}


def _relationships(rows: Iterable[Iterable[Any]]) -> tuple[Relationship, ...]:
    return tuple(Relationship(relationship_id=name, type=kind, role=role) for name, kind, role in rows)
