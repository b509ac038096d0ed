"""The outbox: every message that was sent to an account's users, once per key and recipient."""

from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, select

from closure.accounts import Channel
from closure.languages import choose_language
from connectors.embedded import tables
from connectors.embedded.accounts import lock_account
from connectors.ports import Addressee, OutgoingMessage
from database import Database

# Built once: most of what a short statement costs is making it.
_SENT: Final = (
    select(func.count()).select_from(tables.outbox).where(tables.outbox.c.key == bindparam("named"))
)
_SEND: Final = insert(tables.outbox)


class EmbeddedMessages:
    """Implements `connectors.ports.Messages`. Without `roles` and `user_id` every user gets the message."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def send(self, message: OutgoingMessage) -> int:
        def work(connection: Connection) -> int:
            lock_account(connection, message.account_id)
            sent = connection.scalar(_SENT, {"named": message.key})
            if sent:
                return int(sent)
            rows = [_row(message, addressee) for addressee in _addressees(connection, message)]
            if rows:
                connection.execute(_SEND, rows)
            return len(rows)

        return await self._database.write(work)


class EmbeddedAddressBook:
    """Implements `connectors.ports.AddressBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def addressees(self, message: OutgoingMessage) -> tuple[Addressee, ...]:
        return await self._database.read(lambda connection: _addressees(connection, message))


def _addressees(connection: Connection, message: OutgoingMessage) -> tuple[Addressee, ...]:
    user = tables.users.c
    address = user.email if message.channel is Channel.EMAIL else user.phone
    statement = select(user.id, address, user.language).where(
        user.account_id == message.account_id, address.is_not(None)
    )
    if message.roles:
        statement = statement.where(user.role.in_(message.roles))
    if message.user_id is not None:
        statement = statement.where(user.id == message.user_id)
    found = sorted((name, to, language) for name, to, language in connection.execute(statement))
    return tuple(Addressee(user_id=name, address=to, language=language) for name, to, language in found)


def _row(message: OutgoingMessage, addressee: Addressee) -> dict[str, object]:
    chosen = choose_language(message.bodies, addressee.language)
    return {
        "account_id": message.account_id,
        "key": message.key,
        "user_id": addressee.user_id,
        "channel": message.channel,
        "template": message.template,
        "language": chosen,
        "address": addressee.address,
        "subject": message.subjects.get(chosen),
        "body": message.bodies[chosen],
        "html": message.pages.get(chosen),
        "time": message.time,
    }
