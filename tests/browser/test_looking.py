"""Pages that customers look at, in a real browser: alive, readable for everybody, light and dark."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import RefundState
from connectors.embedded.tables import RefundAnswer
from tests.browser.readings import NIGHT_READINGS, Reading
from tests.browser.site import Device, Opener, Site, looked_at
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.twilio import WORDS, answer, twilio_account
from tests.harness.waiting import BEYOND

pytestmark = pytest.mark.long

RICH: Final[Mapping[str, object]] = {
    "balance": {"cash": "420.50", "promo": "15.00"},
    "bills": [{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
    "resources": [
        {"id": f"i-{number}", "product": product, "renounceable": True}
        for number, product in enumerate(("ecs", "ecs", "slb", "oss"))
    ],
    "domains": [{"id": "example.com"}],
    "bindings": [{"id": "bind-1", "third_party": "github"}],
    "data": [{"id": "oss-1", "store": "object-storage", "objects": 1200}],
}
LITTLE: Final[Mapping[str, object]] = {"balance": {"cash": "4.50", "promo": "1.00"}, "data": RICH["data"]}
SHANGHAI: Final = "Asia/Shanghai"
MODES: Final = pytest.mark.parametrize(
    ("device", "dark", "language"),
    [
        (Device.DESKTOP, False, "en"),
        (Device.DESKTOP, True, "zh"),
        (Device.PHONE, False, "zh"),
        (Device.PHONE, True, "en"),
    ],
    ids=["desktop-light-en", "desktop-dark-zh", "phone-light-zh", "phone-dark-en"],
)


@MODES
async def test_the_overview_of_both_procedures(
    site: Site, opened: Opener, device: Device, dark: bool, language: str
) -> None:
    alibaba = await site.installation.account(**RICH)
    twilio = await twilio_account(
        site.installation, balance={"cash": "120.00", "promo": "5.00"}, bills=RICH["bills"]
    )
    where = f"{device.name} {'dark' if dark else 'light'} {language}"
    async with opened(device=device, dark=dark) as page:
        for account in (alibaba, twilio):
            await page.goto(await site.link(account, language=language))
            await expect(page.locator(".timeline li").first).to_be_visible()
            await looked_at(page, f"overview {account.provider} {where}")


async def test_by_keyboard_one_gets_to_the_content_and_to_the_start(site: Site, opened: Opener) -> None:
    account = await site.installation.account()
    async with opened() as page:
        await page.goto(await site.link(account))
        await page.keyboard.press("Tab")
        await expect(page.locator(".skip")).to_be_focused()
        await page.keyboard.press("Enter")
        for _ in range(10):
            await page.keyboard.press("Tab")
            if await page.evaluate(
                "document.activeElement.matches('form[action=\"/closure/start\"] button')"
            ):
                break
        else:
            pytest.fail("the button is not reached")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


async def test_a20_the_page_moves_on_by_itself_and_counts_down_in_the_readers_zone(
    site: Site, opened: Opener
) -> None:
    account = await site.installation.account(**LITTLE)
    await account.entering()
    async with opened(zone=SHANGHAI) as page:
        await page.goto(await site.link(account))
        await looked_at(page, "entering")
        await account.fast_forward(account.policy.entering_duration + BEYOND)
        await expect(page.locator("[data-countdown]")).to_be_visible()
        silent = await account.until(Stage.SILENT)
        assert silent.silent_until is not None
        shown = await page.locator("time").inner_text()
        assert "GMT+8" in shown
        assert local(silent.silent_until) in shown
        await looked_at(page, "silent desktop")
        await counts(page)
        assert await page.locator("[data-spoken]").inner_text() == "", "it is not said every second"
        assert await page.locator("main a, main button, header a").count() == 0

        await page.context.set_offline(True)
        await account.end_of_silence()
        await account.outcome()
        await page.context.set_offline(False)
        await expect(page.get_by_role("link", name="Download PDF")).to_be_visible()
        await looked_at(page, "deleted desktop")
        await page.get_by_role("link", name="A link to keep").click()
        await expect(page.get_by_role("heading", name="Certificate of closure")).to_be_visible()
        await looked_at(page, "certificate desktop")


async def test_without_scripts_the_time_that_is_left_stands_still_and_is_said_in_utc(
    site: Site, opened: Opener
) -> None:
    account = await site.installation.account(**LITTLE)
    await account.silent()
    for device, dark in ((Device.DESKTOP, False), (Device.PHONE, True)):
        async with opened(scripts=False, zone=SHANGHAI, device=device, dark=dark) as page:
            await page.goto(await site.link(account, language="zh" if dark else "en"))
            assert "UTC" in await page.locator("time").inner_text()
            assert re.fullmatch(r"[67]", await page.locator('[data-part="days"]').inner_text())
    async with opened(device=Device.PHONE, dark=True) as page:
        await page.goto(await site.link(account, language="zh"))
        await looked_at(page, "silent phone dark zh")


async def test_a_refund_on_its_way_partly_arrived_late_and_failed(site: Site, opened: Opener) -> None:
    account = await twilio_account(
        site.installation, balance={"cash": "120.00", "promo": "5.00"}, bills=RICH["bills"]
    )
    retained = await account.retained(acknowledgements=WORDS)
    assert retained.refund is not None
    async with opened() as page, opened(device=Device.PHONE, dark=True) as phone:
        await page.goto(await site.link(account))
        await phone.goto(await site.link(account, language="zh"))
        await expect(page.get_by_text("On its way")).to_be_visible()
        await looked_at(page, "retained pending")
        await looked_at(phone, "retained pending phone dark zh")
        await answer(account, RefundAnswer.PARTIAL)
        await expect(page.get_by_text("Partly arrived")).to_be_visible()
        await looked_at(page, "retained partly")
        await account.fast_forward_to(retained.refund.due_by + timedelta(days=1))
        await account.until(lambda each: each.refund is not None and each.refund.status is RefundState.LATE)
        await expect(page.get_by_text("Late", exact=True)).to_be_visible()
        await looked_at(page, "retained late")
        await answer(account, RefundAnswer.FAILED)
        await expect(page.get_by_text("Needs your help")).to_be_visible()
        await looked_at(page, "retained failed")
        await expect(phone.get_by_text("需要您的协助")).to_be_visible()
        await looked_at(phone, "retained failed phone dark zh")


async def test_who_is_signed_out_or_lost_reads_what_to_do(site: Site, opened: Opener) -> None:
    for device, dark in ((Device.DESKTOP, False), (Device.PHONE, True)):
        async with opened(device=device, dark=dark) as page:
            await page.goto(f"{site.url}/closure")
            await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
            await looked_at(page, f"signed out {device.name}")
            await page.goto(f"{site.url}/certificate/none.1.x?language=zh")
            await looked_at(page, f"not found {device.name} zh")


@NIGHT_READINGS
async def test_every_end(site: Site, opened: Opener, reading: Reading) -> None:
    ends = {
        "deleted": await deleted(site),
        "restored": await restored(site),
        "dormant": await dormant(site),
        "withdrawn": await withdrawn(site),
        "refused": await refused(site),
    }
    async with opened(device=reading.device, dark=reading.dark) as page:
        for name, account in ends.items():
            await page.goto(await site.link(account, language=reading.language))
            await page.goto(f"{site.url}/closure/result")
            await expect(page.locator(".card.result")).to_be_visible()
            await looked_at(page, f"{name} {reading}")
        await page.goto(await site.link(ends["deleted"], language=reading.language))
        await page.locator("a[href^='/certificate/']").last.click()
        await expect(page.locator("a[href$='certificate.pdf']")).to_be_visible()
        await looked_at(page, f"certificate {reading}")
        await page.goto(await site.link(ends["restored"], language=reading.language))
        await page.locator("a[href='/closure/overview']").click()
        await expect(page.locator("form[action='/closure/start']").first).to_be_visible()
        await looked_at(page, f"again {reading}")


async def deleted(site: Site) -> AccountDriver:
    account = await site.installation.account(**LITTLE)
    await account.silent()
    await account.end_of_silence()
    assert (await account.outcome()).outcome is Outcome.DELETED
    return account


async def restored(site: Site) -> AccountDriver:
    account = await site.installation.account(
        balance=LITTLE["balance"], resources=[{"id": "i-1", "product": "ecs", "renounceable": True}]
    )
    await account.silent()
    await account.bill_late_usage()
    await account.end_of_silence()
    assert (await account.outcome()).outcome is Outcome.RESTORED
    return account


async def dormant(site: Site) -> AccountDriver:
    account = await twilio_account(
        site.installation,
        balance={"cash": "20.00"},
        resources=[{"id": "+15550100", "product": "phone-number"}],
    )
    await account.ready(mode=Mode.KEEP_DATA)
    await account.confirm()
    await account.outcome()
    return account


async def withdrawn(site: Site) -> AccountDriver:
    account = await site.installation.account()
    await account.ready()
    await account.withdraw()
    return account


async def refused(site: Site) -> AccountDriver:
    account = await site.installation.account()
    await refusal(account.close("u-2"))
    return account


async def counts(page: Page) -> None:
    """The seconds move."""
    seconds = page.locator('[data-part="seconds"]')
    first = await seconds.inner_text()
    await expect(seconds).not_to_have_text(first)


def local(moment: datetime) -> str:
    """The day as a reader in Shanghai has it."""
    there = moment.astimezone(ZoneInfo(SHANGHAI))
    return f"{there:%B} {there.day}, {there.year}"
