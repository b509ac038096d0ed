"""A14: the system check may take minutes, and everybody can see how far it is."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace

import pytest

from activities.sources import SurveyProgress
from closure.accounts import Inventory
from closure.lifecycle import Stage
from closure.messages import Standing, StatusDocument
from connectors.ports import InventorySource, Platform
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder
from tests.harness.waiting import eventually


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


@dataclass(frozen=True)
class Check:
    """An act that has the account checked: by which activity, in which stage meanwhile, and what follows."""

    ask: Callable[[AccountDriver], Coroutine[None, None, StatusDocument]]
    activity: str
    meanwhile: Stage
    then: Stage


CHECKS = {
    "close": Check(AccountDriver.close, "open_closure", Stage.CHECKING, Stage.READY),
    "recheck": Check(AccountDriver.recheck, "survey", Stage.CHECKING, Stage.READY),
    "confirm": Check(AccountDriver.confirm, "confirm", Stage.READY, Stage.ENTERING),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
async def test_a14_the_running_check_says_what_it_has_read_and_what_it_waits_for(
    installations: InstallationBuilder, check: Check
) -> None:
    may_answer = asyncio.Event()

    def slow(platform: Platform) -> Platform:
        inventory = SlowInventory(platform.inventory, may_answer)
        return replace(platform, inventory=inventory, accounts=None, answers_at_once=False)

    async with installations.open(platforms=slow) as installation:
        closing = await installation.account()
        if check.activity != "open_closure":
            may_answer.set()
            await closing.ready()
            may_answer.clear()
        asking = asyncio.create_task(check.ask(closing))
        await eventually(
            lambda: installation.records.last(closing.account_id), lambda found: found is not None, "a record"
        )

        async def progress() -> SurveyProgress:
            description = await closing.handle.describe()
            for pending in description.raw_description.pending_activities:
                assert pending.activity_type.name == check.activity
                if pending.heartbeat_details.payloads:
                    said = await installation.client.data_converter.decode(
                        pending.heartbeat_details.payloads, [SurveyProgress]
                    )
                    return SurveyProgress.model_validate(said[0])
            return SurveyProgress()

        said = await eventually(progress, lambda found: found.running == ("inventory",), "the progress")
        assert "billing" in said.done
        document = await closing.closures.status(closing.account_id)
        assert document.stage is check.meanwhile
        assert document.standing is Standing.RUNNING
        may_answer.set()
        assert (await asking).stage is check.then
        assert await closing.failed_tasks() == []
