"""One e-mail as its bytes: text and page side by side, headers that nothing can be smuggled into."""

import re
from base64 import b64decode
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import EmailPolicy
from typing import Final

from closure.languages import choose_language
from closure.visible_text import printable
from connectors.ports import OutgoingMessage
from connectors.smtp.addresses import MailAddress, Mailbox

LONGEST_SUBJECT: Final = 200
_LONGEST_NAME: Final = 100
_POLICY: Final = EmailPolicy(linesep="\r\n", cte_type="7bit")
_PICTURE: Final = re.compile(r'src="data:image/(png);base64,([A-Za-z0-9+/=]+)"')
"""A picture within a page. Text can't look like this: its quotes are escaped."""


def compose(
    message: OutgoingMessage,
    *,
    to: MailAddress,
    language: str,
    sender: Mailbox,
    reply_to: Mailbox | None,
    message_id: str,
    date: datetime,
) -> bytes:
    """The whole mail in 7-bit lines; only a recipient's address that is not ASCII itself stays as it is.

    Args:
        message: an e-mail.
        to: one recipient's address.
        language: what the recipient reads.
        sender: whom it is from.
        reply_to: who gets answers, if not the sender.
        message_id: what stands before the ``@`` of its Message-ID: the same whenever it is sent again.
        date: when it is sent, UTC.
    """
    chosen = choose_language(message.bodies, language)
    mail = EmailMessage(policy=_POLICY.clone(utf8=True) if to.needs_utf8 else _POLICY)
    mail["From"] = _header_address(sender)
    mail["To"] = Address(username=to.local, domain=to.domain)
    if reply_to is not None:
        mail["Reply-To"] = _header_address(reply_to)
    mail["Subject"] = _line(message.subjects.get(chosen, ""), LONGEST_SUBJECT)
    mail["Date"] = date
    mail["Message-ID"] = f"<{message_id}@{sender.address.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.bodies[chosen])
    page = message.pages.get(chosen)
    if page is not None:
        _add_page(mail, page, message_id, sender.address.domain)
    mail["Content-Language"] = _line(chosen, _LONGEST_NAME)  # last, or it would go with the text alone
    return mail.as_bytes()


def _add_page(mail: EmailMessage, page: str, message_id: str, domain: str) -> None:
    """Mail clients show a picture that comes along, none that is in the page."""
    picture = _PICTURE.search(page)
    name = f"logo.{message_id[:16]}@{domain}"
    if picture is not None:
        page = page.replace(picture[0], f'src="cid:{name}"')
    mail.add_alternative(page, subtype="html")
    if picture is not None:
        *_, html = mail.iter_parts()
        assert isinstance(html, MIMEPart)
        html.add_related(
            b64decode(picture[2]),
            maintype="image",
            subtype=picture[1],
            cid=f"<{name}>",
            filename=f"logo.{picture[1]}",
            disposition="inline",
        )


def _header_address(box: Mailbox) -> Address:
    return Address(_line(box.name, _LONGEST_NAME), box.address.local, box.address.domain)


def _line(text: str, longest: int) -> str:
    """One line of what can be seen."""
    line = " ".join(printable(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
