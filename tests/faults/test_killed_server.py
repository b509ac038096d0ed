"""The Temporal server dies by SIGKILL and comes back on the same ports: nothing is lost or done twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from closure.lifecycle import Stage
from keys.data_converter import build_data_converter
from local.temporal_server import RunningServer, start_local_server, stop_local_server
from tests.faults.aftermath import aftermath
from tests.faults.casualties import Undisturbed
from tests.faults.fault_points import Moment
from tests.faults.scenes import SCENES, Customer
from tests.harness.around import Act, AroundActivities, Call
from tests.harness.hurry import hurried
from tests.harness.installation import InstallationBuilder


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
    """Kills and restarts the server once when the worker comes to an activity, or has done it."""

    def __init__(self, server: RunningServer, name: str, moment: Moment) -> None:
        self._server = server
        self._name = name
        self._moment = moment
        self.done = False

    async def __call__(self, call: Call, act: Act) -> object:
        if call.name != self._name or self.done:
            return await act()
        self.done = True
        if self._moment is Moment.BEFORE:
            await kill_and_restart(self._server)
            return await act()
        answer = await act()
        await kill_and_restart(self._server)
        return answer


async def kill_and_restart(server: RunningServer) -> None:
    await asyncio.to_thread(server.kill)
    await server.restart()


async def test_a_server_killed_in_the_silent_period_loses_nothing(
    hurried_installations: InstallationBuilder,
    mortal_server: RunningServer,
    its_client: Client,
    undisturbed_scenes: dict[str, Undisturbed],
) -> None:
    async with hurried_installations.open(client=hurried(its_client)) as installation:
        closing = await SCENES["deleted"].open(installation)
        *parts, end_silence = Customer(closing).parts()
        for part in parts:
            await part()
        before = await closing.view()
        assert before.stage is Stage.SILENT
        clock = await closing.now()
        await kill_and_restart(mortal_server)
        assert await closing.view() == before
        assert await closing.now() >= clock
        await end_silence()
        await closing.outcome()
        expected = undisturbed_scenes["deleted"].aftermath
        assert (await aftermath(closing)).differences(expected) == []


@pytest.mark.parametrize(
    ("activity", "moment"),
    [
        ("open_closure", Moment.BEFORE),
        ("open_closure", Moment.AFTER),  # the record has the closure, the history has no update yet
        ("renounce", Moment.AFTER),
        ("confirm", Moment.BEFORE),
        ("confirm", Moment.AFTER),  # the record says confirmed, the history does not yet
        ("enter", Moment.AFTER),
    ],
)
async def test_a_server_killed_in_the_middle_of_an_update_loses_and_repeats_nothing(
    hurried_installations: InstallationBuilder,
    mortal_server: RunningServer,
    its_client: Client,
    undisturbed_scenes: dict[str, Undisturbed],
    activity: str,
    moment: Moment,
) -> None:
    executioner = Executioner(mortal_server, activity, moment)
    client = hurried(its_client, AroundActivities(executioner))
    async with hurried_installations.open(client=client) as installation:
        closing = await SCENES["deleted"].open(installation)
        await SCENES["deleted"].carry(closing)
        await closing.outcome()
        assert executioner.done
        expected = undisturbed_scenes["deleted"].aftermath
        assert (await aftermath(closing)).differences(expected) == []
