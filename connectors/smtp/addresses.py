"""Addresses as an envelope and a header can have them; whatever else somebody wrote down is none."""

import re
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Final

from closure.visible_text import is_unseen

_LONGEST_LOCAL: Final = 64
_LONGEST_DOMAIN: Final = 253
_LOCAL: Final = re.compile(r"[^\s\"(),:;<>@\[\]\\.]+(\.[^\s\"(),:;<>@\[\]\\.]+)*")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)


class BadAddress(ValueError):
    """A text that is no address; the message doesn't quote it."""


@dataclass(frozen=True)
class MailAddress:
    """`domain` is in ASCII (IDNA), as name servers know it; `local` may be in any script."""

    local: str
    domain: str

    @property
    def needs_utf8(self) -> bool:
        """Whether only servers with SMTPUTF8 take it."""
        return not self.local.isascii()

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


@dataclass(frozen=True)
class Mailbox:
    """An address with a name to show; empty for none."""

    name: str
    address: MailAddress


def mail_address(text: str) -> MailAddress:
    """Reads ``local@domain``; quoted local parts and numeric domains are refused.

    Raises:
        BadAddress: it is none.
    """
    local, at, domain = text.rpartition("@")
    if not at or any(map(is_unseen, text)) or not _LOCAL.fullmatch(local):
        raise BadAddress("is no e-mail address such as name@example.com")
    if len(local.encode("utf-8", "replace")) > _LONGEST_LOCAL:
        raise BadAddress("has too much before its @")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise BadAddress("has no domain such as example.com behind its @") from error
    labels = ascii_domain.split(".")
    if len(ascii_domain) > _LONGEST_DOMAIN or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise BadAddress("has no domain such as example.com behind its @")
    return MailAddress(local, ascii_domain.lower())


def mailbox(text: str) -> Mailbox:
    """Reads ``name@example.com`` or ``Any Name <name@example.com>``, in one line.

    Raises:
        BadAddress: it is neither.
    """
    if "\n" in text or any(map(is_unseen, text)):
        raise BadAddress("has a character that can't be seen")
    name, address = parseaddr(text)
    found = mail_address(address)
    if text.count(address) != 1 or text.count("<") > 1 or "," in text.replace(name, "", 1):
        raise BadAddress("is no single address such as Acme <name@example.com>")
    return Mailbox(name, found)
