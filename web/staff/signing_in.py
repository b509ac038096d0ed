"""Signing in with a token of scope `staff`, and out again."""

from http import HTTPStatus
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from closure.model import Model
from records.web_sessions import Audience, Visitor, end_session
from web.browser.cookies import give_cookie, take_cookie
from web.browser.forms import read_first_form, read_form
from web.browser.rendering import page
from web.browser.sessions import Staff, found_session, open_session
from web.service import service_of
from web.staff.access import require_calm
from web.token_file import Scope

_TEMPLATE: Final = "staff/sign_in.html"
_SIGN_IN: Final = "/staff/sign-in"
_LONGEST_TOKEN: Final = 500

router = APIRouter()
logger = structlog.stdlib.get_logger("web")


class SignIn(Model):
    """The form: a token as it was printed."""

    token: Annotated[str, Field(max_length=_LONGEST_TOKEN, repr=False)] = ""


class Nothing(Model):
    """A form of a button alone."""


@router.get(_SIGN_IN)
async def show_sign_in(request: Request) -> Response:
    """The form."""
    return page(request, _TEMPLATE, {"is_wrong": False})


@router.post(_SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Begins a session that sees what the token may; the same answer for all that are no good."""
    service = service_of(request)
    require_calm(request, service.by_sign_in)
    form = await read_first_form(request, SignIn)
    token = service.tokens.find(form.token.strip())
    if token is None or Scope.STAFF not in token.scopes:
        logger.warning("a staff sign-in was refused")
        return page(request, _TEMPLATE, {"is_wrong": True}, status=HTTPStatus.UNAUTHORIZED)
    before = await found_session(request, Audience.STAFF)
    if before is not None:
        await service.record.write(lambda each: end_session(each, before[0]))
    visitor = Visitor(
        audience=Audience.STAFF,
        token_name=token.name,
        provider=token.provider,
        is_operator=Scope.ACT in token.scopes,
    )
    response = RedirectResponse("/staff", HTTPStatus.SEE_OTHER)
    give_cookie(response, service, Audience.STAFF, await open_session(service, visitor))
    logger.info("staff signed in", staff=token.name)
    return response


@router.post("/staff/sign-out")
async def sign_out(request: Request, session: Staff) -> Response:
    """Ends the session, here and in the record."""
    await read_form(request, session, Nothing)
    service = service_of(request)
    await service.record.write(lambda each: end_session(each, session.web))
    response = RedirectResponse(_SIGN_IN, HTTPStatus.SEE_OTHER)
    take_cookie(response, service, Audience.STAFF)
    return response
