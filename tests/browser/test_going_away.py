"""Database, worker, web service or line go away in the middle of it: nothing is lost, and all goes on."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page, expect

from closure.events import EventType
from closure.lifecycle import Outcome
from closure.policy import Policy
from connectors.embedded import tables
from connectors.ports import Platform
from tests.browser.clicking import Clicking, Step
from tests.browser.cut_line import cut_line
from tests.browser.readings import READINGS, Reading
from tests.browser.serving import FarDatabase, from_afar, more_policies, served
from tests.browser.site import COOLING, Opener, looked_at
from tests.harness.account_driver import AccountDriver
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder, running_worker
from web.customer import confirming, withdrawing

pytestmark = pytest.mark.long

THINGS: Final = {
    "bills": [{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
    "resources": [{"id": "i-1", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True}],
}
MANUAL: Final = "#manual"
CONFIRM: Final = "form[action='/closure/confirm']"
WITHDRAW: Final = "form[action='/closure/withdraw']"
COOLING_OFF: Final = "[data-countdown]"
RESULT: Final = ".card.result"
AWAY: Final = ".sign.warn"
ONE_MOMENT: Final = "[data-follow]"
EACH_ONCE: Final = (EventType.OPENED, EventType.RENOUNCED, EventType.CONFIRMED, EventType.WITHDRAWN)


@dataclass(frozen=True)
class WithoutDatabase:
    """Does each step while the database is away, and again when it is back."""

    page: Page
    database: FarDatabase
    name: str

    async def look_again(self, step: Step, then: str = "", *, look: str = "") -> None:
        """Follows what the page says: to try again when it is back; there is `then`."""
        self.database.is_away = True
        await step()
        await expect(self.page.locator(AWAY)).to_be_visible()
        if look:
            await looked_at(self.page, f"database away {look} {self.name}")
        self.database.is_away = False
        await self.page.locator("main a.button.primary").click()
        await expect(self.page.locator(AWAY)).to_have_count(0)
        if then:
            await expect(self.page.locator(then).first).to_be_visible()

    async def twice(self, step: Step, then: str, *, look: str = "") -> None:
        """`then` is what the step leads to. One tries again at the step's place, with what was chosen."""
        await self.look_again(step, look=look)
        await step()
        await expect(self.page.locator(then).first).to_be_visible()


@READINGS
async def test_whatever_is_done_while_the_database_is_away_is_done_when_it_is_back(
    installations: InstallationBuilder,
    policies: dict[str, Policy],
    opened: Opener,
    tmp_path: Path,
    reading: Reading,
) -> None:
    async with (
        installations.open(policies=more_policies(policies["alibaba-cloud"])) as installation,
        from_afar(installation) as (afar, database),
        served(afar, tmp_path) as site,
        opened(device=reading.device) as page,
    ):
        account = await installation.account(provider=COOLING, **THINGS)
        clicking, without = Clicking(page, account), WithoutDatabase(page, database, str(reading))
        await page.goto(await site.link(account, language=reading.language))
        await without.twice(clicking.start, "form[action='/closure/identity']", look="start")
        await without.twice(clicking.ask_for_code, "#code")
        await without.twice(clicking.prove, "form[action='/closure/agreement']", look="identity")
        await without.twice(clicking.agree, MANUAL, look="agreement")
        await without.twice(clicking.recheck, MANUAL, look="checklist")
        await account.remove(tables.bills, "b-1")
        await clicking.recheck()
        await expect(page.locator(MANUAL)).to_have_count(0)
        await without.look_again(clicking.choose_all, "input[name='accept_risk']")
        await without.twice(clicking.give_up, CONFIRM, look="give up")
        await without.twice(clicking.confirm, COOLING_OFF, look="confirm")
        await without.look_again(clicking.ask_to_withdraw, WITHDRAW)
        await without.twice(clicking.withdraw, RESULT, look="withdraw")
    await is_withdrawn_and_nothing_happened_twice(account)


async def is_withdrawn_and_nothing_happened_twice(account: AccountDriver) -> None:
    account.closure_id = (await account.installation.records.closure_ids(account.account_id))[-1]
    assert (await account.outcome()).outcome is Outcome.WITHDRAWN
    happened = await account.event_types()
    assert [happened.count(each) for each in EACH_ONCE] == [1] * len(EACH_ONCE)


