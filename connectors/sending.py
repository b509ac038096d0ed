"""Who carries messages to the account's users, as the settings choose, and how e-mails look."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import ValidationError

from closure.accounts import Channel
from closure.brand import Brand
from connectors.embedded.messages import EmbeddedMessages
from connectors.ports import Messages, OutgoingMessage, Platform
from connectors.setting_faults import SendingFault
from keys.secret_file import SecretFault, read_secret
from settings import Carrier, Settings, setting_fault

if TYPE_CHECKING:
    from connectors.smtp import Deliveries, MailServer, SmtpMessages


class Sending:
    """Implements `connectors.ports.Messages` by the carrier that the settings choose.

    It is made when the first message is sent: who only looks needs no mail server and no brand.

    Args:
        platform: whose way it may be, and whose address book.
        settings: name the carrier.
        must_choose: whether nothing may stay in the embedded outbox unless that was chosen.
        brand: reads how e-mails look; may raise.
        deliveries: what the mail server took.
    """

    def __init__(
        self,
        platform: Platform,
        settings: Settings,
        must_choose: bool,
        brand: Callable[[], Brand],
        deliveries: "Deliveries",
    ) -> None:
        self._platform = platform
        self._settings = settings
        self._must_choose = must_choose
        self._brand = brand
        self._deliveries = deliveries
        self._server: SmtpMessages | None = None

    async def send(self, message: OutgoingMessage) -> int:
        return await self._carrier.send(message)

    def require(self) -> None:
        """Raises `SendingFault` where nothing can be sent, and what reading the brand raises."""
        _ = self._carrier

    @property
    def stays_unsent(self) -> bool:
        """Whether messages stay in the embedded outbox, though nobody has chosen that."""
        return self._settings.messages in (None, Carrier.PLATFORM) and isinstance(
            self._platform.messages, EmbeddedMessages
        )

    async def aclose(self) -> None:
        """Lets what is under way end."""
        if self._server is not None:
            await self._server.aclose()

    @cached_property
    def _carrier(self) -> Messages:
        from connectors.mail_pages import MailPages

        brand, web_url = self._brand(), self._settings.web_url
        return MailPages(self._chosen(brand), brand, str(web_url) if web_url else None)

    def _chosen(self, brand: Brand) -> Messages:
        own = self._platform.messages
        is_outbox = isinstance(own, EmbeddedMessages)
        match self._settings.messages:
            case None | Carrier.PLATFORM if is_outbox and self._must_choose:
                raise SendingFault(
                    "setting CLOSURE_MESSAGES: to be chosen in production, since the embedded platform sends "
                    "nothing: smtp (e-mail by CLOSURE_SMTP_HOST), or embedded to keep messages in its outbox"
                )
            case None | Carrier.PLATFORM:
                return own
            case Carrier.EMBEDDED:
                if not is_outbox:
                    raise SendingFault("setting CLOSURE_MESSAGES: embedded is the embedded platform's own")
                return own
            case Carrier.SMTP:
                self._server = self._smtp(brand)
                return _ByChannel(email=self._server, others=own)

    def _smtp(self, brand: Brand) -> "SmtpMessages":
        from connectors.smtp import MailServer, SmtpMessages
        from connectors.smtp.server import PREFIX

        if self._platform.addresses is None:
            raise SendingFault("setting CLOSURE_MESSAGES: smtp needs a platform that has an address book")
        try:
            server = MailServer()
            password = _password(server)
            context = ssl.create_default_context(cafile=server.ca_file)
        except ValidationError as error:
            raise SendingFault(setting_fault(error, PREFIX)) from error
        except (OSError, ssl.SSLError) as error:
            raise SendingFault(f"setting {PREFIX}CA_FILE: {error.strerror or error}") from error
        sender = server.from_mailbox
        return SmtpMessages(
            server,
            password,
            context,
            sender if sender.name else replace(sender, name=brand.name),
            self._platform.addresses,
            self._deliveries,
        )


class _ByChannel:
    """Implements `connectors.ports.Messages`: e-mails one way, all else another."""

    def __init__(self, *, email: Messages, others: Messages) -> None:
        self._email = email
        self._others = others

    async def send(self, message: OutgoingMessage) -> int:
        carrier = self._email if message.channel is Channel.EMAIL else self._others
        return await carrier.send(message)


def _password(server: "MailServer") -> str | None:
    """Raises `SendingFault`."""
    if server.password_file is None:
        return None if server.password is None else server.password.get_secret_value()
    try:
        return read_secret(server.password_file, "the mail server's password").rstrip("\r\n")
    except SecretFault as error:
        raise SendingFault(str(error)) from error
