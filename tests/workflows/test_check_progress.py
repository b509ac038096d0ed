"""A14: the system check may take minutes, and everybody can see how far it is."""

import asyncio
from dataclasses import replace

from closure.accounts import Inventory
from closure.lifecycle import Stage
from commandline.standing import read_standing
from connectors.embedded import EmbeddedPlatform
from connectors.ports import InventorySource
from tests.workflows.house import HouseBuilder, eventually


class SlowInventory:
    """Answers only when it may."""

    def __init__(self, inner: InventorySource, may_answer: asyncio.Event) -> None:
        self._inner = inner
        self._may_answer = may_answer

    async def inventory(self, account_id: str) -> Inventory:
        await self._may_answer.wait()
        return await self._inner.inventory(account_id)

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        await self._inner.release_resource(account_id, resource_id, key=key)

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        await self._inner.cancel_subscription(account_id, subscription_id, key=key)


async def test_a14_the_running_check_says_what_it_has_read_and_what_it_waits_for(
    houses: HouseBuilder,
) -> None:
    may_answer = asyncio.Event()

    def slow(platform: EmbeddedPlatform) -> EmbeddedPlatform:
        return replace(platform, inventory=SlowInventory(platform.inventory, may_answer))

    async with houses.open(platforms=slow) as house:
        closing = await house.account()
        opening = asyncio.create_task(closing.close())
        await eventually(
            lambda: house.records.get(closing.closure_id), lambda found: found is not None, "the record"
        )

        async def progress() -> str:
            standing = await read_standing(house.client, house.records, closing.account_id)
            assert standing.document.stage in (Stage.OPENED, Stage.CHECKING)
            return standing.progress

        said = await eventually(progress, lambda text: "waiting for: inventory" in text, "the progress")
        assert "billing" in said.split(";")[0]
        may_answer.set()
        assert (await opening).stage is Stage.READY
