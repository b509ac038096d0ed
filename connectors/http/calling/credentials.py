"""By what a service knows a request of ours: a signature or a token; a TLS certificate may come on top."""

import asyncio
import base64
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Protocol
from urllib.parse import quote_plus, urlencode

from pydantic import Field, ValidationError

from closure.model import WireModel
from connectors.http.calling.faults import CredentialsRefused, ServiceFault, ServiceUnavailable
from connectors.http.calling.transport import Sending, Transport
from connectors.http.operations import IDEMPOTENCY_KEY
from connectors.http.signatures import SignedParts, sign
from keys.key_ring import PayloadKeys

_EARLY: Final = 30.0
"""Seconds before its end in which a token counts as expired: it may be on its way for as long."""
_USUAL_LIFE: Final = 300.0
_TOKEN_SECONDS: Final = 10.0


class Credentials(Protocol):
    async def headers(self, sending: Sending) -> Mapping[str, str]:
        """What the request has to have in addition.

        Raises:
            ServiceFault: a token is needed, and there is none.
        """
        ...

    def renew(self) -> bool:
        """The service has refused them; True when another try with fresh ones makes sense."""
        ...


class CertificateOnly:
    """TLS has said all."""

    async def headers(self, sending: Sending) -> Mapping[str, str]:
        return {}

    def renew(self) -> bool:
        return False


class RequestSigner:
    """Signs with the current key of a file (`connectors.http.signatures`).

    Args:
        keys: the file's.
        clock: seconds since 1970, UTC.
    """

    def __init__(self, keys: PayloadKeys, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock

    async def headers(self, sending: Sending) -> Mapping[str, str]:
        key_id, key = self._keys.current
        parts = SignedParts(
            sending.method, sending.target, sending.body, sending.headers.get(IDEMPOTENCY_KEY)
        )
        return sign(parts, key_id=key_id, key=key, created=int(self._clock()))

    def renew(self) -> bool:
        return False


class _TokenAnswer(WireModel):
    access_token: Annotated[str, Field(min_length=1, max_length=16_384, pattern=r"^[\x21-\x7e]+$")]
    token_type: str
    expires_in: Annotated[float, Field(gt=0)] = _USUAL_LIFE


class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749, 4.4): a token, kept until shortly before it expires.

    Args:
        transport: to the authorization server.
        url: its token endpoint.
        client_id: with the secret sent as HTTP Basic.
        client_secret: never logged.
        scope: if the server wants one.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        transport: Transport,
        url: str,
        client_id: str,
        client_secret: str,
        scope: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        asked = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
        self._request = Sending(
            "POST",
            url,
            {
                "Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            urlencode(asked).encode("ascii"),
        )
        self._clock = clock
        self._asking = asyncio.Lock()
        self._token: tuple[str, float] | None = None

    async def headers(self, sending: Sending) -> Mapping[str, str]:
        async with self._asking:
            if self._token is None or self._token[1] <= self._clock():
                self._token = await self._ask()
            return {"Authorization": f"Bearer {self._token[0]}"}

    def renew(self) -> bool:
        was_there, self._token = self._token is not None, None
        return was_there

    async def _ask(self) -> tuple[str, float]:
        asked_at = self._clock()
        received = await self._transport.send(self._request, _TOKEN_SECONDS)
        if received.status != 200:
            raise _refused(received.status)
        try:
            answer = _TokenAnswer.model_validate_json(received.body)
        except ValidationError:
            raise CredentialsRefused("the token endpoint's answer holds no token") from None
        if answer.token_type.lower() != "bearer":
            raise CredentialsRefused("the token endpoint gives no bearer tokens")
        return answer.access_token, asked_at + max(answer.expires_in - _EARLY, answer.expires_in / 2)


def _refused(status: int) -> ServiceFault:
    if status >= 500:
        return ServiceUnavailable(f"status {status} of the token endpoint")
    return CredentialsRefused(f"status {status} of the token endpoint")
