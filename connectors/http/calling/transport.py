"""One request and its response over the network, bounded in time and size."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from ssl import SSLContext
from typing import Final

import httpx2

from connectors.http.calling.answers import Received
from connectors.http.calling.faults import AnswerUnreadable, ServiceUnreachable
from program_version import VERSION

_KEPT_ALIVE_SECONDS: Final = 30


@dataclass(frozen=True)
class Sending:
    """A request. `url` is complete, and written as it goes into the request line."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def target(self) -> str:
        """Path and query."""
        return httpx2.URL(self.url).raw_path.decode("ascii")


class Transport:
    """Connections to one service, kept for the next call.

    Args:
        tls: verifies the service; with our certificate where the service wants one.
        connections: so many at once; others wait for a free one.
        connect_timeout: for a new one.
        read_timeout: for each part of an answer.
        answer_limit: bytes of an answer's body.
        transport: in place of the network, for tests.
    """

    def __init__(
        self,
        tls: SSLContext | bool,
        *,
        connections: int,
        connect_timeout: timedelta,
        read_timeout: timedelta,
        answer_limit: int,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        connect, read = connect_timeout.total_seconds(), read_timeout.total_seconds()
        self._answer_limit = answer_limit
        self._http = httpx2.AsyncClient(
            verify=tls,
            trust_env=False,  # neither proxies nor passwords from somewhere else
            follow_redirects=False,
            timeout=httpx2.Timeout(connect=connect, read=read, write=read, pool=None),
            limits=httpx2.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=_KEPT_ALIVE_SECONDS,
            ),
            headers={"User-Agent": f"account-closure/{VERSION}", "Accept-Encoding": "identity"},
            transport=transport,
        )
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def send(self, sending: Sending, seconds: float) -> Received:
        """The whole answer, within so many seconds.

        Raises:
            ServiceUnreachable: there is none.
            AnswerUnreadable: it is too large, or packed.
        """
        request = self._http.build_request(
            sending.method, sending.url, headers=dict(sending.headers), content=sending.body or None
        )
        try:
            async with asyncio.timeout(seconds):
                return await self._receive(await self._http.send(request, stream=True))
        except (httpx2.RequestError, TimeoutError) as error:
            # Without its cause, which holds the request.
            raise ServiceUnreachable(type(error).__name__) from None

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _receive(self, response: httpx2.Response) -> Received:
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            if headers.get("content-encoding", "identity") != "identity":
                raise AnswerUnreadable("the answer is packed, which was not asked for")
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > self._answer_limit:
                    raise AnswerUnreadable(f"the answer is longer than {self._answer_limit} bytes")
            return Received(response.status_code, headers, bytes(body))
        finally:
            await response.aclose()
