"""Problems as both sides of the contract know them: `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from pydantic import Field, JsonValue

from closure.errors import RefusalType
from closure.model import WireModel

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:account-closure:"
"""What every `type` begins with; the rest is a `RefusalType` of `REFUSALS` or a `ProblemType`."""


class ProblemType(StrEnum):
    """What goes wrong before any rule is asked."""

    BODY_TOO_LARGE = "BodyTooLarge"
    CURSOR_EXPIRED = "CursorExpired"
    IDEMPOTENCY_KEY_REUSED = "IdempotencyKeyReused"
    INTERNAL_ERROR = "InternalError"
    INVALID_REQUEST = "InvalidRequest"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    MUST_RETAIN = "MustRetain"
    OPERATION_NOT_FOUND = "OperationNotFound"
    PATH_NOT_FOUND = "PathNotFound"
    SIGNATURE_REFUSED = "SignatureRefused"
    UNAVAILABLE = "Unavailable"


REFUSALS: Final[Mapping[RefusalType, HTTPStatus]] = {
    RefusalType.ACCESS_REFUSED: HTTPStatus.FORBIDDEN,
    RefusalType.ACCOUNT_CLOSED: HTTPStatus.CONFLICT,
    RefusalType.ACCOUNT_NOT_FOUND: HTTPStatus.NOT_FOUND,
    RefusalType.LEGAL_HOLD: HTTPStatus.CONFLICT,
    RefusalType.MALFORMED_INPUT: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalType.THING_NOT_ALLOWED: HTTPStatus.CONFLICT,
    RefusalType.THING_NOT_FOUND: HTTPStatus.NOT_FOUND,
}
"""What a platform may refuse, and with which status: nothing else counts as a refusal, which is final."""


class Problem(WireModel):
    """`detail` is one sentence for the person who asked, without personal data; `facts` its values."""

    type: str
    title: str = ""
    status: int | None = None
    detail: Annotated[str, Field(max_length=2_000)] = ""
    facts: Mapping[str, JsonValue] = {}
