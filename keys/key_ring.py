"""The payload keys of an installation: several decrypt, one encrypts; from a file or a setting."""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from keys.secret_file import SecretFault, read_secret

KEY_BYTES = 32
"""AES-256."""
KEY_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SETTING = "CLOSURE_PAYLOAD_KEYS"


class KeyRingFault(SecretFault):
    """Keys that can't be used; the message says which file and why, never what is in it."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    current: str
    keys: dict[str, SecretStr]


@dataclass(frozen=True)
class KeyRing:
    """Keys by id, oldest first; `current` encrypts. Those after the current one are prepared for later."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def prepare(self) -> "KeyRing":
        """With a new key that only decrypts yet: to be given to every worker before `rotate`."""
        return KeyRing(self.current, {**self.keys, _fresh_id(self.keys): secrets.token_bytes(KEY_BYTES)})

    def rotate(self) -> "KeyRing":
        """The newest prepared key becomes the current one; without a prepared one, a new key."""
        newest = list(self.keys)[-1]
        ring = self if newest != self.current else self.prepare()
        return KeyRing(list(ring.keys)[-1], ring.keys)

    def to_json(self) -> str:
        encoded = {key_id: base64.b64encode(key).decode("ascii") for key_id, key in self.keys.items()}
        return json.dumps({"current": self.current, "keys": encoded}, indent=2) + "\n"


def new_key_ring() -> KeyRing:
    """One fresh key."""
    key_id = _fresh_id({})
    return KeyRing(key_id, {key_id: secrets.token_bytes(KEY_BYTES)})


def parse_key_ring(text: str, source: str = _SETTING) -> KeyRing:
    """The keys of a JSON document ``{"current": ID, "keys": {ID: base64 of 32 bytes}}``.

    Raises:
        KeyRingFault: anything else; `source` names where it came from.
    """
    try:
        document = _Document.model_validate(json.loads(text, object_pairs_hook=_without_duplicates))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"]) or "the document"
        raise KeyRingFault(f"payload keys {source}: {place}: {fault['msg']}") from None
    except _DuplicateName as error:
        raise KeyRingFault(f"payload keys {source}: {str(error)!r} is there twice") from None
    except (ValueError, RecursionError):
        raise KeyRingFault(
            f'payload keys {source}: no JSON document like {{"current": ID, "keys": {{ID: base64}}}}'
        ) from None
    keys = {key_id: _key(key_id, text.get_secret_value(), source) for key_id, text in document.keys.items()}
    if document.current not in keys:
        raise KeyRingFault(f"payload keys {source}: the current key {document.current!r} is not among them")
    return KeyRing(document.current, keys)


def load_key_ring(file: Path) -> KeyRing:
    """The keys of a file that nobody but its owner can read.

    Raises:
        SecretFault: the file can't be read, or others can read it.
        KeyRingFault: it is damaged.
    """
    return parse_key_ring(read_secret(file, "payload key file"), str(file))


class PayloadKeys:
    """The key ring in use. For a key that it lacks its file is read again: it may have been added since."""

    def __init__(self, ring: KeyRing, file: Path | None = None) -> None:
        self._ring = ring
        self._file = file
        self._seen = _version(file)

    @classmethod
    def of_file(cls, file: Path) -> "PayloadKeys":
        """Raises SecretFault."""
        return cls(load_key_ring(file), file)

    @property
    def current(self) -> tuple[str, bytes]:
        """Id and key to encrypt with."""
        return self._ring.current, self._ring.keys[self._ring.current]

    def find(self, key_id: str) -> bytes | None:
        """The key to decrypt with, if there is one."""
        if key_id not in self._ring.keys:
            self._read_again()
        return self._ring.keys.get(key_id)

    def _read_again(self) -> None:
        version = _version(self._file)
        if self._file is None or version == self._seen:
            return
        try:
            self._ring = load_key_ring(self._file)
        except SecretFault:
            return  # half written, perhaps; what is known stays, and the next unknown key looks again
        self._seen = version


class _DuplicateName(Exception):
    """A name that a JSON object has twice: one of two keys would be lost silently."""


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise _DuplicateName(name)
        found[name] = value
    return found


def _key(key_id: str, text: str, source: str) -> bytes:
    if not KEY_ID.fullmatch(key_id):
        raise KeyRingFault(
            f"payload keys {source}: {key_id!r} is no key id (small letters, digits, dot, dash, underscore)"
        )
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeyRingFault(f"payload keys {source}: key {key_id!r} is not base64") from None
    if len(key) != KEY_BYTES:
        raise KeyRingFault(
            f"payload keys {source}: key {key_id!r} has {len(key)} bytes instead of {KEY_BYTES}"
        )
    return key


def _fresh_id(taken: Mapping[str, bytes]) -> str:
    """By date, so that people see which is old; random, since ids are compared between installations."""
    while True:
        key_id = f"{datetime.now(UTC):%Y-%m-%d}-{secrets.token_hex(3)}"
        if key_id not in taken:
            return key_id


def _version(file: Path | None) -> tuple[int, int, int] | None:
    try:
        found = file.stat() if file is not None else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino, found.st_size) if found is not None else None
