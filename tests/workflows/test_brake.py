"""An operator's brake: nothing irreversible proceeds while it is on, deadlines stay, giving back goes on."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from client.brakes import BrakeTarget
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.waiting import WaitingReason
from connectors.embedded import tables
from records.brakes import BrakeScope, lift, put_on
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import WORDS, twilio_account
from tests.harness.waiting import BEYOND

DATA = [{"id": "oss-1", "store": "object-storage", "objects": 7}]
RESOURCE = [{"id": "vm", "product": "ecs", "renounceable": True}]


@pytest.fixture
def weather() -> Weather:
    """Its journal has every effect."""
    return Weather()


@pytest.fixture
async def installation(
    installations: InstallationBuilder, weather: Weather
) -> AsyncIterator[TestInstallation]:
    async with installations.open(platforms=weather.over) as opened:
        yield opened


async def brake(installation: TestInstallation, target: BrakeTarget) -> None:
    assert await installation.record.write(
        lambda each: put_on(each, target.scope, target.name, "broken billing feed")
    )


async def unbrake(installation: TestInstallation, target: BrakeTarget) -> None:
    assert await installation.record.write(lambda each: lift(each, target.scope, target.name, "mended"))


def scopes_of(closing: AccountDriver) -> dict[BrakeScope, BrakeTarget]:
    return {
        BrakeScope.INSTALLATION: BrakeTarget(),
        BrakeScope.PROVIDER: BrakeTarget.of_provider(closing.provider),
        BrakeScope.CLOSURE: BrakeTarget.of_closure(closing.closure_id),
    }


async def braked(closing: AccountDriver, stage: Stage) -> None:
    """It waits in this stage, and says why; once in the audit."""
    document = await closing.until(lambda found: found.stage is stage and found.waiting_for is not None)
    assert document.waiting_for is not None
    assert document.waiting_for.reason == WaitingReason.BRAKE
    await closing.fast_forward(timedelta(hours=3))
    assert (await closing.status()).stage is stage
    assert (await closing.event_types()).count(EventType.BRAKED) == 1


async def released(closing: AccountDriver) -> None:
    types = await closing.event_types()
    assert types.count(EventType.BRAKED) == types.count(EventType.BRAKE_LIFTED) == 1
    assert await closing.failed_tasks() == []


@pytest.mark.parametrize("scope", list(BrakeScope))
async def test_a_brake_holds_entering_before_anything_stops(
    installation: TestInstallation, weather: Weather, scope: BrakeScope
) -> None:
    closing = await installation.account(resources=RESOURCE)
    await closing.ready()
    target = scopes_of(closing)[scope]
    await brake(installation, target)
    confirmed = await closing.confirm()
    assert confirmed.stage is Stage.ENTERING
    await braked(closing, Stage.ENTERING)
    assert weather.effects == []
    await unbrake(installation, target)
    await closing.handle.signal("recheck")
    await closing.until(Stage.SILENT)
    assert weather.effects == ["stop access", "create role", "release vm"]
    await released(closing)


async def test_a_brake_holds_the_final_check_and_its_deadline_stays(
    installation: TestInstallation, weather: Weather
) -> None:
    closing = await installation.account(data=DATA)
    silent = await closing.silent()
    await brake(installation, BrakeTarget())
    await closing.end_of_silence()
    await braked(closing, Stage.FINAL_CHECK)
    assert (await closing.status()).silent_until == silent.silent_until
    assert len(await closing.rows(tables.data_stores)) == 1
    await unbrake(installation, BrakeTarget())
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED
    await released(closing)


async def test_a_brake_holds_the_refund(installation: TestInstallation, weather: Weather) -> None:
    closing = await twilio_account(installation, balance={"cash": "10.00"})
    rule = closing.policy.refund
    assert rule is not None
    await closing.retained(acknowledgements=WORDS)
    await closing.until_event(EventType.REFUND_STARTED)
    await brake(installation, BrakeTarget())
    before = list(weather.effects)
    await closing.fast_forward(rule.poll_interval + BEYOND)
    await braked(closing, Stage.RETAINED)
    assert weather.effects == before
    await unbrake(installation, BrakeTarget())
    await closing.handle.signal("recheck")
    await closing.until_event(EventType.BRAKE_LIFTED)
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    await released(closing)


async def test_a_brake_holds_the_deletion(installation: TestInstallation, weather: Weather) -> None:
    closing = await twilio_account(installation, data=DATA)
    retained = await closing.retained(acknowledgements=WORDS)
    assert retained.delete_after is not None
    await closing.fast_forward_to(retained.delete_after - BEYOND)
    await brake(installation, BrakeTarget())
    before = list(weather.effects)
    await closing.end_of_retention()
    await braked(closing, Stage.DELETING)
    assert weather.effects == before
    await unbrake(installation, BrakeTarget())
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert "erase oss-1" in weather.effects
    await released(closing)


async def test_a_brake_does_not_hold_what_is_given_back(
    installation: TestInstallation, weather: Weather
) -> None:
    closing = await installation.account(data=DATA)
    await closing.silent()
    await closing.bill_late_usage()
    await brake(installation, BrakeTarget())
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.RESTORED
    assert "reopen access" in weather.effects
    assert EventType.BRAKED not in await closing.event_types()


async def test_a_brake_for_others_holds_nothing(installation: TestInstallation) -> None:
    closing, other = await installation.account(), await installation.account()
    await other.ready()
    await brake(installation, BrakeTarget.of_closure(other.closure_id))
    await brake(installation, BrakeTarget.of_provider("twilio"))
    await closing.silent()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_what_is_not_irreversible_goes_on_under_a_brake(installation: TestInstallation) -> None:
    closing = await installation.account(resources=RESOURCE)
    await brake(installation, BrakeTarget())
    await closing.ready()
    assert (await closing.recheck()).stage is Stage.READY
    await closing.withdraw()
    assert (await closing.outcome()).outcome is Outcome.WITHDRAWN
