"""A process that ends while acts of its clients are under way ends quietly."""

import asyncio
from collections.abc import Mapping
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from client.delivery import Delivery
from client.targets import ClosureTarget
from closure.acts import ActKind
from closure.installation import Installation
from closure.lifecycle import Mode, Stage
from keys.data_converter import build_data_converter
from local.temporal_server import RunningServer
from tests.harness.installation import TestInstallation
from tests.harness.waiting import eventually


def going_down(server: RunningServer, installation: Installation) -> list[str]:
    """What asyncio says of a loop that ends while an act waits for a worker that isn't there."""
    said: list[str] = []

    def note(_: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
        said.append(f"{context['message']}: {context.get('exception')!r}")

    async def leave_an_act() -> "asyncio.Task[None]":
        asyncio.get_running_loop().set_exception_handler(note)
        client = await Client.connect(
            server.address, namespace=server.namespace, data_converter=build_data_converter()
        )
        account_id = f"acct-{uuid4().hex[:10]}"
        target = ClosureTarget(
            f"closure-{uuid4().hex}", account_id, "twilio", "twilio", Mode.DELETE, Stage.OPENED
        )
        delivery = Delivery(client, installation, f"nobody-{uuid4().hex}")
        act = asyncio.ensure_future(delivery.send_act(target, ActKind.CLOSE, uuid4().hex))

        async def is_there() -> bool:
            try:
                await client.get_workflow_handle(target.workflow_id).describe()
            except RPCError:
                return False
            return True

        await eventually(is_there, bool, "the act is under way")
        return act

    assert asyncio.run(leave_an_act()).cancelled()
    return said


async def test_an_act_that_is_cut_off_by_the_end_of_its_process_says_nothing(
    temporal_server: RunningServer, installation: TestInstallation
) -> None:
    known = installation.record.installation
    assert await asyncio.to_thread(going_down, temporal_server, known) == []


async def test_who_has_waited_long_enough_hears_that_and_nothing_else(
    client: Client, installation: TestInstallation
) -> None:
    account_id = f"acct-{uuid4().hex[:10]}"
    target = ClosureTarget(
        f"closure-{uuid4().hex}", account_id, "twilio", "twilio", Mode.DELETE, Stage.OPENED
    )
    delivery = Delivery(client, installation.record.installation, f"nobody-{uuid4().hex}")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await delivery.send_act(target, ActKind.CLOSE, uuid4().hex)
