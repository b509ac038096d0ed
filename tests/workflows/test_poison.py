"""Whatever people and programs send: a closure is never stuck, and a malformed start ends at once."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from closure.acts import ActKind, ActStatus, ConfirmWords
from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from tests.harness.account_driver import refusal, timeless
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.past_the_client import act_status, send, start_of, start_run, written
from tests.harness.waiting import PATIENCE, eventually
from tests.workflows.test_irrevocable import WAITING, carry_on

UNDECODABLE = RawValue(Payload(metadata={"encoding": b"binary/from-elsewhere"}, data=b"\xff\x00"))
DEEP = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 50_000 + b"]" * 50_000))
BROKEN_JSON = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b'{"a":'))
SIGNALS: dict[str, list[object]] = {
    "no argument": [],
    "null": [None],
    "empty object": [{}],
    "number": [5],
    "text": ["please"],
    "list": [[1, 2]],
    "object": [{"stage": "deleted"}],
    "bytes": [b"\x00\xff"],
    "two arguments": [1, {"b": 2}],
    "undecodable": [UNDECODABLE],
    "broken JSON": [BROKEN_JSON],
}


@pytest.mark.parametrize("stage", WAITING, ids=lambda stage: stage.value)
async def test_a_recheck_signal_of_any_content_never_sticks_the_closure(
    installations: InstallationBuilder, stage: Stage
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account()
        await WAITING[stage](closing, weather)
        for arguments in SIGNALS.values():
            await closing.handle.signal("recheck", args=arguments)
        await closing.handle.signal("no-such-signal", {"x": 1})
        await closing.until(stage)
        assert await closing.failed_tasks() == []
        assert await carry_on(closing, weather) is Outcome.DELETED
        assert await closing.failed_tasks() == []


@pytest.mark.parametrize(
    "content", ["no argument", "null", "empty object", "number", "text", "two arguments"]
)
async def test_a15_recheck_looks_again_whatever_it_carries(
    installation: TestInstallation, content: str
) -> None:
    closing = await installation.account()
    await closing.ready()
    await closing.handle.signal("recheck", args=SIGNALS[content])
    await closing.until(lambda document: document.survey_number == 2 and document.stage is Stage.READY)


def plain_client(installation: TestInstallation) -> Client:
    """What any program that reaches Temporal has: no data converter of ours, so no bound on what it sends."""
    return Client(installation.client.service_client, namespace=installation.client.namespace)


INSTALLATION = "0" * 32
STARTS: dict[str, list[object]] = {
    "no argument": [],
    "null": [None],
    "empty object": [{}],
    "text": ["text"],
    "number": [5],
    "list": [[1]],
    "wrong types": [{"installation": 1, "closure_id": []}],
    "no closure id": [{"installation": INSTALLATION}],
    "line break": [{"installation": INSTALLATION, "closure_id": "line\nbreak"}],
    "empty closure id": [{"installation": INSTALLATION, "closure_id": ""}],
    "installation that is none": [{"installation": "line", "closure_id": "c"}],
    "deep": [DEEP],
    "huge": [{"installation": INSTALLATION, "closure_id": "line" * 100_000}],
    "undecodable": [UNDECODABLE],
    "broken JSON": [BROKEN_JSON],
}


@pytest.mark.parametrize("arguments", STARTS.values(), ids=STARTS)
async def test_a_malformed_input_fails_the_workflow_cleanly(
    installation: TestInstallation, arguments: list[object]
) -> None:
    handle = await plain_client(installation).start_workflow(
        "AccountClosure",
        args=arguments,
        id=f"closure/test/{installation.task_queue}",
        task_queue=installation.queue,
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await asyncio.wait_for(handle.result(), PATIENCE.total_seconds())
    cause = failure.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == RefusalType.MALFORMED_INPUT
    assert "line" not in str(cause)


async def test_a_start_of_another_installations_closure_ends_at_once(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    handle = await installation.client.start_workflow(
        "AccountClosure",
        {"installation": INSTALLATION, "closure_id": closing.closure_id, "stage": "deleting"},
        id=f"closure/test/{installation.task_queue}",
        task_queue=installation.queue,
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await asyncio.wait_for(handle.result(), PATIENCE.total_seconds())
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == RefusalType.WRONG_INSTALLATION
    assert (await closing.confirm()).stage is Stage.ENTERING


async def test_a_start_under_another_workflow_id_never_holds_the_closure(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.ready()
    handle = await installation.client.start_workflow(
        "AccountClosure",
        start_of(closing),
        id=f"closure/test/{installation.task_queue}",
        task_queue=installation.queue,
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await asyncio.wait_for(handle.result(), PATIENCE.total_seconds())
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == RefusalType.STALE_RUN
    assert (await closing.confirm()).stage is Stage.ENTERING


@pytest.mark.parametrize(
    "options",
    [
        {"run_timeout": timedelta(days=1)},
        {"execution_timeout": timedelta(days=1)},
        {"retry_policy": RetryPolicy(maximum_attempts=3)},
        {"cron_schedule": "@every 1s"},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_a_run_that_temporal_would_end_or_repeat_claims_nothing(
    installation: TestInstallation, options: dict[str, Any]
) -> None:
    closing = await installation.account()
    await closing.ready()
    await closing.handle.terminate()
    handle: WorkflowHandle[object, object] = await installation.client.start_workflow(
        "AccountClosure",
        start_of(closing),
        id=closing.workflow_id,
        task_queue=installation.queue,
        **options,
    )
    first = installation.client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)

    async def failure() -> str:
        events = (await first.fetch_history()).events
        return events[-1].workflow_execution_failed_event_attributes.failure.application_failure_info.type

    assert await eventually(failure, bool, "its failure") == RefusalType.MALFORMED_INPUT
    with suppress(RPCError):
        await handle.terminate()  # Temporal would start the next one
    recorded = await installation.records.get(closing.closure_id)
    assert recorded is not None
    assert recorded.run_id != handle.first_execution_run_id
    assert (await closing.closures.resume(closing.closure_id)).stage is Stage.READY


ACTS: dict[str, list[object]] = {
    "no argument": [],
    "null": [None],
    "empty object": [{}],
    "text": ["please"],
    "number": [5],
    "list": [["0" * 32]],
    "no act id": [{"act_id": None}],
    "an act id that is none": [{"act_id": "../" * 9}],
    "two arguments": [{"act_id": "0" * 32}, {"act_id": "0" * 32}],
    "huge": [{"act_id": "0" * 400_000}],
}
UNREADABLE = {"undecodable": [UNDECODABLE], "broken JSON": [BROKEN_JSON], "deep": [DEEP]}
"""Not even our data converter reads them: the SDK refuses."""


@pytest.mark.parametrize("kind", list(ActKind))
async def test_an_update_of_any_content_is_refused_and_never_fails_a_task(
    installation: TestInstallation, kind: ActKind
) -> None:
    closing = await installation.account()
    before = await closing.ready()
    handle = plain_client(installation).get_workflow_handle(closing.handle.id)
    for name, arguments in (ACTS | UNREADABLE).items():
        with pytest.raises(WorkflowUpdateFailedError) as failure:
            await handle.execute_update(kind.value, args=arguments, rpc_timeout=PATIENCE)
        cause = failure.value.cause
        assert isinstance(cause, ApplicationError), name
        assert name in UNREADABLE or cause.type == RefusalType.MALFORMED_INPUT, name
    # More than an act is not believed, and without one nothing happens.
    unknown = {"act_id": "0" * 32, "user_id": "u-1", "reason": "now", "stage": "entering"}
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await closing.handle.execute_update(kind.value, unknown, rpc_timeout=PATIENCE)
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == RefusalType.ACT_NOT_FOUND
    assert await closing.failed_tasks() == []
    assert timeless(await closing.status()) == timeless(before)
    assert (await closing.confirm()).stage is Stage.ENTERING


async def test_an_act_of_another_closure_or_kind_is_refused_and_left_alone(
    installation: TestInstallation,
) -> None:
    mine, theirs = await installation.account(), await installation.account()
    await mine.ready()
    await theirs.ready()
    act_id = await written(theirs, ActKind.CONFIRM, ConfirmWords(reason="theirs"))
    assert (await refusal(send(mine, ActKind.CONFIRM, act_id))).type == RefusalType.ACT_NOT_FOUND
    assert (await refusal(send(theirs, ActKind.APPROVE, act_id))).type == RefusalType.ACT_NOT_FOUND
    assert await act_status(theirs, act_id) is ActStatus.WAITING
    assert (await send(theirs, ActKind.CONFIRM, act_id, update_id="at last")).stage is Stage.ENTERING
    assert (await mine.status()).stage is Stage.READY


async def test_a_start_that_nobody_follows_up_ends_by_itself(installation: TestInstallation) -> None:
    closing = await installation.account()
    started = await start_run(closing)
    assert await started.query("status") is None
    assert await asyncio.wait_for(started.result(), PATIENCE.total_seconds()) is None
    assert await installation.records.get(closing.closure_id) is None
    # The account is free for a real one.
    assert (await closing.close()).stage is Stage.READY
