"""What the OpenAPI document says of every call beside its own words: its problems, its scope, its key."""

from typing import Annotated, Final

from fastapi import Depends, Header, Path, Request

from closure.messages import IDENTIFIER
from web.api.once import KEY, KEY_HEADER
from web.api.problems import MEDIA_TYPE
from web.service import WebService, service_of

PROBLEM_SCHEMA: Final = "ProblemDetails"
BASE: Final = "/api/v1"

_MEANINGS: Final = {
    400: "The request can't be read.",
    401: "There is no token, or none that is good.",
    403: "The token lacks the scope, or the user lacks the role or the proof.",
    404: "There is no such account or closure, or it may not be seen.",
    409: "Refused as the closure or the account stands.",
    413: "The body is too large.",
    422: "Fields that can't be right, each with its path.",
    429: "Too many requests, codes or guesses: `Retry-After` says when to try again.",
    500: "A defect of the service.",
    503: "Something that is needed does not answer: `Retry-After` says when to try again.",
}
_EVERY_CALL: Final = (401, 403, 422, 429, 500, 503)
_WAITING: Final = frozenset({429, 503})


def problems(*more: int) -> dict[int | str, dict[str, object]]:
    """The problems that a call may answer with: those of every call, and these."""
    return {status: _described(status) for status in sorted({*_EVERY_CALL, *more})}


def _described(status: int) -> dict[str, object]:
    retry_after = {"description": "Seconds.", "schema": {"type": "integer"}}
    return {
        "description": _MEANINGS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{PROBLEM_SCHEMA}"}}},
        **({"headers": {"Retry-After": retry_after}} if status in _WAITING else {}),
    }


READING: Final = problems(400, 404)
ACTING: Final = problems(400, 404, 409, 413)


def _service(request: Request) -> WebService:
    return service_of(request)


Service = Annotated[WebService, Depends(_service)]
AccountId = Annotated[str, Path(pattern=IDENTIFIER)]
ClosureId = Annotated[str, Path(pattern=IDENTIFIER)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        pattern=KEY,
        description="The same key with the same request: the same answer for 24 hours, and one act.",
    ),
]


def takes_idempotency_key(_key: IdempotencyKey = None) -> None:
    """Declares and checks the header; `web.api.once` acts on it."""
