"""Links to a certificate, which hold for 30 days without a session: signed, so that nothing has to be kept.

Who has the link reads the certificate, which names nobody: account and closure are opaque ids.
"""

import hashlib
import hmac
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from keys.secret_file import SecretFault, read_secret
from private_files import create_file, make_private_folder

LINK_LIFETIME: Final = timedelta(days=30)
_KEY_BYTES: Final = 32
_SEPARATOR: Final = "."
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,10}")


@dataclass(frozen=True)
class CertificateLink:
    """`path` is below the service's address; `holds_until` is the wall's clock, UTC."""

    path: str
    holds_until: datetime


@dataclass(frozen=True)
class OpenedLink:
    """Whose certificate a link opens, and until when."""

    closure_id: str
    holds_until: datetime


@dataclass(frozen=True)
class CertificateLinks:
    """Makes and reads links under one key: another key's are no links."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(_KEY_BYTES), repr=False)

    def link(self, closure_id: str, made_at: datetime) -> CertificateLink:
        """A link that holds for `LINK_LIFETIME`, to the second."""
        until = int((made_at + LINK_LIFETIME).timestamp())
        token = _SEPARATOR.join((closure_id, str(until), self._signature(closure_id, until)))
        return CertificateLink(f"/certificate/{token}", datetime.fromtimestamp(until, UTC))

    def opened(self, token: str, now: datetime) -> OpenedLink | None:
        """What the token opens; None for one that is none, or no more."""
        named, _, signature = token.rpartition(_SEPARATOR)
        closure_id, _, until = named.rpartition(_SEPARATOR)
        if not _NUMBER.fullmatch(until):
            return None
        expected = self._signature(closure_id, int(until))
        if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), expected.encode()):
            return None
        holds_until = datetime.fromtimestamp(int(until), UTC)
        return OpenedLink(closure_id, holds_until) if now < holds_until else None

    def _signature(self, closure_id: str, until: int) -> str:
        signed = f"certificate/{closure_id}/{until}".encode("utf-8", "surrogatepass")
        return hmac.digest(self.key, signed, hashlib.sha256).hex()


@dataclass(frozen=True)
class MailedLinks:
    """Links as mails have them, below `web_url`, which is what the world calls the web service."""

    links: CertificateLinks
    web_url: str

    def url(self, closure_id: str, made_at: datetime) -> str:
        """The whole address of a closure's certificate, for `LINK_LIFETIME` from `made_at` (UTC) on."""
        return f"{self.web_url.rstrip('/')}{self.links.link(closure_id, made_at).path}"


def load_or_create_links(file: Path) -> CertificateLinks:
    """Links under the key in `file`, 64 hex digits, which is made on first use for its owner only.

    Web services and workers of one installation share the file, else a link of one is none to another.

    Raises:
        SecretFault: the file can't be read or made, others can read it, or it holds no such key.
    """
    if not file.exists():
        try:
            make_private_folder(file.parent)
            with suppress(FileExistsError):  # another one that starts now was faster
                create_file(file, secrets.token_hex(_KEY_BYTES) + "\n")
        except OSError as error:
            raise SecretFault(f"web secret {file} can't be made: {error.strerror or error}") from error
    text = read_secret(file, "web secret").strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SecretFault(f"web secret {file} is not {2 * _KEY_BYTES} hex digits")
    return CertificateLinks(key)
