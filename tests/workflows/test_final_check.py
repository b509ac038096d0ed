"""The billing-latency recheck: unreadable or not final is a wait, never a deletion."""

from datetime import datetime, timedelta

import pytest

from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation

MICROSECOND = timedelta(microseconds=1)


async def stopped_at(closing: AccountDriver) -> datetime:
    (account,) = await closing.rows(tables.accounts)
    stopped = account["stopped_at"]
    assert isinstance(stopped, datetime)
    return stopped


async def meter(closing: AccountDriver, until: datetime) -> None:
    await closing.installation.database.write(
        lambda connection: connection.execute(
            tables.accounts.update()
            .where(tables.accounts.c.id == closing.account_id)
            .values(usage_final_until=until)
        )
    )


async def test_a21_usage_that_is_final_up_to_the_very_moment_access_stopped_is_enough(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.silent()
    await meter(closing, await stopped_at(closing))
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert EventType.FINAL_CHECK_WAITING not in await closing.event_types()


@pytest.mark.parametrize("short", [timedelta(seconds=1), MICROSECOND], ids=["a second", "a microsecond"])
async def test_a21_usage_that_is_final_to_just_before_waits_and_is_deleted_once_the_watermark_moves(
    installation: TestInstallation, short: timedelta
) -> None:
    closing = await installation.account(data=[{"id": "oss-1", "store": "object-storage", "objects": 1}])
    await closing.silent()
    moment = await stopped_at(closing)
    await meter(closing, moment - short)
    await closing.end_of_silence()
    waiting = await closing.until_event(EventType.FINAL_CHECK_WAITING)
    assert waiting.details["waiting_for"]
    # Days of looking again change nothing but the clock, and are one audit event.
    await closing.fast_forward(timedelta(days=3))
    assert (await closing.status()).stage is Stage.FINAL_CHECK
    assert len(await closing.rows(tables.data_stores)) == 1
    assert (await closing.event_types()).count(EventType.FINAL_CHECK_WAITING) == 1
    await meter(closing, moment)
    await closing.fast_forward(timedelta(hours=2))
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_billing_that_cannot_be_read_waits_never_deletes_and_a_recheck_looks_at_once(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account(data=[{"id": "oss-1", "store": "object-storage", "objects": 1}])
        await closing.silent()
        weather.unreadable.add("billing")
        await closing.end_of_silence()
        await closing.until_event(EventType.FINAL_CHECK_WAITING)
        reads = weather.billing_reads
        await closing.fast_forward(timedelta(hours=5))
        assert weather.billing_reads > reads
        assert (await closing.status()).stage is Stage.FINAL_CHECK
        assert len(await closing.rows(tables.data_stores)) == 1
        weather.unreadable.clear()
        await closing.handle.signal("recheck")  # no clock moves from here on
        assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_a23_a_bill_that_comes_while_the_final_check_waits_restores(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.silent()
    await meter(closing, await stopped_at(closing) - timedelta(seconds=1))
    await closing.end_of_silence()
    await closing.until_event(EventType.FINAL_CHECK_WAITING)
    await closing.bill_late_usage()
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.RESTORED


async def test_a23_what_is_owed_counts_even_while_the_metering_is_not_final(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.silent()
    await meter(closing, await stopped_at(closing) - timedelta(days=1))
    await closing.bill_late_usage()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.RESTORED
