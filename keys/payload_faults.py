"""Why a payload can't be read. Nothing here needs the cryptography package, so commands start fast."""

from typing import Final

LARGEST_PAYLOAD: Final = 256 * 1024
"""Bytes of what goes to Temporal: lists of things lie in the record, and ids and counts are small."""
PAYLOAD_TOO_LARGE: Final = "PayloadTooLarge"
"""Type of the failure that a larger one ends with."""


class PayloadFault(Exception):
    """A payload from Temporal that can't be trusted or read; the message never quotes its content."""


class UnknownKey(PayloadFault):
    """Readable, but not with the keys that are here: wait for the key."""


class DamagedPayload(PayloadFault):
    """Changed on the way, or never ours: no key will make it readable."""


class MisplacedPayload(DamagedPayload):
    """Whole, but sealed for another workflow or another activity: copied from there."""


class UnreadablePayload(PayloadFault, ValueError):
    """A damaged payload, or plain text where encryption is required, at the moment when it is used."""


def payload_fault(error: BaseException) -> PayloadFault | None:
    """The payload fault that `error` is or was caused by."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, PayloadFault):
        seen = seen.__cause__ or seen.__context__
    return seen
