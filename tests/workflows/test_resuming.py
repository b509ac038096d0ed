"""A closure goes on from the record whatever became of its run: terminated, reset, lost with the server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import TerminatedError

from closure.errors import RefusalType
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.messages import Standing, StatusDocument
from closure.policy import Policy
from connectors.embedded.holds import hold, unhold
from keys.data_converter import build_data_converter
from local.temporal_server import start_local_server, stop_local_server
from tests.harness.account_driver import AccountDriver, refusal, timeless
from tests.harness.around import Act, Call, around_ports
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation, running_worker
from tests.harness.past_the_client import start_run
from tests.harness.twilio import OPENING, WORDS, turns, twilio_account
from tests.harness.waiting import PATIENCE, eventually
from tests.workflows.test_irrevocable import WAITING, carry_on
from tests.workflows.test_safeguards import only


def enduring(document: StatusDocument) -> dict[str, object]:
    """What a new run must not change: all but time, and the run."""
    return timeless(document).model_dump(exclude={"run_id", "standing"})


async def whole(closing: AccountDriver) -> list[EventType]:
    """The audit's events; they hang together."""
    trail = await closing.installation.records.trail(closing.closure_id)
    assert trail is not None
    assert trail.fault is None
    return [event.event for event in trail.events]


@pytest.mark.parametrize("stage", WAITING, ids=lambda stage: stage.value)
async def test_a_terminated_closure_is_resumed_with_its_deadlines_as_they_were(
    installations: InstallationBuilder, stage: Stage
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account()
        await WAITING[stage](closing, weather)
        before = await closing.status()
        await closing.handle.terminate()
        interrupted = await closing.status()
        assert interrupted.standing is Standing.INTERRUPTED
        resumed = await closing.closures.resume(closing.closure_id)
        assert enduring(resumed) == enduring(before)
        assert resumed.run_id != before.run_id
        assert await carry_on(closing, weather) is Outcome.DELETED
        types = await whole(closing)
        assert types.count(EventType.RESUMED) == 1
        assert types.count(EventType.CONFIRMED) == 1
        assert weather.journal.count("stop access") == 1
        assert await closing.failed_tasks() == []
        assert (await refusal(closing.closures.resume(closing.closure_id))).type == RefusalType.CLOSURE_ENDED


async def test_a_cool_off_that_was_terminated_keeps_its_end_and_its_reminders(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "cool_off")) as installation:
        closing = await installation.account()
        await closing.ready()
        await closing.confirm()
        await closing.fast_forward(timedelta(days=8))
        before = await closing.status()
        reminded = (await closing.templates()).count("closure_reminder")
        await closing.handle.terminate()
        assert enduring(await closing.closures.resume(closing.closure_id)) == enduring(before)
        assert before.cool_off_until is not None
        # The new run's clock begins at the wall's time: none of its reminders is sent twice.
        await closing.fast_forward_to(before.cool_off_until - timedelta(hours=1))
        assert (await closing.templates()).count("closure_reminder") == 2 * reminded
        await closing.fast_forward(timedelta(hours=2))
        await closing.until(Stage.SILENT)


async def test_a_closure_without_silence_is_resumed_while_it_keeps_and_while_it_deletes(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(
        installation,
        balance={"cash": "10.00"},
        data=[{"id": "logs", "store": "logs", "objects": 7}],
        subaccounts=[{"id": f"resumed-{uuid4().hex[:6]}", "balance": {"cash": "2.00"}}],
    )
    await closing.retained(acknowledgements=WORDS)
    await closing.until_event(EventType.REFUND_STARTED)
    before = await closing.status()
    await closing.handle.terminate()
    resumed = await closing.closures.resume(closing.closure_id)
    assert (resumed.delete_after, resumed.refund) == (before.delete_after, before.refund)

    await hold(installation.database, closing.account_id, "case 7")
    await closing.end_of_retention()
    await closing.until_event(EventType.LEGAL_HOLD)
    deleting = await closing.status()
    assert deleting.stage is Stage.DELETING
    await closing.handle.terminate()
    assert enduring(await closing.closures.resume(closing.closure_id)) == enduring(deleting)
    await unhold(installation.database, closing.account_id)
    await closing.end_of_retention()  # the new run's clock began at the wall's time
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert await turns(closing) == [
        *OPENING,
        "account_closed",
        "refund_started",
        "refund_settled",
        "closure_deleted",
    ]
    types = await whole(closing)
    assert types.count(EventType.RESUMED) == 2
    for once in (EventType.RETENTION_BEGAN, EventType.REFUND_STARTED, EventType.DELETION_BEGAN):
        assert types.count(once) == 1


@pytest.mark.parametrize("at", [0, 0.5, 1], ids=["its beginning", "its middle", "its end"])
@pytest.mark.parametrize("stage", WAITING, ids=lambda stage: stage.value)
async def test_a_closure_that_was_reset_takes_the_records_state(
    installations: InstallationBuilder, stage: Stage, at: float
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account()
        await WAITING[stage](closing, weather)
        before = await closing.status()
        await reset(closing, at)
        await held_by_its_run(closing)
        assert enduring(await closing.status()) == enduring(before)
        assert await carry_on(closing, weather) is Outcome.DELETED
        types = await whole(closing)
        assert types.count(EventType.CONFIRMED) == 1
        assert weather.journal.count("stop access") == 1


async def reset(closing: AccountDriver, at: float) -> None:
    """Resets the run to a workflow task: the first, the last, or one between."""
    events = (await closing.history()).events
    completed = [
        event.event_id for event in events if event.HasField("workflow_task_completed_event_attributes")
    ]
    client = closing.installation.client
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=closing.workflow_id),
            workflow_task_finish_event_id=completed[round(at * (len(completed) - 1))],
            request_id=uuid4().hex,
        )
    )


