"""Payloads are sealed whole, and whatever is not exactly as it was sealed raises before it is a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError

from keys.data_converter import build_data_converter, configured_data_converter
from keys.key_ring import KeyRing, PayloadKeys, new_key_ring
from keys.payload_cipher import PayloadCipher
from keys.payload_codec import EncryptionCodec
from keys.payload_faults import DamagedPayload, MisplacedPayload, PayloadFault, UnknownKey, payload_fault
from keys.payload_place import PayloadPlace, PlaceKind
from keys.secret_file import SecretFault
from settings import Encryption, Settings

MARKER = "acct-marker-7c1"
RING = new_key_ring()
KEYS = PayloadKeys(RING)
ON = build_data_converter(Encryption.ON, KEYS)
PLAIN = build_data_converter()


def workflow(workflow_id: str, namespace: str = "default") -> WorkflowSerializationContext:
    return WorkflowSerializationContext(namespace=namespace, workflow_id=workflow_id)


def activity(workflow_id: str, activity_type: str, activity_id: str | None = "1") -> SerializationContext:
    return ActivitySerializationContext(
        namespace="default",
        activity_id=activity_id,
        activity_type=activity_type,
        activity_task_queue="queue",
        workflow_id=workflow_id,
        workflow_type="AccountClosure",
        is_local=False,
    )


HERE = workflow("closure/p/a-1")


async def fault_of(converter: DataConverter, payloads: list[Payload]) -> PayloadFault:
    with pytest.raises((PayloadFault, RuntimeError)) as raised:
        await converter.decode(payloads)
    fault = payload_fault(raised.value)
    assert fault is not None, raised.value
    return fault


async def test_content_and_metadata_are_hidden_and_come_back() -> None:
    values: list[object] = [{"account": MARKER}, None, b"\x00\xff", MARKER, 5, [], {}]
    sealed = await ON.encode(values)
    assert MARKER.encode() not in b"".join(payload.SerializeToString() for payload in sealed)
    assert {payload.metadata["encoding"] for payload in sealed} == {b"binary/encrypted"}
    assert {payload.metadata["encryption-key-id"] for payload in sealed} == {RING.current.encode()}
    assert await ON.decode(sealed) == values


async def test_the_same_value_never_looks_the_same() -> None:
    (first,), (second,) = await ON.encode([MARKER]), await ON.encode([MARKER])
    assert first.data[:12] != second.data[:12]
    assert first.data != second.data


async def test_failures_hide_message_and_stack_trace() -> None:
    from temporalio.api.failure.v1 import Failure

    failure = Failure()
    try:
        raise ApplicationError(f"about {MARKER}", {"account": MARKER}, type="StaleRun")
    except ApplicationError as error:
        await ON.encode_failure(error, failure)
    assert MARKER.encode() not in failure.SerializeToString()
    assert failure.stack_trace == ""
    back = await ON.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert (back.message, back.type, back.details) == (f"about {MARKER}", "StaleRun", ({"account": MARKER},))


@given(content=st.binary(max_size=300), position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_changed_bit_of_a_sealed_payload_is_noticed(content: bytes, position: int, bit: int) -> None:
    cipher = PayloadCipher(KEYS)
    sealed = cipher.seal(Payload(metadata={"encoding": b"binary/plain"}, data=content), None)
    assert cipher.open(sealed, None).data == content
    changed = bytearray(sealed.data)
    changed[position % len(changed)] ^= 1 << bit
    sealed.data = bytes(changed)
    with pytest.raises(DamagedPayload):
        cipher.open(sealed, None)


@pytest.mark.parametrize("length", [0, 11, 12, 27])
async def test_a_cut_off_payload_raises(length: int) -> None:
    (sealed,) = await ON.encode([MARKER])
    sealed.data = sealed.data[:length]
    assert "short" in str(await fault_of(ON, [sealed]))


async def test_a_key_id_is_bound_to_its_payload() -> None:
    """The same key under two ids: the other id does not open what this one sealed."""
    twins = KeyRing("k1", {"k1": bytes(32), "k2": bytes(32)})
    converter = build_data_converter(Encryption.ON, PayloadKeys(twins))
    (sealed,) = await converter.encode([MARKER])
    sealed.metadata["encryption-key-id"] = b"k2"
    assert "was changed" in str(await fault_of(converter, [sealed]))


async def test_an_old_key_still_opens_after_rotation_and_the_new_one_seals() -> None:
    sealed = await ON.encode([MARKER])
    ring = RING.rotate()
    rotated = build_data_converter(Encryption.ON, PayloadKeys(ring))
    assert await rotated.decode(sealed) == [MARKER]
    (fresh,) = await rotated.encode([MARKER])
    assert fresh.metadata["encryption-key-id"] == ring.current.encode()
    assert isinstance(await fault_of(ON, [fresh]), UnknownKey)


async def test_an_unknown_key_is_named_not_its_content() -> None:
    sealed = await build_data_converter(Encryption.ON, PayloadKeys(new_key_ring())).encode([MARKER])
    fault = await fault_of(ON, sealed)
    assert isinstance(fault, UnknownKey)
    assert sealed[0].metadata["encryption-key-id"].decode() in str(fault)


async def test_plain_text_raises_where_encryption_is_required_and_is_never_quoted() -> None:
    fault = await fault_of(ON, await PLAIN.encode([{"account": MARKER}]))
    assert "not encrypted" in str(fault)
    assert MARKER not in str(fault)


@pytest.mark.parametrize("value", [None, {}])
async def test_a_plain_recheck_says_nothing_and_is_let_in(value: object) -> None:
    assert await ON.decode(await PLAIN.encode([value])) == [value]


async def test_while_migrating_plain_text_is_read_and_never_written() -> None:
    migrating = build_data_converter(Encryption.MIGRATING, KEYS)
    assert await migrating.decode(await PLAIN.encode([MARKER])) == [MARKER]
    (written,) = await migrating.encode([MARKER])
    assert MARKER.encode() not in written.data
    assert await migrating.decode([written]) == [MARKER]
    written.data = b"x" + written.data[1:]
    assert "changed" in str(await fault_of(migrating, [written]))


async def test_off_is_the_way_back_with_keys_and_a_clear_refusal_without() -> None:
    sealed = await ON.encode([MARKER])
    assert await build_data_converter(Encryption.OFF, KEYS).decode(sealed) == [MARKER]
    assert "CLOSURE_PAYLOAD_KEYS_FILE" in str(await fault_of(PLAIN, sealed))


async def test_encryption_without_keys_never_becomes_plain_text() -> None:
    for encryption in (Encryption.ON, Encryption.MIGRATING):
        with pytest.raises(SecretFault, match="CLOSURE_PAYLOAD_KEYS_FILE"):
            EncryptionCodec(encryption, None)
        with pytest.raises(SecretFault):
            configured_data_converter(Settings(_env_file=None, encryption=encryption))


async def test_keys_alone_turn_encryption_on() -> None:
    settings = Settings(_env_file=None, payload_keys=RING.to_json())  # type: ignore[arg-type]
    (written,) = await configured_data_converter(settings).encode([MARKER])
    assert written.metadata["encoding"] == b"binary/encrypted"
    (plain,) = await configured_data_converter(Settings(_env_file=None)).encode([MARKER])
    assert plain.metadata["encoding"] == b"json/plain"


@pytest.mark.parametrize(
    "elsewhere",
    [
        workflow("closure/p/a-2"),
        activity("closure/p/a-1", "erase"),
        activity("closure/p/a-2", "erase"),
        activity("", "erase"),
        None,
    ],
    ids=str,
)
@pytest.mark.parametrize("encryption", list(Encryption))
async def test_what_was_sealed_elsewhere_is_refused(
    elsewhere: SerializationContext | None, encryption: Encryption
) -> None:
    writer = ON if elsewhere is None else ON.with_context(elsewhere)
    copied = await writer.encode([MARKER])
    fault = await fault_of(build_data_converter(encryption, KEYS).with_context(HERE), copied)
    assert str(fault) == "a payload was not sealed for workflow closure/p/a-1, where it was found"


async def test_an_activitys_payload_is_refused_by_another_activity_and_by_the_workflow() -> None:
    copied = await ON.with_context(activity("w", "survey")).encode([MARKER])
    for place in (activity("w", "erase"), activity("v", "survey"), workflow("w")):
        assert "not sealed for" in str(await fault_of(ON.with_context(place), copied))
    back = ON.with_context(activity("w", "survey", activity_id=None))
    assert await back.decode(copied) == [MARKER], "worker and workflow don't know the same of an activity"


async def test_a_place_can_not_be_pasted_onto_a_payload() -> None:
    (own,) = await ON.with_context(HERE).encode([MARKER])
    (copied,) = await ON.with_context(workflow("closure/p/a-2")).encode([MARKER])
    assert await ON.with_context(HERE).decode([own]) == [MARKER]
    copied.metadata["encryption-place"] = own.metadata["encryption-place"]
    assert "was changed since it was sealed" in str(await fault_of(ON.with_context(HERE), [copied]))
    assert "was changed since it was sealed" in str(await fault_of(ON, [copied]))


async def test_people_read_payloads_of_every_place() -> None:
    for place in (HERE, activity("w", "survey")):
        assert await ON.decode(await ON.with_context(place).encode([MARKER])) == [MARKER]


async def test_a_place_is_the_same_in_every_namespace_and_is_not_told() -> None:
    (sealed,) = await ON.with_context(workflow(MARKER)).encode(["x"])
    assert MARKER.encode() not in sealed.SerializeToString()
    assert await ON.with_context(workflow(MARKER, namespace="replay")).decode([sealed]) == ["x"]


async def test_a_misplaced_failure_is_refused() -> None:
    from temporalio.api.failure.v1 import Failure

    failure = Failure()
    await ON.with_context(workflow("w")).encode_failure(ApplicationError(MARKER, "detail"), failure)
    assert isinstance(await ON.with_context(workflow("w")).decode_failure(failure), ApplicationError)
    with pytest.raises((PayloadFault, RuntimeError)) as raised:
        await ON.with_context(HERE).decode_failure(failure)
    assert payload_fault(raised.value) is not None


def test_the_cipher_tells_misplaced_from_damaged() -> None:
    cipher = PayloadCipher(KEYS)
    here, there = (PayloadPlace(PlaceKind.WORKFLOW, workflow_id) for workflow_id in ("a", "b"))
    with pytest.raises(MisplacedPayload):
        cipher.open(cipher.seal(Payload(data=b"x"), there), here)
