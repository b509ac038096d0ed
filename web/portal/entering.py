"""`/portal/TOKEN` and `/staff/enter/TOKEN`: a link lets its visitor in, once."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from records.web_sessions import Audience, use_link
from web.browser.cookies import give_cookie
from web.browser.rendering import page, remember_named_language
from web.browser.sessions import open_session
from web.service import service_of

_FIRST_PAGE: Final = {Audience.CUSTOMER: "/closure", Audience.STAFF: "/staff"}

router = APIRouter(include_in_schema=False)


@router.get("/portal/{token}")
async def enter_as_customer(request: Request, token: str) -> Response:
    """Begins a customer's session."""
    return await _enter(request, Audience.CUSTOMER, token)


@router.get("/staff/enter/{token}")
async def enter_as_staff(request: Request, token: str) -> Response:
    """Begins a session of staff, on a local installation."""
    return await _enter(request, Audience.STAFF, token)


async def _enter(request: Request, audience: Audience, token: str) -> Response:
    """A new session always: one that the browser brought may be somebody else's."""
    service = service_of(request)
    if any("prefetch" in request.headers.get(name, "") for name in _LOOKING_AHEAD):
        return Response(status_code=HTTPStatus.NO_CONTENT)  # a browser that looks ahead is not the visitor
    visitor = await service.record.write(lambda each: use_link(each, token, audience))
    if visitor is None:
        fault = {"fault": f"link_used_{audience.value}", "reference": ""}
        return page(request, "fault.html", fault, status=HTTPStatus.GONE)
    response = RedirectResponse(_FIRST_PAGE[audience], HTTPStatus.SEE_OTHER)
    give_cookie(response, service, audience, await open_session(service, visitor))
    remember_named_language(response, service, visitor.language)
    return response


_LOOKING_AHEAD: Final = ("sec-purpose", "purpose", "x-moz")
