"""The live system check (A14): what the page shows while sources are being read, and how that goes on."""

import asyncio
from dataclasses import replace
from pathlib import Path

from closure.accounts import Inventory
from closure.lifecycle import Stage
from connectors.ports import InventorySource, Platform
from tests.harness.installation import InstallationBuilder
from tests.web.api_driver import PASSWORD, opened_api
from tests.web.conftest import UNHURRIED
from tests.web.customer_driver import visiting


class SlowInventory:
    """Answers when it is told to."""

    def __init__(self, inner: InventorySource, answers: asyncio.Event) -> None:
        self._inner = inner
        self._answers = answers

    async def inventory(self, account_id: str) -> Inventory:
        await self._answers.wait()
        return await self._inner.inventory(account_id)

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        await self._inner.release_resource(account_id, resource_id, key=key)

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        await self._inner.cancel_subscription(account_id, subscription_id, key=key)


async def test_a14_sources_tick_off_after_a_reload_and_by_events(
    installations: InstallationBuilder, tmp_path: Path
) -> None:
    answers = asyncio.Event()

    def slow(platform: Platform) -> Platform:
        inventory = SlowInventory(platform.inventory, answers)
        return replace(platform, inventory=inventory, accounts=None, answers_at_once=False)

    async with (
        installations.open(platforms=slow) as installation,
        opened_api(installation, tmp_path / "tokens.json", **UNHURRIED) as there,
    ):
        account = await there.account()
        async with visiting(there, account) as customer, visiting(there, account) as second:
            await customer.prove_by_password(PASSWORD)
            await customer.agree()
            await customer.until_says("Reading…")
            assert customer.says('<noscript><meta http-equiv="refresh"', "The list of payments")
            assert customer.says('class="done"', "of 7 sources read")
            await second.open()
            assert second.says("We are checking your account")  # A second tab, or after a reload.
            following = asyncio.create_task(customer.http.get("/closure/check/events"))
            answers.set()
            told = await following
            assert told.headers["content-type"].startswith("text/event-stream")
            assert "event: over" in told.text
            await account.until(Stage.READY)
            await customer.open()
            assert customer.says("Ready to confirm")
            over = await customer.http.get("/closure/check/events")
            assert "event: over" in over.text
            assert "event: progress" not in over.text
