"""From confirm on nobody stops, shortens or revokes it; and a cancel request never counts at all."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from closure.accounts import Access
from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from records.entries import EventType
from tests.fakes.platform import Weather
from tests.workflows.house import Closing, HouseBuilder, refusal


async def blocked(closing: Closing, weather: Weather) -> None:
    await closing.insert(tables.domains, id="example.com")
    await closing.close()


async def ready(closing: Closing, weather: Weather) -> None:
    await closing.ready()


async def entering(closing: Closing, weather: Weather) -> None:
    await closing.entering()


async def silent(closing: Closing, weather: Weather) -> None:
    await closing.silent()


async def final_check(closing: Closing, weather: Weather) -> None:
    await closing.silent()
    weather.unreadable.add("billing")
    await closing.end_of_silence()
    await closing.until_event(EventType.FINAL_CHECK_WAITING)


Reach = Callable[[Closing, Weather], Awaitable[None]]
WAITING = {
    Stage.BLOCKED: blocked,
    Stage.READY: ready,
    Stage.ENTERING: entering,
    Stage.SILENT: silent,
    Stage.FINAL_CHECK: final_check,
}
"""How to bring a closure into every stage in which it waits."""


async def carry_on(closing: Closing, weather: Weather) -> Outcome | None:
    """From any waiting stage to the outcome."""
    stage = (await closing.status()).stage
    if stage is Stage.BLOCKED:
        await closing.remove(tables.domains, "example.com")
        stage = (await closing.recheck()).stage
    if stage is Stage.READY:
        await closing.confirm()
    weather.unreadable.clear()
    await closing.fast_forward(timedelta(days=7, hours=2))
    return (await closing.outcome()).outcome


@pytest.mark.parametrize("stage", [Stage.ENTERING, Stage.SILENT, Stage.FINAL_CHECK])
async def test_a20_every_customer_act_is_refused_and_nothing_changes(
    houses: HouseBuilder, stage: Stage
) -> None:
    weather = Weather()
    async with houses.open(platforms=weather.over) as house:
        closing = await house.account()
        await WAITING[stage](closing, weather)
        before = await closing.status()
        assert before.stage is stage
        for act in (closing.withdraw(), closing.renounce(all=True), closing.confirm()):
            assert (await refusal(act)).type == RefusalType.IRREVOCABLE
        assert await closing.status() == before
        # Refused by the validator: the history does not even know.
        accepted = [
            event.workflow_execution_update_accepted_event_attributes.accepted_request.input.name
            for event in (await closing.history()).events
            if event.HasField("workflow_execution_update_accepted_event_attributes")
        ]
        assert accepted.count("withdraw") == 0
        assert accepted.count("confirm") == 1
        assert await carry_on(closing, weather) is Outcome.DELETED


@pytest.mark.parametrize("stage", WAITING, ids=lambda stage: stage.value)
async def test_a20_a_cancel_request_is_in_the_audit_and_changes_nothing(
    houses: HouseBuilder, stage: Stage
) -> None:
    weather = Weather()
    async with houses.open(platforms=weather.over) as house:
        closing = await house.account()
        await WAITING[stage](closing, weather)
        before = await closing.status()
        await closing.handle.cancel()
        ignored = await closing.until_event(EventType.CANCEL_IGNORED)
        assert ignored.stage_from is stage
        assert ignored.stage_to is None
        assert await closing.status() == before
        await closing.handle.cancel()
        assert await carry_on(closing, weather) is Outcome.DELETED
        assert await closing.access() is Access.CLOSED
        assert await closing.failed_tasks() == []


async def test_a20_time_alone_moves_a_silent_closure_rechecks_do_not(houses: HouseBuilder) -> None:
    weather = Weather()
    async with houses.open(platforms=weather.over) as house:
        closing = await house.account()
        before = await closing.silent()
        reads = weather.billing_reads
        await closing.handle.signal("recheck")
        await closing.fast_forward(timedelta(days=6))
        assert await closing.status() == before
        assert weather.billing_reads == reads


async def test_the_customer_s_acts_on_an_ended_closure_find_no_workflow(houses: HouseBuilder) -> None:
    async with houses.open() as house:
        closing = await house.account()
        await closing.ready()
        await closing.withdraw()
        await closing.outcome()
        with pytest.raises(Exception, match="completed"):
            await closing.confirm()
