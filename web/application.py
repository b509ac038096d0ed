"""The application: its rooms, and what surrounds every request. Pages have their place beside `web.api`."""

from collections.abc import Collection, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import JsonValue, ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from client.faults import NotAnswered, TakesLonger
from closure.errors import Refused
from program_version import VERSION
from web.api import acts, docs_page, events, health, reading
from web.api.description import BASE, PROBLEM_SCHEMA
from web.api.problems import (
    AWAY,
    Problem,
    ProblemDetails,
    answer_problem,
    body_refused,
    host_refused,
    internal_error,
)
from web.browser import brand_style, static_files
from web.browser.faults import fault_page
from web.browser.forms import ForeignForm
from web.browser.sessions import SignedOut
from web.callbacks import routes as callbacks
from web.customer import looking_routes
from web.customer import routes as customer
from web.guards import HSTS, SAFE_HEADERS, AccessLog, KnownHosts, LimitedBody, SafeHeaders, WithoutNul
from web.portal import entering, opening
from web.service import WebService
from web.staff import routes as staff
from web.underway import Busy

BODY_LIMIT: Final = 256 * 1024
"""Bytes: some thousand ids of items; who gives up more says `all`."""
FAULTS: Final = (
    *(Problem, Refused, NotAnswered, *AWAY),
    *(RequestValidationError, HTTPException, ClientDisconnect),
    *(TakesLonger, ValidationError, SignedOut, ForeignForm, Busy),
)
logger = structlog.stdlib.get_logger("web")

_FOR_PROGRAMS: Final = ("/api/", "/healthz", "/readyz")

_ABOUT: Final = """
Closes accounts, for a provider's own console. Every call that acts names the user, whose role and proof of
identity are checked as everywhere: no token opens a rule, shortens a wait or skips a step.

Errors are `application/problem+json` (RFC 9457): `error` is for programs, `detail` for people. On every POST
an `Idempotency-Key` makes sure that a request that is sent twice acts once.
"""


def web_application(
    service: WebService, names: Collection[str], more_rooms: Sequence[APIRouter] = ()
) -> FastAPI:
    """What answers HTTP requests.

    Args:
        service: the installation that it serves.
        names: host names by which it may be called.
        more_rooms: pages of those who serve more than this.
    """
    application = FastAPI(
        title="Account closure",
        version=VERSION,
        description=_ABOUT.strip(),
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={**dict.fromkeys(FAULTS, _answer_fault), Exception: _answer_defect},
        middleware=[
            Middleware(AccessLog),
            Middleware(SafeHeaders, headers={**SAFE_HEADERS, **(HSTS if service.is_behind_tls else {})}),
            Middleware(KnownHosts, names=frozenset(names), refuse=host_refused),
            Middleware(WithoutNul, refuse=_refuse_query, except_below=_FOR_PROGRAMS),
            Middleware(LimitedBody, limit=BODY_LIMIT, refuse=_refuse_body),
        ],
    )
    application.state.service = service
    api = APIRouter(prefix=BASE)
    for room in (acts, reading, events, opening, callbacks):
        api.include_router(room.router)
    application.include_router(api)
    for outside in (health, docs_page, entering, static_files, brand_style, customer, looking_routes, staff):
        application.include_router(outside.router)
    for each in more_rooms:
        application.include_router(each)
    # FastAPI's way to add to the description; made when it is first asked for: few processes need it.
    application.openapi = partial(_description, application)  # type: ignore[method-assign]
    return application


async def _answer_fault(request: Request, error: Exception) -> Response:
    """To a program a problem, to a person a page; what is the operator's to know is logged."""
    if isinstance(error, AWAY):
        logger.warning("something does not answer", fault=type(error).__name__, detail=str(error))
    return await answer_problem(request, error) if _is_for_programs(request) else fault_page(request, error)


async def _answer_defect(request: Request, error: Exception) -> Response:
    """Comes from outside of everything else, so the headers are added here; the log has the traceback."""
    answer = internal_error() if _is_for_programs(request) else fault_page(request, error)
    for name, value in SAFE_HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def _refuse_body(request: Request) -> Response:
    """Comes from outside of what answers faults."""
    error = HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return body_refused() if _is_for_programs(request) else fault_page(request, error)


def _refuse_query(request: Request) -> Response:
    """As `_refuse_body`."""
    return fault_page(request, HTTPException(HTTPStatus.BAD_REQUEST))


def _is_for_programs(request: Request) -> bool:
    return request.url.path.startswith(_FOR_PROGRAMS)


def _description(application: FastAPI) -> dict[str, JsonValue]:
    """The calls refer to problems by name: FastAPI would describe them as plain JSON."""
    is_new = application.openapi_schema is None
    document = FastAPI.openapi(application)
    if is_new:
        schema = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas: dict[str, JsonValue] = document["components"]["schemas"]
        schemas.update(schema.pop("$defs", {}))
        schemas[PROBLEM_SCHEMA] = schema
    return document
