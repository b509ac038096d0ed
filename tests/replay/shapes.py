"""Every shape that a closure's history can have, as somebody who drives one closure into it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio import activity

from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from database.engine import DatabaseUnreachable
from records.entries import EventType
from tests.fakes.platform import Weather
from tests.faults.around import Act, Call
from tests.workflows.house import Closing, refusal

_BEYOND = timedelta(seconds=30)
"""Fast-forwards end well after the timer that they are for."""

Drive = Callable[[Closing, Weather], Awaitable[None]]
Activity = Callable[[Call, Act], Awaitable[object]]


async def _undisturbed(call: Call, act: Act) -> object:
    return await act()


@dataclass(frozen=True)
class Shape:
    """One history, or more where the closure continues as new."""

    name: str
    drive: Drive
    account: Mapping[str, object] = field(default_factory=dict)
    around_activities: Activity = _undisturbed
    is_continued: bool = False
    """Recorded on a server that asks for continue-as-new after a few events."""


async def _delete(closing: Closing, weather: Weather) -> None:
    """With all that can be in the way of a deletion, in its order."""
    document = await closing.close()
    assert document.stage is Stage.BLOCKED
    await closing.remove(tables.bills, "b-1")
    await closing.remove(tables.domains, "example.com")
    await closing.recheck()
    await closing.renounce("balance")
    assert (await closing.renounce(all=True)).stage is Stage.READY
    await closing.confirm()
    await _enter(closing)
    await closing.handle.signal("recheck")
    await closing.handle.cancel()
    await closing.until_event(EventType.CANCEL_IGNORED)
    await _end_silence(closing, Outcome.DELETED)


async def _delete_simply(closing: Closing, weather: Weather) -> None:
    await _be_silent(closing, weather)
    await _end_silence(closing, Outcome.DELETED)


async def _be_silent(closing: Closing, weather: Weather) -> None:
    """Not ended: what a deploy finds most of the time."""
    await closing.entering()
    await _enter(closing)


async def _restore(closing: Closing, weather: Weather) -> None:
    await _be_silent(closing, weather)
    await closing.bill_late_usage()
    await _end_silence(closing, Outcome.RESTORED)


async def _withdraw(closing: Closing, weather: Weather) -> None:
    await closing.close()
    assert (await closing.withdraw()).outcome is Outcome.WITHDRAWN
    await closing.outcome()


async def _expire(closing: Closing, weather: Weather) -> None:
    await closing.ready()
    await closing.fast_forward(closing.policy.draft_lifetime + _BEYOND)
    assert (await closing.outcome()).outcome is Outcome.EXPIRED


async def _refuse(closing: Closing, weather: Weather) -> None:
    assert (await refusal(closing.close("u-2"))).type == RefusalType.ROLE_REFUSED
    await closing.outcome()


async def _wait_at_the_final_check(closing: Closing, weather: Weather) -> None:
    await _be_silent(closing, weather)
    weather.unreadable.add("billing")
    await _reach_final_check(closing)
    await closing.until_event(EventType.FINAL_CHECK_WAITING)
    assert closing.policy.final_check is not None
    await closing.fast_forward(closing.policy.final_check.retry_interval + _BEYOND)
    weather.unreadable.clear()
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def _drift(closing: Closing, weather: Weather) -> None:
    """The account changes between the plan that was seen and the confirm."""
    await closing.ready()
    await closing.insert(tables.domains, id="example.com")
    assert (await refusal(closing.confirm())).type == RefusalType.PLAN_CHANGED
    await closing.withdraw()
    await closing.outcome()


async def _continue(closing: Closing, weather: Weather) -> None:
    """Draft and final check each last for more than one run."""
    opened = await closing.ready()
    while (document := await closing.recheck()).run_id == opened.run_id:
        pass
    await closing.confirm(plan_hash=document.plan_hash)
    await _enter(closing)
    weather.unreadable.add("billing")
    await _reach_final_check(closing)
    waiting = await closing.until_event(EventType.FINAL_CHECK_WAITING)
    assert waiting is not None
    before = (await closing.status()).run_id
    assert closing.policy.final_check is not None
    while (await closing.status()).run_id == before:
        await closing.fast_forward(closing.policy.final_check.retry_interval + _BEYOND)
    weather.unreadable.clear()
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def _lose_three_times(call: Call, act: Act) -> object:
    """Every local activity fails, so that each is done by a normal one."""
    if activity.info().is_local:
        raise DatabaseUnreachable("gone for a moment")
    return await act()


async def _enter(closing: Closing) -> None:
    await closing.fast_forward(closing.policy.entering_duration + _BEYOND)
    await closing.until(Stage.SILENT)


async def _reach_final_check(closing: Closing) -> None:
    silent_until = (await closing.status()).silent_until
    assert silent_until is not None
    await closing.fast_forward_to(silent_until + _BEYOND)


async def _end_silence(closing: Closing, outcome: Outcome) -> None:
    await _reach_final_check(closing)
    assert (await closing.outcome()).outcome is outcome


_FULL: Mapping[str, object] = {
    "balance": {"cash": "200.00", "promo": "15.00"},
    "resources": [
        {"id": "a-disk", "product": "ebs", "renounceable": True},
        {"id": "b-vm", "product": "ecs", "renounceable": True, "depends_on": ["a-disk"]},
    ],
    "subscriptions": [
        {
            "id": "rds-1",
            "product": "rds",
            "renounceable": True,
            "expires_at": datetime(2099, 1, 1, tzinfo=UTC),
        }
    ],
    "bindings": [{"id": "bind-1", "third_party": "github"}],
    "data": [{"id": "oss-1", "store": "object-storage", "objects": 1200}],
    "api_keys": [{"id": "k-1"}],
}
_IN_THE_WAY: Mapping[str, object] = {
    **_FULL,
    "bills": [{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
    "domains": [{"id": "example.com"}],
}

SHAPES = (
    Shape("deleted-with-everything-in-the-way", _delete, _IN_THE_WAY),
    Shape("deleted", _delete_simply),
    Shape("silent", _be_silent, _FULL),
    Shape("restored", _restore, _FULL),
    Shape("withdrawn", _withdraw, _FULL),
    Shape("expired", _expire),
    Shape("refused", _refuse),
    Shape("final-check-waiting", _wait_at_the_final_check),
    Shape("confirm-refused-for-drift", _drift),
    Shape("without-local-activities", _delete_simply, _FULL, around_activities=_lose_three_times),
    Shape("continued-as-new", _continue, _FULL, is_continued=True),
)
