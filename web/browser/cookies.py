"""The one cookie: a session's secret. Which pages it opens is in the record."""

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from records.web_sessions import SESSION_LIMIT, Audience
from web.service import WebService, service_of

_NAMES: Final = {Audience.CUSTOMER: "closure-session", Audience.STAFF: "closure-staff"}


def cookie_name(service: WebService, audience: Audience) -> str:
    """Behind TLS with the prefix that binds it to this very host; plain HTTP is for one's own computer."""
    return f"__Host-{_NAMES[audience]}" if service.is_behind_tls else _NAMES[audience]


def session_secret(request: HTTPConnection, audience: Audience) -> str | None:
    """What the browser brings."""
    return request.cookies.get(cookie_name(service_of(request), audience))


def give_cookie(response: Response, service: WebService, audience: Audience, secret: str) -> None:
    """Lets the browser keep the session's secret where no script sees it."""
    response.set_cookie(
        cookie_name(service, audience),
        secret,
        max_age=int(SESSION_LIMIT.total_seconds()),
        path="/",
        secure=service.is_behind_tls,
        httponly=True,
        # Not "strict": a customer comes by a link on the provider's console.
        samesite="lax",
    )


def take_cookie(response: Response, service: WebService, audience: Audience) -> None:
    """Has the browser forget it."""
    response.delete_cookie(
        cookie_name(service, audience), path="/", secure=service.is_behind_tls, httponly=True, samesite="lax"
    )
