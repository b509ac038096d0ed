"""The prepaid balance goes back to what it was paid with, and is followed until it has arrived (T10)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from closure.accounts import Access
from closure.business_days import add_business_days
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.messages import RefundState
from closure.money import Money
from closure.policy import Policy
from closure.refunds import AttemptState
from closure.waiting import WaitingReason
from connectors.embedded import tables
from connectors.embedded.refunds import play_answer
from connectors.embedded.tables import RefundAnswer
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation, with_durations
from tests.harness.twilio import (
    OPENING,
    WORDS,
    account_of,
    answer,
    money,
    retained,
    told,
    turns,
    twilio_account,
)
from tests.harness.waiting import BEYOND, eventually

RARELY = timedelta(days=2)
STORE = [{"id": "usage", "store": "usage-history", "objects": 12}]


def payment(name: str, amount: str, day: int) -> dict[str, object]:
    return {"id": name, "amount": amount, "paid_at": datetime(2026, 1, day, tzinfo=UTC)}


def orders(weather: Weather) -> list[str]:
    return [act.removeprefix("order refund of ") for act in weather.journal if act.startswith("order refund")]


async def in_state(closing: AccountDriver, state: RefundState) -> None:
    await closing.until(lambda document: document.refund is not None and document.refund.status is state)


async def test_t10_newest_payment_first_up_to_what_is_left_of_each(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(
            installation,
            balance={"cash": "100.00"},
            payments=[payment("old", "60.00", 1), payment("new", "50.00", 20), payment("mid", "30.00", 9)],
        )
        # 20.00 of the newest payment went back long ago.
        await closing.insert(
            tables.refunds,
            key="before",
            closure_id="by support",
            payment_id="new",
            amount=2000,
            settled=2000,
            state=AttemptState.SETTLED,
            created_at=datetime(2026, 2, 1, tzinfo=UTC),
            settles_at=datetime(2026, 2, 3, tzinfo=UTC),
        )
        await retained(closing)
        await told(closing, EventType.REFUND_STARTED)
        assert orders(weather) == ["30.00 to new", "30.00 to mid", "40.00 to old"]
        refund = (await closing.status()).refund
        assert refund is not None
        assert (refund.status, refund.amount, refund.currency) == (RefundState.PENDING, "100.00", "USD")
        await closing.fast_forward(timedelta(days=8))  # three business days and a look
        await in_state(closing, RefundState.SETTLED)
        assert len(orders(weather)) == 3


async def test_t10_subaccounts_get_theirs_back_too(installations: InstallationBuilder) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(
            installation,
            balance={"cash": "10.00"},
            subaccounts=[{"id": "t10-sub", "balance": {"cash": "2.50", "promo": "1.00"}}],
        )
        await retained(closing)
        await told(closing, EventType.REFUND_STARTED)
        refund = (await closing.status()).refund
        assert refund is not None
        assert refund.amount == "12.50"
        assert len(orders(weather)) == 2
        assert (await money(account_of(installation, "t10-sub")))["cash"] == 0
        await closing.end_of_retention()
        assert (await closing.outcome()).outcome is Outcome.DELETED


# Currencies with two, no and three decimals.
@pytest.mark.parametrize(
    ("currency", "cash", "minor"), [("USD", "10.01", 1001), ("JPY", "1001", 1001), ("KWD", "1.001", 1001)]
)
async def test_t10_partly_settled_then_settled_and_the_ledger_is_right_at_every_turn(
    installation: TestInstallation, currency: str, cash: str, minor: int
) -> None:
    closing = await twilio_account(installation, currency=currency, balance={"cash": cash})
    await closing.ready(acknowledgements=WORDS)
    before = await money(closing)
    assert before == {"cash": minor, "promo": 0, "under way": 0, "outside": -minor}
    await closing.confirm()
    await told(closing, EventType.REFUND_STARTED)
    assert await money(closing) == {"cash": 0, "promo": 0, "under way": minor, "outside": -minor}

    await answer(closing, RefundAnswer.PARTIAL)
    await in_state(closing, RefundState.PARTLY_SETTLED)
    assert await money(closing) == {"cash": 0, "promo": 0, "under way": 501, "outside": -501}
    partly = await closing.until_event(EventType.REFUND_PARTLY_SETTLED)
    confirmed_at = (await closing.status()).confirmed_at
    assert confirmed_at is not None
    assert partly.details == {
        "amount": cash,
        "currency": currency,
        "due_by": due_by(closing.policy, confirmed_at).isoformat().replace("+00:00", "Z"),
        "settled": str(Money(minor=500, currency=currency)),
    }

    await answer(closing, RefundAnswer.SETTLED)
    await told(closing, EventType.REFUND_SETTLED)
    await in_state(closing, RefundState.SETTLED)
    assert await money(closing) == {"cash": 0, "promo": 0, "under way": 0, "outside": 0}
    refund = (await closing.status()).refund
    assert refund is not None
    assert (refund.status, refund.amount, refund.currency) == (RefundState.SETTLED, cash, currency)
    assert (await closing.status()).stage is Stage.RETAINED
    assert await turns(closing) == [
        *OPENING,
        "account_closed",
        "refund_started",
        "refund_partly_settled",
        "refund_settled",
    ]


async def test_t10_what_fails_on_one_payment_goes_to_another_then_fails_and_arrives_at_last(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(
            installation,
            balance={"cash": "40.00"},
            payments=[payment("first", "50.00", 1), payment("second", "50.00", 2)],
        )
        await retained(closing)
        await told(closing, EventType.REFUND_STARTED)
        assert orders(weather) == ["40.00 to second"]

        await fail_once(closing, closing)
        await closing.handle.signal("recheck")
        await eventually(
            lambda: _async(orders(weather)),
            lambda made: made == ["40.00 to second", "40.00 to first"],
            "another payment",
        )
        refund = (await closing.status()).refund
        assert refund is not None
        assert refund.status is RefundState.PENDING
        assert (await money(closing))["under way"] == 4000

        await answer(closing, RefundAnswer.FAILED)
        await told(closing, EventType.REFUND_FAILED)
        await in_state(closing, RefundState.FAILED)
        assert await money(closing) == {"cash": 4000, "promo": 0, "under way": 0, "outside": -10_000}

        await answer(closing, RefundAnswer.SETTLED)
        await told(closing, EventType.REFUND_SETTLED)
        assert (await money(closing))["cash"] == 0
        assert await turns(closing) == [
            *OPENING,
            "account_closed",
            "refund_started",
            "refund_failed",
            "refund_settled",
        ]


async def fail_once(account: AccountDriver, closing: AccountDriver) -> None:
    """The orders that `closing` made so far for the account fail; later ones are undecided."""
    database = closing.installation.database
    await play_answer(database, account.account_id, RefundAnswer.FAILED)
    made = await closing.installation.platform.refunds.attempts(
        account.account_id, closure_id=closing.closure_id, time=await closing.now()
    )
    assert {each.state for each in made} == {AttemptState.FAILED}
    undecided = (
        update(tables.accounts).where(tables.accounts.c.id == account.account_id).values(refund_answer=None)
    )
    await database.write(lambda connection: connection.execute(undecided))


async def _async(value: list[str]) -> list[str]:
    return value


def patient(policies: Mapping[str, Policy]) -> Mapping[str, Policy]:
    """Asks every other day: weeks in which nothing changes pass sooner."""
    rule = policies["twilio"].refund
    assert rule is not None
    seldom = rule.model_copy(update={"poll_interval": RARELY})
    return {"twilio": with_durations(policies["twilio"], refund=seldom)}


async def test_t10_late_is_told_once_followed_for_weeks_and_only_then_deleted(
    installations: InstallationBuilder, policies: Mapping[str, Policy]
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over, policies=patient(policies)) as installation:
        closing = await twilio_account(
            installation,
            balance={"cash": "10.00"},
            data=STORE,
            subaccounts=[{"id": "t10-late", "balance": {"cash": "5.00"}, "data": STORE}],
        )
        sub = account_of(installation, "t10-late")
        await play_answer(installation.database, closing.account_id, RefundAnswer.PARTIAL)
        await retained(closing)
        await in_state(closing, RefundState.PARTLY_SETTLED)
        refund = (await closing.status()).refund
        assert refund is not None
        await closing.fast_forward_to(refund.due_by - timedelta(hours=1))
        assert RefundState.LATE.value not in str((await closing.status()).refund)
        await closing.fast_forward_to(refund.due_by + RARELY + BEYOND)
        await told(closing, EventType.REFUND_LATE)
        late = (await closing.status()).refund
        assert late == refund.model_copy(update={"status": RefundState.LATE})  # due_by was computed once

        await closing.end_of_retention()
        await closing.until_event(EventType.DATA_ERASED)
        await closing.until(Stage.DELETING)
        for each in (closing, sub):
            assert await each.rows(tables.data_stores) == []  # T5: on time
        # The owner is still to be told, and of what is gone nobody may know whether its money arrived.
        assert [await each.access() for each in (closing, sub)] == [Access.STOPPED, Access.STOPPED]
        await closing.fast_forward(timedelta(days=14))
        waiting = await closing.status()
        assert (waiting.stage, waiting.outcome) == (Stage.DELETING, None)
        assert (await closing.templates()).count("refund_late") == 2
        assert "closure_deleted" not in await closing.templates()

        # Money that comes back to a subaccount at last is sent again.
        await fail_once(sub, closing)
        await answer(closing, RefundAnswer.SETTLED)
        assert (await closing.outcome()).outcome is Outcome.DELETED
        assert await turns(closing) == [
            *OPENING,
            "account_closed",
            "refund_started",
            "refund_partly_settled",
            "refund_late",
            "refund_settled",
            "closure_deleted",
        ]
        for each in (closing, sub):
            assert await each.access() is Access.CLOSED
            assert (await money(each))["cash"] == 0
        record = await installation.records.last("t10-late")
        assert record is not None
        assert record.state.outcome is Outcome.DELETED


async def test_t10_a_provider_that_cannot_be_asked_delays_no_deletion_and_is_late_too(
    installations: InstallationBuilder, policies: Mapping[str, Policy]
) -> None:
    weather = Weather(unreadable={"refunds"})
    async with installations.open(platforms=weather.over, policies=patient(policies)) as installation:
        closing = await twilio_account(installation, balance={"cash": "10.00"}, data=STORE)
        await retained(closing)
        refund = (await closing.status()).refund
        assert refund is not None
        assert (refund.status, refund.amount) == (RefundState.PENDING, "10.00")
        await closing.until_event(EventType.RETENTION_BEGAN)
        assert "refund_started" not in await closing.templates()
        delete_after = (await closing.status()).delete_after
        assert delete_after is not None

        await closing.fast_forward_to(refund.due_by + RARELY + timedelta(minutes=5))
        await told(closing, EventType.REFUND_LATE)
        await closing.end_of_retention()
        await closing.until_event(EventType.DATA_ERASED)
        erasing = await closing.until_event(EventType.DELETION_BEGAN)
        # Three tries of an ask that was under way when the time came.
        assert delete_after <= erasing.time < delete_after + timedelta(minutes=1)
        assert await closing.rows(tables.data_stores) == []

        waiting = (await closing.status()).waiting_for
        assert waiting is not None
        assert waiting.reason == WaitingReason.REFUND_UNREADABLE
        weather.unreadable.clear()
        await play_answer(installation.database, closing.account_id, RefundAnswer.SETTLED)
        await closing.handle.signal("recheck")
        assert (await closing.outcome()).outcome is Outcome.DELETED
        assert await turns(closing) == [
            *OPENING,
            "account_closed",
            "refund_late",
            "refund_started",
            "refund_settled",
            "closure_deleted",
        ]
        assert orders(weather) == ["10.00 to opening"]


@pytest.mark.parametrize(
    ("confirmed", "due"),
    [
        ("2026-11-20T12:30:00", "2026-12-07T12:30:00"),  # Thanksgiving is on the 26th
        ("2026-12-18T23:59:00", "2027-01-05T23:59:00"),  # Christmas and New Year's Day, both on Fridays
        (
            "2026-06-27T08:00:00",
            "2026-07-13T08:00:00",
        ),  # begins on a Saturday; the 4th is observed on the 3rd
        ("2027-03-01T00:00:00", "2027-03-15T00:00:00"),  # no holiday
    ],
)
def test_t10_due_in_ten_business_days_of_the_united_states(
    policies: Mapping[str, Policy], confirmed: str, due: str
) -> None:
    since = datetime.fromisoformat(f"{confirmed}+00:00")
    assert due_by(policies["twilio"], since) == datetime.fromisoformat(f"{due}+00:00")


async def test_t10_a_refund_is_due_ten_business_days_after_confirm(installation: TestInstallation) -> None:
    closing = await twilio_account(installation, balance={"cash": "10.00"})
    await retained(closing)
    document = await closing.status()
    assert document.refund is not None
    assert document.confirmed_at is not None
    assert document.refund.status is RefundState.PENDING
    assert document.refund.due_by == due_by(closing.policy, document.confirmed_at)


def due_by(policy: Policy, since: datetime) -> datetime:
    rule = policy.refund
    assert rule is not None
    return add_business_days(since, rule.business_days, rule.country)


async def test_a_provider_that_could_not_be_asked_once_is_waited_for_no_more(
    installations: InstallationBuilder,
) -> None:
    weather = Weather(unreadable={"refunds"})
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(installation, balance={"cash": "10.00"})
        await retained(closing)
        await closing.until(lambda document: document.waiting_for is not None)
        weather.unreadable.clear()
        await closing.handle.signal("recheck")
        await told(closing, EventType.REFUND_STARTED)
        document = await closing.until(lambda document: document.waiting_for is None)
        assert document.stage is Stage.RETAINED


async def test_a_recheck_in_retained_asks_the_provider_at_once(installations: InstallationBuilder) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(installation, balance={"cash": "10.00"})
        await retained(closing)
        await told(closing, EventType.REFUND_STARTED)
        await answer(closing, RefundAnswer.SETTLED)  # no clock moves
        await in_state(closing, RefundState.SETTLED)
        assert (await closing.status()).stage is Stage.RETAINED
