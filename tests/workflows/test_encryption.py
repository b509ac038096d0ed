"""Closures under encryption: nothing readable is stored, keys rotate, and without its key a closure waits."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType as HistoryEventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.converter import DataConverter, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from closure.accounts import Inventory
from closure.acts import ActKind, WithdrawWords
from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from closure.messages import StatusDocument
from closure.start import ActUpdate
from connectors.ports import InventorySource, Platform
from keys.data_converter import build_data_converter
from keys.key_ring import KeyRing, PayloadKeys, new_key_ring
from keys.payload_faults import UnknownKey
from local.temporal_server import RunningServer
from settings import Encryption
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.fakes.platform import SourceDown
from tests.harness.installation import InstallationBuilder, TestInstallation, running_worker
from tests.harness.past_the_client import end, written
from tests.harness.waiting import eventually
from tests.workflows.test_poison import BROKEN_JSON, SIGNALS, UNDECODABLE

REASON = "because of marker-e7b19c"
WEEK = timedelta(days=7, hours=2)


def with_keys(client: Client, ring: KeyRing | None, encryption: Encryption = Encryption.ON) -> Client:
    """The client of an installation with these keys."""
    config = client.config()
    config["data_converter"] = build_data_converter(encryption, PayloadKeys(ring) if ring else None)
    return Client(**config)


def moved(closing: AccountDriver, client: Client) -> AccountDriver:
    """The same closure, seen by the installation with other keys."""
    again = AccountDriver(replace(closing.installation, client=client), closing.account_id, closing.provider)
    again.closure_id = closing.closure_id
    return again


def converter_of(installation: TestInstallation, workflow_id: str) -> DataConverter:
    """As the installation's client seals and opens payloads of that workflow."""
    context = WorkflowSerializationContext(namespace=installation.client.namespace, workflow_id=workflow_id)
    return installation.client.data_converter.with_context(context)


def without(ring: KeyRing, key_id: str) -> KeyRing:
    return KeyRing(ring.current, {name: key for name, key in ring.keys.items() if name != key_id})


@pytest.fixture
def ring() -> KeyRing:
    return new_key_ring()


@pytest.fixture
async def sealed_installation(
    installations: InstallationBuilder, client: Client, ring: KeyRing
) -> AsyncIterator[TestInstallation]:
    """Encryption is on; the installation's own client has the keys."""
    async with installations.open(client=with_keys(client, ring)) as opened:
        yield opened


@asynccontextmanager
async def work_with(installation: TestInstallation, client: Client) -> AsyncIterator[TestInstallation]:
    """A worker of the same installation with other keys."""
    other = replace(installation, client=client)
    async with running_worker(other):
        yield other


async def failed_task_reason(handle: WorkflowHandle[object, object]) -> str | None:
    """Why the last workflow task failed, as the history has it."""
    history = await handle.fetch_history()
    failed = HistoryEventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    found = [event for event in history.events if event.event_type == failed]
    return found[-1].workflow_task_failed_event_attributes.failure.message if found else None


async def until_stuck(handle: WorkflowHandle[object, object]) -> None:
    await eventually(
        lambda: failed_task_reason(handle), lambda reason: reason is not None, "a failed workflow task"
    )


def payloads_in(message: Message, path: str = "") -> Iterator[tuple[str, Payload]]:
    """Every payload of a history but search attributes, which Temporal must be able to read."""
    if isinstance(message, Payload):
        yield path, message
        return
    for field, value in message.ListFields():
        if field.name == "search_attributes":
            continue
        for name, part in parts_of(field.name, value):
            if isinstance(part, Message):
                yield from payloads_in(part, f"{path}/{name}")


