"""Who may use the codec server: whoever has its token, by header, or by a cookie after signing in once."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from urllib.parse import parse_qs

from keys.secret_file import SecretFault, read_secret
from settings import Settings

SESSION = timedelta(hours=12)
COOKIE = "closure_codec"
MINIMUM_TOKEN = 20
"""Characters. There is no lock-out, so a token must be beyond guessing."""
PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class CodecAccess:
    """Compares in constant time. Sessions need no memory here: they end with their time or the token."""

    token: str = field(repr=False)

    def accepts(self, authorization: str, cookie: str) -> bool:
        """Whether the `Authorization` header or the session cookie is good."""
        scheme, _, presented = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self.is_token(presented.strip())
        return self._is_session(cookie)

    def is_token(self, presented: str) -> bool:
        return secrets.compare_digest(_digest(presented), _digest(self.token))

    def new_session(self) -> str:
        """A cookie's value that is good for `SESSION`."""
        ends = str(int(time.time() + SESSION.total_seconds()))
        return f"{ends}.{self._seal(ends)}"

    def _is_session(self, cookie: str) -> bool:
        ends, _, seal = cookie.partition(".")
        if not secrets.compare_digest(_digest(seal), _digest(self._seal(ends))):
            return False
        return int(ends) > time.time()

    def _seal(self, ends: str) -> str:
        return hmac.digest(self.token.encode("utf-8"), b"session/" + ends.encode("utf-8"), "sha256").hex()


def codec_access(settings: Settings) -> CodecAccess:
    """The token of `CLOSURE_CODEC_TOKEN_FILE` or `CLOSURE_CODEC_TOKEN`.

    Raises:
        SecretFault: there is none, or it can't be read, or it is short.
    """
    if settings.codec_token_file is not None:
        token = read_secret(settings.codec_token_file, "codec token file").strip()
    elif settings.codec_token is not None:
        token = settings.codec_token.get_secret_value().strip()
    else:
        raise SecretFault("the codec server needs a token: set CLOSURE_CODEC_TOKEN_FILE")
    if len(token) < MINIMUM_TOKEN:
        raise SecretFault(f"the codec server's token is shorter than {MINIMUM_TOKEN} characters")
    return CodecAccess(token)


def token_of_form(body: bytes) -> str:
    """What was typed into the sign-in page."""
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    return fields.get("token", [""])[0].strip()


def sign_in_page(note: str) -> str:
    """A page for people: the Web UI can send a cookie, but no token of its own."""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Codec server</title>"
        "<h1>Codec server</h1>"
        "<p>Once signed in here, this browser shows decoded payloads in the Temporal Web UI.</p>"
        f"<p role=status>{escape(note)}</p>"
        '<form method=post action="/sign-in"><label>Token <input name=token type=password '
        "autocomplete=current-password required autofocus></label> <button>Sign in</button></form></html>"
    )


def _digest(text: str) -> bytes:
    """Of one length, so that comparing tells nothing of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
