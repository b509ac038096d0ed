"""The Temporal server dies by SIGKILL and comes back on the same ports: nothing is lost or done twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from closure.lifecycle import Stage
from deploy.temporal_server import RunningServer, start_local_server, stop_local_server
from keys.data_converter import build_data_converter
from tests.faults.aftermath import aftermath
from tests.faults.around import Act, AroundActivities, Call
from tests.faults.casualties import Undisturbed
from tests.faults.hurry import hurried
from tests.faults.scenes import SCENES, Customer
from tests.workflows.house import HouseBuilder


@pytest.fixture(scope="module")
async def mortal_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    """A server of these tests' own."""
    folder = tmp_path_factory.mktemp("mortal")
    yield await start_local_server(folder)
    await asyncio.to_thread(stop_local_server, folder)


@pytest.fixture(scope="module")
async def its_client(mortal_server: RunningServer) -> Client:
    return await Client.connect(mortal_server.address, data_converter=build_data_converter())


class Executioner:
    """Kills and restarts the server when the worker comes to a call for the nth time; the call goes on."""

    def __init__(self, server: RunningServer, name: str, number: int = 1) -> None:
        self._server = server
        self._name = name
        self._left = number
        self.done = False

    async def __call__(self, call: Call, act: Act) -> object:
        if call.name == self._name:
            self._left -= 1
            if self._left == 0:
                await kill_and_restart(self._server)
                self.done = True
        return await act()


async def kill_and_restart(server: RunningServer) -> None:
    await asyncio.to_thread(server.kill)
    await server.restart()


async def test_a_server_killed_in_the_silent_period_loses_nothing(
    hurried_houses: HouseBuilder,
    mortal_server: RunningServer,
    its_client: Client,
    undisturbed_scenes: dict[str, Undisturbed],
) -> None:
    async with hurried_houses.open(client=hurried(its_client)) as house:
        closing = await SCENES["deleted"].open(house)
        *steps, end_silence = Customer(closing).steps()
        for step in steps:
            await step()
        before = await closing.status()
        assert before.stage is Stage.SILENT
        clock = await closing.now()
        await kill_and_restart(mortal_server)
        assert await closing.status() == before
        assert await closing.now() >= clock
        await end_silence()
        await closing.outcome()
        expected = undisturbed_scenes["deleted"].aftermath
        assert (await aftermath(closing)).differences(expected) == []


@pytest.mark.parametrize(
    ("activity", "number"),
    [
        ("open_closure", 1),  # in `close`, before anything is in the record
        ("survey", 1),  # in `close`, after its start
        ("authorize", 1),  # the first act of `renounce`
        ("survey", 2),  # the first act of `confirm`
        ("authorize", 2),  # in the task that commits to the closure, before it does
        ("stop_access", 1),  # in the same task: the record says confirmed, the history does not yet
    ],
)
async def test_a_server_killed_in_the_middle_of_an_update_loses_and_repeats_nothing(
    hurried_houses: HouseBuilder,
    mortal_server: RunningServer,
    its_client: Client,
    undisturbed_scenes: dict[str, Undisturbed],
    activity: str,
    number: int,
) -> None:
    executioner = Executioner(mortal_server, activity, number)
    client = hurried(its_client, AroundActivities(executioner))
    async with hurried_houses.open(client=client) as house:
        closing = await SCENES["deleted"].open(house)
        await SCENES["deleted"].carry(closing)
        await closing.outcome()
        assert executioner.done
        expected = undisturbed_scenes["deleted"].aftermath
        assert (await aftermath(closing)).differences(expected) == []
