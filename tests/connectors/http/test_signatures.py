"""Signed requests: what is signed, and what a service refuses."""

import base64
import time
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

import httpx2
import pytest

from connectors.http.calling.credentials import RequestSigner
from connectors.http.calling.faults import CredentialsRefused
from connectors.http.signatures import (
    SIGNATURE,
    SIGNATURE_INPUT,
    SignatureRefused,
    SignedParts,
    Verifier,
    content_digest,
    hmac_signature,
    sign,
    signature_base,
)
from connectors.ports import Platform
from keys.key_ring import PayloadKeys, new_key_ring
from tests.harness.served_platform import KEYS, WINDOW, ServedPlatform, calling

KEY = bytes(range(32))
NOW = 1_795_000_000
EFFECT = SignedParts("POST", "/v1/data-stores/erase", b'{"account_id":"a-1","store_id":"s"}', "c-1/erase/s")
READ = SignedParts("GET", "/v1/billing/statement?account_id=a-1")


def test_the_base_and_the_mac_are_those_of_rfc_9421() -> None:
    """Its example B.2.5."""
    key = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    base = signature_base(
        {
            "date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "@authority": "example.com",
            "content-type": "application/json",
        },
        '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    )
    assert hmac_signature(key, base) == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


def test_the_digest_is_that_of_rfc_9530() -> None:
    """Its first example."""
    body = b'{"hello": "world"}\n'
    assert content_digest(body) == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def test_a_signed_request_of_ours() -> None:
    """A vector for other implementations: the guide has it, too."""
    headers = sign(EFFECT, key_id="2026-11", key=KEY, created=NOW, nonce="0123456789abcdef")
    assert headers[SIGNATURE_INPUT] == (
        'closure=("@method" "@path" "@query" "content-digest" "idempotency-key")'
        ';created=1795000000;keyid="2026-11";alg="hmac-sha256";nonce="0123456789abcdef"'
    )
    base = (
        '"@method": POST\n'
        '"@path": /v1/data-stores/erase\n'
        '"@query": ?\n'
        f'"content-digest": {content_digest(EFFECT.body)}\n'
        '"idempotency-key": c-1/erase/s\n'
        f'"@signature-params": {headers[SIGNATURE_INPUT].removeprefix("closure=")}'
    )
    assert headers[SIGNATURE] == f"closure=:{hmac_signature(KEY, base)}:"


def verifier(now: float = NOW) -> Verifier:
    return Verifier({"k": KEY}.get, WINDOW, lambda: now)


def signed(parts: SignedParts = EFFECT, *, key_id: str = "k", key: bytes = KEY) -> dict[str, str]:
    return sign(parts, key_id=key_id, key=key, created=NOW)


@pytest.mark.parametrize("parts", [EFFECT, READ])
def test_what_is_signed_is_accepted(parts: SignedParts) -> None:
    assert verifier().verify(parts, signed(parts)) == "k"


@pytest.mark.parametrize(
    "changed",
    [
        replace(EFFECT, method="PUT"),
        replace(EFFECT, target="/v1/data-stores/erased"),
        replace(EFFECT, target="/v1/data-stores/erase?account_id=a-2"),
        replace(EFFECT, body=EFFECT.body.replace(b"a-1", b"a-2")),
        replace(EFFECT, idempotency_key="c-2/erase/s"),
        replace(EFFECT, idempotency_key=None),
    ],
    ids=["method", "path", "query", "body", "key", "no key"],
)
def test_what_was_changed_on_the_way_is_refused(changed: SignedParts) -> None:
    with pytest.raises(SignatureRefused):
        verifier().verify(changed, signed())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(key=bytes(32)),
        signed(key_id="another"),
        {**signed(), SIGNATURE: "closure=::"},
        {**signed(), SIGNATURE_INPUT: signed()[SIGNATURE_INPUT].replace(' "content-digest"', "")},
        {**signed(), "Content-Digest": content_digest(b"{}")},
        {**signed(), SIGNATURE_INPUT: signed()[SIGNATURE_INPUT].replace("hmac-sha256", "rsa-v1_5-sha256")},
    ],
    ids=["none", "wrong key", "unknown key", "no mac", "covers less", "another digest", "another algorithm"],
)
def test_a_bad_signature_is_refused(headers: Mapping[str, str]) -> None:
    with pytest.raises(SignatureRefused):
        verifier().verify(EFFECT, headers)


@pytest.mark.parametrize("seconds", [-WINDOW, WINDOW])
def test_clocks_may_be_as_far_apart_as_the_window(seconds: float) -> None:
    assert verifier(NOW + seconds).verify(EFFECT, signed()) == "k"
    beyond = NOW + seconds + (1 if seconds > 0 else -1)
    with pytest.raises(SignatureRefused, match="too old"):
        verifier(beyond).verify(EFFECT, signed())


def test_a_request_is_accepted_once() -> None:
    service, headers = verifier(), signed()
    service.verify(EFFECT, headers)
    with pytest.raises(SignatureRefused, match="before"):
        service.verify(EFFECT, headers)
    assert service.verify(EFFECT, signed()) == "k", "the same, signed anew"


def test_what_was_seen_is_remembered_for_as_long_as_it_could_come_again() -> None:
    moment = [float(NOW)]
    service = Verifier({"k": KEY}.get, WINDOW, lambda: moment[0])
    early = sign(EFFECT, key_id="k", key=KEY, created=int(NOW + WINDOW))  # its clock is ahead
    service.verify(EFFECT, early)
    moment[0] += 2 * WINDOW
    service.verify(READ, sign(READ, key_id="k", key=KEY, created=int(moment[0])))
    with pytest.raises(SignatureRefused):
        service.verify(EFFECT, early)
    moment[0] += 2 * WINDOW + 1
    service.verify(READ, sign(READ, key_id="k", key=KEY, created=int(moment[0])))
    assert len(service._seen) == 1, "and no longer"


async def send(service: ServedPlatform, headers: Mapping[str, str]) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as http:
        return await http.get(f"{service.url}/billing/statement?account_id=a-1", headers=headers)


async def test_the_service_refuses_what_is_unsigned_or_comes_again(
    service: ServedPlatform, platform: Platform
) -> None:
    key_id, key = KEYS.current
    headers = sign(READ, key_id=key_id, key=key, created=int(time.time()))
    statuses = [(await send(service, each)).status_code for each in ({}, headers, headers)]
    unauthorized, not_found = HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND
    assert statuses == [unauthorized, not_found, unauthorized], "one of them was asked for the account"
    problem = await send(service, headers)
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["type"] == "urn:account-closure:SignatureRefused"


async def test_a_key_that_the_service_lacks_is_said_to_be_ours(
    service: ServedPlatform, platform: Platform
) -> None:
    other = calling(service.url, credentials=RequestSigner(PayloadKeys(new_key_ring())))
    with pytest.raises(CredentialsRefused):
        await other.billing.statement("a-1")
    await other.aclose()
