"""Gives every e-mail its page and its link, whoever carries it."""

from typing import Final

from closure.accounts import Channel
from closure.brand import Brand
from closure.mail_html import MailText, mail_page
from closure.policy import MessageTemplate
from connectors.ports import Messages, OutgoingMessage

_WITHOUT_LINK: Final = frozenset({MessageTemplate.IDENTITY_CODE.value, MessageTemplate.CLOSURE_DELETED.value})
"""Whoever gets a code is where it is wanted, and of a deleted account nobody can sign in any more.

That one's mail leads to its certificate, where it comes with a link to it."""


class MailPages:
    """Implements `connectors.ports.Messages`: completes e-mails and passes all messages on to `carrier`.

    Args:
        carrier: sends them.
        brand: how they look.
        web_url: what the address of the closure's page begins with; None: there is no page, and no link.
    """

    def __init__(self, carrier: Messages, brand: Brand, web_url: str | None) -> None:
        self._carrier = carrier
        self._brand = brand
        self._status_url = None if web_url is None else f"{web_url.rstrip('/')}/closure"

    async def send(self, message: OutgoingMessage) -> int:
        return await self._carrier.send(
            self._completed(message) if message.channel is Channel.EMAIL else message
        )

    def _completed(self, message: OutgoingMessage) -> OutgoingMessage:
        url = message.status_url or (None if message.template in _WITHOUT_LINK else self._status_url)
        bodies, pages = {}, {}
        for language, body in message.bodies.items():
            text = MailText(
                language=language,
                subject=message.subjects.get(language, ""),
                body=body,
                account_id=message.account_id,
                code=message.values.get(language, {}).get("code"),
                status_url=url,
                is_certificate=message.template == MessageTemplate.CLOSURE_DELETED,
            )
            bodies[language] = body if url is None else f"{body.rstrip()}\n\n{text.link_text}: {url}\n"
            pages[language] = mail_page(self._brand, text)
        return message.model_copy(update={"bodies": bodies, "pages": pages, "status_url": url})
