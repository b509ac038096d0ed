"""Money is read again before it moves: what is used or arrives late is neither lost nor in the way."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from closure.events import EventType, RefundChanged
from closure.lifecycle import Outcome, Stage
from closure.messages import RefundState, RefundStatus
from closure.money import Money
from closure.transitions import LATE_MONEY_INTERVAL
from closure.waiting import WaitingReason
from connectors.embedded import elsewhere, tables
from tests.harness.account_driver import AccountDriver
from tests.harness.books import must_balance
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.money_moves import arrives, use
from tests.harness.twilio import account_of, money, retained, told, twilio_account
from tests.harness.waiting import BEYOND

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FAR = datetime(2099, 1, 1, tzinfo=UTC)


def orders(weather: Weather) -> list[str]:
    return [act.removeprefix("order refund of ") for act in weather.journal if act.startswith("order refund")]


async def refund_of(closing: AccountDriver) -> RefundStatus:
    refund = (await closing.status()).refund
    assert refund is not None
    return refund


async def metered(closing: AccountDriver, until: datetime) -> None:
    await elsewhere.move_watermark(closing.installation.database, closing.account_id, until)


async def test_t10_a_refund_is_ordered_when_metering_has_reached_the_stop_and_of_what_is_left_then(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(installation, balance={"cash": "10.00"}, usage_final_until=LONG_AGO)
        await retained(closing)
        waiting = await closing.until(lambda document: document.waiting_for is not None)
        assert waiting.waiting_for is not None
        assert waiting.waiting_for.reason == WaitingReason.REFUND_METERING
        assert (orders(weather), (await refund_of(closing)).amount) == ([], "10.00")

        await use(closing, 100)
        await metered(closing, FAR)
        await closing.handle.signal("recheck")
        await told(closing, EventType.REFUND_STARTED)
        await closing.until(lambda document: _is(document.refund, RefundState.PENDING, "9.00"))
        assert (await closing.status()).waiting_for is None
        assert orders(weather) == ["9.00 to opening"]
        changed = (await closing.until_event(EventType.REFUND_CHANGED)).content
        assert isinstance(changed, RefundChanged)
        assert (changed.amount_before, changed.amount) == ("10.00", "9.00")
        await closing.end_of_retention()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        await must_balance(installation.database)
        assert await money(closing) == {"cash": 0, "promo": 0, "under way": 0, "outside": -100}


async def test_t10_metering_that_never_gets_there_holds_the_refund_up_for_three_business_days_only(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(
            installation,
            subaccounts=[
                {"id": "late-sub", "balance": {"cash": "5.00"}, "usage_final_until": LONG_AGO.isoformat()}
            ],
            balance={"cash": "10.00"},
        )
        await retained(closing)
        state = (await installation.records.get(closing.closure_id)).state  # type: ignore[union-attr]
        assert state.refund_order_by is not None
        await closing.fast_forward_to(state.refund_order_by - timedelta(minutes=30))
        assert orders(weather) == []
        await closing.fast_forward_to(state.refund_order_by + BEYOND)
        await told(closing, EventType.REFUND_STARTED)
        assert sorted(orders(weather)) == ["10.00 to opening", "5.00 to opening"]
        await use(account_of(installation, "late-sub"), 77)
        await closing.end_of_retention()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        record = await installation.records.last("late-sub")
        assert record is not None
        assert await dues_of(installation, "late-sub") == [("debt", "", 77)]
        assert EventType.DUES_HANDED_OVER in [
            each.event for each in await installation.records.events(record.state.closure_id)
        ]


async def dues_of(installation: TestInstallation, account_id: str) -> list[tuple[str, str, int]]:
    rows = await installation.rows(tables.dues, account_id)
    return sorted((str(row["kind"]), str(row["id"]), int(str(row["amount"]))) for row in rows)


async def test_t10_money_that_arrives_once_the_refund_has_settled_goes_back_too(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(installation, balance={"cash": "10.00"})
    await retained(closing)
    await told(closing, EventType.REFUND_STARTED)
    await closing.fast_forward(timedelta(days=8))
    await closing.until(lambda document: _is(document.refund, RefundState.SETTLED))
    await arrives(closing, 5000)

    await closing.handle.signal("recheck")
    reopened = await closing.until(lambda document: _is(document.refund, RefundState.PARTLY_SETTLED, "60.00"))
    assert reopened.refund is not None
    assert reopened.refund.due_by > await closing.now(), "it has ten business days of its own"
    await closing.end_of_retention()
    ended = await closing.outcome()
    assert (ended.outcome, ended.refund and ended.refund.settled) == (Outcome.DELETED, "60.00")
    assert (await money(closing))["cash"] == 0
    assert (await closing.templates()).count("refund_started") == 4, "told once more, with the new amount"
    await must_balance(installation.database)


async def test_t10_money_that_arrives_on_the_last_day_is_found_before_anything_is_erased(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(
        installation, data=[{"id": "usage", "store": "usage-history", "objects": 7}]
    )
    document = await (await retained(closing)).status()
    assert document.refund is None
    assert document.delete_after is not None
    await closing.fast_forward_to(document.delete_after - timedelta(hours=1))
    await arrives(closing, 5000)
    await closing.end_of_retention()
    refund = (await closing.until(Stage.DELETING)).refund
    assert refund is not None
    assert refund.amount == "50.00"
    await closing.fast_forward(timedelta(days=8))
    assert (await closing.outcome()).outcome is Outcome.DELETED
    types = await closing.event_types()
    assert types.index(EventType.REFUND_STARTED) < types.index(EventType.DATA_ERASED)
    assert await money(closing) == {"cash": 0, "promo": 0, "under way": 0, "outside": 0}


async def next_look(closing: AccountDriver) -> None:
    """The next one that comes by itself, soon enough."""
    record = await closing.installation.records.get(closing.closure_id)
    assert record is not None
    look_at = record.state.refund_look_at
    assert look_at is not None
    assert look_at - await closing.now() <= LATE_MONEY_INTERVAL
    await closing.fast_forward_to(look_at + BEYOND)


@pytest.mark.parametrize("cash", ["10.00", "0.00"], ids=["all has gone back", "nothing had to go back"])
async def test_t10_money_that_arrives_in_the_retention_is_shown_and_goes_back_with_nobody_asking(
    installation: TestInstallation, cash: str
) -> None:
    closing = await twilio_account(installation, balance={"cash": cash})
    await retained(closing)
    if cash != "0.00":
        await told(closing, EventType.REFUND_STARTED)
        await closing.fast_forward(timedelta(days=8))
        await closing.until(lambda document: _is(document.refund, RefundState.SETTLED, cash))
    await arrives(closing, 5000)
    total = str(Money.parse(cash, "USD") + Money.parse("50.00", "USD"))

    await next_look(closing)
    shown = await closing.until(lambda document: _has(document.refund, total))
    assert (shown.stage, shown.refund and shown.refund.status) == (
        Stage.RETAINED,
        RefundState.PENDING if cash == "0.00" else RefundState.PARTLY_SETTLED,
    )
    await closing.fast_forward(timedelta(days=8))
    await closing.until(lambda document: _is(document.refund, RefundState.SETTLED, total))
    assert (await closing.status()).stage is Stage.RETAINED, "it is back before the account goes"
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert await money(closing) == {"cash": 0, "promo": 0, "under way": 0, "outside": 0}


async def test_t10_a_debt_of_the_retention_is_shown_with_nobody_asking(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(installation, balance={"cash": "10.00"})
    await retained(closing)
    await told(closing, EventType.REFUND_STARTED)
    await closing.fast_forward(timedelta(days=8))
    await closing.until(lambda document: _is(document.refund, RefundState.SETTLED))
    await use(closing, 7700)
    await next_look(closing)
    shown = await closing.until(lambda document: bool(document.owed))
    assert [(each.check, each.amount) for each in shown.owed] == [("debt", "77.00")]
    assert (shown.stage, shown.refund and shown.refund.status) == (Stage.RETAINED, RefundState.SETTLED)


async def test_what_is_used_after_the_order_stays_due_and_holds_nothing_up(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(installation, balance={"cash": "10.00"})
    await retained(closing)
    await told(closing, EventType.REFUND_STARTED)
    await use(closing, 100)
    await closing.end_of_retention()
    ended = await closing.outcome()
    assert (ended.outcome, ended.refund and ended.refund.amount) == (Outcome.DELETED, "10.00")
    assert [(each.check, each.amount) for each in ended.owed] == [("debt", "1.00")]
    assert await dues_of(installation, closing.account_id) == [("debt", "", 100)]


async def test_a_chargeback_leaves_less_to_go_back_and_no_refund_that_can_never_be(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(installation, balance={"cash": "100.00"}, usage_final_until=LONG_AGO)
    await retained(closing)
    await closing.until(lambda document: document.waiting_for is not None)
    await use(closing, 4000)
    await installation.database.write(
        lambda connection: connection.execute(
            update(tables.payments)
            .where(tables.payments.c.account_id == closing.account_id)
            .values(amount=6000)
        )
    )
    await metered(closing, FAR)
    await closing.handle.signal("recheck")
    await told(closing, EventType.REFUND_STARTED)
    await closing.until(lambda document: _is(document.refund, RefundState.PENDING, "60.00"))
    await closing.end_of_retention()
    ended = await closing.outcome()
    assert (ended.outcome, ended.refund and ended.refund.settled) == (Outcome.DELETED, "60.00")


def _is(refund: RefundStatus | None, state: RefundState, amount: str | None = None) -> bool:
    return refund is not None and refund.status is state and amount in (None, refund.amount)


def _has(refund: RefundStatus | None, amount: str) -> bool:
    return refund is not None and refund.amount == amount
