"""SIGTERM drains a worker; an administrator's termination leaves the account's record open."""

import asyncio
import signal

import pytest
from temporalio.api.enums.v1 import EventType as HistoryEventType

from closure.errors import RefusalType
from closure.lifecycle import Stage
from tests.faults.fault_points import FaultPoint
from tests.faults.processes import worker_process
from tests.faults.scenes import SCENES, insist
from tests.workflows.house import HouseBuilder, refusal, running_worker


@pytest.mark.parametrize("point", ["before:directory.profile#2", "after:data_stores.stores#1"])
async def test_sigterm_lets_the_running_activity_finish_and_ends_0(
    hurried_houses: HouseBuilder, point: str
) -> None:
    scene = SCENES["deleted"]
    async with (
        hurried_houses.open(with_worker=False) as house,
        worker_process(house, point=FaultPoint.parse(point), blow=signal.SIGTERM) as process,
    ):
        closing = await scene.open(house)
        proof_id = await closing.prove()
        opening = asyncio.create_task(insist(lambda: closing.close(proof_id=proof_id)))
        assert await process.ended() == 0, process.log.read_text(encoding="utf-8")
        async with running_worker(house):
            assert (await opening).stage is Stage.BLOCKED
        history = await closing.history()
        attempts = [
            event.activity_task_started_event_attributes.attempt
            for event in history.events
            if event.event_type == HistoryEventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
        ]
        assert attempts == [1, 1]
    log = process.log.read_text(encoding="utf-8")
    assert "worker has ended" in log
    assert "Traceback" not in log


async def test_a_terminated_closure_s_record_stays_open_and_refuses_a_second_one(
    hurried_houses: HouseBuilder,
) -> None:
    async with hurried_houses.open() as house:
        closing = await house.account()
        first = (await closing.silent()).closure_id
        await closing.handle.terminate("by mistake")
        refused = await refusal(closing.start_again())
        assert refused.type == RefusalType.CLOSURE_ALREADY_OPEN
        assert first in refused.message
        recorded = await house.records.open_closure(closing.account_id)
        assert recorded is not None
        assert (recorded.document.closure_id, recorded.document.stage) == (first, Stage.SILENT)
        trail = await house.records.trail(first)
        assert trail is not None
        assert trail.fault is None
