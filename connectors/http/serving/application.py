"""The contract's operations as an ASGI application, on any platform."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from closure.errors import RefusalType, Refused
from closure.model import WireModel
from connectors.embedded.effects import KeyReused
from connectors.faults import Unavailable
from connectors.http.answered import Done
from connectors.http.operations import IDEMPOTENCY_KEY, VERSION_PATH, Kind
from connectors.http.problems import ProblemType
from connectors.http.serving.bindings import Binding, Given, bindings
from connectors.http.serving.problems import (
    RequestRefused,
    defect_response,
    must_retain_response,
    refusal_response,
    request_refused_response,
    unavailable_response,
)
from connectors.http.serving.under_way import OPERATIONS_PATH, UnderWay
from connectors.http.signatures import SignatureRefused, SignedParts, Verifier
from connectors.ports import MustRetain, Platform
from database import DatabaseUnreachable

BODY_LIMIT: Final = 16 << 20
"""Bytes: what is retained of an account may be a hundred thousand stores."""
GRACE: Final = timedelta(seconds=20)
"""How long what is under way may take when the server is told to stop."""
_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,998}[\x21-\x7e])?")
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,5})(?:$|[,;\s])")

logger = logging.getLogger(__name__)


def platform_application(platform: Platform, verifier: Verifier, *, answer_within: timedelta) -> Starlette:
    """What answers the contract's requests.

    Args:
        platform: whose ports do it.
        verifier: of the requests' signatures.
        answer_within: an effect that takes longer is answered 202; sooner where the caller asks for it.
    """
    served = _Served(verifier, answer_within.total_seconds())
    routes = [
        Route(VERSION_PATH + each.path, served.endpoint(each), methods=[each.method], name=each.name)
        for each in bindings(platform)
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await served.settle()

    status = Route(f"{VERSION_PATH}{OPERATIONS_PATH}/{{name}}", served.look, methods=["GET"])
    return Starlette(
        routes=[*routes, status],
        lifespan=lifespan,
        exception_handlers={
            RequestRefused: _answer_refused,
            Refused: _answer_refused,
            HTTPException: _answer_http,
        },
    )


class _Served:
    def __init__(self, verifier: Verifier, answer_within: float) -> None:
        self._verifier = verifier
        self._answer_within = answer_within
        self._under_way = UnderWay()

    def endpoint(self, binding: Binding) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body = await self._verified_body(request)
            try:
                call = binding.read(_given(binding, request, body))
            except ValidationError as error:
                raise _invalid(error) from None
            if binding.kind is not Kind.EFFECT:
                return await _outcome(binding.name, call)
            seconds = self._seconds(request)
            address = str(request.url.path).removesuffix(binding.path) + OPERATIONS_PATH
            return await self._under_way.run(_outcome(binding.name, call), seconds, address)

        return answer

    async def look(self, request: Request) -> Response:
        """How an effect stands that was accepted."""
        await self._verified_body(request)
        return self._under_way.look(request.path_params["name"], request.url.path)

    async def settle(self) -> None:
        """Lets what was accepted end."""
        await self._under_way.settle(GRACE.total_seconds())

    async def _verified_body(self, request: Request) -> bytes:
        body = await _body(request)
        query = request.scope["query_string"].decode("latin-1")
        path = request.scope["raw_path"].decode("latin-1")
        parts = SignedParts(
            request.method,
            f"{path}?{query}" if query else path,
            body,
            request.headers.get(IDEMPOTENCY_KEY),
        )
        try:
            self._verifier.verify(parts, request.headers)
        except SignatureRefused as refused:
            raise RequestRefused(
                HTTPStatus.UNAUTHORIZED,
                ProblemType.SIGNATURE_REFUSED,
                str(refused),
                {"WWW-Authenticate": "Signature"},
            ) from None
        return body

    def _seconds(self, request: Request) -> float:
        """How long to try before it is answered 202: RFC 7240 calls it a preference."""
        wanted = _WAIT.search(request.headers.get("prefer", ""))
        return min(self._answer_within, float(wanted[1])) if wanted else self._answer_within


async def _outcome(name: str, call: Callable[[], Awaitable[WireModel]]) -> Response:
    """What the port has answered, as a response; it never raises."""
    try:
        answer = await call()
    except Refused as refused:
        return refusal_response(refused)
    except MustRetain as kept:
        return must_retain_response(kept)
    except RequestRefused as refused:
        return request_refused_response(refused)
    except KeyReused:
        reused = RequestRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            ProblemType.IDEMPOTENCY_KEY_REUSED,
            "the key belongs to another effect",
        )
        return request_refused_response(reused)
    except DatabaseUnreachable:
        return unavailable_response()
    except Unavailable as away:
        return unavailable_response(away.retry_after)
    except Exception:
        logger.exception("an operation failed", extra={"operation": name})
        return defect_response()
    if isinstance(answer, Done):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(answer.model_dump_json(), media_type="application/json")


def _given(binding: Binding, request: Request, body: bytes) -> Given:
    """Raises RequestRefused for what can't be right before anybody looks at the fields."""
    query = request.query_params.multi_items()
    if binding.kind is Kind.READ:
        if len(dict(query)) < len(query):
            raise _malformed("a field stands in the query twice")
        return Given(dict(query), b"", "")
    if query:
        raise _malformed("what is asked stands in the body")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _malformed("the body has to be application/json", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    key = request.headers.get(IDEMPOTENCY_KEY, "")
    if binding.kind is Kind.EFFECT and not _KEY.fullmatch(key):
        raise _malformed("an effect has an Idempotency-Key: 1 to 1000 ASCII characters")
    return Given({}, body, key)


async def _body(request: Request) -> bytes:
    """Raises RequestRefused: `BODY_TOO_LARGE`."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            raise RequestRefused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                ProblemType.BODY_TOO_LARGE,
                f"a body has at most {BODY_LIMIT} bytes",
                {"Connection": "close"},
            )
    return bytes(body)


def _malformed(detail: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> RequestRefused:
    return RequestRefused(status, ProblemType.INVALID_REQUEST, detail)


def _invalid(error: ValidationError) -> RequestRefused | Refused:
    """Not as the schema says, or (a refusal) what no schema can say: such as decimals that a currency lacks.

    Never what was sent: it may be a password.
    """
    faults = error.errors(include_input=False, include_url=False, include_context=False)[:5]
    told = "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or 'the body'}: {each['msg']}" for each in faults
    )[:1_000]
    if all(each["type"] == "value_error" for each in faults):
        return Refused(RefusalType.MALFORMED_INPUT, told.replace("Value error, ", ""))
    return _malformed(told)


async def _answer_refused(request: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        return refusal_response(error)
    assert isinstance(error, RequestRefused)
    return request_refused_response(error)


async def _answer_http(request: Request, error: Exception) -> Response:
    """Starlette's own: no such path, no such method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    known = {
        HTTPStatus.NOT_FOUND: ProblemType.PATH_NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED: ProblemType.METHOD_NOT_ALLOWED,
    }
    problem = known.get(status, ProblemType.INVALID_REQUEST)
    return request_refused_response(RequestRefused(status, problem, status.phrase, error.headers or {}))
