"""Somebody starts a second run in the middle of the first one's work, whose activity still goes on."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from temporalio.common import WorkflowIDConflictPolicy

from closure.events import EventType
from local.fast_forward import Overtaken
from tests.faults.aftermath import aftermath
from tests.faults.casualties import Undisturbed
from tests.faults.fault_points import Moment
from tests.faults.scenes import SCENES, Customer, arrive
from tests.harness.account_driver import AccountDriver
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder
from tests.harness.past_the_client import start_run
from tests.harness.waiting import BEYOND, eventually


@dataclass
class Usurper:
    """Starts another run in place of the first at a port call, and waits until it holds the closure."""

    name: str
    moment: Moment
    closing: AccountDriver | None = field(default=None, repr=False)
    done: bool = False

    async def __call__(self, call: Call, act: Act) -> object:
        if call.name != self.name or self.done or self.closing is None:
            return await act()
        self.done = True
        if self.moment is Moment.BEFORE:
            await self._usurp(self.closing)
            return await act()
        answer = await act()
        await self._usurp(self.closing)
        return answer

    async def _usurp(self, closing: AccountDriver) -> None:
        await start_run(closing, WorkflowIDConflictPolicy.TERMINATE_EXISTING)
        await eventually(
            closing.event_types,
            lambda events: EventType.RESUMED in events,
            "the second run holds the closure",
        )


_EFFECTS = (
    *("access.stop", "inventory.release_resource", "billing.forfeit", "billing.void_debt"),
    *("data_stores.erase", "access.delete_bindings", "messages.send", "access.close"),
)
_SHORT = {
    ("access.stop", Moment.AFTER),
    ("billing.forfeit", Moment.AFTER),
    ("data_stores.erase", Moment.BEFORE),
    ("access.close", Moment.AFTER),
}


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        pytest.param(name, moment, marks=() if (name, moment) in _SHORT else pytest.mark.long)
        for name in _EFFECTS
        for moment in (Moment.BEFORE, Moment.AFTER)
    ],
)
async def test_two_runs_at_once_do_everything_once(
    hurried_installations: InstallationBuilder,
    undisturbed_scenes: dict[str, Undisturbed],
    name: str,
    moment: Moment,
) -> None:
    usurper = Usurper(name, moment)
    async with hurried_installations.open(
        platforms=lambda platform: around_ports(platform, usurper)
    ) as installation:
        closing = await SCENES["deleted"].open(installation)
        customer = Customer(closing)
        await customer.close()
        await customer.renounce()
        usurper.closing = closing  # a run can be started in place of another once its closure's id is known
        await customer.confirm()
        while (document := await closing.status()).outcome is None:
            # The second run begins with a clock of its own, behind what the record says of the first.
            begins = document.deadline.at if document.deadline else await closing.now()
            with suppress(Overtaken):  # a clock that was being moved is the first run's
                await arrive(closing, max(begins, document.silent_until or begins) + BEYOND)
            await asyncio.sleep(0.1)
        await closing.outcome()
        assert usurper.done
        after = (await aftermath(closing)).without(EventType.RESUMED)
        expected = undisturbed_scenes["deleted"].aftermath
        assert after.differences(expected) == []