@dataclass
class Workers:
    """The installation's worker, which goes and comes back."""

    account: AccountDriver
    page: Page
    name: str

    async def returns(self, step: Step, then: str) -> None:
        """Does the step while no worker is there, and has one come back; the page goes on by itself."""
        await step()
        await expect(self.page.locator(ONE_MOMENT)).to_be_visible()
        await self.page.evaluate("window.isTheSamePage = true")
        await looked_at(self.page, f"worker away {self.name} {then}")
        async with running_worker(self.account.installation):
            await expect(self.page.locator(then).first).to_be_visible()
            await self.account.at_rest()


@READINGS
async def test_whatever_is_asked_for_while_no_worker_is_there_is_done_when_one_is_back(
    installations: InstallationBuilder,
    policies: dict[str, Policy],
    opened: Opener,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reading: Reading,
) -> None:
    for module in (confirming, withdrawing):
        monkeypatch.setattr(module, "PATIENCE", timedelta(seconds=1))
    offered = more_policies(policies["alibaba-cloud"])
    async with (
        installations.open(policies=offered, with_worker=False) as installation,
        served(installation, tmp_path) as site,
        opened(device=reading.device) as page,
    ):
        account = await installation.account(provider=COOLING, resources=THINGS["resources"])
        clicking, workers = Clicking(page, account), Workers(account, page, str(reading))
        await page.goto(await site.link(account, language=reading.language))
        await clicking.start()
        await clicking.ask_for_code()
        await clicking.prove()
        await workers.returns(clicking.agree, "button[name='all']")
        await workers.returns(clicking.recheck, "button[name='all']")
        async with running_worker(installation):
            await clicking.choose_all()
            await clicking.give_up()
            await expect(page.locator(CONFIRM)).to_be_visible()
        await workers.returns(clicking.confirm, COOLING_OFF)
        await clicking.ask_to_withdraw()
        await workers.returns(clicking.withdraw, RESULT)
        await is_withdrawn_and_nothing_happened_twice(account)


@dataclass
class SlowSources:
    """The list of resources answers when it may; the overview reads it, too."""

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def over(self, platform: Platform) -> Platform:
        return replace(around_ports(platform, self._around), answers_at_once=False)

    async def _around(self, call: Call, act: Act) -> object:
        if call.name == "inventory.inventory":
            await self.may_answer.wait()
        return await act()


@READINGS
async def test_a_system_check_is_followed_on_after_a_cut_and_after_a_restart(
    installations: InstallationBuilder, opened: Opener, tmp_path: Path, reading: Reading
) -> None:
    sources = SlowSources()
    async with (
        installations.open(platforms=sources.over) as installation,
        cut_line("http://127.0.0.1:9") as line,
        opened(device=reading.device) as page,
    ):
        account = await installation.account(**THINGS)
        clicking = Clicking(page, account)
        async with served(installation, tmp_path) as site:
            await line.cut()
            await line.mend(site.url)
            link = await site.link(account, language=reading.language)
            await page.goto(link.replace(site.url, line.url))
            await clicking.start()
            await clicking.ask_for_code()
            await clicking.prove()
            sources.may_answer.clear()
            await clicking.agree()
            await line.until_asked("/closure/check/events")
            await expect(page.locator("[data-follow] li.done").first).to_be_visible()
            await page.evaluate("window.isTheSamePage = true")
            await line.cut()
            await line.mend()
            await line.until_asked("/closure/check/events")
            assert await page.evaluate("window.isTheSamePage === true")
            await line.cut()
        async with served(installation, tmp_path) as again:
            await line.mend(again.url)
            await line.until_asked("/closure/check/events")
            assert await page.evaluate("window.isTheSamePage === true")
            await looked_at(page, f"system check after a restart {reading}")
            await page.reload()
            await clicking.is_at("[data-follow]")
            sources.may_answer.set()
            await clicking.is_at(MANUAL)
    account.closure_id = (await installation.records.closure_ids(account.account_id))[-1]
    assert (await account.event_types()).count(EventType.SURVEYED) == 1