def parts_of(name: str, value: object) -> Iterator[tuple[str, object]]:
    """The messages of a field: one, several, or those of a map by their keys."""
    if isinstance(value, Message):
        yield name, value
    elif isinstance(value, Mapping):
        yield from ((f"{name}[{key}]", part) for key, part in value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        yield from ((name, part) for part in value)


async def test_nothing_readable_of_a_closure_is_stored(
    sealed_installation: TestInstallation, temporal_server: RunningServer
) -> None:
    closing = await sealed_installation.account(
        balance={"cash": "200.00", "promo": "15.00"},
        resources=[
            {"id": "i-marker-51f", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True}
        ],
    )
    await closing.ready()
    too_long = await refusal(closing.confirm(f"{REASON} " * 20))
    assert too_long.type == RefusalType.INVALID_REASON
    await closing.confirm(REASON)
    await closing.fast_forward(WEEK)
    assert (await closing.outcome()).outcome is Outcome.DELETED

    history = await closing.history()
    found = [each for event in history.events for each in payloads_in(event)]
    assert len(found) > 30
    markers = [closing.account_id, closing.closure_id, "marker", "u-1", "i-marker-51f", "200.00"]
    for path, payload in found:
        text = payload.SerializeToString()
        assert not [marker for marker in markers if marker.encode() in text], path
        # The SDK notes the name, number and times of a local activity, and the name of a patch.
        is_note = path.endswith(("/details[data]/payloads", "/details[patch-data]/payloads"))
        assert is_note or payload.metadata["encoding"] == b"binary/encrypted", path
    summaries = [path for path, _ in found if "user_metadata" in path]
    assert summaries, "summaries are there, encrypted"
    stored = stored_by(temporal_server)
    assert closing.account_id.encode() in stored, "the workflow id: what is looked at is what is stored"
    assert b"marker-e7b19c" not in stored
    assert b"i-marker-51f" not in stored


def stored_by(server: RunningServer) -> bytes:
    database = server._files.database
    return b"".join(file.read_bytes() for file in database.parent.glob(f"{database.name}*"))


async def last_failures(closing: AccountDriver) -> list[str]:
    description = await closing.handle.describe()
    failures = [activity.last_failure for activity in description.raw_description.pending_activities]
    return [failure.message for failure in failures if failure.message]


async def test_a_closure_goes_on_over_a_rotation_that_keeps_the_old_key(
    installations: InstallationBuilder, client: Client, ring: KeyRing
) -> None:
    async with installations.open(client=with_keys(client, ring), with_worker=False) as installation:
        closing = await installation.account(balance={"cash": "5.00", "promo": "0.00"})
        async with running_worker(installation):
            await closing.silent()
        rotated = with_keys(client, ring.rotate())
        async with work_with(installation, rotated):
            after = moved(closing, rotated)
            await after.fast_forward(WEEK)
            assert (await after.outcome()).outcome is Outcome.DELETED
        keys = {payload.metadata.get("encryption-key-id") for payload in await all_payloads(closing)}
        assert len(keys - {None}) == 2, "the history has payloads under both"


async def all_payloads(closing: AccountDriver) -> list[Payload]:
    history = await closing.history()
    return [payload for event in history.events for _, payload in payloads_in(event)]


async def test_without_its_old_key_a_closure_waits_and_with_it_goes_on(
    installations: InstallationBuilder, client: Client, ring: KeyRing
) -> None:
    async with installations.open(client=with_keys(client, ring), with_worker=False) as installation:
        closing = await installation.account()
        async with running_worker(installation):
            await closing.ready()
        rotated = ring.rotate()
        async with work_with(installation, with_keys(client, without(rotated, ring.current))):
            await closing.handle.signal("recheck")
            await until_stuck(closing.handle)
        assert await is_running(closing)
        record = await installation.records.get(closing.closure_id)
        assert record is not None
        assert record.state.stage is Stage.READY, "nothing was done without the key"
        recovered = with_keys(client, rotated)
        async with work_with(installation, recovered):
            again = moved(closing, recovered)
            await again.until(
                lambda document: document.survey_number == 2 and document.stage is Stage.READY,
                within=timedelta(seconds=60),
            )
            await again.confirm()
            await again.fast_forward(WEEK)
            assert (await again.outcome()).outcome is Outcome.DELETED


async def is_running(closing: AccountDriver) -> bool:
    description = await closing.handle.describe()
    return description.status is not None and description.status.name == "RUNNING"


class _Stubborn:
    """An inventory that lists but releases nothing until it `gives_in`."""

    def __init__(self, inner: InventorySource) -> None:
        self._inner = inner
        self.gives_in = False

    async def inventory(self, account_id: str) -> Inventory:
        return await self._inner.inventory(account_id)

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        if not self.gives_in:
            raise SourceDown("about marker")
        await self._inner.release_resource(account_id, resource_id, key=key)

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        await self._inner.cancel_subscription(account_id, subscription_id, key=key)


async def test_a_heartbeat_under_a_key_that_another_worker_lacks_loses_no_closure(
    installations: InstallationBuilder, client: Client, ring: KeyRing
) -> None:
    """The SDK gives up for good on heartbeats that it can't decode; the closure starts the activity anew."""
    stubborn: list[_Stubborn] = []

    def with_stubborn_inventory(platform: Platform) -> Platform:
        stubborn.append(_Stubborn(platform.inventory))
        return replace(platform, inventory=stubborn[0])

    sealed = with_keys(client, ring)
    async with installations.open(
        client=sealed, platforms=with_stubborn_inventory, with_worker=False
    ) as installation:
        resource = {"id": "i-1", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True}
        closing = await installation.account(resources=[resource])
        async with running_worker(installation):
            await closing.ready()
            await closing.confirm()
            await eventually(lambda: last_failures(closing), lambda found: len(found) > 0, "a failure")
        assert await last_failures(closing) == ["Encoded failure"]
        rotated = ring.rotate()
        async with work_with(installation, with_keys(client, rotated)):
            await eventually(
                lambda: heartbeat_keys(closing),
                lambda keys: keys == {rotated.current.encode()},
                "a heartbeat under the new key",
            )
        stubborn[0].gives_in = True
        async with running_worker(installation):
            await closing.fast_forward(WEEK)
            assert (await closing.outcome()).outcome is Outcome.DELETED


async def heartbeat_keys(closing: AccountDriver) -> set[bytes]:
    description = await closing.handle.describe()
    return {
        payload.metadata["encryption-key-id"]
        for activity in description.raw_description.pending_activities
        for payload in activity.heartbeat_details.payloads
    }


async def test_plain_signals_from_the_web_ui_still_ask_for_a_recheck(
    sealed_installation: TestInstallation, client: Client
) -> None:
    closing = await sealed_installation.account()
    await closing.ready()
    plain = client.get_workflow_handle(closing.workflow_id)
    for number, content in enumerate(("no argument", "null", "empty object"), start=2):
        await plain.signal("recheck", args=SIGNALS[content])
        await closing.until(
            lambda document, number=number: (
                document.survey_number == number  # type: ignore[misc]
                and document.stage is Stage.READY
            )
        )


async def test_plain_and_damaged_signals_and_updates_never_stick_a_closure(
    sealed_installation: TestInstallation, client: Client, ring: KeyRing
) -> None:
    closing = await sealed_installation.account()
    await closing.ready()
    plain = client.get_workflow_handle(closing.workflow_id)
    for arguments in SIGNALS.values():
        await plain.signal("recheck", args=arguments)
    (sealed,) = await converter_of(sealed_installation, closing.workflow_id).encode([{}])
    damaged = Payload(metadata=dict(sealed.metadata), data=sealed.data[:-1] + b"\0")
    await plain.signal("recheck", RawValue(damaged))
    writes_plain = moved(closing, with_keys(client, ring, Encryption.OFF))
    act_id = await written(closing, ActKind.WITHDRAW, WithdrawWords())
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await writes_plain.handle.execute_update(ActKind.WITHDRAW, ActUpdate(act_id=act_id))
    assert "Failed decoding arguments" in str(failed.value.cause)
    await end(closing, act_id)
    keyless = moved(closing, with_keys(client, None, Encryption.OFF))
    with pytest.raises(UnknownKey, match="CLOSURE_PAYLOAD_KEYS_FILE"):
        await keyless.view()
    await closing.until(Stage.READY)
    assert await closing.failed_tasks() == []
    assert (await closing.withdraw()).outcome is Outcome.WITHDRAWN


@pytest.mark.parametrize(
    "content",
    [
        {"installation": "0" * 32, "closure_id": "c"},
        {},
        None,
        "text",
        UNDECODABLE,
        BROKEN_JSON,
        "damaged",
        "sealed text",
    ],
    ids=lambda content: str(content)[:30],
)
async def test_a_start_that_is_plain_or_damaged_fails_the_workflow_cleanly(
    sealed_installation: TestInstallation, client: Client, content: object
) -> None:
    sender = client
    workflow_id = f"closure/test/{sealed_installation.task_queue}"
    if content in ("damaged", "sealed text"):
        (sealed,) = await converter_of(sealed_installation, workflow_id).encode(["marker"])
        if content == "damaged":
            sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
        content = RawValue(sealed)
    started = await sender.start_workflow(
        "AccountClosure",
        content,
        id=workflow_id,
        task_queue=sealed_installation.queue,
    )
    handle = sealed_installation.client.get_workflow_handle(started.id)
    with pytest.raises(WorkflowFailureError) as failure:
        await asyncio.wait_for(handle.result(), 20)
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == RefusalType.MALFORMED_INPUT
    assert "marker" not in str(cause)


async def test_a_start_under_a_missing_key_waits_for_it(
    installations: InstallationBuilder, client: Client, ring: KeyRing
) -> None:
    rotated = ring.rotate()
    async with installations.open(client=with_keys(client, rotated), with_worker=False) as installation:
        closing = await installation.account()
        opening = asyncio.create_task(closing.close())
        async with work_with(installation, with_keys(client, ring)):
            await eventually(lambda: exists(closing), bool, "the start")
            await until_stuck(closing.handle)
        assert await is_running(closing)
        async with running_worker(installation):
            assert (await opening).stage is Stage.READY


async def exists(closing: AccountDriver) -> bool:
    try:
        await closing.handle.describe()
    except Exception:  # noqa: BLE001 - not yet
        return False
    return True


async def test_a_closure_from_before_encryption_goes_on_while_migrating(
    installations: InstallationBuilder, client: Client, ring: KeyRing
) -> None:
    async with installations.open(with_worker=False) as installation:
        closing = await installation.account(balance={"cash": "5.00", "promo": "0.00"})
        async with running_worker(installation):
            await closing.silent()
        migrating = with_keys(client, ring, Encryption.MIGRATING)
        async with work_with(installation, migrating):
            after = moved(closing, migrating)
            await after.fast_forward(WEEK)
            result: StatusDocument = await after.outcome()
            assert result.outcome is Outcome.DELETED
        encodings = {payload.metadata["encoding"] for payload in await all_payloads(closing)}
        assert encodings >= {b"json/plain", b"binary/encrypted"}


async def test_a_closure_from_before_encryption_waits_when_only_encrypted_is_allowed(
    installations: InstallationBuilder, client: Client, ring: KeyRing
) -> None:
    async with installations.open(with_worker=False) as installation:
        closing = await installation.account()
        async with running_worker(installation):
            await closing.ready()
        async with work_with(installation, with_keys(client, ring)):
            await closing.handle.signal("recheck")
            await until_stuck(closing.handle)
        assert await is_running(closing)
        async with running_worker(installation):
            await closing.until(lambda document: document.survey_number == 2, within=timedelta(seconds=60))
