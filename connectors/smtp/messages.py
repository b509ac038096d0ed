"""Sends e-mails to an installation's mail server, each recipient's by itself.

A mail server doesn't know keys. What it took is written down, so that asking again sends nothing again; where
its answer was lost nobody knows, and the mail goes out once more under the same Message-ID.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

from closure.policy import MessageTemplate
from connectors.ports import AddressBook, Addressee, OutgoingMessage, Undeliverable
from connectors.smtp.addresses import BadAddress, Mailbox, mail_address
from connectors.smtp.composing import compose
from connectors.smtp.server import MailServer, Security

if TYPE_CHECKING:
    from aiosmtplib import SMTP, SMTPResponseException

_BAD_ADDRESS: Final = "bad address"
_NO_UTF8: Final = "no SMTPUTF8"
_ENHANCED_STATUS: Final = re.compile(r"\b5\.\d{1,3}\.\d{1,3}\b")


class Deliveries(Protocol):
    """What became of each delivery; remembered beyond the process."""

    async def settled(self, deliveries: Sequence[str]) -> Mapping[str, str | None]:
        """Of these the ones that are over, each with why it was refused; None: it was taken."""
        ...

    async def settle(self, delivery: str, refusal: str | None) -> None:
        """It is over. Again changes nothing."""
        ...


class NotTaken(Exception):
    """The mail server takes nothing now; it may later. The message has no address in it."""


class SmtpMessages:
    """Implements `connectors.ports.Messages` for e-mails.

    Args:
        server: which, and how it is reached.
        password: for the server's user.
        context: what the server's certificate is checked with.
        sender: whom mails are from.
        addresses: where people are reached.
        deliveries: what has been sent.
    """

    def __init__(
        self,
        server: MailServer,
        password: str | None,
        context: ssl.SSLContext,
        sender: Mailbox,
        addresses: AddressBook,
        deliveries: Deliveries,
    ) -> None:
        self._server = server
        self._password = password
        self._context = context
        self._sender = sender
        self._addresses = addresses
        self._deliveries = deliveries
        self._under_way: dict[str, asyncio.Task[int]] = {}

    async def send(self, message: OutgoingMessage) -> int:
        """As the port says; who gives up waiting doesn't interrupt it, and who asks meanwhile joins it."""
        task = self._under_way.get(message.key)
        if task is None:
            task = asyncio.create_task(self._deliver(message))
            self._under_way[message.key] = task
            task.add_done_callback(lambda ended: self._forget(message.key, ended))
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Lets what is under way end."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _forget(self, key: str, ended: asyncio.Task[int]) -> None:
        del self._under_way[key]
        if not ended.cancelled():
            ended.exception()  # nobody may be left to hear of it

    async def _deliver(self, message: OutgoingMessage) -> int:
        addressees = await self._addresses.addressees(message)
        if not addressees:
            async with self._connected():
                return 0  # as slow as for somebody: who asks for a code learns nothing of who is there
        # Nobody asks for the same code twice, and who issues codes may not write what was sent.
        is_remembered = message.template != MessageTemplate.IDENTITY_CODE
        known: dict[str, str | None] = {}
        if is_remembered:
            names = [delivery_name(message.key, each.user_id) for each in addressees]
            known |= await self._deliveries.settled(names)
        failure: NotTaken | None = None
        for each in addressees:
            delivery = delivery_name(message.key, each.user_id)
            if delivery in known:
                continue
            try:
                known[delivery] = await self._hand_over(message, each, delivery)
            except NotTaken as error:
                failure = failure or error
                continue
            if is_remembered:
                await self._deliveries.settle(delivery, known[delivery])
        if failure is not None:
            raise failure
        refused = [reason for reason in known.values() if reason is not None]
        if refused:
            raise Undeliverable(len(refused), refused[0])
        return len(addressees)

    async def _hand_over(self, message: OutgoingMessage, to: Addressee, delivery: str) -> str | None:
        """Why the server takes it neither now nor later; None: it has taken it.

        Raises:
            NotTaken: it may later.
        """
        from aiosmtplib import SMTPDataError, SMTPRecipientRefused

        try:
            address = mail_address(to.address)
        except BadAddress:
            return _BAD_ADDRESS
        content = compose(
            message,
            to=address,
            language=to.language,
            sender=self._sender,
            reply_to=self._server.reply_mailbox,
            message_id=delivery,
            date=datetime.now(UTC),
        )
        async with self._connected() as client:
            options: tuple[str, ...] = ()
            if address.needs_utf8:
                await client.ehlo()
                if not client.supports_extension("SMTPUTF8"):
                    return _NO_UTF8
                options = ("SMTPUTF8",)
            await client.mail(str(self._sender.address), options=options)
            try:
                await client.rcpt(str(address), encoding="utf-8")
                await client.data(content)
            except (SMTPRecipientRefused, SMTPDataError) as error:
                if _is_final(error):
                    return _code(error)
                raise
        return None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["SMTP"]:
        """A session that the server lets us send in.

        Raises:
            NotTaken: whatever goes wrong within.
        """
        from aiosmtplib import SMTP, SMTPException, SMTPResponseException

        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.reached_at,
            username=server.user,
            password=self._password,
            local_hostname=self._sender.address.domain,
            timeout=server.time_limit.total_seconds(),
            use_tls=server.security is Security.TLS,
            start_tls=server.security is Security.STARTTLS,
            tls_context=None if server.security is Security.NONE else self._context,
        )
        try:
            await client.connect()
            try:
                yield client
            finally:
                with suppress(SMTPException, OSError):
                    await client.quit()
                client.close()
        except SMTPResponseException as error:
            raise NotTaken(f"the mail server answered {_code(error)} ({type(error).__name__})") from None
        except (SMTPException, OSError) as error:
            raise NotTaken(f"the mail server could not be used: {type(error).__name__}") from None


def delivery_name(message_key: str, user_id: str) -> str:
    """One message's name for one recipient, by which nobody can tell who that is."""
    return sha256(f"{message_key}\0{user_id}".encode()).hexdigest()


def _is_final(error: "SMTPResponseException") -> bool:
    return 500 <= error.code < 600


def _code(error: "SMTPResponseException") -> str:
    """The server's codes without its words, which may name whom they are about."""
    status = _ENHANCED_STATUS.search(error.message)
    return f"{error.code} {status[0]}" if status and _is_final(error) else str(error.code)
