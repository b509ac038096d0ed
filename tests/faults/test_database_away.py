"""The database can't be written or reached for a while: what must wait waits, and little is written."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import pytest

from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import embedded_platform
from database import Database, DatabaseUnreachable
from database.database import Work
from records.record import Record
from tests.faults.aftermath import aftermath
from tests.faults.casualties import Undisturbed, own_events
from tests.faults.scenes import SCENES, Customer, Part
from tests.harness.installation import InstallationBuilder, TestInstallation, database_url, running_worker
from tests.harness.waiting import eventually

Result = TypeVar("Result")

MORE_EVENTS = 6
"""What an outage may add to a history: a local activity's end and one normal activity, twice at most."""
PATIENCE = timedelta(seconds=60)


class Outage(Database):
    """A database in which, while `on`, no transaction begins: a write, or any at all."""

    def __init__(self, url: str, *, writes_only: bool) -> None:
        super().__init__(url)
        self.writes_only = writes_only
        self.on = False
        self.refused = 0

    async def read(self, work: Work[Result]) -> Result:
        if not self.writes_only:
            self._refuse()
        return await super().read(work)

    async def write(self, work: Work[Result]) -> Result:
        self._refuse()
        return await super().write(work)

    def _refuse(self) -> None:
        if self.on:
            self.refused += 1
            raise DatabaseUnreachable("the database cannot be used: gone for a moment")

    async def met(self, times: int) -> None:
        """Waits until the worker has come up against it so many times."""

        async def refused() -> int:
            return self.refused

        await eventually(refused, lambda count: count >= times, "the worker tries", within=PATIENCE)


@asynccontextmanager
async def worker_with_outage(
    installation: TestInstallation, *, writes_only: bool = True
) -> AsyncIterator[Outage]:
    """A worker whose database is in the hands of the outage; the test has its own."""
    outage = Outage(database_url(installation.database_file), writes_only=writes_only)
    record = Record(outage, installation.record.installation, installation.record._anchors)
    async with running_worker(replace(installation, record=record, platform=embedded_platform(outage))):
        yield outage
        outage.on = False
    await outage.dispose()


@dataclass(frozen=True)
class Juncture:
    """The outage begins after so many of the customer's parts and ends after so many failed transactions.

    A local activity fails three times, then a normal one again; a normal one alone waits longer each time.
    """

    after_parts: int
    failures: int


JUNCTURES = {
    "opening": Juncture(0, 2),
    "renouncing": Juncture(1, 5),
    "confirming": Juncture(2, 2),
    "entering": Juncture(3, 5),
    "ending the silence": Juncture(4, 4),
}


@pytest.mark.parametrize("juncture", list(JUNCTURES.values()), ids=list(JUNCTURES))
async def test_a_database_that_cannot_be_written_delays_and_loses_nothing(
    hurried_installations: InstallationBuilder, undisturbed_scenes: dict[str, Undisturbed], juncture: Juncture
) -> None:
    async with (
        hurried_installations.open(with_worker=False) as installation,
        worker_with_outage(installation) as outage,
    ):
        account = await SCENES["deleted"].open(installation)
        customer = Customer(account)
        parts = customer.parts()
        await _all(parts[: juncture.after_parts])
        outage.on = True
        going_on = asyncio.create_task(_all(parts[juncture.after_parts :]))
        await outage.met(juncture.failures)
        outage.on = False
        await going_on
        await account.outcome()
        expected = undisturbed_scenes["deleted"]
        assert (await aftermath(account)).differences(expected.aftermath) == []
        assert own_events(await account.history()) - expected.events <= MORE_EVENTS


async def test_a_database_that_cannot_be_reached_at_the_end_deletes_nothing_unread(
    hurried_installations: InstallationBuilder, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    async with (
        hurried_installations.open(with_worker=False) as installation,
        worker_with_outage(installation, writes_only=False) as outage,
    ):
        account = await SCENES["deleted"].open(installation)
        *parts, end_silence = Customer(account).parts()
        await _all(parts)
        await account.until(Stage.SILENT, within=PATIENCE)
        before = (await aftermath(account)).things
        outage.on = True
        ending = asyncio.create_task(end_silence())
        await outage.met(4)
        assert (await aftermath(account)).things == before
        outage.on = False
        await ending
        # If billing could not be read, it is looked at again within the hour.
        await account.fast_forward(timedelta(hours=2))
        assert (await account.outcome()).outcome is Outcome.DELETED
        after, expected = await aftermath(account), undisturbed_scenes["deleted"].aftermath
        assert (after.effects, after.movements, after.messages, after.things) == (
            expected.effects,
            expected.movements,
            expected.messages,
            expected.things,
        )


async def test_a_database_that_is_locked_for_a_while_is_waited_for(
    hurried_installations: InstallationBuilder,
) -> None:
    async with hurried_installations.open() as installation:
        account = await installation.account()
        await account.ready()
        with closing(sqlite3.connect(installation.database_file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            confirming = asyncio.create_task(account.confirm())
            done, _ = await asyncio.wait({confirming}, timeout=1.5)
            assert not done
            other.execute("ROLLBACK")
        assert (await confirming).stage is Stage.ENTERING
        assert (await account.event_types()).count(EventType.CONFIRMED) == 1
        assert await account.failed_tasks() == []


async def _all(parts: list[Part]) -> None:
    for part in parts:
        await part()
