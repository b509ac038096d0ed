"""A platform behind the HTTP contract: a real server in this process, and the ports that call it."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

import httpx2
import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.http.bundle import platform_over
from connectors.http.calling.breaker import CircuitBreaker
from connectors.http.calling.caller import Caller, Patience
from connectors.http.calling.credentials import Credentials, RequestSigner
from connectors.http.calling.transport import Transport
from connectors.http.operations import VERSION_PATH
from connectors.http.serving.application import platform_application
from connectors.http.signatures import Verifier
from connectors.ports import Platform
from keys.key_ring import PayloadKeys, new_key_ring

RING = new_key_ring()
KEYS = PayloadKeys(RING)
AT_ONCE = timedelta(seconds=20)
LONG = timedelta(seconds=20)
WINDOW = 300.0

Sleep = Callable[[float], Awaitable[object]]


class Exchangeable:
    """An application that can be another one at each test, while the server stays."""

    def __init__(self) -> None:
        self.application: ASGIApp = Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.application(scope, receive, send)


@dataclass(frozen=True)
class ServedPlatform:
    """`url` is the service's address, with the version's path."""

    url: str
    exchangeable: Exchangeable

    def over(
        self, platform: Platform, *, answer_within: timedelta = AT_ONCE, sleep: Sleep = asyncio.sleep
    ) -> Platform:
        """The ports that call this platform over the network; closed by its `aclose`."""
        self.serve(platform, answer_within=answer_within)
        return calling(self.url, sleep=sleep)

    def serve(
        self,
        platform: Platform,
        *,
        answer_within: timedelta = AT_ONCE,
        around: Callable[[ASGIApp], ASGIApp] = lambda application: application,
    ) -> None:
        verifier = Verifier(KEYS.find, WINDOW, time.time)
        application = platform_application(platform, verifier, answer_within=answer_within)
        self.exchangeable.application = around(application)


def calling(
    url: str,
    *,
    credentials: Credentials | None = None,
    breaker: CircuitBreaker | None = None,
    patience: Patience = Patience(call=LONG, answer=LONG),  # noqa: B008 - frozen
    answer_limit: int = 1 << 20,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> Platform:
    """The ports over a service; `transport` takes the place of the network."""
    return platform_over(
        Caller(
            url,
            Transport(
                tls=True,
                connections=10,
                connect_timeout=LONG,
                read_timeout=LONG,
                answer_limit=answer_limit,
                transport=transport,
            ),
            credentials or RequestSigner(KEYS),
            breaker or CircuitBreaker(failures=100, pause=LONG),
            patience,
            clock=clock,
            sleep=sleep,
        )
    )


@asynccontextmanager
async def running_server() -> AsyncIterator[ServedPlatform]:
    """A server on a free port of this computer."""
    exchangeable = Exchangeable()
    config = uvicorn.Config(exchangeable, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
    async with listening(config) as address:
        yield ServedPlatform(f"http://{address}{VERSION_PATH}", exchangeable)


@asynccontextmanager
async def listening(config: uvicorn.Config) -> AsyncIterator[str]:
    """Serves in this process; the address, with its port."""
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listens:
        running = asyncio.create_task(server._serve(sockets=[listens]))
        yield f"127.0.0.1:{listens.getsockname()[1]}"
        server.should_exit = True
        await running
