"""A look at the sources that is stopped leaves nothing behind: not even a call that nobody waits for."""

import asyncio
import gc

import pytest

from activities.sources import read_facts
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder


@pytest.mark.filterwarnings("error")
async def test_who_is_stopped_before_the_sources_are_read_has_asked_none(
    installations: InstallationBuilder,
) -> None:
    asked: list[str] = []

    async with installations.open(with_worker=False) as installation:
        account = await installation.account()
        looking: asyncio.Task[object] | None = None

        async def around(call: Call, act: Act) -> object:
            asked.append(call.name)
            answer = await act()
            assert looking is not None
            # Before the readings, which begin with the next turn, have had one.
            asyncio.get_running_loop().call_soon(looking.cancel)
            return answer

        platform = around_ports(installation.platform, around)
        looking = asyncio.create_task(read_facts(platform, account.account_id, with_payments=True))
        with pytest.raises(asyncio.CancelledError):
            await looking
        assert asked == ["directory.profile"]
        gc.collect()
