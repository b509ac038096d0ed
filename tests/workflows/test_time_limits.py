"""How long things may take is the operator's choice; what takes long and shows signs of life is let go on."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType as HistoryEvent

from activities.write_offs import PAGE
from closure.events import EventType
from closure.lifecycle import Stage
from connectors.ports import Platform
from temporal.time_limits import TimeLimit, TimeLimits
from tests.harness.account_driver import AccountDriver
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder, running_worker
from tests.harness.twilio import WORDS, twilio_account
from tests.harness.waiting import BEYOND

CHOSEN = TimeLimits(
    act=TimeLimit(timedelta(minutes=3), silence=timedelta(seconds=31)),
    record=TimeLimit(timedelta(minutes=4)),
    check=TimeLimit(timedelta(minutes=5), silence=timedelta(seconds=32)),
    effect=TimeLimit(timedelta(minutes=6), silence=timedelta(seconds=33)),
)
OTHERS = replace(CHOSEN, effect=TimeLimit(timedelta(minutes=9), silence=timedelta(seconds=34)))
SILENCE = timedelta(seconds=10)


def takes_long(platform: Platform) -> Platform:
    return replace(platform, answers_at_once=False)


async def limits(closing: AccountDriver) -> Mapping[str, TimeLimit]:
    """Of each activity that was scheduled, as Temporal has it; of the same one the last time."""
    found = {}
    for event in (await closing.history()).events:
        if event.event_type == HistoryEvent.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            found[scheduled.activity_type.name] = TimeLimit(
                scheduled.start_to_close_timeout.ToTimedelta(), scheduled.heartbeat_timeout.ToTimedelta()
            )
    return found


async def attempts(closing: AccountDriver, activity: str) -> list[int]:
    """In which attempt each call of the activity was done."""
    found, names = [], {}
    for event in (await closing.history()).events:
        if event.event_type == HistoryEvent.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            names[event.event_id] = event.activity_task_scheduled_event_attributes.activity_type.name
        elif event.event_type == HistoryEvent.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            started = event.activity_task_started_event_attributes
            found += [started.attempt] if names[started.scheduled_event_id] == activity else []
    return found


async def test_activities_have_the_limits_of_the_worker_that_they_run_on(
    installations: InstallationBuilder,
) -> None:
    async with installations.open(platforms=takes_long, with_worker=False) as installation:
        async with running_worker(installation, time_limits=CHOSEN):
            closing = await installation.account()
            await closing.ready()
            await closing.recheck()
            await closing.confirm()
            await closing.fast_forward(closing.policy.entering_duration + BEYOND)
            silent = await closing.until(Stage.SILENT)
        found = await limits(closing)
        assert found["open_closure"] == found["confirm"] == CHOSEN.act
        assert found["survey"] == CHOSEN.check
        assert found["enter"] == CHOSEN.effect
        assert silent.silent_until is not None
        async with running_worker(installation, time_limits=OTHERS):
            await closing.fast_forward_to(silent.silent_until + BEYOND)
            await closing.until(Stage.DELETED)
            assert await closing.failed_tasks() == []
        assert (await limits(closing))["finish"] == OTHERS.effect


async def test_write_offs_go_on_where_an_attempt_ended(installations: InstallationBuilder) -> None:
    asked: Counter[object] = Counter()
    number = 2 * PAGE + 3

    async def around(call: Call, act: Act) -> object:
        if call.name == "billing.forfeit":
            asked[call.arguments[0]] += 1
            if asked.total() == number - 1:
                raise TimeoutError
        return await act()

    async with installations.open(platforms=lambda platform: around_ports(platform, around)) as installation:
        closing = await twilio_account(
            installation,
            subaccounts=[{"id": f"sub-{each}", "balance": {"promo": "1.00"}} for each in range(number)],
        )
        await closing.close(acknowledgements=WORDS)
        await closing.confirm()
        await closing.until(Stage.RETAINED)
        forfeited = await closing.until_event(EventType.BALANCE_FORFEITED)
        assert forfeited.details["forfeited_promo"] == f"{number}.00"
    assert len(asked) == number
    assert asked.total() == number + 2, "those since the last note are asked again, by their keys"


@pytest.mark.long
async def test_a_slow_stop_and_many_slow_write_offs_are_done_in_one_attempt(
    installations: InstallationBuilder,
) -> None:
    """Each is longer than the silence after which a worker would count as dead."""
    slow = {"access.stop": 12.0, "billing.forfeit": 0.3}

    async def around(call: Call, act: Act) -> object:
        await asyncio.sleep(slow.get(call.name, 0))
        return await act()

    patient = replace(TimeLimits(), effect=TimeLimit(timedelta(minutes=5), silence=SILENCE))
    async with installations.open(
        platforms=lambda platform: around_ports(platform, around), with_worker=False
    ) as installation:
        async with running_worker(installation, time_limits=patient):
            closing = await twilio_account(
                installation,
                subaccounts=[{"id": f"sub-{number}", "balance": {"promo": "1.00"}} for number in range(40)],
            )
            await closing.close(acknowledgements=WORDS)
            await closing.confirm()
            await closing.until(Stage.RETAINED, within=timedelta(minutes=2))
        assert await attempts(closing, "enter") == [1]
