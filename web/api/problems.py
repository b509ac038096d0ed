"""Errors of the API: `application/problem+json` (RFC 9457), with the refusal's type and its facts."""

import math
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from fastapi.exceptions import RequestValidationError
from pydantic import JsonValue
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from client.faults import NotAnswered, TemporalFailed
from closure.errors import RefusalType, Refused
from closure.model import WireModel
from database import DatabaseUnreachable
from keys.secret_file import SecretFault
from temporal.faults import ServerUnreachable
from web.rate_limits import RateLimit

MEDIA_TYPE: Final = "application/problem+json"
DOCS: Final = "/api/docs"
AWAY: Final = (TemporalFailed, ServerUnreachable, DatabaseUnreachable, SecretFault)
"""Raised where something of ours does not answer."""
TRY_AGAIN_AFTER: Final = 5
"""Seconds, where something of ours is away."""


class ProblemType(StrEnum):
    """What goes wrong before any rule is asked; stable for programs, as `RefusalType` is."""

    BODY_TOO_LARGE = "BodyTooLarge"
    HOST_REFUSED = "HostRefused"
    IDEMPOTENCY_KEY_IN_USE = "IdempotencyKeyInUse"
    IDEMPOTENCY_KEY_REUSED = "IdempotencyKeyReused"
    INTERNAL_ERROR = "InternalError"
    INVALID_FIELDS = "InvalidFields"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    NOT_ANSWERED = "NotAnswered"
    PATH_NOT_FOUND = "PathNotFound"
    SCOPE_MISSING = "ScopeMissing"
    SIGNATURE_REFUSED = "SignatureRefused"
    TOKEN_REFUSED = "TokenRefused"
    TOO_MANY_REQUESTS = "TooManyRequests"
    UNAVAILABLE = "Unavailable"


class FieldError(WireModel):
    """One field that can't be right; `path` goes from `location` on, with dots: `proof.code`."""

    location: str
    path: str
    message: str


class ProblemDetails(WireModel):
    """Why a request was not carried out. `error` is for programs; `detail` is a sentence for people."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    facts: Mapping[str, JsonValue] = {}
    """The values behind the sentence, such as `account_id` or the seconds of `retry_after`."""
    acknowledgements: tuple[str, ...] = ()
    """What has to be acknowledged, where that is missing."""
    errors: tuple[FieldError, ...] = ()


class Problem(Exception):
    """A request that is not carried out, for a reason of HTTP's rather than of a closure's."""

    def __init__(
        self,
        status: HTTPStatus,
        error: ProblemType | RefusalType,
        detail: str,
        *,
        facts: Mapping[str, JsonValue] = {},
        headers: Mapping[str, str] = {},
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.detail = detail
        self.facts = facts
        self.headers = headers
        self.errors = tuple(errors)


STATUS_OF: Final[Mapping[RefusalType, HTTPStatus]] = {
    RefusalType.ACCOUNT_NOT_FOUND: HTTPStatus.NOT_FOUND,
    RefusalType.CLOSURE_NOT_FOUND: HTTPStatus.NOT_FOUND,
    RefusalType.ACCESS_REFUSED: HTTPStatus.FORBIDDEN,
    RefusalType.CODE_REFUSED: HTTPStatus.FORBIDDEN,
    RefusalType.IDENTITY_METHOD_REFUSED: HTTPStatus.FORBIDDEN,
    RefusalType.IDENTITY_PROOF_REQUIRED: HTTPStatus.FORBIDDEN,
    RefusalType.ROLE_REFUSED: HTTPStatus.FORBIDDEN,
    RefusalType.SECRET_REFUSED: HTTPStatus.FORBIDDEN,
    RefusalType.MALFORMED_INPUT: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalType.TOO_MANY_CHALLENGES: HTTPStatus.TOO_MANY_REQUESTS,
    RefusalType.TOO_MANY_GUESSES: HTTPStatus.TOO_MANY_REQUESTS,
    RefusalType.ACT_LAPSED: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""All others are refused by the state of the closure or the account: 409."""

FIELD_OF: Final[Mapping[RefusalType, str]] = {
    RefusalType.ACKNOWLEDGEMENT_REQUIRED: "acknowledgements",
    RefusalType.INVALID_REASON: "reason",
    RefusalType.MODE_NOT_OFFERED: "mode",
    RefusalType.PHRASE_REFUSED: "phrase",
    RefusalType.POLICY_NOT_FOUND: "policy",
    RefusalType.RISK_NOT_ACCEPTED: "accept_risk",
}
"""Refused for what one field says, whatever the state: 422, with the field's path."""


def problem_response(error: Exception, method: str = "POST") -> Response | None:
    """The answer to what was raised; None for a defect of ours."""
    match error:
        case Problem():
            return _response(
                error.status,
                error.error,
                error.detail,
                facts=error.facts,
                headers=error.headers,
                errors=error.errors,
            )
        case Refused():
            return _refusal(error, method)
        case RequestValidationError():
            return _invalid(error)
        case NotAnswered():
            return _away(ProblemType.NOT_ANSWERED, str(error), {"closure_id": error.closure_id})
        case _ if isinstance(error, AWAY):
            # Their sentences name addresses and files, which are the operator's: they are logged.
            return _away(
                ProblemType.UNAVAILABLE, "something that this service needs does not answer; try again"
            )
        case HTTPException():
            return _http(error)
        case ClientDisconnect():  # nobody reads this any more
            return _response(
                HTTPStatus.BAD_REQUEST, RefusalType.MALFORMED_INPUT, "the request broke off before its end"
            )
        case _:
            return None


