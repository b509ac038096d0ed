"""One Temporal payload sealed under a key by its id (AES-256-GCM), and opened again or refused."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload

from keys.key_ring import PayloadKeys
from keys.payload_faults import DamagedPayload, UnknownKey

ENCODING = "encoding"
ENCRYPTED = b"binary/encrypted"
KEY_ID = "encryption-key-id"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_PURPOSE = b"account-closure/payload/1"


def is_encrypted(payload: Payload) -> bool:
    return payload.metadata.get(ENCODING) == ENCRYPTED


def key_id_of(payload: Payload) -> str:
    """The id of the key that an encrypted payload names; it may be anything, it comes from outside."""
    return payload.metadata.get(KEY_ID, b"").decode("utf-8", "replace")


class PayloadCipher:
    """Seals whole payloads, metadata included. Nonces are random: rotate keys long before 2**32 payloads."""

    def __init__(self, keys: PayloadKeys) -> None:
        self._keys = keys

    def seal(self, payload: Payload) -> Payload:
        """The payload under the current key: the nonce and the ciphertext with its tag."""
        key_id, key = self._keys.current
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = AESGCM(key).encrypt(nonce, payload.SerializeToString(), _bound_to(key_id))
        metadata = {ENCODING: ENCRYPTED, KEY_ID: key_id.encode("ascii")}
        return Payload(metadata=metadata, data=nonce + ciphertext)

    def open(self, payload: Payload) -> Payload:
        """What `seal` was given.

        Raises:
            UnknownKey: the key that it names is not here, yet or any more.
            DamagedPayload: it was changed since, or never sealed under that key.
        """
        key_id = key_id_of(payload)
        key = self._keys.find(key_id)
        if key is None:
            raise UnknownKey(f"a payload is encrypted under key {key_id[:64]!r}, which is not among our keys")
        if len(payload.data) < _NONCE_BYTES + _TAG_BYTES:
            raise DamagedPayload(f"a payload under key {key_id!r} is too short to be whole")
        nonce, ciphertext = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            opened = Payload()
            opened.ParseFromString(AESGCM(key).decrypt(nonce, ciphertext, _bound_to(key_id)))
        except (InvalidTag, DecodeError) as error:
            raise DamagedPayload(f"a payload under key {key_id!r} was changed since it was sealed") from error
        return opened


def _bound_to(key_id: str) -> bytes:
    """What the tag covers beyond the content: a ciphertext is of no use under another name or purpose."""
    return b"\0".join((_PURPOSE, ENCRYPTED, key_id.encode("utf-8")))
