"""A mail server in this process that takes, refuses or drops what a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "closures", "correct horse"


@dataclass
class Post:
    """What a mail server does from now on, and what it took so far."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    """Each mail with its recipient, in order."""
    connections: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    """To the recipient's address, instead of taking it."""
    answer_to_sender: str | None = None
    answer_to_data: str | None = None
    drops_before_answer: bool = False
    """Takes the mail, and the connection breaks before anybody hears of it."""
    has_come: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a mail is there, before it is taken."""
    waits_for: asyncio.Event | None = None
    """Before it takes a mail."""
    port: int = 0

    def mails(self) -> list[EmailMessage]:
        """What it took, read as a mail client does."""
        return [message_from_bytes(content, policy=default) for _, content in self.taken]

    # What aiosmtpd calls.

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.answer_to_sender is not None:
            return self.answer_to_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.has_come.set()
        if self.waits_for is not None:
            await self.waits_for.wait()
        if self.answer_to_data is not None:
            return self.answer_to_data
        content = envelope.original_content
        assert content is not None
        self.taken += [(recipient, content) for recipient in envelope.rcpt_tos]
        if self.drops_before_answer:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 taken"


def _signs_in(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
) -> AuthResult:
    is_right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


@asynccontextmanager
async def mail_server(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    wants_password: bool = False,
    knows_utf8: bool = False,
) -> AsyncIterator[Post]:
    """One on a free port of 127.0.0.1; `starttls` and `tls` are its certificate's contexts."""
    post = Post()

    def connected() -> SMTP:
        post.connections += 1
        return SMTP(
            post,
            hostname="mail.example",
            enable_SMTPUTF8=knows_utf8,
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=wants_password,
            auth_require_tls=False,
            authenticator=_signs_in,
            timeout=20,
        )

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0, ssl=tls)
    post.port = server.sockets[0].getsockname()[1]
    try:
        yield post
    finally:
        server.close()
