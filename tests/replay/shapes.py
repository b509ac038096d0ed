"""Every shape that a closure's history can have, as somebody who drives one closure into it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio import activity

from closure.acts import ActKind, WithdrawWords
from closure.duration import parse_duration
from closure.errors import RefusalType
from closure.events import EventType
from closure.lifecycle import Mode, Outcome, Stage
from closure.policy import CoolOff, MessageTemplate, MessageTexts, Policy
from closure.transitions import LATE_MONEY_INTERVAL
from connectors.embedded import tables
from connectors.embedded.holds import hold, unhold
from connectors.embedded.refunds import play_answer
from connectors.embedded.tables import RefundAnswer
from database import DatabaseUnreachable
from records.brakes import BrakeScope, lift, put_on
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.around import Act, Call
from tests.harness.fakes.platform import Weather
from tests.harness.installation import TestInstallation
from tests.harness.money_moves import arrives
from tests.harness.past_the_client import written
from tests.harness.twilio import WORDS, twilio_account

_BEYOND = timedelta(seconds=30)
"""Fast-forwards end well after the timer that they are for."""

Drive = Callable[[AccountDriver, Weather], Awaitable[None]]
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
    policy: Callable[[Policy], Policy] = lambda policy: policy
    """What is changed of the provider's policy."""
    subaccounts: int | None = None
    """How many, of an account under Twilio's procedure; None for the other procedure."""


async def _delete(closing: AccountDriver, weather: Weather) -> None:
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


async def _delete_simply(closing: AccountDriver, weather: Weather) -> None:
    await _be_silent(closing, weather)
    await _end_silence(closing, Outcome.DELETED)


async def _be_silent(closing: AccountDriver, weather: Weather) -> None:
    """Not ended: what a deploy finds most of the time."""
    await closing.entering()
    await _enter(closing)


async def _restore(closing: AccountDriver, weather: Weather) -> None:
    await _be_silent(closing, weather)
    await closing.bill_late_usage()
    await _end_silence(closing, Outcome.RESTORED)


async def _withdraw(closing: AccountDriver, weather: Weather) -> None:
    await closing.close()
    assert (await closing.withdraw()).outcome is Outcome.WITHDRAWN
    await closing.outcome()


async def _expire(closing: AccountDriver, weather: Weather) -> None:
    await closing.ready()
    await closing.fast_forward(closing.policy.draft_lifetime + _BEYOND)
    assert (await closing.outcome()).outcome is Outcome.EXPIRED


async def _refuse(closing: AccountDriver, weather: Weather) -> None:
    assert (await refusal(closing.close("u-2"))).type == RefusalType.ROLE_REFUSED
    await closing.outcome()


async def _wait_at_the_final_check(closing: AccountDriver, weather: Weather) -> None:
    await _be_silent(closing, weather)
    weather.unreadable.add("billing")
    await _reach_final_check(closing)
    await closing.until_event(EventType.FINAL_CHECK_WAITING)
    assert closing.policy.final_check is not None
    await closing.fast_forward(closing.policy.final_check.retry_interval + _BEYOND)
    weather.unreadable.clear()
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def _renounce_and_withdraw(closing: AccountDriver, weather: Weather) -> None:
    assert (await closing.close()).stage is Stage.BLOCKED
    await closing.renounce("balance")
    await closing.withdraw()
    assert (await closing.outcome()).outcome is Outcome.WITHDRAWN


async def _withdraw_late(closing: AccountDriver, weather: Weather) -> None:
    """Nobody delivered the withdrawal; the watchman wakes the run."""
    await closing.ready()
    await written(closing, ActKind.WITHDRAW, WithdrawWords())
    await closing.handle.signal("catch_up")
    assert (await closing.outcome()).outcome is Outcome.WITHDRAWN


async def _cool_off(closing: AccountDriver, weather: Weather) -> None:
    """Reminded twice, then as usual."""
    await closing.ready()
    confirmed = await closing.confirm()
    assert confirmed.cool_off_until is not None
    await closing.fast_forward_to(confirmed.cool_off_until + _BEYOND)
    await closing.until(lambda document: document.stage is not Stage.COOLING_OFF)
    await _enter(closing)
    await _end_silence(closing, Outcome.DELETED)


