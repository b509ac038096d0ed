"""What became of a form: the page that it leads to tells it once (redirect after post).

A browser that loads such a page again, or comes back to it, asks for a page and sends no form. What is to be
told goes with the browser, bound to its session: whichever process is asked next can tell it, and nothing of
what was typed is kept here.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from closure.messages import IdentityMethod
from closure.model import Model
from records.web_sessions import Audience
from web.browser.cookies import session_secret
from web.browser.refusals import Refusal
from web.service import WebService, service_of

_NAME: Final = "closure-told"
_LONGEST: Final = 3_500
"""Characters: browsers keep no cookie beyond 4,096."""
_KEPT: Final = 300
"""Seconds."""
_BOUND: Final = b"told/"


class Told(Model):
    """`place` is the path of the page that tells it; `said` is what the form said, but for secrets."""

    place: str
    refusal: Refusal | None = None
    sent: IdentityMethod | None = None
    said: Mapping[str, str | tuple[str, ...]] = {}

    def typed(self, name: str) -> str:
        """What was typed or chosen; nothing where that is too long to be kept."""
        said = self.said.get(name, "")
        return said if isinstance(said, str) else ""


def leave_word(request: Request, response: Response, told: Told) -> None:
    """Has it told by the page that the response leads to."""
    secret = session_secret(request, Audience.CUSTOMER) or ""
    service, text = service_of(request), _sealed(told, secret)
    if len(text) > _LONGEST:
        text = _sealed(told.model_copy(update={"said": {}}), secret)
    response.set_cookie(
        _cookie(service),
        text,
        max_age=_KEPT,
        path="/",
        secure=service.is_behind_tls,
        httponly=True,
        samesite="lax",
    )


def word_for(request: Request) -> Told | None:
    """What this page has to tell; other pages leave it."""
    secret = session_secret(request, Audience.CUSTOMER)
    text = request.cookies.get(_cookie(service_of(request)))
    told = _opened(text, secret) if text and secret else None
    return told if told is not None and told.place == request.url.path else None


def take_word(request: Request, response: Response) -> None:
    """It is told."""
    service = service_of(request)
    response.delete_cookie(
        _cookie(service), path="/", secure=service.is_behind_tls, httponly=True, samesite="lax"
    )


def _cookie(service: WebService) -> str:
    return f"__Host-{_NAME}" if service.is_behind_tls else _NAME


def _sealed(told: Told, secret: str) -> str:
    content = base64.urlsafe_b64encode(told.model_dump_json(exclude_defaults=True).encode())
    return f"{content.decode()}.{_seal(content, secret)}"


def _opened(text: str, secret: str) -> Told | None:
    """None for what this session was not given."""
    content, _, seal = text.encode("utf-8", "surrogateescape").rpartition(b".")
    if not hmac.compare_digest(seal, _seal(content, secret).encode()):
        return None
    try:
        return Told.model_validate_json(base64.urlsafe_b64decode(content))
    except (binascii.Error, ValidationError):  # another release's
        return None


def _seal(content: bytes, secret: str) -> str:
    return hmac.digest(secret.encode("utf-8", "surrogateescape"), _BOUND + content, "sha256").hex()
