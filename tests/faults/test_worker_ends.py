"""SIGTERM drains a worker; an administrator's termination leaves the account's record open."""

import asyncio
import signal

import pytest
from temporalio.api.enums.v1 import EventType as HistoryEventType

from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from tests.faults.fault_points import FaultPoint
from tests.faults.processes import worker_process
from tests.faults.scenes import SCENES, Customer
from tests.harness.account_driver import refusal
from tests.harness.installation import InstallationBuilder, running_worker


@pytest.mark.parametrize("point", ["after:data_stores.stores#1", "after:access.stop#1"])
async def test_sigterm_lets_the_running_activity_finish_and_ends_0(
    hurried_installations: InstallationBuilder, point: str
) -> None:
    scene = SCENES["deleted"]
    async with (
        hurried_installations.open(with_worker=False) as installation,
        worker_process(installation, point=FaultPoint.parse(point), blow=signal.SIGTERM) as process,
    ):
        closing = await scene.open(installation)
        customer = Customer(closing)
        beginning = asyncio.create_task(_begin(customer))
        assert await process.ended() == 0, process.log.read_text(encoding="utf-8")
        async with running_worker(installation):
            await beginning
            await customer.enter()
        history = await closing.history()
        attempts = [
            event.activity_task_started_event_attributes.attempt
            for event in history.events
            if event.event_type == HistoryEventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
        ]
        assert set(attempts) == {1}
    log = process.log.read_text(encoding="utf-8")
    assert "worker has ended" in log
    assert "Traceback" not in log


async def _begin(customer: Customer) -> None:
    await customer.close()
    await customer.renounce()
    await customer.confirm()


async def test_a_terminated_closure_s_record_stays_open_and_refuses_a_second_one(
    hurried_installations: InstallationBuilder,
) -> None:
    async with hurried_installations.open() as installation:
        closing = await installation.account()
        first = (await closing.silent()).closure_id
        await closing.handle.terminate("by mistake")
        refused = await refusal(closing.close())
        assert refused.type == RefusalType.CLOSURE_ALREADY_OPEN
        assert refused.facts["closure_id"] == first
        recorded = await installation.records.open_closure(closing.account_id)
        assert recorded is not None
        assert (recorded.state.closure_id, recorded.state.stage) == (first, Stage.SILENT)
        trail = await installation.records.trail(first)
        assert trail is not None
        assert trail.fault is None
        await closing.closures.resume(first)
        await closing.end_of_silence()
        assert (await closing.outcome()).outcome is Outcome.DELETED
