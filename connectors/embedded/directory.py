"""Accounts, users and how accounts hang together."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.accounts import AccountProfile, Channel, Relationship
from connectors.embedded import tables
from connectors.embedded.accounts import find_account
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

    async def has_channel(self, account_id: str, user_id: str, channel: Channel) -> bool:
        row = tables.users.c
        address = row.email if channel is Channel.EMAIL else row.phone
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
            found = await connection.scalar(
                select(address.is_not(None)).where(row.account_id == account_id, row.id == user_id)
            )
            return bool(found)

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]:
        row = tables.relationships.c
        async with reading(self._engine) as connection:
            await find_account(connection, account_id)
            rows = await connection.execute(
                select(row.id, row.type, row.role).where(row.account_id == account_id).order_by(row.id)
            )
            return tuple(
                Relationship(relationship_id=name, type=kind, role=role) for name, kind, role in rows
            )
