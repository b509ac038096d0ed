"""Crypto-erasure: a person's data in audit events is under a key of their account's, which deletion destroys.

An event with personal parts is stored without them, and with ``details["sealed"]``:
``{"fields": ["actor", "reason"], "content": "1.…"}``. The fields name what is missing (``actor``, the rest
are keys of `details`); the content is base64 of a 12-byte nonce and the AES-256-GCM ciphertext of the
fields' canonical JSON, bound to its place by ``[closure_id, sequence, event]`` (canonical JSON) as associated
data. The event's hash covers that form, so the chain verifies with the key and without it. The cipher's key
is HMAC-SHA256 of ``seal`` under the account's key; names are HMAC-SHA256 of the user id under HMAC-SHA256 of
``name``.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import JsonValue

from closure.canonical import canonical_json
from closure.events import EVENTS
from records.entries import AuditEvent, HashedPart, ReadEvent

ERASED: Final = "erased"
"""What is shown in the place of what was under a key that is destroyed."""
SEALED: Final = "sealed"
OPENED_BY: Final = "opened_by"
ACTOR: Final = "actor"

_FORMAT = "1."
_NONCE_BYTES = 12
_KEY_BYTES = 32


class NotOpened(Exception):
    """A sealed part that the account's key does not open: one of the two was changed."""


@dataclass(frozen=True)
class AccountKey:
    """The key of one account's personal data in the record."""

    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> "AccountKey":
        return cls(os.urandom(_KEY_BYTES))

    @classmethod
    def from_hex(cls, text: str) -> "AccountKey":
        return cls(bytes.fromhex(text))

    def hex(self) -> str:
        return self.secret.hex()

    def name(self, user_id: str) -> str:
        """What stands for the user where two places must agree on who it was (64 hex digits)."""
        return hmac.new(self._derived(b"name"), user_id.encode(), hashlib.sha256).hexdigest()

    def encrypt(self, content: bytes, place: bytes) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + AESGCM(self._derived(b"seal")).encrypt(nonce, content, place)
        return _FORMAT + base64.b64encode(sealed).decode("ascii")

    def decrypt(self, text: str, place: bytes) -> bytes:
        """Raises `NotOpened`."""
        try:
            sealed = base64.b64decode(text.removeprefix(_FORMAT), validate=True)
            cipher = AESGCM(self._derived(b"seal"))
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise NotOpened from error

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.new(self.secret, purpose, hashlib.sha256).digest()


def is_personal(event: AuditEvent) -> bool:
    """Whether anything in it may be a person's."""
    return event.actor is not None or not event.details.keys() <= _public_names(event)


def _public_names(event: AuditEvent) -> set[str]:
    # What the event's model does not know is personal until somebody has thought about it.
    model = EVENTS[event.event]
    return model.model_fields.keys() - model.personal_fields()


def seal_personal(event: AuditEvent, key: AccountKey) -> AuditEvent:
    """The event as it is stored and hashed: what may be personal is only in there under the key."""
    public_names = _public_names(event)
    public = {name: value for name, value in event.details.items() if name in public_names}
    personal: dict[str, JsonValue] = {
        name: value for name, value in event.details.items() if name not in public_names
    }
    fields = sorted(personal)
    if event.actor is not None:
        fields = [ACTOR, *fields]
    if not fields:
        return event
    content = canonical_json({"actor": event.actor, "details": personal}).encode()
    sealed: JsonValue = {"fields": [*fields], "content": key.encrypt(content, _place(event))}
    return event.model_copy(update={"actor": None, "details": {**public, SEALED: sealed}})


def open_personal(event: AuditEvent, key: AccountKey | None) -> ReadEvent:
    """The stored event as people read it; without a key its personal parts are `ERASED`.

    Raises:
        NotOpened: the key is not the one that it was sealed with, or its sealed part was changed.
    """
    hashed = HashedPart(actor=event.actor, details=event.details)
    sealed = event.details.get(SEALED)
    if sealed is None:
        return ReadEvent(**dict(event), hashed=hashed)
    fields, content = _parts(sealed)
    public = {name: value for name, value in event.details.items() if name not in (SEALED, OPENED_BY)}
    if key is None:
        details: dict[str, JsonValue] = {name: ERASED for name in fields if name != ACTOR}
        actor = ERASED if ACTOR in fields else None
    else:
        actor, details = _opened(key.decrypt(content, _place(event)))
    seen = event.model_copy(update={"actor": actor, "details": {**public, **details}})
    return ReadEvent(**dict(seen), hashed=hashed, erased=key is None)


def _parts(sealed: JsonValue) -> tuple[list[str], str]:
    match sealed:
        case {"fields": list(fields), "content": str(content)}:
            return [name for name in fields if isinstance(name, str)], content
        case _:
            raise NotOpened


def _opened(content: bytes) -> tuple[str | None, dict[str, JsonValue]]:
    match json.loads(content):
        case {"actor": str() | None as actor, "details": dict(details)}:
            return actor, details
        case _:
            raise NotOpened


def _place(event: AuditEvent) -> bytes:
    place: list[JsonValue] = [event.closure_id, event.sequence, event.event.value]
    return canonical_json(place).encode()
