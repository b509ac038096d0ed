"""Serving an application until it is told to stop."""

import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from web.address import WebAddress

GRACEFUL_SHUTDOWN: Final = timedelta(seconds=20)
"""How long requests under way may take after SIGTERM; an act that is cut off then lapses."""
IDLE: Final = timedelta(seconds=30)
_BACKLOG: Final = 2048

logger = structlog.stdlib.get_logger("web")


class CannotListen(Exception):
    """The address is taken or not ours; the message says which."""


def behind_proxies(application: ASGIApp, proxies: str | None) -> ASGIApp:
    """Sees who asks by what these proxies say (`X-Forwarded-For`), and nobody else.

    Without it everybody behind a proxy would share one limit of requests.
    """
    if proxies is None:
        return application
    wrapped: ASGIApp = ProxyHeadersMiddleware(application, trusted_hosts=proxies)  # type: ignore[arg-type, assignment]
    return wrapped


class _Server(uvicorn.Server):
    """Leaves signals to `serve`: uvicorn raises them again when it has ended, and the process would die."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(application: ASGIApp, address: WebAddress, stopping: asyncio.Event) -> None:
    """Serves until SIGTERM or SIGINT, which set `stopping`; lets requests under way end.

    Raises:
        CannotListen: it can't listen there.
    """
    config = uvicorn.Config(
        application,
        access_log=False,  # ours has no ids of people
        log_config=None,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_keep_alive=int(IDLE.total_seconds()),
        timeout_graceful_shutdown=int(GRACEFUL_SHUTDOWN.total_seconds()),
    )
    server = _Server(config)

    def stop() -> None:
        stopping.set()
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with _listening(address) as listening:
        logger.info("web service listens", address=f"{address.host}:{address.port}", url=address.url)
        await server.serve(sockets=[listening])


def _listening(address: WebAddress) -> socket.socket:
    try:
        (family, *_, found), *_ = socket.getaddrinfo(
            address.listens_on, address.port, type=socket.SOCK_STREAM
        )
        return socket.create_server(found[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CannotListen(
            f"setting CLOSURE_WEB_ADDRESS: {address.host}:{address.port} can't be listened on: "
            f"{error.strerror or error}"
        ) from error