async def answer_problem(request: Request, error: Exception) -> Response:
    """As an exception handler."""
    answer = problem_response(error, request.method)
    assert answer is not None, f"{type(error).__name__} is registered, but has no answer"
    return answer


def internal_error() -> Response:
    """Says nothing of what went wrong: the log does."""
    return _response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        ProblemType.INTERNAL_ERROR,
        "this is a defect of the service, nothing that you did",
    )


def _refusal(refused: Refused, method: str) -> Response:
    field = FIELD_OF.get(refused.type)
    if refused.acknowledgements and [*refused.acknowledgements] == [refused.facts.get("agreement")]:
        field = "agree"
    errors: tuple[FieldError, ...] = ()
    status = STATUS_OF.get(refused.type, HTTPStatus.CONFLICT)
    if field is not None:
        location = "query" if method == "GET" else "body"
        errors = (FieldError(location=location, path=field, message=refused.message),)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    headers = {}
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(refused.facts.get("retry_after", TRY_AGAIN_AFTER))
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(TRY_AGAIN_AFTER)
    return _response(
        status,
        refused.type,
        refused.message,
        facts=refused.facts,
        headers=headers,
        errors=errors,
        acknowledgements=refused.acknowledgements,
    )


def _invalid(error: RequestValidationError) -> Response:
    faults = error.errors()
    if any(each["type"] == "json_invalid" for each in faults):
        return _response(HTTPStatus.BAD_REQUEST, RefusalType.MALFORMED_INPUT, "the body is no JSON document")
    # Never what was sent: it may be a password.
    errors = tuple(
        FieldError(
            location=str(each["loc"][0]),
            path=".".join(map(str, each["loc"][1:])),
            message=str(each["msg"]).removeprefix("Value error, "),
        )
        for each in faults
    )
    return _response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        ProblemType.INVALID_FIELDS,
        "; ".join(f"{each.path or each.location}: {each.message}" for each in errors),
        errors=errors,
    )


def _http(error: HTTPException) -> Response:
    known = {
        HTTPStatus.NOT_FOUND: (ProblemType.PATH_NOT_FOUND, "there is nothing at this path"),
        HTTPStatus.METHOD_NOT_ALLOWED: (ProblemType.METHOD_NOT_ALLOWED, "this path has no such method"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (ProblemType.BODY_TOO_LARGE, "the body is too large"),
    }
    status = HTTPStatus(error.status_code)
    error_type, detail = known.get(status, (RefusalType.MALFORMED_INPUT, "the request can't be read"))
    return _response(status, error_type, detail, headers=error.headers or {})


def _away(error: ProblemType, detail: str, facts: Mapping[str, JsonValue] = {}) -> Response:
    headers = {"Retry-After": str(TRY_AGAIN_AFTER)}
    return _response(HTTPStatus.SERVICE_UNAVAILABLE, error, detail, facts=facts, headers=headers)


def require_within(limit: RateLimit, name: str) -> None:
    """Passes while whoever is called so keeps within the limit. Raises `Problem` (429)."""
    seconds = limit.take(name)
    if not seconds:
        return
    wait = max(1, math.ceil(seconds))
    raise Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        ProblemType.TOO_MANY_REQUESTS,
        f"too many requests; try again in {wait} seconds",
        facts={"retry_after": wait},
        headers={"Retry-After": str(wait)},
    )


def invalid_field(location: str, path: str, message: str) -> Problem:
    """For one field that can't be right (422)."""
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        ProblemType.INVALID_FIELDS,
        f"{path}: {message}",
        errors=[FieldError(location=location, path=path, message=message)],
    )


def title_of(error: str) -> str:
    """`ClosureNotFound` as people read it."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", error).capitalize()


def _response(
    status: HTTPStatus,
    error: ProblemType | RefusalType,
    detail: str,
    *,
    facts: Mapping[str, JsonValue] = {},
    headers: Mapping[str, str] = {},
    errors: tuple[FieldError, ...] = (),
    acknowledgements: tuple[str, ...] = (),
) -> Response:
    problem = ProblemDetails(
        type=f"{DOCS}#{error.value}",
        title=title_of(error.value),
        status=status.value,
        detail=detail,
        error=error.value,
        facts=facts,
        acknowledgements=acknowledgements,
        errors=errors,
    )
    return JSONResponse(problem.model_dump(mode="json"), status, dict(headers), MEDIA_TYPE)


def host_refused() -> Response:
    """For a request that asks for a host that this is not."""
    return _response(HTTPStatus.BAD_REQUEST, ProblemType.HOST_REFUSED, "this service is not called so")


def body_refused() -> Response:
    """For a body that is announced to be beyond the limit."""
    return _http(HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
