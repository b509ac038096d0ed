"""Pages for what goes wrong: they say what the reader can do, and nothing of what is inside."""

import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from client.faults import NotAnswered, TakesLonger
from closure.errors import RefusalType, Refused
from closure.languages import ENGLISH
from closure.visible_text import printable
from web.api.problems import AWAY, TRY_AGAIN_AFTER, Problem
from web.browser.cookies import take_cookie
from web.browser.forms import ForeignForm
from web.browser.refusals import refusal_of
from web.browser.rendering import page, reader_for
from web.browser.sessions import SignedOut
from web.service import service_of
from web.underway import Busy

_TEMPLATE: Final = "fault.html"
_REFERENCE: Final = 6

logger = structlog.stdlib.get_logger("web")


def fault_page(request: Request, error: Exception) -> Response:
    """The page for what was raised; a defect of ours, too."""
    match error:
        case SignedOut():
            response = _page(request, HTTPStatus.UNAUTHORIZED, f"signed_out_{error.audience.value}")
            take_cookie(response, service_of(request), error.audience)
            return response
        case ForeignForm():
            return _page(request, HTTPStatus.FORBIDDEN, "foreign_form")
        case Refused() if error.type in (RefusalType.CLOSURE_NOT_FOUND, RefusalType.ACCOUNT_NOT_FOUND):
            return _page(request, HTTPStatus.NOT_FOUND, "not_found")
        case Refused():
            return _page(request, HTTPStatus.CONFLICT, "refused", refused=error)
        case Busy():
            return _page(request, HTTPStatus.CONFLICT, "busy")
        case NotAnswered() if error.stands:
            return _away(request, "withdrawal_stands")
        case NotAnswered():
            return _away(request, "not_answered")
        case TakesLonger():
            return _away(request, "takes_longer")
        case _ if isinstance(error, AWAY):
            return _away(request, "away")
        case Problem() if error.status is HTTPStatus.TOO_MANY_REQUESTS:
            wait = error.facts.get("retry_after")
            response = _page(
                request, error.status, "too_many_requests", wait=wait if isinstance(wait, int) else None
            )
            response.headers.update(error.headers)
            return response
        case Problem() if error.status is HTTPStatus.FORBIDDEN:
            return _page(request, error.status, "not_allowed")
        case Problem():
            return _page(request, error.status, "malformed")
        case RequestValidationError() | ValidationError() | ClientDisconnect():
            return _page(request, HTTPStatus.BAD_REQUEST, "malformed")
        case HTTPException() if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return _page(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        case HTTPException():
            is_missing = error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
            return _page(request, HTTPStatus(error.status_code), "not_found" if is_missing else "malformed")
        case _:
            return _page(request, HTTPStatus.INTERNAL_SERVER_ERROR, "defect", reference=_reference())


def _away(request: Request, fault: str) -> Response:
    response = _page(request, HTTPStatus.SERVICE_UNAVAILABLE, fault)
    response.headers["Retry-After"] = str(TRY_AGAIN_AFTER)
    return response


def _page(
    request: Request,
    status: HTTPStatus,
    fault: str,
    *,
    refused: Refused | None = None,
    reference: str = "",
    wait: int | None = None,
) -> Response:
    values: dict[str, object] = {"fault": fault, "reference": reference}
    if refused is not None:
        values["sentence"] = refusal_of(refused, reader_for(request)).sentence
        values["detail"] = _detail(request, refused)
    if wait is not None:
        values["wait"] = timedelta(seconds=wait)
    return page(request, _TEMPLATE, values, status=status)


def _detail(request: Request, refused: Refused) -> str:
    """What the rule itself says: to staff, who know its values, and in English as it is."""
    is_understood = request.url.path.startswith("/staff") and reader_for(request).language == ENGLISH
    return printable(refused.message) if is_understood else ""


def _reference() -> str:
    """What a reader can tell support, who finds it in the log."""
    reference = secrets.token_hex(_REFERENCE)
    logger.error("a page failed", reference=reference)
    return reference
