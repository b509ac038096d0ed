"""Who looks at a page: the session that a browser's cookie names, good as long as the record says so."""

import hmac
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from records.web_sessions import Audience, Visitor, WebSession, begin_session, note_use, session_of
from web.browser.cookies import session_secret
from web.service import WebService, service_of
from web.token_file import ApiToken, Scope

LOCAL_STAFF: Final = "local"
"""Whoever came by the one-time link of a local server."""
_FORMS: Final = b"forms/"


class SignedOut(Exception):
    """There is no session, or none that is good any more."""

    def __init__(self, audience: Audience) -> None:
        super().__init__(f"no session of {audience.value}")
        self.audience = audience


@dataclass(frozen=True)
class Session:
    """A session of the browser that sent the request; `form_token` goes with every form that it sends."""

    web: WebSession
    form_token: str

    @property
    def visitor(self) -> Visitor:
        return self.web.visitor


@dataclass(frozen=True)
class CustomerSession(Session):
    """A customer's: one user of one account."""

    account_id: str
    user_id: str

    @property
    def guesses(self) -> str:
        """What wrong guesses count for, so that nobody's at another door stop this user here."""
        return f"web/{self.web.session_hash}"


@dataclass(frozen=True)
class StaffSession(Session):
    """Of somebody who looks after closures; operators may also act."""

    is_operator: bool

    @property
    def name(self) -> str:
        """What they are called where it is written down who did something."""
        return self.visitor.token_name or LOCAL_STAFF

    def may_see(self, provider: str | None) -> bool:
        """Whether accounts of this provider exist for them."""
        return self.visitor.provider is None or self.visitor.provider == provider


async def found_session(
    request: Request, audience: Audience, *, is_use: bool = True
) -> tuple[WebSession, str] | None:
    """The session that the request comes by, and the token that its forms carry; None where none is good.

    Not `is_use`: a page asks by itself, and its reader may have gone.

    Raises:
        DatabaseUnreachable: the record can't be read.
    """
    secret = session_secret(request, audience)
    if secret is None:
        return None
    record = service_of(request).record
    web = await record.read(lambda each: session_of(each, secret))
    if web is None or web.visitor.audience is not audience:
        return None
    # What goes wrong from here on is told in the language that their console has named.
    request.state.language = web.visitor.language
    if is_use:
        await record.write(lambda each: note_use(each, web))
    return web, form_token_of(secret)


def form_token_of(secret: str) -> str:
    """Follows from the session's secret, which no other site knows."""
    return hmac.digest(secret.encode("utf-8", "surrogateescape"), _FORMS, "sha256").hex()


async def _customer(request: Request) -> CustomerSession:
    found = await found_session(request, Audience.CUSTOMER)
    if found is None or found[0].visitor.account_id is None or found[0].visitor.user_id is None:
        raise SignedOut(Audience.CUSTOMER)
    web, form_token = found
    visitor = web.visitor
    request.state.caller = "customer"
    return CustomerSession(web, form_token, visitor.account_id or "", visitor.user_id or "")


async def _staff(request: Request) -> StaffSession:
    return await staff_session(request)


async def staff_session(request: Request, *, is_use: bool = True) -> StaffSession:
    """The session of staff, with what its token allows now: one that was revoked ends what it opened.

    Raises:
        SignedOut: there is none that is good.
        DatabaseUnreachable, SecretFault: that can't be read.
    """
    found = await found_session(request, Audience.STAFF, is_use=is_use)
    if found is None:
        raise SignedOut(Audience.STAFF)
    web, form_token = found
    service, visitor = service_of(request), web.visitor
    is_operator = visitor.is_operator
    if visitor.token_name is not None:
        token = _token_of(service, web)
        if token is None:
            raise SignedOut(Audience.STAFF)
        is_operator = Scope.ACT in token.scopes
    elif not service.is_local:
        raise SignedOut(Audience.STAFF)
    session = StaffSession(web, form_token, is_operator)
    request.state.caller = f"staff/{session.name}"
    return session


def _token_of(service: WebService, web: WebSession) -> ApiToken | None:
    """The token by which the session began; one that was made later is another, whatever its name."""
    visitor = web.visitor
    for each in service.tokens.tokens():
        if each.name == visitor.token_name:
            is_the_one = each.created_at <= web.began_at and each.provider == visitor.provider
            return each if is_the_one and Scope.STAFF in each.scopes else None
    return None


Customer = Annotated[CustomerSession, Depends(_customer)]
Staff = Annotated[StaffSession, Depends(_staff)]


async def open_session(service: WebService, visitor: Visitor) -> str:
    """A new session's secret, for `give_cookie`."""
    return await service.record.write(lambda each: begin_session(each, visitor))
