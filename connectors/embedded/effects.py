"""Effects that happen once per idempotency key: the act and its result are one transaction."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, insert, select

from connectors.embedded import tables
from connectors.embedded.accounts import Account, keep_ownership, lock_account
from connectors.embedded.holds import lock_owners, refuse_held
from connectors.embedded.tables import Effect
from database import Database

Act = Callable[[Connection, Account], JsonValue]

_DESTROYING: Final = frozenset(
    {
        *(Effect.FORFEIT, Effect.VOID_DEBT, Effect.RELEASE_RESOURCE, Effect.CANCEL_SUBSCRIPTION),
        *(Effect.ERASE, Effect.DELETE_BINDINGS, Effect.CLOSE),
    }
)
"""What a legal hold forbids."""
_row = tables.effects.c
_FIRST: Final = select(_row.account_id, _row.kind, _row.result).where(_row.key == bindparam("key"))


class KeyReused(Exception):
    """An idempotency key came back for another effect: a fault in the program that made the key."""


async def apply_once(
    database: Database, effect: Effect, account_id: str, *, key: str, act: Act, over_tree: bool = False
) -> JsonValue:
    """Runs `act` with the account locked, or returns what the first run with this key returned.

    An effect `over_tree` locks what the account owns, too; one that destroys is refused under a legal hold.

    Raises:
        Refused: there is no such account, it is held, or what `act` refuses.
        KeyReused: the key belongs to another account or kind of effect.
    """

    def work(connection: Connection) -> JsonValue:
        if over_tree:
            keep_ownership(connection)
        if effect in _DESTROYING:
            lock_owners(connection, account_id)
        account = lock_account(connection, account_id)
        first = connection.execute(_FIRST, {"key": key}).one_or_none()
        if first is not None:
            if (first.account_id, first.kind) != (account_id, effect):
                raise KeyReused(f"key {key!r} was used for {first.kind} of account {first.account_id!r}")
            found: JsonValue = first.result
            return found
        if effect in _DESTROYING:
            refuse_held(connection, account_id)
        result = act(connection, account)
        connection.execute(
            insert(tables.effects).values(
                key=key, account_id=account_id, kind=effect, result=result, time=datetime.now(UTC)
            )
        )
        return result

    return await database.write(work)
