"""A provider's service tells when what it had accepted is done."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx2
import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from closure.accounts import Access
from closure.identifiers import effect_key
from closure.lifecycle import Outcome
from closure.messages import StatusDocument
from connectors.http.callbacks import SignedCallbacks
from connectors.http.operations import VERSION_PATH
from connectors.http.signatures import SignedParts, Verifier, sign
from connectors.ports import Platform
from keys.key_ring import PayloadKeys, new_key_ring
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.served_platform import KEYS, RING, WINDOW, ServedPlatform, running_server
from tests.harness.waiting import eventually
from tests.web.api_driver import ApiDriver, opened_api, problem
from web.application import BODY_LIMIT

PATH: Final = "/callbacks/operations"
TARGET: Final = f"/api/v1{PATH}"
STORE = [{"id": "oss-1", "store": "object-storage", "objects": 1200}]
ERASE: Final = f"{VERSION_PATH}/data-stores/erase"


@dataclass
class Works:
    """A service that erases some day: until then it answers 202, without an address to ask about it."""

    application: ASGIApp
    is_done: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self.application
        if scope["path"] == ERASE and not self.is_done:
            answer = Response(status_code=HTTPStatus.ACCEPTED, headers={"Retry-After": "86400"})
        await answer(scope, receive, send)


@dataclass
class Callbacks:
    """Callbacks as a service sends them."""

    api: ApiDriver

    async def send(
        self,
        body: bytes,
        *,
        created: float | None = None,
        key: tuple[str, bytes] = KEYS.current,
        signed: SignedParts | None = None,
    ) -> httpx2.Response:
        parts = signed or SignedParts("POST", TARGET, body)
        headers = sign(parts, key_id=key[0], key=key[1], created=int(created or time.time()))
        return await self.send_signed(body, headers)

    async def send_signed(self, body: bytes, headers: dict[str, str]) -> httpx2.Response:
        return await self.api.http.post(TARGET, content=body, headers=headers)


def done(key: str) -> bytes:
    return json.dumps({"idempotency_key": key}).encode()


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[ServedPlatform]:
    async with running_server() as running:
        yield running


@pytest.fixture
def services() -> list[Works]:
    return []


@pytest.fixture
async def installation(
    installations: InstallationBuilder, server: ServedPlatform, services: list[Works]
) -> AsyncIterator[TestInstallation]:
    """On a service that only tells by callbacks."""

    def over(platform: Platform) -> Platform:
        calling = server.over(platform)
        services.append(Works(server.exchangeable.application))
        server.exchangeable.application = services[-1]
        return replace(calling, callbacks=SignedCallbacks(Verifier(KEYS.find, WINDOW, time.time)))

    async with installations.open(platforms=over) as opened:
        yield opened
        await opened.platform.aclose()


@pytest.fixture
def service(installation: TestInstallation, services: list[Works]) -> Works:
    (found,) = services
    return found


@pytest.fixture
def callbacks(api: ApiDriver) -> Callbacks:
    return Callbacks(api)


async def erasing(installation: TestInstallation) -> AccountDriver:
    """An account whose data is being erased, which takes until the service says that it is done."""
    closing = await installation.account(data=STORE)
    await closing.silent()
    await closing.end_of_silence()
    await closing.until(is_waiting)
    return closing


def is_waiting(document: StatusDocument) -> bool:
    waiting = document.waiting_for
    return waiting is not None and waiting.detail == "finish: NotErased"


async def test_a_closure_whose_service_tells_by_a_callback_goes_on_at_once(
    installation: TestInstallation, service: Works, callbacks: Callbacks
) -> None:
    """Without it, the next look would be an hour later."""
    closing = await erasing(installation)
    key = effect_key(closing.closure_id, "erase", "oss-1")
    lie = await told(callbacks, key)
    assert lie.status_code == HTTPStatus.NO_CONTENT
    await closing.until(is_waiting)
    assert await closing.access() is Access.CLOSURE_STATUS_ONLY, "what a callback says is not believed"
    service.is_done = True
    assert (await told(callbacks, key)).content == b""
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert await closing.failed_tasks() == []
    assert (await told(callbacks, key)).status_code == HTTPStatus.NO_CONTENT, "nothing waits for it any more"


async def told(callbacks: Callbacks, key: str) -> httpx2.Response:
    """As a service tells: again and again, until somebody has listened."""
    return await eventually(
        lambda: callbacks.send(done(key)),
        lambda answer: answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE,
        "a callback is taken",
    )


async def test_only_who_holds_a_key_is_listened_to_once_and_now(callbacks: Callbacks) -> None:
    body = done("closure-1/erase/oss-1")
    unsigned = await callbacks.send_signed(body, {})
    problem(unsigned, 401, "SignatureRefused")
    assert unsigned.headers["WWW-Authenticate"] == "Signature"
    other = new_key_ring()
    stranger = PayloadKeys(other).current
    problem(await callbacks.send(body, key=stranger), 401, "SignatureRefused")
    problem(await callbacks.send(body, key=(RING.current, stranger[1])), 401, "SignatureRefused")
    for elsewhere in (
        SignedParts("POST", TARGET, done("closure-2/erase/oss-1")),
        SignedParts("POST", f"{TARGET}?a=1", body),
        SignedParts("PUT", TARGET, body),
        SignedParts("POST", "/v1/data-stores/erase", body),
        SignedParts("POST", TARGET, body, "closure-1/erase/oss-1"),
    ):
        problem(await callbacks.send(body, signed=elsewhere), 401, "SignatureRefused")
    for apart in (-WINDOW - 2, WINDOW + 2):
        problem(await callbacks.send(body, created=time.time() + apart), 401, "SignatureRefused")
    for apart in (-WINDOW + 60, WINDOW - 60):
        problem(await callbacks.send(body, created=time.time() + apart), 404, "ClosureNotFound")
    headers = sign(
        SignedParts("POST", TARGET, body), key_id=RING.current, key=KEYS.current[1], created=int(time.time())
    )
    problem(await callbacks.send_signed(body, headers), 404, "ClosureNotFound")
    problem(await callbacks.send_signed(body, headers), 401, "SignatureRefused")


@pytest.mark.parametrize("key", ["nobody/erase/oss-1", "nobody", "/", "%00/erase", "a" * 1_000])
async def test_an_effect_that_is_not_ours_is_unknown(callbacks: Callbacks, key: str) -> None:
    problem(await callbacks.send(done(key)), 404, "ClosureNotFound")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"idempotency_key": 1}',
        b'{"idempotency_key"',
        *(done(""), done("a" * 1_001), done("a\0"), done("a\n"), done("é")),
    ],
)
async def test_a_body_that_is_not_as_the_contract_says_is_refused(callbacks: Callbacks, body: bytes) -> None:
    problem(await callbacks.send(body), 422, "InvalidFields")


async def test_a_body_that_is_too_long_is_not_read(callbacks: Callbacks) -> None:
    problem(await callbacks.send(b"x" * (BODY_LIMIT + 1)), 413, "BodyTooLarge")


async def test_a_platform_that_tells_nothing_is_not_listened_to(
    installations: InstallationBuilder, tmp_path: Path
) -> None:
    async with (
        installations.open(with_worker=False) as embedded,
        opened_api(embedded, tmp_path / "tokens.json") as api,
    ):
        problem(await Callbacks(api).send(done("closure-1/erase/oss-1")), 404, "PathNotFound")
