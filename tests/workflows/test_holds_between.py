"""A legal hold that arrives in the middle of an effect stops it before the next thing is destroyed."""

from collections.abc import Awaitable, Callable
from typing import cast

from activities.releases import PAGE
from closure.lifecycle import Outcome, Stage
from closure.waiting import WaitingReason
from connectors.embedded import tables
from connectors.embedded.holds import hold, unhold
from connectors.ports import Platform
from tests.harness.account_driver import AccountDriver
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder


class After:
    """Something happens right after the first `number` calls of a port's method."""

    def __init__(self, name: str, number: int = 1) -> None:
        self._name = name
        self._left = number
        self.happens: Callable[[], Awaitable[None]] | None = None

    def over(self, platform: Platform) -> Platform:
        return around_ports(platform, self._around)

    async def _around(self, call: Call, act: Act) -> object:
        answer = await act()
        if call.name == self._name:
            self._left -= 1
            if self._left == 0 and self.happens is not None:
                await self.happens()
        return answer


def held(closing: AccountDriver) -> Callable[[], Awaitable[None]]:
    return lambda: hold(closing.installation.database, closing.account_id, "court order")


async def waits_for_the_hold(closing: AccountDriver) -> None:
    await closing.until(
        lambda found: found.waiting_for is not None and found.waiting_for.reason == WaitingReason.LEGAL_HOLD
    )


async def lifted(closing: AccountDriver) -> None:
    await unhold(closing.installation.database, closing.account_id)
    await closing.handle.signal("recheck")


async def test_a_hold_that_arrives_between_two_stores_leaves_the_second(
    installations: InstallationBuilder,
) -> None:
    moment = After("data_stores.erase")
    async with installations.open(platforms=moment.over) as installation:
        stores = [{"id": f"s-{each}", "store": "logs", "objects": 5} for each in range(3)]
        closing = await installation.account(data=stores)
        moment.happens = held(closing)
        await closing.silent()
        await closing.end_of_silence()
        await waits_for_the_hold(closing)
        assert [row["id"] for row in await closing.rows(tables.data_stores)] == ["s-1", "s-2"]
        await lifted(closing)
        assert (await closing.outcome()).outcome is Outcome.DELETED
        (evidence,) = [each.details for each in await closing.events() if each.event.value == "data_erased"]
        # What was erased before the hold counts with what it had then.
        assert sorted(
            each["objects"] for each in cast("list[dict[str, int]]", evidence["erased_stores"])
        ) == [5, 5, 5]


async def test_a_hold_that_arrives_between_two_pages_of_releases_leaves_the_second(
    installations: InstallationBuilder,
) -> None:
    moment = After("inventory.release_resource", PAGE)
    async with installations.open(platforms=moment.over) as installation:
        resources = [
            {"id": f"i-{each:03}", "product": "ecs", "renounceable": True} for each in range(2 * PAGE + 1)
        ]
        closing = await installation.account(resources=resources)
        moment.happens = held(closing)
        await closing.ready()
        await closing.confirm()
        await waits_for_the_hold(closing)
        assert await closing.rows_left(tables.resources) == PAGE + 1
        await lifted(closing)
        await closing.until(lambda found: found.waiting_for is None)
        assert (await closing.status()).stage in (Stage.ENTERING, Stage.SILENT)
