"""Hooks for Schemathesis, which sends by `requests`: each is signed with the key of the file `KEYS`."""

import os
import time
from pathlib import Path

import requests
import schemathesis
from requests.auth import AuthBase

from connectors.http.operations import IDEMPOTENCY_KEY
from connectors.http.signatures import SignedParts, sign
from keys.key_ring import load_key_ring

RING = load_key_ring(Path(os.environ["KEYS"]))


class Signed(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        assert isinstance(body, str | bytes)
        parts = SignedParts(
            request.method or "",
            request.path_url,
            body.encode() if isinstance(body, str) else body,
            _text(request.headers.get(IDEMPOTENCY_KEY)),
        )
        request.headers.update(
            sign(parts, key_id=RING.current, key=RING.keys[RING.current], created=int(time.time()))
        )
        return request


def _text(value: str | bytes | None) -> str | None:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: object) -> object:
    """To JSON Schema 1.0 is an integer; to the contract it isn't."""
    return _without_fractions(body)


def _without_fractions(value: object) -> object:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _without_fractions(each) for name, each in value.items()}
        case list():
            return [_without_fractions(each) for each in value]
        case _:
            return value


schemathesis.auth.set_from_requests(Signed())  # type: ignore[attr-defined] # it is there
