"""What the guide for a provider's engineers says is so."""

import re
import time
from collections.abc import Callable
from typing import cast

import pytest

from connectors.http.settings import HttpSettings
from connectors.http.signatures import SignedParts, content_digest, sign
from tests.harness.installed_program import PROJECT

GUIDE = (PROJECT / "docs" / "connect-over-http.md").read_text(encoding="utf-8")
KEY = bytes(range(32))
READ = SignedParts("GET", "/v1/billing/statement?account_id=a%2F1")
EFFECT = SignedParts("POST", "/v1/data-stores/erase", b'{"account_id":"a-1","store_id":"s"}', "c-1/erase/s")

Check = Callable[[str, str, str, dict[str, str], bytes, dict[str, bytes]], bool]


@pytest.fixture
def is_ours() -> Check:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "the guide", "exec"), names)
    return cast("Check", names["is_ours"])


def headers_of(parts: SignedParts, *, created: float | None = None) -> dict[str, str]:
    signed = sign(parts, key_id="2026-11", key=KEY, created=int(created or time.time()))
    key = {"idempotency-key": parts.idempotency_key} if parts.idempotency_key else {}
    return {**{name.lower(): value for name, value in signed.items()}, **key}


def split(parts: SignedParts) -> tuple[str, str, str]:
    path, _, query = parts.target.partition("?")
    return parts.method, path, query


@pytest.mark.parametrize("parts", [READ, EFFECT])
def test_its_check_accepts_our_requests_once(is_ours: Check, parts: SignedParts) -> None:
    headers, keys = headers_of(parts), {"2026-11": KEY}
    assert is_ours(*split(parts), headers, parts.body, keys)
    assert not is_ours(*split(parts), headers, parts.body, keys), "a replay"


def test_its_check_refuses_what_is_changed_old_or_nobody_s(is_ours: Check) -> None:
    method, path, query = split(EFFECT)
    headers, keys = headers_of(EFFECT), {"2026-11": KEY}
    assert not is_ours("PUT", path, query, headers, EFFECT.body, keys)
    assert not is_ours(method, path + "/", query, headers, EFFECT.body, keys)
    assert not is_ours(method, path, "a=1", headers, EFFECT.body, keys)
    assert not is_ours(method, path, query, headers, EFFECT.body + b" ", keys)
    assert not is_ours(method, path, query, {**headers, "idempotency-key": "another"}, EFFECT.body, keys)
    assert not is_ours(method, path, query, headers, EFFECT.body, {"2026-11": bytes(32)})
    assert not is_ours(method, path, query, headers, EFFECT.body, {})
    assert not is_ours(method, path, query, {}, EFFECT.body, keys)
    old = headers_of(EFFECT, created=time.time() - 400)
    assert not is_ours(method, path, query, old, EFFECT.body, keys)
    assert is_ours(method, path, query, headers, EFFECT.body, keys)


def test_its_signed_request_is_one() -> None:
    headers = sign(EFFECT, key_id="2026-11", key=KEY, created=1_795_000_000, nonce="0123456789abcdef")
    (example,) = re.findall(r"```http\n(.*?)```", GUIDE, re.DOTALL)
    for name, value in headers.items():
        assert f"{name}: {value}\n" in example
    assert content_digest(EFFECT.body) in example
    assert EFFECT.body.decode() in example


def test_every_setting_is_in_its_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(CLOSURE_HTTP_\w+)` \| (.*?) \|", GUIDE, re.MULTILINE))
    assert set(rows) == {f"CLOSURE_HTTP_{name.upper()}" for name in HttpSettings.model_fields}
    # Without a file or an environment: what stands in the class.
    shown = HttpSettings.model_construct().model_dump(mode="json")
    for name, value in shown.items():
        if value is not None:
            assert rows[f"CLOSURE_HTTP_{name.upper()}"] == f"`{value}`"
