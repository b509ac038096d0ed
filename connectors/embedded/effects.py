"""Effects that happen once per idempotency key: the act and its result are one transaction."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from connectors.embedded import tables
from connectors.embedded.accounts import Account, lock_account, lock_ownership
from connectors.embedded.tables import Effect
from database import transaction

Act = Callable[[AsyncConnection, Account], Awaitable[JsonValue]]


class KeyReused(Exception):
    """An idempotency key came back for another effect: a fault in the program that made the key."""


async def apply_once(
    engine: AsyncEngine, effect: Effect, account_id: str, *, key: str, act: Act, over_tree: bool = False
) -> JsonValue:
    """Runs `act` with the account locked, or returns what the first run with this key returned.

    An effect `over_tree` locks what the account owns, too.

    Raises:
        Refused: there is no such account, or what `act` refuses.
        KeyReused: the key belongs to another account or kind of effect.
    """
    async with transaction(engine) as connection:
        if over_tree:
            await lock_ownership(connection)
        account = await lock_account(connection, account_id)
        first = (
            await connection.execute(
                select(tables.effects.c.account_id, tables.effects.c.kind, tables.effects.c.result).where(
                    tables.effects.c.key == key
                )
            )
        ).one_or_none()
        if first is not None:
            if (first.account_id, first.kind) != (account_id, effect):
                raise KeyReused(f"key {key!r} was used for {first.kind} of account {first.account_id!r}")
            found: JsonValue = first.result
            return found
        result = await act(connection, account)
        await connection.execute(
            insert(tables.effects).values(
                key=key, account_id=account_id, kind=effect, result=result, time=datetime.now(UTC)
            )
        )
        return result
