"""What a response means: the answer, a refusal, or a fault. What is in doubt is a fault, never an answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from closure.errors import RefusalType, Refused
from closure.model import Instant
from closure.visible_text import printable
from connectors.http.answered import Done
from connectors.http.calling.faults import (
    AnswerUnreadable,
    CredentialsRefused,
    CursorExpired,
    KeyTaken,
    NotServed,
    ServiceFault,
    ServiceThrottles,
    ServiceUnavailable,
)
from connectors.http.operations import Answered
from connectors.http.problems import MEDIA_TYPE, REFUSALS, TYPE_PREFIX, Problem, ProblemType
from connectors.ports import MustRetain

_JSON: Final = "application/json"
_LONGEST_PAUSE: Final = timedelta(days=1)
_LONGEST_DETAIL: Final = 500
_UNTIL: Final[TypeAdapter[datetime | None]] = TypeAdapter(Instant | None)
_NOT_SERVED: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
_NEVER_FOUND: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


@dataclass(frozen=True)
class Received:
    """A response, read whole. Names of headers in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def retry_after(self) -> timedelta | None:
        """Of the header `Retry-After`, in seconds or as a date; None without a good one."""
        return _retry_after(self.headers.get("retry-after", ""), datetime.now(UTC))


def read_answer(received: Received, expected: type[Answered]) -> Answered:
    """The answer of an operation.

    Raises:
        Refused: the platform refuses it.
        MustRetain: the law makes the provider keep what should go.
        ServiceFault: anything else but the expected answer.
    """
    if received.status >= HTTPStatus.BAD_REQUEST:
        raise _problem(received)
    if issubclass(expected, Done):
        if received.status != HTTPStatus.NO_CONTENT:
            raise AnswerUnreadable(f"status {received.status} where 204 says that it is done")
        return expected()
    if received.status != HTTPStatus.OK or received.media_type != _JSON:
        raise AnswerUnreadable(f"status {received.status} is no JSON answer")
    return read_body(received.body, expected)


def read_body(body: bytes, expected: type[Answered]) -> Answered:
    """A JSON document in which every field stands, null where there is nothing: what is left out is unknown.

    Raises:
        AnswerUnreadable: it says where the document is wrong, and nothing of what it holds.
    """
    try:
        answer = expected.model_validate_json(body, strict=True)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the document"
        raise AnswerUnreadable(f"the answer is not as the contract says: {place}") from None
    missing = _left_out(answer)
    if missing is not None:
        raise AnswerUnreadable(f"the answer leaves out {missing}")
    return answer


def _left_out(value: object) -> str | None:
    """The first field that a document did not have but could have had."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        absent = fields.keys() - value.model_fields_set
        if absent:
            return min(absent)
        parts: Iterable[object] = (getattr(value, name) for name in fields)
    else:
        parts = value if isinstance(value, tuple) else ()
    return next((missing for missing in map(_left_out, parts) if missing is not None), None)


def _problem(received: Received) -> Refused | MustRetain | ServiceFault:
    problem = _read_problem(received)
    final = (_refusal(received, problem) or _must_retain(received, problem)) if problem is not None else None
    if final is not None:
        return final
    status, pause = received.status, received.retry_after
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ServiceThrottles(f"status {status}", retry_after=pause)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceUnavailable(f"status {status}", retry_after=pause)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return CredentialsRefused(f"status {status}: the service doesn't accept our credentials")
    named = problem.type if problem is not None else None
    if named == TYPE_PREFIX + ProblemType.CURSOR_EXPIRED:
        return CursorExpired(f"status {status}: the list is no longer kept")
    if named == TYPE_PREFIX + ProblemType.IDEMPOTENCY_KEY_REUSED:
        return KeyTaken(f"status {status}: the key belongs to another effect")
    fault = NotServed if status in _NOT_SERVED else AnswerUnreadable
    return fault(f"status {status} with no refusal that the contract knows")


def _read_problem(received: Received) -> Problem | None:
    if received.media_type != MEDIA_TYPE:
        return None
    try:
        return Problem.model_validate_json(received.body)
    except ValidationError:
        return None


def _refusal(received: Received, problem: Problem) -> Refused | None:
    """Final, so both have to say it: the type and the status that belongs to it."""
    refusal = next((each for each in REFUSALS if TYPE_PREFIX + each == problem.type), None)
    if refusal is None:
        return None
    is_gone = refusal is RefusalType.ACCOUNT_NOT_FOUND and received.status in _NEVER_FOUND
    if received.status != REFUSALS[refusal] and not is_gone:
        return None
    detail = printable(problem.detail)[:_LONGEST_DETAIL] or "the platform refuses it"
    return Refused(refusal, detail, facts=problem.facts)


def _must_retain(received: Received, problem: Problem) -> MustRetain | None:
    """None also for one whose end can't be read: until somebody has mended it, it is in doubt."""
    is_one = problem.type == TYPE_PREFIX + ProblemType.MUST_RETAIN
    if not is_one or received.status != HTTPStatus.CONFLICT or not problem.detail:
        return None
    try:
        return MustRetain(problem.detail, _UNTIL.validate_python(problem.facts.get("until")))
    except ValidationError:
        return None


def _retry_after(text: str, now: datetime) -> timedelta | None:
    if text.isascii() and text.isdigit():
        pause = timedelta(seconds=min(int(text[:6]), int(_LONGEST_PAUSE.total_seconds())))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
        pause = moment - now
    return min(max(pause, timedelta(0)), _LONGEST_PAUSE)