async def _wait_for_a_hold(closing: AccountDriver, weather: Weather) -> None:
    await _be_silent(closing, weather)
    await hold(closing.installation.database, closing.account_id, "court order")
    await _reach_final_check(closing)
    await closing.until_event(EventType.LEGAL_HOLD)
    await unhold(closing.installation.database, closing.account_id)
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def _brake(closing: AccountDriver, weather: Weather) -> None:
    """Before anything is stopped."""
    database, scope = closing.installation.database, BrakeScope.INSTALLATION
    await closing.ready()
    await database.write(lambda each: put_on(each, scope, "", "a broken feed"))
    await closing.confirm()
    await closing.until_event(EventType.BRAKED)
    await database.write(lambda each: lift(each, scope, "", "mended"))
    await closing.handle.signal("recheck")
    await closing.until_event(EventType.BRAKE_LIFTED)
    await _enter(closing)
    await _end_silence(closing, Outcome.DELETED)


async def _catch_up(closing: AccountDriver, weather: Weather) -> None:
    """The first run is terminated; another one goes on from the record."""
    await _be_silent(closing, weather)
    await closing.handle.terminate("by mistake")
    await closing.closures.resume(closing.closure_id)
    await _end_silence(closing, Outcome.DELETED)


async def _drift(closing: AccountDriver, weather: Weather) -> None:
    """The account changes between the plan that was seen and the confirm."""
    await closing.ready()
    await closing.insert(tables.domains, id="example.com")
    assert (await refusal(closing.confirm())).type == RefusalType.PLAN_CHANGED
    await closing.withdraw()
    await closing.outcome()


def with_cool_off(policy: Policy) -> Policy:
    """The policy with a cool-off of two weeks and two reminders."""
    texts = {"en": MessageTexts(email="From {irrevocable_from} on.", sms="{irrevocable_from}")}
    again = {"en": MessageTexts(email="Again: {changes}", sms="{changes}")}
    reminders = (parse_duration("7d"), parse_duration("1d"))
    return policy.model_copy(
        update={
            "cool_off": CoolOff(duration=parse_duration("14d"), reminders=reminders),
            "messages": {
                **policy.messages,
                MessageTemplate.CLOSURE_REMINDER: texts,
                MessageTemplate.CONFIRM_AGAIN: again,
            },
        }
    )


async def _continue(closing: AccountDriver, weather: Weather) -> None:
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


async def _enter(closing: AccountDriver) -> None:
    await closing.fast_forward(closing.policy.entering_duration + _BEYOND)
    await closing.until(Stage.SILENT)


async def _reach_final_check(closing: AccountDriver) -> None:
    silent_until = (await closing.status()).silent_until
    assert silent_until is not None
    await closing.fast_forward_to(silent_until + _BEYOND)


async def _end_silence(closing: AccountDriver, outcome: Outcome) -> None:
    await _reach_final_check(closing)
    assert (await closing.outcome()).outcome is outcome


