"""Tokens and certificates in place of signatures."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import pytest
import uvicorn

from connectors.http.bundle import http_platform
from connectors.http.calling.credentials import ClientCredentials
from connectors.http.calling.faults import CredentialsRefused, ServiceUnavailable, ServiceUnreachable
from connectors.http.calling.transport import Transport
from connectors.http.settings import HttpSettings
from connectors.ports import Platform
from tests.connectors.http.scripted import STATEMENT, Answer, Scripted, ok
from tests.harness.served_platform import LONG, calling, listening
from tests.transport.certificates import Authority, Certificate

TOKEN_URL = "https://login.example/token"
HELD = ok({"held": False})


def token(value: str = "t-1", **more: object) -> httpx2.Response:
    return ok({"access_token": value, "token_type": "Bearer", "expires_in": 300, **more})


class _Service(Scripted):
    """A service that takes tokens, and the server that gives them."""

    def __init__(self, answers: list[Answer], tokens: list[Answer]) -> None:
        super().__init__(answers)
        self.login = Scripted(tokens)

    def with_tokens(self) -> Platform:
        transport = Transport(
            tls=True, connections=1, connect_timeout=LONG, read_timeout=LONG, answer_limit=10_000,
            transport=httpx2.MockTransport(self.login._answer),
        )  # fmt: skip
        credentials = ClientCredentials(
            transport, TOKEN_URL, "closure", "s3cret:&", "accounts", clock=lambda: self.now
        )
        return calling(
            "https://platform.example/v1",
            credentials=credentials,
            transport=httpx2.MockTransport(self._answer),
            clock=lambda: self.now,
            sleep=self._sleep,
        )

    @property
    def used(self) -> list[str]:
        return [each.headers["Authorization"] for each in self.requests]


async def test_a_token_is_asked_for_once_until_it_expires() -> None:
    service = _Service([ok(STATEMENT)], [token("t-1"), token("t-2")])
    platform = service.with_tokens()
    await asyncio.gather(*(platform.billing.statement("a-1") for _ in range(3)))
    service.now += 269
    await platform.billing.statement("a-1")
    assert service.used == ["Bearer t-1"] * 4
    service.now += 1
    await platform.billing.statement("a-1")
    assert service.used[-1] == "Bearer t-2", "half a minute before its end"
    first = service.login.requests[0]
    assert parse_qs(first.content.decode()) == {"grant_type": ["client_credentials"], "scope": ["accounts"]}
    assert httpx2.BasicAuth("closure", "s3cret%3A%26")._auth_header == first.headers["Authorization"]
    assert "Signature" not in service.requests[0].headers


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    service = _Service([ok(STATEMENT), httpx2.Response(401), ok(STATEMENT)], [token("t-1"), token("t-2")])
    platform = service.with_tokens()
    await platform.billing.statement("a-1")
    await platform.billing.statement("a-1")
    assert service.used == ["Bearer t-1", "Bearer t-1", "Bearer t-2"]
    service.answers[:] = [httpx2.Response(401)]
    with pytest.raises(CredentialsRefused):
        await platform.billing.statement("a-1")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (httpx2.Response(401), CredentialsRefused),
        (httpx2.Response(400, json={"error": "invalid_client"}), CredentialsRefused),
        (httpx2.Response(302, headers={"Location": "https://evil.example"}), CredentialsRefused),
        (httpx2.Response(503), ServiceUnavailable),
        (httpx2.ConnectError("no"), ServiceUnreachable),
        (token(token_type="mac"), CredentialsRefused),
        (token("with a\nline break"), CredentialsRefused),
        (ok({}), CredentialsRefused),
    ],
)
async def test_without_a_token_nothing_is_asked(answer: Answer, fault: type[Exception]) -> None:
    service = _Service([ok(STATEMENT)], [answer])
    with pytest.raises(fault) as raised:
        await service.with_tokens().billing.statement("a-1")
    assert service.requests == []
    assert "s3cret" not in str(raised.value)


async def _held(scope: Mapping[str, object], receive: object, send: object) -> None:
    assert callable(send)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": HELD.content})


def _asks_for_certificates(own: Certificate, authority: Authority) -> uvicorn.Config:
    return uvicorn.Config(
        _held,
        log_config=None,
        lifespan="off",
        ssl_certfile=str(own.certificate),
        ssl_keyfile=str(own.key),
        ssl_ca_certs=str(authority.file),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )


def _known_by(url: str, certificate: Certificate | None, authority: Authority) -> Platform:
    settings: dict[str, object] = {"url": url, "connect_timeout": "20s"}
    if certificate is not None:
        certificate.key.chmod(0o600)
        settings |= {"certificate_file": certificate.certificate, "private_key_file": certificate.key}
    return http_platform(HttpSettings(_env_file=None, **settings, authority_file=authority.file))  # type: ignore[arg-type]


async def test_a_certificate_alone_will_do_and_the_service_s_is_verified(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    ours, theirs = authority.issue("client"), authority.issue("server")
    async with listening(_asks_for_certificates(theirs, authority)) as address:
        known = _known_by(f"https://{address}/v1", ours, authority)
        assert await known.holds.is_held("a-1") is False
        await known.aclose()
        unknown = _known_by(f"https://{address}/v1", ours, stranger)
        with pytest.raises(ServiceUnreachable):
            await unknown.holds.is_held("a-1")
        await unknown.aclose()


async def test_a_certificate_of_somebody_else_s_is_refused(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    async with listening(_asks_for_certificates(authority.issue("server"), authority)) as address:
        refused = _known_by(f"https://{address}/v1", stranger.issue("client"), authority)
        with pytest.raises(ServiceUnreachable, match=r"^(Connect|Read|Write|RemoteProtocol)Error$"):
            await refused.holds.is_held("a-1")
        await refused.aclose()
