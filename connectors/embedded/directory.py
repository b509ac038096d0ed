"""Accounts, users and how accounts hang together."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.accounts import AccountProfile, Relationship
from connectors.embedded import tables
from connectors.embedded.accounts import find_account, owned_accounts
from connectors.embedded.authenticator import use_code
from connectors.embedded.passwords import matches
from database import reading


class EmbeddedDirectory:
    """Implements `connectors.ports.Directory`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def profile(self, account_id: str) -> AccountProfile:
        async with reading(self._engine) as connection:
            account = await find_account(connection, account_id)
        return AccountProfile(
            account_id=account.account_id,
            provider=account.provider,
            kind=account.kind,
            currency=account.currency,
            access=account.access,
        )

    async def role_of(self, account_id: str, user_id: str) -> str | None:
        row = tables.users.c
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
            role: str | None = await connection.scalar(
                select(row.role).where(row.account_id == account_id, row.id == user_id)
            )
            return role

    async def verify_password(self, account_id: str, user_id: str, password: str) -> bool:
        user, login = tables.users.c, tables.logins.c
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
            stored: str | None = await connection.scalar(
                select(login.password_hash)
                .join_from(tables.users, tables.logins)
                .where(user.account_id == account_id, user.id == user_id)
            )
        return await asyncio.to_thread(matches, password, stored)

    async def verify_totp(self, account_id: str, user_id: str, code: str) -> bool:
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
        return await use_code(self._engine, account_id, user_id, code, datetime.now(UTC))

    async def subaccounts(self, account_id: str) -> tuple[str, ...]:
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
            return await owned_accounts(connection, account_id)

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]:
        row = tables.relationships.c
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
            rows = await connection.execute(
                select(row.id, row.type, row.role).where(row.account_id == account_id)
            )
            return tuple(
                Relationship(relationship_id=name, type=kind, role=role) for name, kind, role in sorted(rows)
            )
