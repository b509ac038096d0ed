"""A data store that fails holds up only itself, and is named; one that takes its time is followed."""

from collections.abc import AsyncIterator

import pytest
from temporalio.api.workflow.v1 import PendingActivityInfo

from closure.certificate import store_reference
from closure.lifecycle import Outcome, Stage
from closure.messages import StatusDocument
from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation

MANY = [{"id": f"log-{number:02}", "store": "logs", "objects": 2} for number in range(30)]


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture
async def installation(
    installations: InstallationBuilder, weather: Weather
) -> AsyncIterator[TestInstallation]:
    async with installations.open(platforms=weather.over) as opened:
        yield opened


def fails(document: StatusDocument) -> bool:
    waiting = document.waiting_for
    return waiting is not None and waiting.detail == "finish: NotErased"


async def failing(closing: AccountDriver) -> PendingActivityInfo:
    """From the silent period's end until the erasure has failed."""
    await closing.silent()
    await closing.end_of_silence()
    assert (await closing.until(fails)).stage is Stage.DELETING
    described = (await closing.handle.describe()).raw_description
    (pending,) = described.pending_activities
    return pending


async def left(closing: AccountDriver) -> list[str]:
    return sorted(str(row["id"]) for row in await closing.rows(tables.data_stores))


async def test_a_store_that_fails_holds_up_only_itself_and_is_named(
    installation: TestInstallation, weather: Weather
) -> None:
    weather.unreadable |= {"erasing log-00", "erasing log-07"}
    closing = await installation.account(data=MANY)
    pending = await failing(closing)
    assert await left(closing) == ["log-00", "log-07"]
    named = ", ".join(f"logs {store_reference(closing.closure_id, each)}" for each in ("log-00", "log-07"))
    assert pending.last_failure.message == f"2 data stores are not erased yet: {named}"
    weather.unreadable.clear()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert await left(closing) == []


async def test_where_all_fail_an_attempt_ends_soon(installation: TestInstallation, weather: Weather) -> None:
    weather.unreadable |= {f"erasing {each['id']}" for each in MANY}
    closing = await installation.account(data=MANY)
    pending = await failing(closing)
    assert pending.last_failure.message.startswith("10 data stores are not erased yet: logs ")
    weather.unreadable.clear()
    assert (await closing.outcome()).outcome is Outcome.DELETED
