"""From confirm on nobody stops, shortens or revokes it; and a cancel request never counts at all."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from closure.accounts import Access
from closure.errors import RefusalType
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver, refusal, timeless
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder


async def blocked(closing: AccountDriver, weather: Weather) -> None:
    await closing.insert(tables.domains, id="example.com")
    await closing.close()
    await closing.at_rest()


async def ready(closing: AccountDriver, weather: Weather) -> None:
    await closing.ready()
    await closing.at_rest()


async def entering(closing: AccountDriver, weather: Weather) -> None:
    await closing.entering()
    await closing.at_rest()


async def silent(closing: AccountDriver, weather: Weather) -> None:
    await closing.silent()
    await closing.at_rest()


async def final_check(closing: AccountDriver, weather: Weather) -> None:
    await closing.silent()
    weather.unreadable.add("billing")
    await closing.end_of_silence()
    await closing.until_event(EventType.FINAL_CHECK_WAITING)
    await closing.at_rest()


Reach = Callable[[AccountDriver, Weather], Awaitable[None]]
WAITING = {
    Stage.BLOCKED: blocked,
    Stage.READY: ready,
    Stage.ENTERING: entering,
    Stage.SILENT: silent,
    Stage.FINAL_CHECK: final_check,
}
"""How to bring a closure into every stage in which it waits."""


async def carry_on(closing: AccountDriver, weather: Weather) -> Outcome | None:
    """From any waiting stage to the outcome."""
    stage = (await closing.until(lambda document: document.stage is not Stage.CHECKING)).stage
    if stage is Stage.BLOCKED:
        await closing.remove(tables.domains, "example.com")
        await closing.recheck()
        # The first check that ends may have begun before.
        stage = (await closing.until(Stage.READY)).stage
    if stage is Stage.READY:
        await closing.confirm()
    weather.unreadable.clear()
    await closing.fast_forward(timedelta(days=7, hours=2))
    return (await closing.outcome()).outcome


@pytest.mark.parametrize("stage", [Stage.ENTERING, Stage.SILENT, Stage.FINAL_CHECK])
async def test_a20_every_customer_act_is_refused_and_nothing_changes(
    installations: InstallationBuilder, stage: Stage
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account()
        await WAITING[stage](closing, weather)
        before = await closing.status()
        assert before.stage is stage
        for act in (closing.withdraw(), closing.renounce(all=True), closing.confirm()):
            assert (await refusal(act)).type == RefusalType.IRREVOCABLE
        assert timeless(await closing.status()) == timeless(before)
        assert (await closing.event_types()).count(EventType.CONFIRMED) == 1
        assert await carry_on(closing, weather) is Outcome.DELETED


@pytest.mark.parametrize("stage", WAITING, ids=lambda stage: stage.value)
async def test_a20_a_cancel_request_is_in_the_audit_and_changes_nothing(
    installations: InstallationBuilder, stage: Stage
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account()
        await WAITING[stage](closing, weather)
        before = await closing.status()
        await closing.handle.cancel()
        ignored = await closing.until_event(EventType.CANCEL_IGNORED)
        assert ignored.stage_from is stage
        assert ignored.stage_to is None
        assert timeless(await closing.status()) == timeless(before)
        await closing.handle.cancel()
        assert await carry_on(closing, weather) is Outcome.DELETED
        assert await closing.access() is Access.CLOSED
        assert await closing.failed_tasks() == []


async def test_a20_time_alone_moves_a_silent_closure_rechecks_do_not(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account()
        before = await closing.silent()
        reads = weather.billing_reads
        await closing.handle.signal("recheck")
        await closing.fast_forward(timedelta(days=6))
        assert timeless(await closing.status()) == timeless(before)
        assert weather.billing_reads == reads


async def test_the_customer_s_acts_on_an_ended_closure_find_no_workflow(
    installations: InstallationBuilder,
) -> None:
    async with installations.open() as installation:
        closing = await installation.account()
        await closing.ready()
        await closing.withdraw()
        await closing.outcome()
        for act in (
            closing.confirm(),
            closing.withdraw(),
            closing.renounce(all=True),
            closing.closures.recheck(closing.account_id),
        ):
            assert (await refusal(act)).type == RefusalType.CLOSURE_ENDED
        assert (await closing.event_types())[-1] is EventType.WITHDRAWN
