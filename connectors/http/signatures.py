"""Signed requests: HTTP Message Signatures (RFC 9421), HMAC-SHA256 with a shared key, digests by RFC 9530.

What is signed is always the same: method, path, query, the body's digest, the idempotency key where there is
one, and as parameters the time, the key's id and a nonce. The host is not: a proxy may change it.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from connectors.http.operations import IDEMPOTENCY_KEY

CONTENT_DIGEST: Final = "Content-Digest"
SIGNATURE: Final = "Signature"
SIGNATURE_INPUT: Final = "Signature-Input"

_LABEL: Final = "closure"
_ALGORITHM: Final = "hmac-sha256"
_INPUT: Final = re.compile(
    rf"{_LABEL}=(?P<parameters>\((?P<names>[^()]*)\);created=(?P<created>[0-9]{{1,12}})"
    rf';keyid="(?P<key_id>[^"\\]{{1,64}})";alg="{_ALGORITHM}";nonce="(?P<nonce>[A-Za-z0-9_-]{{16,64}})")'
)
_SIGNATURE: Final = re.compile(rf"{_LABEL}=:([A-Za-z0-9+/]{{43}}=):")


class SignatureRefused(Exception):
    """A request that nobody who holds a key sent so, now, for the first time; the message says why."""


@dataclass(frozen=True)
class SignedParts:
    """What a signature covers of a request: `target` is path and query as they stand in the request line."""

    method: str
    target: str
    body: bytes = b""
    idempotency_key: str | None = None

    def components(self) -> dict[str, str]:
        """In the order in which they are signed."""
        path, _, query = self.target.partition("?")
        found = {
            "@method": self.method,
            "@path": path,
            "@query": f"?{query}",
            "content-digest": content_digest(self.body),
        }
        if self.idempotency_key is not None:
            found[IDEMPOTENCY_KEY.lower()] = self.idempotency_key
        return found


def content_digest(body: bytes) -> str:
    """The header `Content-Digest` of a body; an empty one has one, too."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def signature_base(components: Mapping[str, str], parameters: str) -> str:
    """What is signed, as RFC 9421 lays it out."""
    lines = [f'"{name}": {value}' for name, value in components.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def hmac_signature(key: bytes, base: str) -> str:
    """In base64."""
    return base64.b64encode(hmac.digest(key, base.encode("utf-8"), "sha256")).decode("ascii")


def sign(
    parts: SignedParts, *, key_id: str, key: bytes, created: int, nonce: str | None = None
) -> dict[str, str]:
    """The headers that a signed request has beside its own; `created` in seconds since 1970, UTC."""
    components = parts.components()
    parameters = (
        f'{_listed(components)};created={created};keyid="{key_id}";alg="{_ALGORITHM}"'
        f';nonce="{nonce or secrets.token_urlsafe(18)}"'
    )
    signature = hmac_signature(key, signature_base(components, parameters))
    return {
        CONTENT_DIGEST: components["content-digest"],
        SIGNATURE_INPUT: f"{_LABEL}={parameters}",
        SIGNATURE: f"{_LABEL}=:{signature}:",
    }


class Verifier:
    """Checks signatures, and that none comes twice. What it has seen is in memory, of this process only.

    Args:
        find_key: a key by its id; None for one that isn't there.
        window: seconds that the two clocks may be apart, and that a request may be old.
        clock: seconds since 1970, UTC.
    """

    def __init__(
        self, find_key: Callable[[str], bytes | None], window: float, clock: Callable[[], float]
    ) -> None:
        self._find_key = find_key
        self._window = window
        self._clock = clock
        self._seen: dict[tuple[str, str], float] = {}

    def verify(self, parts: SignedParts, headers: Mapping[str, str]) -> str:
        """The id of the key; `headers` by any case.

        Raises:
            SignatureRefused: no signature, not this request's, of an unknown key, too old, or seen before.
        """
        found = _INPUT.fullmatch(headers.get(SIGNATURE_INPUT, ""))
        signature = _SIGNATURE.fullmatch(headers.get(SIGNATURE, ""))
        if found is None or signature is None:
            raise SignatureRefused("the request is not signed as the contract says")
        components = parts.components()
        if f"({found['names']})" != _listed(components):
            raise SignatureRefused("the signature doesn't cover what it must")
        key = self._find_key(found["key_id"])
        expected = hmac_signature(key or bytes(32), signature_base(components, found["parameters"]))
        if not hmac.compare_digest(expected, signature[1]) or key is None:
            raise SignatureRefused("the signature is not this request's, or its key is unknown")
        if headers.get(CONTENT_DIGEST) != components["content-digest"]:
            raise SignatureRefused("the body is not the one that its digest is of")
        self._require_new(found["key_id"], found["nonce"], int(found["created"]))
        return found["key_id"]

    def _require_new(self, key_id: str, nonce: str, created: int) -> None:
        now = self._clock()
        if abs(now - created) > self._window:
            raise SignatureRefused("the request is too old, or the clocks are too far apart")
        self._forget_before(now - 2 * self._window)
        if (key_id, nonce) in self._seen:
            raise SignatureRefused("this request has come before")
        self._seen[key_id, nonce] = now

    def _forget_before(self, moment: float) -> None:
        """They stand in the order in which they came."""
        while self._seen and next(iter(self._seen.values())) < moment:
            del self._seen[next(iter(self._seen))]


def _listed(names: Iterable[str]) -> str:
    return "(" + " ".join(f'"{name}"' for name in names) + ")"
