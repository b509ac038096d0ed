"""What surrounds every request: by which names it may come, what goes with every answer, and one log line."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer; a page says its own policy for content."""
PATIENCE: Final = 20.0
"""Seconds."""
HSTS: Final = {"Strict-Transport-Security": "max-age=31536000"}

logger = structlog.stdlib.get_logger("web")


class SafeHeaders:
    """Adds headers to every answer that doesn't have its own."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class KnownHosts:
    """Refuses requests for any other host: what a page elsewhere makes a browser send, for example.

    Args:
        app: what answers the others.
        names: host names, without ports.
        refuse: makes the answer for those who ask for another.
    """

    def __init__(self, app: ASGIApp, names: Collection[str], refuse: Callable[[], Response]) -> None:
        self._app = app
        self._names = names
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._app
        if scope["type"] == "http" and not self._is_known(Headers(scope=scope).getlist("host")):
            app = self._refuse()
        await app(scope, receive, send)

    def _is_known(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        host = hosts[0].lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return name in self._names


class WithoutNul:
    """Refuses what is asked with a NUL: nothing is called so, and PostgreSQL can't even look it up.

    Args:
        app: what answers all else.
        refuse: makes the answer to such a request.
        except_below: beginnings of paths whose calls describe each of their parameters.
    """

    def __init__(
        self, app: ASGIApp, refuse: Callable[[Request], Response], except_below: tuple[str, ...]
    ) -> None:
        self._app = app
        self._refuse = refuse
        self._except_below = except_below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._app
        is_page = scope["type"] == "http" and not scope["path"].startswith(self._except_below)
        if is_page and b"%00" in scope["query_string"]:
            app = self._refuse(Request(scope))
        await app(scope, receive, send)


class LimitedBody:
    """Refuses bodies beyond a limit: at once where the length is announced, else as soon as it is passed.

    One that stops coming is given up after a while, so that slow clients hold nothing.

    Args:
        app: what reads the body.
        limit: bytes.
        refuse: makes the answer to the request.
        patience: seconds that each next part of it may take.
    """

    def __init__(
        self, app: ASGIApp, limit: int, refuse: Callable[[Request], Response], patience: float = PATIENCE
    ) -> None:
        self._app = app
        self._limit = limit
        self._refuse = refuse
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > self._limit:
            return await self._refuse(Request(scope))(scope, receive, send)
        taken, is_whole = 0, False

        async def receive_within_limit() -> Message:
            nonlocal taken, is_whole
            if is_whole:  # then comes only that the client has gone
                return await receive()
            try:
                async with asyncio.timeout(self._patience):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
            is_whole = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)  # who reads lets it pass
            return message

        return await self._app(scope, receive_within_limit, send)


class AccessLog:
    """One line for each request: which call, by whose token, how it ended.

    Neither tokens nor ids: of the path only the call's template, such as ``/api/v1/closures/{closure_id}``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began = time.monotonic()
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            logger.info(
                "request",
                method=scope["method"],
                call=getattr(scope.get("route"), "path", "none"),
                status=status,
                caller=scope.get("state", {}).get("caller"),
                milliseconds=round((time.monotonic() - began) * 1000),
            )
        return None
