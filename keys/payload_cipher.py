"""One Temporal payload sealed under a key by its id (AES-256-GCM), and opened again or refused."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload

from keys.key_ring import PayloadKeys
from keys.payload_faults import DamagedPayload, MisplacedPayload, UnknownKey
from keys.payload_place import PayloadPlace

ENCODING = "encoding"
ENCRYPTED = b"binary/encrypted"
KEY_ID = "encryption-key-id"
PLACE = "encryption-place"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_PURPOSE = b"account-closure/payload/2"


def is_encrypted(payload: Payload) -> bool:
    return payload.metadata.get(ENCODING) == ENCRYPTED


def key_id_of(payload: Payload) -> str:
    """The id of the key that an encrypted payload names; it may be anything, it comes from outside."""
    return payload.metadata.get(KEY_ID, b"").decode("utf-8", "replace")


class PayloadCipher:
    """Seals whole payloads, metadata included, for their place, which stands on them and is authenticated.

    Nonces are random: rotate keys long before 2**32 payloads.
    """

    def __init__(self, keys: PayloadKeys) -> None:
        self._keys = keys

    def seal(self, payload: Payload, place: PayloadPlace | None) -> Payload:
        """The payload under the current key: the nonce and the ciphertext with its tag.

        Without a place it opens only where none is asked for.
        """
        stated = place.fingerprint() if place is not None else b""
        key_id, key = self._keys.current
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = AESGCM(key).encrypt(nonce, payload.SerializeToString(), _bound_to(key_id, stated))
        metadata = {ENCODING: ENCRYPTED, KEY_ID: key_id.encode("ascii"), PLACE: stated}
        return Payload(metadata=metadata, data=nonce + ciphertext)

    def open(self, payload: Payload, place: PayloadPlace | None) -> Payload:
        """What `seal` was given.

        Args:
            payload: the sealed one.
            place: where it was found; None for people's eyes, who look at payloads of every place.

        Raises:
            MisplacedPayload: it states another place, or none.
            UnknownKey: the key that it names is not here, yet or any more.
            DamagedPayload: it was changed since, or never sealed under that key.
        """
        stated = payload.metadata.get(PLACE, b"")
        if place is not None and stated != place.fingerprint():
            raise MisplacedPayload(f"a payload was not sealed for {place}, where it was found")
        key_id = key_id_of(payload)
        key = self._keys.find(key_id)
        if key is None:
            raise UnknownKey(f"a payload is encrypted under key {key_id[:64]!r}, which is not among our keys")
        if len(payload.data) < _NONCE_BYTES + _TAG_BYTES:
            raise DamagedPayload(f"a payload under key {key_id!r} is too short to be whole")
        nonce, ciphertext = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            opened = Payload()
            opened.ParseFromString(AESGCM(key).decrypt(nonce, ciphertext, _bound_to(key_id, stated)))
        except (InvalidTag, DecodeError) as error:
            raise DamagedPayload(f"a payload under key {key_id!r} was changed since it was sealed") from error
        return opened


def _bound_to(key_id: str, stated_place: bytes) -> bytes:
    """What the tag covers beyond the content: a ciphertext is of no use under another name or elsewhere."""
    return b"\0".join((_PURPOSE, ENCRYPTED, stated_place, key_id.encode("utf-8")))
