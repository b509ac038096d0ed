"""Ciphertexts copied from one history into another place say nothing there; a closure reads its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from keys.key_ring import KeyRing, new_key_ring
from settings import Encryption
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.waiting import eventually
from tests.workflows.test_encryption import with_keys
from tests.workflows.test_long_lives import forgetful_client

WEEK = timedelta(days=7, hours=2)
__all__ = ["forgetful_client"]  # a fixture
Place = Callable[[HistoryEvent], list[Payload]]


@pytest.fixture
def ring() -> KeyRing:
    return new_key_ring()


@pytest.fixture
async def sealed_installation(
    installations: InstallationBuilder, client: Client, ring: KeyRing
) -> AsyncIterator[TestInstallation]:
    async with installations.open(
        client=with_keys(client, ring),
        # So that checks are normal activities, whose inputs and results can be copied.
        platforms=lambda platform: replace(platform, answers_at_once=False),
    ) as opened:
        yield opened


def start_inputs(event: HistoryEvent) -> list[Payload]:
    return list(event.workflow_execution_started_event_attributes.input.payloads)


def update_arguments(event: HistoryEvent) -> list[Payload]:
    accepted = event.workflow_execution_update_accepted_event_attributes
    return list(accepted.accepted_request.input.args.payloads)


def activity_inputs(event: HistoryEvent) -> list[Payload]:
    return list(event.activity_task_scheduled_event_attributes.input.payloads)


def activity_results(event: HistoryEvent) -> list[Payload]:
    return list(event.activity_task_completed_event_attributes.result.payloads)


async def copied(closing: AccountDriver, place: Place) -> RawValue:
    """The last payload of the kind in the closure's history, as a thief finds it."""
    found = [payload for event in (await closing.history()).events for payload in place(event)]
    assert found[-1].metadata["encoding"] == b"binary/encrypted"
    return RawValue(found[-1])


async def ready_account(installation: TestInstallation) -> AccountDriver:
    closing = await installation.account()
    await closing.ready()
    return closing


async def test_a_start_with_another_workflows_input_is_malformed(
    sealed_installation: TestInstallation, client: Client
) -> None:
    other = await ready_account(sealed_installation)
    victim = await sealed_installation.account()
    await client.start_workflow(
        "AccountClosure",
        await copied(other, start_inputs),
        id=victim.workflow_id,
        task_queue=sealed_installation.queue,
    )
    with pytest.raises(WorkflowFailureError) as failure:
        await asyncio.wait_for(victim.handle.result(), 20)
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == RefusalType.MALFORMED_INPUT


async def test_an_update_with_another_workflows_argument_is_refused(
    sealed_installation: TestInstallation, client: Client, ring: KeyRing
) -> None:
    other, victim = await ready_account(sealed_installation), await ready_account(sealed_installation)
    await other.withdraw()
    stolen = await copied(other, update_arguments)
    thief = with_keys(client, ring, Encryption.OFF)  # sends it as it is; the keys only show the answer
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await thief.get_workflow_handle(victim.workflow_id).execute_update("withdraw", stolen)
    assert "Failed decoding arguments" in str(failed.value.cause)
    assert (await victim.status()).stage is Stage.READY
    assert (await victim.withdraw()).outcome is Outcome.WITHDRAWN


@pytest.mark.parametrize("place", [start_inputs, update_arguments, activity_inputs, activity_results])
async def test_a_signal_with_another_workflows_payload_is_dropped(
    sealed_installation: TestInstallation, client: Client, place: Place
) -> None:
    other, victim = await ready_account(sealed_installation), await ready_account(sealed_installation)
    await dropped(await copied(other, place), victim, client)


@pytest.mark.parametrize("place", [activity_inputs, activity_results])
async def test_a_signal_with_a_payload_of_the_workflows_own_activities_is_dropped(
    sealed_installation: TestInstallation, client: Client, place: Place
) -> None:
    victim = await ready_account(sealed_installation)
    await dropped(await copied(victim, place), victim, client)


async def dropped(payload: RawValue, victim: AccountDriver, client: Client) -> None:
    """The task that takes the signal leads to nothing; the closure goes on."""
    await client.get_workflow_handle(victim.workflow_id).signal("recheck", payload)
    following = await eventually(
        lambda: since_the_signal(victim),
        lambda found: EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED in found,
        "the signal's workflow task",
    )
    assert following == [
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    ]
    assert (await victim.recheck()).survey_number == 2


async def since_the_signal(closing: AccountDriver) -> list["EventType.ValueType"]:
    kinds = [event.event_type for event in (await closing.history()).events]
    return kinds[kinds.index(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED) + 1 :]


async def test_a_closure_that_was_reset_reads_its_own_history(
    sealed_installation: TestInstallation, client: Client
) -> None:
    closing = await ready_account(sealed_installation)
    await closing.recheck()
    events = (await closing.history()).events
    completed = [
        event.event_id for event in events if event.HasField("workflow_task_completed_event_attributes")
    ]
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=closing.workflow_id),
            workflow_task_finish_event_id=completed[-1],
            request_id=closing.closure_id,
        )
    )
    await closing.until(Stage.READY)
    await closing.confirm()
    await closing.fast_forward(WEEK)
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_a_closure_that_continues_as_new_reads_what_it_handed_on(
    installations: InstallationBuilder, forgetful_client: Client, ring: KeyRing
) -> None:
    async with installations.open(client=with_keys(forgetful_client, ring)) as installation:
        closing = await installation.account()
        first = await closing.ready()
        for _ in range(12):
            await closing.recheck()
        document = await closing.status()
        assert document.run_id != first.run_id
        assert document.survey_number == 13
        await closing.confirm()
        await closing.fast_forward(WEEK)
        assert (await closing.outcome()).outcome is Outcome.DELETED