async def _refund_and_delete(closing: AccountDriver, weather: Weather) -> None:
    """With subaccounts, one of which is held up for a while, and a refund that settles in its time."""
    await closing.retained(acknowledgements=WORDS)
    await closing.until_event(EventType.REFUND_STARTED)
    await closing.handle.signal("recheck")
    weather.unreadable.add("data_stores")
    await closing.end_of_retention()
    await closing.until_event(EventType.SUBACCOUNTS_HELD_UP)
    weather.unreadable.clear()
    await closing.fast_forward(timedelta(hours=2))
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def _refund_late(closing: AccountDriver, weather: Weather) -> None:
    """Can't be looked at, partly settled, late beyond the deletion, settled."""
    await closing.retained(acknowledgements=WORDS)
    await closing.until_event(EventType.REFUND_STARTED)
    weather.unreadable.add("refunds")
    await closing.fast_forward(timedelta(hours=13))
    weather.unreadable.clear()
    await play_answer(closing.installation.database, closing.account_id, RefundAnswer.PARTIAL)
    await closing.handle.signal("recheck")
    await closing.until_event(EventType.REFUND_PARTLY_SETTLED)
    await closing.end_of_retention()
    await closing.until_event(EventType.REFUND_LATE)
    await closing.until_event(EventType.DATA_ERASED)
    await play_answer(closing.installation.database, closing.account_id, RefundAnswer.SETTLED)
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def _money_late(closing: AccountDriver, weather: Weather) -> None:
    """All has gone back when more arrives; it is found by a look of its own, and goes back, too."""
    await closing.retained(acknowledgements=WORDS)
    await closing.until_event(EventType.REFUND_STARTED)
    await closing.fast_forward(timedelta(days=8))
    await closing.until_event(EventType.REFUND_SETTLED)
    await arrives(closing, 5000)
    await closing.fast_forward(LATE_MONEY_INTERVAL + timedelta(days=8))
    await closing.until_event(EventType.REFUND_SETTLED, count=2)
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def _refund_failed(closing: AccountDriver, weather: Weather) -> None:
    await closing.retained(acknowledgements=WORDS)
    await play_answer(closing.installation.database, closing.account_id, RefundAnswer.FAILED)
    await closing.handle.signal("recheck")
    await closing.until_event(EventType.REFUND_FAILED)


async def _sleep(closing: AccountDriver, weather: Weather) -> None:
    await closing.close(mode=Mode.KEEP_DATA)
    await closing.confirm("")
    assert (await closing.outcome()).outcome is Outcome.DORMANT


async def _refuse_invoiced(closing: AccountDriver, weather: Weather) -> None:
    assert (await refusal(closing.close())).type == RefusalType.ACCOUNT_KIND_REFUSED
    await closing.outcome()


async def open_account(installation: TestInstallation, shape: "Shape") -> AccountDriver:
    """The account that the shape is of; its subaccounts carry its name."""
    account_id = f"recorded-{shape.name}"
    if shape.subaccounts is None:
        return await installation.account(id=account_id, **shape.account)
    stores = [{"id": "usage", "store": "usage-history", "objects": 3}]
    owned = [
        {"id": f"{account_id}-{number}", "data": stores, "balance": {"cash": "2.00"}}
        for number in range(shape.subaccounts)
    ]
    return await twilio_account(installation, id=account_id, subaccounts=owned, **shape.account)


TELLING = (
    *("no longer needed", "court order", "broken feed", "u-1", "u-2", "a-disk", "b-vm", "rds-1", "bind-1"),
    *("github", "oss-1", "k-1", "b-1", "example.com", "18.20", "200.00", "15.00"),
)
"""What the recorded accounts and their people say and have: nothing of it may be in a history."""

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
    Shape("renounced-and-withdrawn", _renounce_and_withdraw, _IN_THE_WAY),
    Shape("withdrawn-late", _withdraw_late, _FULL),
    Shape("expired", _expire),
    Shape("refused", _refuse),
    Shape("cooled-off", _cool_off, _FULL, policy=with_cool_off),
    Shape("held", _wait_for_a_hold, _FULL),
    Shape("braked", _brake, _FULL),
    Shape("resumed", _catch_up, _FULL),
    Shape("final-check-waiting", _wait_at_the_final_check),
    Shape("confirm-refused-for-drift", _drift),
    Shape("without-local-activities", _delete_simply, _FULL, around_activities=_lose_three_times),
    Shape("twilio-deleted-with-subaccounts-and-refund", _refund_and_delete, _FULL, subaccounts=3),
    Shape("twilio-refund-late", _refund_late, _FULL, subaccounts=1),
    Shape("twilio-money-late", _money_late, _FULL, subaccounts=0),
    Shape("twilio-refund-failed", _refund_failed, _FULL, subaccounts=0),
    Shape("twilio-dormant", _sleep, _FULL, subaccounts=1),
    Shape("twilio-refused-invoiced", _refuse_invoiced, {"kind": "invoiced"}, subaccounts=0),
    Shape("continued-as-new", _continue, _FULL, is_continued=True),
)
