"""The outbox: every message that was sent to an account's users, once per key and recipient."""

from collections.abc import Mapping

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.accounts import Channel
from connectors.embedded import tables
from connectors.embedded.accounts import lock_account
from connectors.ports import OutgoingMessage
from database import transaction

_FALLBACK_LANGUAGE = "en"


class EmbeddedMessages:
    """Implements `connectors.ports.Messages`. Without `roles` and `user_id` every user gets the message."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def send(self, message: OutgoingMessage) -> int:
        async with transaction(self._engine) as connection:
            await lock_account(connection, message.account_id)
            sent = await connection.scalar(
                select(func.count()).select_from(tables.outbox).where(tables.outbox.c.key == message.key)
            )
            if sent:
                return int(sent)
            rows = [
                _row(message, user_id, address, language)
                for user_id, address, language in await _recipients(connection, message)
            ]
            if rows:
                await connection.execute(insert(tables.outbox), rows)
            return len(rows)


async def _recipients(connection: AsyncConnection, message: OutgoingMessage) -> list[tuple[str, str, str]]:
    user = tables.users.c
    address = user.email if message.channel is Channel.EMAIL else user.phone
    statement = select(user.id, address, user.language).where(
        user.account_id == message.account_id, address.is_not(None)
    )
    if message.roles:
        statement = statement.where(user.role.in_(message.roles))
    if message.user_id is not None:
        statement = statement.where(user.id == message.user_id)
    found = await connection.execute(statement)
    return sorted((name, to, language) for name, to, language in found)


def _row(message: OutgoingMessage, user_id: str, address: str, language: str) -> dict[str, object]:
    chosen = choose_language(message.bodies, language)
    return {
        "account_id": message.account_id,
        "key": message.key,
        "user_id": user_id,
        "channel": message.channel,
        "template": message.template,
        "language": chosen,
        "address": address,
        "body": message.bodies[chosen],
        "time": message.time,
    }


def choose_language(bodies: Mapping[str, str], wanted: str) -> str:
    """The tag to use: the wanted one (``zh-CN``), its language (``zh``), English, or the first there is.

    Raises:
        ValueError: there is no body at all.
    """
    by_lower_case = {tag.lower(): tag for tag in bodies}
    for candidate in (wanted.lower(), wanted.lower().split("-")[0], _FALLBACK_LANGUAGE):
        if candidate in by_lower_case:
            return by_lower_case[candidate]
    if not bodies:
        raise ValueError("a message needs a body")
    return min(bodies)
