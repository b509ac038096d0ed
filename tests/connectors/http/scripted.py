"""A service that answers what a test has written down, and remembers what it was asked."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

import httpx2

from closure.errors import RefusalType
from connectors.http.calling.breaker import CircuitBreaker
from connectors.http.calling.caller import Patience
from connectors.http.problems import MEDIA_TYPE, TYPE_PREFIX, ProblemType
from connectors.ports import Platform
from tests.harness.served_platform import calling

URL = "https://platform.example/closure/v1"
STATEMENT: dict[str, object] = {
    "cash": {"minor": 1820, "currency": "USD"},
    "promo": {"minor": 0, "currency": "USD"},
    "bills": [],
    "credit_notes": [],
    "usage_final_until": None,
}
Answer = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


def ok(body: object) -> httpx2.Response:
    return httpx2.Response(HTTPStatus.OK, json=body)


def problem(
    status: int, type: RefusalType | ProblemType, headers: Mapping[str, str] = {}, **members: object
) -> httpx2.Response:
    body = json.dumps({"type": TYPE_PREFIX + type.value, "title": "", "status": status, **members})
    return httpx2.Response(status, content=body, headers={"Content-Type": MEDIA_TYPE, **headers})


class _Once(httpx2.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


@dataclass
class Scripted:
    """Each request gets the next answer, the last one again and again."""

    answers: list[Answer]
    requests: list[httpx2.Request] = field(default_factory=list)
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def platform(self, *, patience: float = 60, failures: int = 100, limit: int = 1 << 16) -> Platform:
        """The ports over it; time only passes while they sleep."""
        return calling(
            URL,
            breaker=CircuitBreaker(failures, timedelta(seconds=10), lambda: self.now),
            patience=Patience(call=timedelta(seconds=patience), answer=timedelta(seconds=7)),
            answer_limit=limit,
            transport=httpx2.MockTransport(self._answer),
            clock=lambda: self.now,
            sleep=self._sleep,
        )

    @property
    def keys(self) -> list[str | None]:
        return [each.headers.get("Idempotency-Key") for each in self.requests]

    @property
    def targets(self) -> list[str]:
        return [f"{each.method} {each.url.raw_path.decode()}" for each in self.requests]

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        found = answer if isinstance(answer, httpx2.Response) else answer(request)
        # One that has been made whole can't be read part by part.
        return httpx2.Response(found.status_code, headers=found.headers, stream=_Once(found.content))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