async def held_by_its_run(closing: AccountDriver) -> None:
    """Waits until Temporal's current run is the one that holds the closure: a reset one claims it first."""

    async def agree() -> bool:
        recorded = await closing.installation.records.get(closing.closure_id)
        description = await closing.handle.describe()
        return recorded is not None and recorded.run_id == description.run_id

    await closing.handle.signal("catch_up")  # as the watchman does
    await eventually(agree, bool, "the current run holds the closure")


@asynccontextmanager
async def fresh_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A Temporal server that knows nothing."""
    folder = tmp_path_factory.mktemp("fresh")
    server = await start_local_server(folder)
    yield await Client.connect(server.address, data_converter=build_data_converter())
    await asyncio.to_thread(stop_local_server, folder)


async def test_with_temporals_database_lost_every_closure_goes_on_from_the_record(
    installations: InstallationBuilder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    weather = Weather()
    async with (
        installations.open(platforms=weather.over, with_worker=False) as installation,
        fresh_server(tmp_path_factory) as client,
    ):
        lost = {stage: await installation.account() for stage in (Stage.BLOCKED, Stage.READY, Stage.SILENT)}
        async with running_worker(installation):
            before = {}
            for stage, closing in lost.items():
                await WAITING[stage](closing, weather)
                before[stage] = await closing.status()
        elsewhere = replace(installation, client=client)
        async with running_worker(elsewhere):
            for stage, closing in lost.items():
                found = AccountDriver(elsewhere, closing.account_id, closing.provider)
                found.closure_id = closing.closure_id
                assert (await found.status()).standing is Standing.INTERRUPTED
                assert enduring(await found.closures.resume(found.closure_id)) == enduring(before[stage])
                assert await carry_on(found, weather) is Outcome.DELETED
                assert (await whole(found)).count(EventType.CONFIRMED) == 1


async def test_an_act_on_an_interrupted_closure_resumes_it(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    await closing.handle.terminate()
    assert (await closing.confirm()).stage is Stage.ENTERING
    assert (await closing.status()).standing is Standing.RUNNING


class Gate:
    """Holds one call of a port until it may go on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.reached = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.calls = 0

    async def around(self, call: Call, act: Callable[[], Awaitable[object]] | Act) -> object:
        if call.name == self._name:
            self.calls += 1
            if self.calls == 1:
                self.reached.set()
                await self.may_go_on.wait()
        return await act()


async def test_of_two_runs_at_once_the_later_one_goes_on_and_nothing_happens_twice(
    installations: InstallationBuilder,
) -> None:
    weather, gate = Weather(), Gate("inventory.release_resource")
    async with installations.open(
        platforms=lambda platform: around_ports(weather.over(platform), gate.around)
    ) as installation:
        closing = await installation.account(
            balance={"cash": "5.00"}, resources=[{"id": "vm", "product": "ecs", "renounceable": True}]
        )
        await closing.ready()
        await closing.confirm()
        await asyncio.wait_for(gate.reached.wait(), PATIENCE.total_seconds())
        first = installation.client.get_workflow_handle(
            closing.workflow_id, run_id=(await closing.status()).run_id
        )
        await start_run(closing, WorkflowIDConflictPolicy.TERMINATE_EXISTING)
        with pytest.raises(WorkflowFailureError) as failure:
            await first.result(follow_runs=False)
        assert isinstance(failure.value.cause, TerminatedError)
        await closing.until_event(EventType.RESOURCES_RELEASED)
        gate.may_go_on.set()  # the lost run's effect comes late
        await closing.fast_forward(timedelta(minutes=6))
        await closing.until(Stage.SILENT)
        await closing.end_of_silence()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        types = await whole(closing)
        for once in (
            EventType.CONFIRMED,
            EventType.RESUMED,
            EventType.ACCESS_STOPPED,
            EventType.RESOURCES_RELEASED,
            EventType.BALANCE_FORFEITED,
            EventType.SILENCE_BEGAN,
        ):
            assert types.count(once) == 1, once
        assert weather.journal.count("stop access") == 1
        assert weather.journal.count("forfeit") == 1
        assert await closing.failed_tasks() == []
