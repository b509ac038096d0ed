"""The one data converter of starter, worker, benchmarks and tests: pydantic models, encrypted if wanted."""

from collections.abc import Sequence
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    EncodingPayloadConverter,
)
from temporalio.exceptions import ApplicationError

from keys.key_ring import KeyRingFault, PayloadKeys, parse_key_ring
from keys.payload_codec import UNREADABLE, EncryptionCodec
from keys.payload_faults import LARGEST_PAYLOAD, PAYLOAD_TOO_LARGE, UnreadablePayload
from settings import Encryption, Settings


def build_data_converter(
    encryption: Encryption = Encryption.OFF, keys: PayloadKeys | None = None
) -> DataConverter:
    """Values ⇄ models ⇄ payloads; failures' messages and stack traces are payloads too when encrypting.

    Raises:
        KeyRingFault: encryption without keys.
    """
    return DataConverter(
        payload_converter_class=ClosurePayloadConverter,
        payload_codec=EncryptionCodec(encryption, keys),
        failure_converter_class=DefaultFailureConverter
        if encryption is Encryption.OFF
        else DefaultFailureConverterWithEncodedAttributes,
    )


def configured_data_converter(settings: Settings) -> DataConverter:
    """As the settings say; where they name keys but not whether to encrypt, it is on.

    Raises:
        SecretFault: the keys are missing, damaged, or open to other users.
    """
    keys = configured_keys(settings)
    encryption = settings.encryption
    if encryption is None:
        encryption = Encryption.ON if keys is not None else Encryption.OFF
    return build_data_converter(encryption, keys)


def configured_keys(settings: Settings) -> PayloadKeys | None:
    """The settings' keys, if they name any.

    Raises:
        SecretFault: they name two sources, or keys that can't be used.
    """
    if settings.payload_keys_file is not None and settings.payload_keys is not None:
        raise KeyRingFault("set CLOSURE_PAYLOAD_KEYS_FILE or CLOSURE_PAYLOAD_KEYS, not both")
    if settings.payload_keys_file is not None:
        return PayloadKeys.of_file(settings.payload_keys_file)
    if settings.payload_keys is not None:
        return PayloadKeys(parse_key_ring(settings.payload_keys.get_secret_value()))
    return None


class _UnreadableConverter(EncodingPayloadConverter):
    """Turns what the codec refused into the exception that says why."""

    @property
    def encoding(self) -> str:
        return UNREADABLE

    def to_payload(self, value: Any) -> Payload | None:  # noqa: ANN401 - the SDK's signature
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> object:
        raise UnreadablePayload(payload.data.decode("utf-8", "replace"))


# The SDK makes a converter for each payload's context, and forgets it at once.
_CONVERTERS: Final = (*PydanticPayloadConverter().converters.values(), _UnreadableConverter())


class ClosurePayloadConverter(CompositePayloadConverter):
    """The SDK's converter for pydantic models, and an answer to payloads that can't be trusted."""

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """See the SDK.

        Raises:
            ApplicationError: `PayloadTooLarge`: a list of things has got into a payload. No retry mends that.
        """
        payloads = super().to_payloads(values)
        largest = max((len(payload.data) for payload in payloads), default=0)
        if largest > LARGEST_PAYLOAD:
            raise ApplicationError(
                f"a payload of {largest} bytes is too large: at most {LARGEST_PAYLOAD} may go to Temporal",
                type=PAYLOAD_TOO_LARGE,
                non_retryable=True,
            )
        return payloads
