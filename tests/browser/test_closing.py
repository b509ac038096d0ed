"""From signed in to confirmed, clicked through in Chromium: both policies, on a desk and on a phone."""

from typing import Final

import pytest
from playwright.async_api import Page, expect

from closure.events import EventType
from connectors.embedded import tables
from tests.browser.clicking import Clicking
from tests.browser.readings import NIGHT_READINGS, READINGS, Reading
from tests.browser.site import COOLING, Opener, Site, looked_at
from tests.harness.account_driver import AccountDriver
from tests.web.api_driver import PASSWORD

pytestmark = pytest.mark.long

AGREE: Final = "form[action='/closure/agreement'] button.primary"
CONFIRM: Final = "form[action='/closure/confirm'] button.danger"


def things() -> dict[str, object]:
    """An account with something of everything: to be dealt with elsewhere, and to be given up."""
    return {
        "balance": {"cash": "200.00", "promo": "15.00"},
        "bills": [{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
        "domains": [{"id": "example.com"}],
        "resources": [
            {"id": "i-1", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True},
            {"id": "i-2", "product": "rds", "billing": "pay-as-you-go", "renounceable": True},
        ],
        "data": [{"id": "oss-1", "store": "object-storage", "objects": 1200}],
    }


@READINGS
async def test_an_alibaba_cloud_account_is_closed(site: Site, opened: Opener, reading: Reading) -> None:
    account = await site.installation.account(**things())
    name = f"alibaba {reading}"
    async with opened(device=reading.device, dark=reading.dark) as page:
        clicking = Clicking(page, account)
        await page.goto(await site.link(account, language=reading.language))
        await clicking.start()
        await page.wait_for_url("**/closure/identity**")
        await looked_at(page, f"{name} 1 identity")
        await clicking.ask_for_code()
        await expect(page.locator(".notice.good")).to_be_visible()
        await looked_at(page, f"{name} 2 code sent")
        await clicking.prove()
        await page.wait_for_url("**/closure/agreement**")
        await page.locator(AGREE).click()
        await expect(page.get_by_role("alert")).to_contain_text(
            {"en": "Tick every box", "zh": "请勾选每一项"}[reading.language]
        )
        await looked_at(page, f"{name} 3 agreement refused")
        await clicking.agree()
        await expect(page.locator("#manual")).to_be_visible()
        await looked_at(page, f"{name} 4 checklist")
        await account.remove(tables.bills, "b-1")
        await account.remove(tables.domains, "example.com")
        await clicking.recheck()
        await expect(page.get_by_role("status")).to_be_visible()
        await page.locator("[data-ticks='item']").check()
        await page.locator("form[action='/closure/renounce'] button.danger").click()
        await page.wait_for_url("**/closure/renounce**")
        await looked_at(page, f"{name} 5 risk")
        await clicking.give_up()
        await expect(page.locator(CONFIRM)).to_be_visible()
        await looked_at(page, f"{name} 6 confirm")
        await page.locator("input[name='reason']").first.check()
        await page.locator(CONFIRM).dblclick()
        await expect(page.locator(CONFIRM)).to_be_hidden()
        await is_confirmed_once(account)
        await page.go_back()
        await page.go_forward()
        await looked_at(page, f"{name} 7 after")


@NIGHT_READINGS
async def test_a_twilio_account_is_closed(site: Site, opened: Opener, reading: Reading) -> None:
    account = await twilio(site)
    name = f"twilio {reading}"
    async with opened(device=reading.device, dark=reading.dark) as page:
        clicking = Clicking(page, account)
        await page.goto(await site.link(account, language=reading.language))
        await clicking.start()
        await page.locator("#password").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await looked_at(page, f"{name} 1 wrong password")
        await page.locator("#password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("input[name='acknowledge']").check()
        await looked_at(page, f"{name} 2 option text")
        await page.locator(AGREE).click()
        await expect(page.locator(CONFIRM)).to_be_visible()
        await looked_at(page, f"{name} 3 confirm")
        await page.locator(CONFIRM).click()
        await expect(page.locator(CONFIRM)).to_be_hidden()
        await is_confirmed_once(account)


@NIGHT_READINGS
async def test_the_back_button_and_a_reload_after_each_step_repeat_nothing(
    site: Site, opened: Opener, reading: Reading
) -> None:
    account = await site.installation.account(provider=COOLING, **things())
    async with opened(device=reading.device, dark=reading.dark) as page:
        clicking = Clicking(page, account)
        await page.goto(await site.link(account, language=reading.language))
        await clicking.start()
        await stays(page, "form[action='/closure/identity']")
        await clicking.ask_for_code()
        await clicking.prove()
        await stays(page, "form[action='/closure/agreement']")
        await clicking.agree()
        await stays(page, "#manual")
        await account.remove(tables.bills, "b-1")
        await account.remove(tables.domains, "example.com")
        await clicking.recheck()
        await stays(page, "button[name='all']")
        await clicking.choose_all()
        await stays(page, "input[name='accept_risk']")
        await clicking.give_up()
        await stays(page, CONFIRM)
        await clicking.confirm()
        await stays(page, "[data-countdown]")
        await looked_at(page, f"cooling off after back and reload {reading}")
        await clicking.ask_to_withdraw()
        await clicking.withdraw()
        await stays(page, ".card.result")
    await is_confirmed_once(account)
    happened = await account.event_types()
    for each in (EventType.OPENED, EventType.RENOUNCED, EventType.WITHDRAWN):
        assert happened.count(each) == 1, each


async def stays(page: Page, place: str) -> None:
    """What the page shows is there after a reload, and after a look at the page before it."""
    await expect(page.locator(place).first).to_be_visible()
    await page.reload()
    await expect(page.locator(place).first).to_be_visible()
    await page.go_back()
    await expect(page.locator("main")).to_be_visible()
    await page.go_forward()
    await expect(page.locator(place).first).to_be_visible()


async def twilio(site: Site) -> AccountDriver:
    """An upgraded account with money and numbers, whose owner has a password."""
    users = [{"id": "u-1", "role": "owner", "email": "owner@one.example", "password": PASSWORD}]
    return await site.installation.account(
        provider="twilio",
        kind="upgraded",
        users=users,
        balance={"cash": "41.50", "promo": "10.00"},
        resources=[{"id": "+15550100", "product": "phone-number", "billing": "subscription"}],
        data=[{"id": "fn-1", "store": "functions", "objects": 12}],
    )


async def is_confirmed_once(account: AccountDriver) -> None:
    """However often the button was clicked."""
    account.closure_id = (await account.installation.records.closure_ids(account.account_id))[-1]
    await account.until(lambda document: document.confirmed_at is not None)
    confirmed = [each for each in await account.event_types() if each is EventType.CONFIRMED]
    assert len(confirmed) == 1
