"""The database can't be written or reached for a while: what must wait waits, and little is written."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.lifecycle import Outcome, Stage
from connectors.embedded import EmbeddedPlatform
from database.engine import DatabaseUnreachable, create_engine
from records.entries import EventType
from tests.faults.aftermath import aftermath
from tests.faults.casualties import Undisturbed, own_events
from tests.faults.scenes import SCENES, Customer, Step
from tests.workflows.house import House, HouseBuilder, database_url, eventually, running_worker

MORE_EVENTS = 10
"""What an outage may add to a history: a local activity's end, one normal activity, workflow tasks."""
PATIENCE = timedelta(seconds=60)


@dataclass
class Outage:
    """While `on`, no transaction begins: a write, or any at all."""

    engine: AsyncEngine
    writes_only: bool
    on: bool = False
    refused: int = 0

    def __post_init__(self) -> None:
        event.listen(self.engine.sync_engine, "begin", self._begin, insert=True)

    def _begin(self, connection: Connection) -> None:
        if self.on and (not self.writes_only or connection.get_execution_options().get("database_writes")):
            self.refused += 1
            raise DatabaseUnreachable("the database cannot be used: gone for a moment")

    async def met(self, times: int) -> None:
        """Waits until the worker has come up against it so many times."""

        async def refused() -> int:
            return self.refused

        await eventually(refused, lambda count: count >= times, "the worker tries", within=PATIENCE)


@asynccontextmanager
async def worker_with_outage(house: House, *, writes_only: bool = True) -> AsyncIterator[Outage]:
    """A worker whose database connections are in the hands of the outage; the test has its own."""
    engine = create_engine(database_url(house.database))
    outage = Outage(engine, writes_only)
    async with running_worker(replace(house, engine=engine, platform=EmbeddedPlatform.connect(engine))):
        yield outage
        outage.on = False
    await engine.dispose()


@dataclass(frozen=True)
class Juncture:
    """The outage begins after so many of the customer's steps and ends after so many failed transactions.

    A local activity fails three times, then a normal one again; a normal one alone waits longer each time.
    """

    after_steps: int
    failures: int


JUNCTURES = {
    "opening": Juncture(0, 2),
    "renouncing": Juncture(1, 5),
    "confirming": Juncture(2, 2),
    "entering": Juncture(3, 5),
    "ending the silence": Juncture(4, 8),
}


@pytest.mark.parametrize("juncture", list(JUNCTURES.values()), ids=list(JUNCTURES))
async def test_a_database_that_cannot_be_written_delays_and_loses_nothing(
    hurried_houses: HouseBuilder, undisturbed_scenes: dict[str, Undisturbed], juncture: Juncture
) -> None:
    async with hurried_houses.open(with_worker=False) as house, worker_with_outage(house) as outage:
        account = await SCENES["deleted"].open(house)
        customer = Customer(account)
        steps = customer.steps()
        for step in steps[: juncture.after_steps]:
            await step()
        outage.on = True
        going_on = asyncio.create_task(_all(steps[juncture.after_steps :]))
        await outage.met(juncture.failures)
        outage.on = False
        await going_on
        await account.outcome()
        expected = undisturbed_scenes["deleted"]
        assert (await aftermath(account)).differences(expected.aftermath) == []
        assert own_events(await account.history()) - expected.events <= MORE_EVENTS


async def test_a_database_that_cannot_be_reached_at_the_end_deletes_nothing_unread(
    hurried_houses: HouseBuilder, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    async with (
        hurried_houses.open(with_worker=False) as house,
        worker_with_outage(house, writes_only=False) as outage,
    ):
        account = await SCENES["deleted"].open(house)
        *steps, end_silence = Customer(account).steps()
        await _all(steps)
        await account.until(Stage.SILENT, within=PATIENCE)
        before = (await aftermath(account)).things
        outage.on = True
        ending = asyncio.create_task(end_silence())
        await outage.met(8)
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


async def test_a_database_that_is_locked_for_a_while_is_waited_for(hurried_houses: HouseBuilder) -> None:
    async with hurried_houses.open() as house:
        account = await house.account()
        await account.ready()
        with closing(sqlite3.connect(house.database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            confirming = asyncio.create_task(account.confirm())
            done, _ = await asyncio.wait({confirming}, timeout=1.5)
            assert not done
            other.execute("ROLLBACK")
        assert (await confirming).stage is Stage.ENTERING
        assert (await account.event_types()).count(EventType.CONFIRMED) == 1
        assert await account.failed_tasks() == []


async def _all(steps: list[Step]) -> None:
    for step in steps:
        await step()
