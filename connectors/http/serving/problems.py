"""Answers that say no, and why."""

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Final

from pydantic import JsonValue
from starlette.responses import Response

from closure.errors import RefusalType, Refused
from connectors.http.problems import MEDIA_TYPE, REFUSALS, TYPE_PREFIX, Problem, ProblemType
from connectors.ports import MustRetain

TRY_AGAIN_AFTER: Final = timedelta(seconds=5)
"""Where something that is needed is away, and doesn't say for how long."""


class RequestRefused(Exception):
    """A request that is not carried out, for a reason of the contract's rather than of an account's."""

    def __init__(
        self, status: HTTPStatus, type: ProblemType, detail: str, headers: Mapping[str, str] = {}
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.type = type
        self.detail = detail
        self.headers = headers


def problem_response(
    status: HTTPStatus,
    type: ProblemType | RefusalType,
    detail: str,
    *,
    facts: Mapping[str, JsonValue] = {},
    headers: Mapping[str, str] = {},
) -> Response:
    problem = Problem(
        type=TYPE_PREFIX + type.value,
        title=re.sub(r"(?<!^)(?=[A-Z])", " ", type.value).capitalize(),
        status=status.value,
        detail=detail,
        facts=facts,
    )
    return Response(problem.model_dump_json(), status, dict(headers), MEDIA_TYPE)


def refusal_response(refused: Refused) -> Response:
    """A refusal that the contract doesn't know is a defect of this server."""
    status = REFUSALS.get(refused.type)
    if status is None:
        return defect_response()
    return problem_response(status, refused.type, refused.message, facts=refused.facts)


def must_retain_response(kept: MustRetain) -> Response:
    until = kept.until.isoformat() if kept.until is not None else None
    return problem_response(
        HTTPStatus.CONFLICT, ProblemType.MUST_RETAIN, kept.because, facts={"until": until}
    )


def request_refused_response(refused: RequestRefused) -> Response:
    return problem_response(refused.status, refused.type, refused.detail, headers=refused.headers)


def defect_response() -> Response:
    """Says nothing of what went wrong: the log does."""
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR, ProblemType.INTERNAL_ERROR, "this is a defect of the service"
    )


def unavailable_response(retry_after: timedelta | None = None) -> Response:
    pause = TRY_AGAIN_AFTER if retry_after is None else retry_after
    return problem_response(
        HTTPStatus.SERVICE_UNAVAILABLE,
        ProblemType.UNAVAILABLE,
        "something that this service needs does not answer",
        headers={"Retry-After": str(max(0, ceil(pause.total_seconds())))},
    )
