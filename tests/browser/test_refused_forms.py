"""Forms that are refused, or could not be taken: neither a reload nor the back button sends them again."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page, Request, expect

from connectors.embedded import tables
from tests.browser.clicking import Clicking
from tests.browser.readings import NIGHT_READINGS, READINGS, Reading
from tests.browser.serving import from_afar, served
from tests.browser.site import Opener, Site, looked_at
from tests.harness.installation import InstallationBuilder

pytestmark = pytest.mark.long

THINGS: Final = {
    "bills": [{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
    "resources": [
        {"id": "i-1", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True},
        {"id": "i-2", "product": "rds", "billing": "pay-as-you-go", "renounceable": True},
    ],
}
CONFIRM: Final = "form[action='/closure/confirm']"
RISK: Final = "input[name='accept_risk']"


@dataclass
class Sent:
    """The forms that the page has sent."""

    page: Page
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.method == "POST":
            self.paths.append(request.url)

    async def is_not_repeated(self, place: str) -> None:
        """By a reload, and by a look at the page before it: there is `place` each time."""
        before = [*self.paths]
        await self.page.reload()
        await expect(self.page.locator(place).first).to_be_visible()
        await self.page.go_back()
        await expect(self.page.locator("main")).to_be_visible()
        await self.page.go_forward()
        await expect(self.page.locator(place).first).to_be_visible()
        assert self.paths == before


@READINGS
async def test_a_refused_form_is_not_sent_again(site: Site, opened: Opener, reading: Reading) -> None:
    account = await site.installation.account(**THINGS)
    async with opened(device=reading.device, dark=reading.dark) as page:
        clicking, sent = Clicking(page, account), Sent(page)
        alert = page.get_by_role("alert")
        await page.goto(await site.link(account, language=reading.language))
        await clicking.start()
        await page.locator("#code").fill("00000000")
        await page.keyboard.press("Enter")
        await expect(alert).to_be_visible()
        await looked_at(page, f"refused identity {reading}")
        await sent.is_not_repeated("#code")
        await clicking.ask_for_code()
        await sent.is_not_repeated("#code")
        await clicking.prove()
        await page.locator("form[action='/closure/agreement'] button.primary").click()
        await expect(alert).to_be_visible()
        await looked_at(page, f"refused agreement {reading}")
        await sent.is_not_repeated("input[name='agree']")
        await clicking.agree()
        await account.remove(tables.bills, "b-1")
        await clicking.recheck()
        await page.locator("input[value='resources/i-1']").check()
        await page.locator("form[action='/closure/renounce'] button.danger").click()
        await page.locator("form[action='/closure/renounce'] button.danger").click()
        await expect(alert).to_be_visible()
        await expect(page.locator(".going li")).to_have_count(1)
        await looked_at(page, f"refused risk {reading}")
        await sent.is_not_repeated(RISK)
        await clicking.give_up()
        await clicking.is_at("button[name='all']")
        await clicking.choose_all()
        await clicking.give_up()
        await page.locator(f"{CONFIRM} input[value='other']").check()
        await page.locator(f"{CONFIRM} button.danger").click()
        await expect(alert).to_be_visible()
        await looked_at(page, f"refused confirm {reading}")
        await sent.is_not_repeated(CONFIRM)
        account.closure_id = (await site.installation.records.closure_ids(account.account_id))[-1]
        assert (await account.status()).confirmed_at is None


@NIGHT_READINGS
async def test_a_form_that_met_no_database_is_not_sent_again(
    installations: InstallationBuilder, opened: Opener, tmp_path: Path, reading: Reading
) -> None:
    async with (
        installations.open() as installation,
        from_afar(installation) as (afar, database),
        served(afar, tmp_path) as site,
        opened(device=reading.device, dark=reading.dark) as page,
    ):
        account = await installation.account(**THINGS)
        clicking, sent = Clicking(page, account), Sent(page)
        await page.goto(await site.link(account, language=reading.language))
        await clicking.start()
        await clicking.ask_for_code()
        await clicking.prove()
        await clicking.agree()
        await page.locator("input[value='resources/i-2']").check()
        await page.locator("form[action='/closure/renounce'] button.danger").click()
        await clicking.is_at(RISK)
        database.is_away = True
        await clicking.give_up()
        await clicking.is_at(".sign.warn")
        await looked_at(page, f"no database {reading}")
        database.is_away = False
        await sent.is_not_repeated(RISK)
        await expect(page.locator(".going li")).to_have_count(1)
        account.closure_id = (await installation.records.closure_ids(account.account_id))[-1]
        assert not any(each.renounced for each in (await account.status()).checklist)
