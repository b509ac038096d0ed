"""The codec between this program and Temporal: what leaves is encrypted, what comes back is checked."""

from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec, SerializationContext, WithSerializationContext

from keys.key_ring import KeyRingFault, PayloadKeys
from keys.payload_cipher import ENCODING, PayloadCipher, is_encrypted, key_id_of
from keys.payload_faults import DamagedPayload, UnknownKey
from keys.payload_place import PayloadPlace, place_of
from settings import Encryption

UNREADABLE = "binary/unreadable"
"""The encoding of what stands for a payload that can't be trusted: every conversion of it raises."""
_EMPTY = (b"", b"null", b"{}")


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Encrypts unless told `off`, decrypts what it has the key for, and fails closed.

    With a context, which worker and client always give, it seals for that place and takes nothing that was
    sealed for another one or for none; without one it opens everything, for people to read.

    An unknown key raises here: the workflow task fails and is tried again, so a closure waits for its key.
    A damaged or a forbidden plain payload raises where it is converted to a value: an exception here would
    stick a closure for ever on one bad signal, whereas there bad signals are dropped, bad updates rejected
    and a bad start input ends the workflow with `MalformedInput`. A damaged result still fails the task.
    """

    def __init__(
        self, encryption: Encryption, keys: PayloadKeys | None, place: PayloadPlace | None = None
    ) -> None:
        """Raises KeyRingFault when encryption is wanted and there are no keys."""
        if encryption is not Encryption.OFF and keys is None:
            raise KeyRingFault(
                f"CLOSURE_ENCRYPTION is {encryption.value} but there are no payload keys: set "
                "CLOSURE_PAYLOAD_KEYS_FILE (`python -m keys.payload_keys new FILE` makes one)"
            )
        self._encryption = encryption
        self._keys = keys
        self._cipher = PayloadCipher(keys) if keys is not None else None
        self._place = place

    def with_context(self, context: SerializationContext) -> "EncryptionCodec":
        if self._cipher is None:  # nothing is sealed for a place
            return self
        return EncryptionCodec(self._encryption, self._keys, place_of(context))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        if self._encryption is Encryption.OFF:
            return list(payloads)
        assert self._cipher is not None
        return [self._cipher.seal(payload, self._place) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises UnknownKey."""
        return [self._decoded(payload) for payload in payloads]

    def _decoded(self, payload: Payload) -> Payload:
        if not is_encrypted(payload):
            if self._encryption is Encryption.ON and not says_nothing(payload):
                return _unreadable("a payload is not encrypted although CLOSURE_ENCRYPTION is on")
            return payload
        if self._cipher is None:
            raise UnknownKey(
                f"a payload is encrypted under key {key_id_of(payload)[:64]!r} but there are no keys here: "
                "set CLOSURE_PAYLOAD_KEYS_FILE"
            )
        try:
            return self._cipher.open(payload, self._place)
        except DamagedPayload as damaged:
            return _unreadable(str(damaged))


def says_nothing(payload: Payload) -> bool:
    """A person's `recheck` from the Web UI is plain: no argument, null or ``{}``; nothing to protect."""
    encoding = payload.metadata.get(ENCODING)
    return encoding in (b"binary/null", b"json/plain") and payload.data.strip() in _EMPTY


def _unreadable(reason: str) -> Payload:
    return Payload(metadata={ENCODING: UNREADABLE.encode("ascii")}, data=reason.encode("utf-8"))
