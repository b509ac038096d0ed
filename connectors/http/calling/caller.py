"""Calls the operations of a provider's service."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from connectors.http.calling.answers import Received, read_answer
from connectors.http.calling.breaker import CircuitBreaker
from connectors.http.calling.credentials import Credentials
from connectors.http.calling.faults import (
    AnswerUnreadable,
    NotServed,
    ServiceFault,
    ServiceUnreachable,
    StillUnderWay,
)
from connectors.http.calling.transport import Sending, Transport
from connectors.http.operations import IDEMPOTENCY_KEY, Answered, Asked, Kind, Operation

ATTEMPTS: Final = 3
"""At one call, within its time limit; the engine tries for as long as it takes."""
_FIRST_PAUSE: Final = 0.2
_LOOK_AGAIN: Final = timedelta(seconds=1)
_ACCEPT: Final = {"Accept": "application/json, application/problem+json"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long one call may take in all, and how long the service should try before it answers 202."""

    call: timedelta
    answer: timedelta


class Caller:
    """Signs, sends, follows what is accepted until it is done, and tries again what failed in passing.

    Args:
        url: of the service, with no slash at its end.
        transport: to it.
        credentials: what the service knows us by.
        breaker: for the service.
        patience: how long to wait.
        clock: seconds, monotonic.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        url: str,
        transport: Transport,
        credentials: Credentials,
        breaker: CircuitBreaker,
        patience: Patience,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._url = url
        self._transport = transport
        self._credentials = credentials
        self._breaker = breaker
        self._patience = patience
        self._clock = clock
        self._sleep = sleep

    async def ask(
        self, operation: Operation[Asked, Answered], asked: Asked, *, key: str | None = None
    ) -> Answered:
        """The answer of an operation; an effect has its idempotency key, the same at every attempt.

        Raises:
            Refused: the platform refuses it.
            MustRetain: the law makes the provider keep what should go.
            NotServed: there is no such operation.
            ServiceFault: there is no answer that counts, for whatever other reason.
        """
        sending = self._sending(operation, asked, key)
        ends_at = self._clock() + self._patience.call.total_seconds()
        attempt = 0
        while True:
            attempt += 1
            try:
                return read_answer(await self._done(sending, ends_at), operation.answered)
            except ServiceFault as fault:
                if operation.is_optional and isinstance(fault, NotServed):
                    raise
                pause = _pause(fault, attempt)
                is_hopeless = operation.kind is Kind.CHECK or not fault.passes or attempt == ATTEMPTS
                if is_hopeless or self._clock() + pause >= ends_at:
                    facts = {"operation": operation.name, "error": type(fault).__name__, "fault": str(fault)}
                    logger.warning("a service gave no answer that counts", extra=facts)
                    raise
            await self._sleep(pause)

    async def aclose(self) -> None:
        await self._transport.aclose()

    def _sending(self, operation: Operation[Asked, Answered], asked: Asked, key: str | None) -> Sending:
        headers = dict(_ACCEPT)
        url = self._url + operation.path
        if operation.kind is Kind.READ:
            query = urlencode(asked.model_dump(mode="json", exclude_none=True))
            return Sending(operation.method, f"{url}?{query}", headers)
        headers["Content-Type"] = "application/json"
        if operation.kind is Kind.EFFECT:
            assert key, f"{operation.name} is an effect, which has a key"
            seconds = max(1, int(self._patience.answer.total_seconds()))
            headers |= {IDEMPOTENCY_KEY: key, "Prefer": f"respond-async, wait={seconds}"}
        return Sending(operation.method, url, headers, asked.model_dump_json().encode())

    async def _done(self, sending: Sending, ends_at: float) -> Received:
        """The answer after any number of 202."""
        received = await self._exchange(sending, ends_at)
        while received.status == HTTPStatus.ACCEPTED:
            pause = (received.retry_after or _LOOK_AGAIN).total_seconds()
            if self._clock() + pause >= ends_at:
                raise StillUnderWay("accepted, and not done yet", retry_after=received.retry_after)
            sending = self._look(sending, received)
            await self._sleep(pause)
            received = await self._exchange(sending, ends_at)
        return received

    def _look(self, sending: Sending, received: Received) -> Sending:
        """How what was accepted is asked about: at its address; without one, by the effect with its key."""
        location = received.headers.get("location")
        if location is not None:
            return Sending("GET", self._status_address(sending, location), _ACCEPT)
        if sending.method != "GET" and IDEMPOTENCY_KEY not in sending.headers:
            raise AnswerUnreadable("accepted, though it is no effect, and without an address to ask about it")
        return sending

    def _status_address(self, sending: Sending, location: str) -> str:
        """Of the service itself: our signature or token must go nowhere else."""
        address = urljoin(sending.url, location)
        if urlsplit(address)[:2] != urlsplit(self._url)[:2]:
            raise AnswerUnreadable("the address to ask how it stands is not the service's own")
        return address

    async def _exchange(self, sending: Sending, ends_at: float) -> Received:
        received = await self._send(sending, ends_at)
        if received.status == HTTPStatus.UNAUTHORIZED and self._credentials.renew():
            received = await self._send(sending, ends_at)
        return received

    async def _send(self, sending: Sending, ends_at: float) -> Received:
        self._breaker.enter()
        try:
            credentials = await self._credentials.headers(sending)
            complete = _with_headers(sending, credentials)
            received = await self._transport.send(complete, max(0.0, ends_at - self._clock()))
        except ServiceUnreachable:
            self._breaker.failed()
            raise
        except AnswerUnreadable:
            self._breaker.succeeded()
            raise
        if received.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        return received


def _with_headers(sending: Sending, headers: Mapping[str, str]) -> Sending:
    return Sending(sending.method, sending.url, {**sending.headers, **headers}, sending.body)


def _pause(fault: ServiceFault, attempt: int) -> float:
    """Seconds: what the service asks for, else longer each time, and not all callers at once."""
    if fault.retry_after is not None:
        return fault.retry_after.total_seconds()
    return _FIRST_PAUSE * 4.0 ** (attempt - 1) * random.uniform(0.5, 1.0)
