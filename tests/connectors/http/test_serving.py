"""Our own server of the contract: what it answers 202, and what it refuses before any port is asked."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx2
import pytest

from connectors.embedded import embedded_platform
from connectors.faults import Unavailable
from connectors.http.calling.faults import AnswerUnreadable, ServiceUnavailable
from connectors.http.operations import IDEMPOTENCY_KEY
from connectors.http.serving.application import BODY_LIMIT
from connectors.http.signatures import SignedParts, sign
from connectors.ports import Platform
from database import Database, DatabaseUnreachable
from tests.connectors.samples import account, load
from tests.harness.served_platform import KEYS, ServedPlatform

NOTHING = timedelta(0)
DATA = [{"id": "oss-1", "store": "object-storage", "objects": 1200}]


class _Slow:
    """Stores that take until a test lets them."""

    def __init__(self, platform: Platform) -> None:
        self._inner = platform.data_stores
        self.may_answer = asyncio.Event()
        self.calls = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._inner, name)

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        self.calls += 1
        await self.may_answer.wait()
        return await self._inner.erase(account_id, store_id, key=key)


class _Broken:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def statement(self, account_id: str) -> None:
        raise self._error


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield client


async def ask(
    http: httpx2.AsyncClient,
    service: ServedPlatform,
    target: str,
    body: bytes | None = None,
    *,
    headers: Mapping[str, str] = {},
    method: str | None = None,
    signs: bool = True,
) -> httpx2.Response:
    """A signed request as it stands, whether the contract allows it or not."""
    url = httpx2.URL(service.url + target)
    method = method or ("GET" if body is None else "POST")
    key_id, key = KEYS.current
    parts = SignedParts(method, url.raw_path.decode(), body or b"", headers.get(IDEMPOTENCY_KEY))
    signature = sign(parts, key_id=key_id, key=key, created=int(time.time())) if signs else {}
    return await http.request(method, url, content=body, headers={**headers, **signature})


async def test_an_effect_that_takes_long_is_accepted_and_followed(
    database: Database, service: ServedPlatform, http: httpx2.AsyncClient
) -> None:
    await load(database, account(data=DATA))
    embedded = embedded_platform(database)
    slow = _Slow(embedded)
    service.serve(replace(embedded, data_stores=slow))
    body = json.dumps({"account_id": "a-1", "store_id": "oss-1"}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k", "Prefer": "respond-async, wait=0"}
    accepted = await ask(http, service, "/data-stores/erase", body, headers=headers)
    assert accepted.status_code == HTTPStatus.ACCEPTED
    assert accepted.headers["Retry-After"].isdigit()
    status = accepted.headers["Location"].removeprefix("/v1")
    assert (await ask(http, service, status)).status_code == HTTPStatus.ACCEPTED
    assert (await ask(http, service, status, signs=False)).status_code == HTTPStatus.UNAUTHORIZED
    slow.may_answer.set()
    while (done := await ask(http, service, status)).status_code == HTTPStatus.ACCEPTED:
        await asyncio.sleep(0)
    assert done.json() == {"objects": 1200, "retained_because": None, "retained_until": None}
    assert (await ask(http, service, status)).json() == done.json(), "for who has lost the answer"
    again = await ask(http, service, "/data-stores/erase", body, headers={**headers, "Prefer": "wait=20"})
    assert again.json() == done.json()


async def test_the_ports_follow_what_the_server_accepts(database: Database, service: ServedPlatform) -> None:
    await load(database, account(data=DATA))
    embedded = embedded_platform(database)
    slow = _Slow(embedded)
    platform = service.over(replace(embedded, data_stores=slow), answer_within=NOTHING)
    slow.may_answer.set()
    assert await platform.data_stores.erase("a-1", "oss-1", key="k") == 1200
    assert slow.calls == 1
    await platform.aclose()


@pytest.mark.parametrize(
    ("target", "body", "headers", "status", "type"),
    [
        ("/billing/statement", None, {}, 400, "InvalidRequest"),
        ("/billing/statement?account_id=a&account_id=b", None, {}, 400, "InvalidRequest"),
        ("/billing/statement?account_id=a-1&all=yes", None, {}, 400, "InvalidRequest"),
        ("/billing/statement?account_id=nobody", None, {}, 404, "AccountNotFound"),
        ("/data-stores/erase", b"{}", {}, 415, "InvalidRequest"),
        ("/data-stores/erase", b"{}", {"Content-Type": "application/json"}, 400, "InvalidRequest"),
        ("/no/such-path", None, {}, 404, "PathNotFound"),
        ("/operations/unknown", None, {}, 404, "OperationNotFound"),
    ],
)
async def test_what_is_refused_is_a_problem(
    service: ServedPlatform,
    platform: Platform,
    http: httpx2.AsyncClient,
    target: str,
    body: bytes | None,
    headers: dict[str, str],
    status: int,
    type: str,
) -> None:
    answer = await ask(http, service, target, body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"] == f"urn:account-closure:{type}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"account_id": "a-1"}',
        b'{"account_id": "a-1", "store_id": "s", "all": true}',
        b'{"account_id": "a-1", "store_id": 7}',
        b'{"account_id": "a-1", "store_id": "secret\\u0000"}',
    ],
)
async def test_a_body_that_can_t_be_right_is_refused_and_not_quoted(
    service: ServedPlatform, platform: Platform, http: httpx2.AsyncClient, body: bytes
) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    answer = await ask(http, service, "/data-stores/erase", body, headers=headers)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "dues",
    [
        [{"kind": "bills", "becomes": "stays_due", "amount": "1.234", "currency": "USD"}],
        [{"kind": "debt", "becomes": "stays_due", "amount": "1.23", "currency": "XXX"}],
        [{"kind": "debt", "becomes": "stays_due", "amount": "1.23", "currency": "USD"}] * 2,
    ],
    ids=["decimals", "currency", "twice"],
)
async def test_what_no_schema_can_say_is_a_refusal(
    service: ServedPlatform, platform: Platform, http: httpx2.AsyncClient, dues: object
) -> None:
    body = json.dumps({"account_id": "a-1", "dues": dues, "time": "2026-11-24T12:00:00Z"}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    answer = await ask(http, service, "/billing/hand-over", body, headers=headers)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.json()["type"] == "urn:account-closure:MalformedInput"


async def test_a_wrong_method_says_which_is_right(
    service: ServedPlatform, platform: Platform, http: httpx2.AsyncClient
) -> None:
    answer = await ask(http, service, "/data-stores/erase", method="DELETE")
    assert (answer.status_code, answer.headers["Allow"]) == (HTTPStatus.METHOD_NOT_ALLOWED, "POST")


async def test_a_body_beyond_the_limit_is_not_read(
    service: ServedPlatform, platform: Platform, http: httpx2.AsyncClient
) -> None:
    answer = await ask(http, service, "/data-stores/erase", b" " * (BODY_LIMIT + 1))
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


async def test_a_defect_is_logged_and_not_told(
    database: Database, service: ServedPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = _Broken(RuntimeError("secret of the house"))
    platform = service.over(replace(embedded_platform(database), billing=broken))
    with pytest.raises(ServiceUnavailable) as fault:
        await platform.billing.statement("a-1")
    assert "secret" not in str(fault.value)
    assert "secret of the house" in caplog.text
    await platform.aclose()


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (DatabaseUnreachable("away"), "5"),
        (Unavailable("busy"), "5"),
        (Unavailable("busy", retry_after=timedelta(seconds=1.5)), "2"),
    ],
)
async def test_what_is_away_says_when_to_ask_again(
    database: Database, service: ServedPlatform, http: httpx2.AsyncClient, error: Exception, seconds: str
) -> None:
    broken: Any = _Broken(error)
    service.serve(replace(embedded_platform(database), billing=broken))
    answer = await ask(http, service, "/billing/statement?account_id=a-1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, seconds)


async def test_a_server_of_something_else_is_unreadable(service: ServedPlatform, platform: Platform) -> None:
    async def page(scope: object, receive: object, send: Any) -> None:  # noqa: ANN401
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<html>Welcome to nginx!</html>"})

    service.exchangeable.application = page
    with pytest.raises(AnswerUnreadable):
        await platform.billing.statement("a-1")
