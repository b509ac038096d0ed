"""The staff pages in Chromium: each with axe, by phone and desktop, light and dark, with the keyboard."""

from typing import Final

import pytest
from playwright.async_api import Locator, Page, expect

from client.brakes import Brakes, BrakeTarget
from closure.events import EventType
from closure.lifecycle import Stage
from connectors.embedded.holds import hold
from local.staff_link import staff_link
from records.brakes import BrakeScope, lift
from tests.browser.site import Device, Opener, Site, looked_at
from tests.harness.account_driver import AccountDriver
from tests.harness.twilio import WORDS, told, twilio_account
from tests.workflows.test_refund_parts import look, partly_failed
from web.token_file import Scope

pytestmark = pytest.mark.long

BLOCKED = {
    "provider": "alibaba-cloud",
    "balance": {"cash": "200.00", "promo": "15.00"},
    "bills": [{"id": "b-2026-10", "amount": "18.20", "status": "unpaid"}],
    "resources": [
        {"id": "disk-1", "product": "ebs", "billing": "pay-as-you-go", "renounceable": True},
        {"id": "ecs-1", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True},
    ],
    "domains": [{"id": "example.com"}],
    "data": [{"id": "oss-1", "store": "object-storage", "objects": 1200}],
}


@pytest.fixture(scope="session")
async def closings(site: Site) -> dict[str, AccountDriver]:
    """Closures as support has them on a bad day."""
    installation = site.installation
    blocked = await installation.account(id="ali-8841", **BLOCKED)
    await blocked.close()
    failed = await partly_failed(installation)
    await look(failed)
    await told(failed, EventType.REFUND_FAILED)
    interrupted = await installation.account(id="ali-interrupted")
    await interrupted.silent()
    await interrupted.handle.terminate()
    held = await twilio_account(installation)
    await held.ready(acknowledgements=WORDS)
    await held.confirm()
    await held.until(Stage.RETAINED)
    await hold(installation.database, held.account_id, "court order 17/2026")
    brake = BrakeTarget.of_closure(held.closure_id)
    await Brakes(installation.record, {"twilio"}).put_on(brake, "the court asks (staff: olga)")
    return {"blocked": blocked, "failed": failed, "interrupted": interrupted, "held": held}


async def enter(page: Page, site: Site) -> None:
    await page.goto(await staff_link(site.installation.database, site.url))
    await expect(page.get_by_role("search")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("device", Device, ids=lambda each: each.name.lower())
async def test_every_page_is_for_everybody(
    site: Site, opened: Opener, closings: dict[str, AccountDriver], device: Device, dark: bool
) -> None:
    async with opened(device=device, dark=dark) as page:
        look_of = f"{device.name}-{'dark' if dark else 'light'}"
        await page.goto(f"{site.url}/staff/sign-in")
        await looked_at(page, f"staff-sign-in-{look_of}")
        await enter(page, site)
        await looked_at(page, f"staff-all-{look_of}")
        for tab in ("blocked", "waiting", "brakes"):
            await page.goto(f"{site.url}/staff?tab={tab}")
            await looked_at(page, f"staff-{tab}-{look_of}")
        for name, closing in closings.items():
            await page.goto(f"{site.url}/staff/closures/{closing.closure_id}")
            await looked_at(page, f"staff-closure-{name}-{look_of}")
        failed, interrupted = closings["failed"].closure_id, closings["interrupted"].closure_id
        for name, path in (
            ("brake", "/staff/brake"),
            ("brake-on", "/staff/brake/on?scope=installation"),
            ("settle", f"/staff/closures/{failed}/settle"),
            ("resume", f"/staff/closures/{interrupted}/resume"),
            ("recheck", f"/staff/closures/{failed}/recheck"),
            ("nothing", "/staff/closures/closure-0"),
        ):
            await page.goto(f"{site.url}{path}")
            await looked_at(page, f"staff-{name}-{look_of}")
        await page.goto(f"{site.url}/staff/closures/{failed}?language=zh")
        await looked_at(page, f"staff-closure-zh-{look_of}")


LONG: Final = "0123456789-abcdefghij" * 9
"""Nearly the 200 characters that an id may have; browsers break it by themselves at its dashes alone."""
_NARROWEST: Final = """() => Math.min(
  ...[...document.querySelectorAll("td:not(:empty)")].map((each) => each.getBoundingClientRect().width))"""
_BREAKS_OUT: Final = """() => [...document.querySelectorAll("main *, header *")].flatMap((each) => {
  const frame = each.parentElement.closest("td, th, dd, dt, li, .card, .notice, main, .top > div");
  if (!frame || each.closest(".visually-hidden, [hidden]")) return [];
  if (innerWidth < 700 && each.closest("thead")) return [];
  const room = frame.getBoundingClientRect(), shape = each.getBoundingClientRect();
  const sticks = shape.width && shape.right > room.right + 1;
  const spills = each.clientWidth && each.scrollWidth > each.clientWidth + 1;
  return sticks || spills ? [`${each.tagName} ${each.className}: ${each.textContent.slice(0, 60)}`] : [];
})"""


@pytest.mark.parametrize("device", Device, ids=lambda each: each.name.lower())
async def test_long_ids_stay_in_their_columns(site: Site, opened: Opener, device: Device) -> None:
    account = f"{device.name}-{LONG}"
    long = {
        "bills": [{"id": f"bill{LONG}", "amount": "1234567.20", "status": "unpaid"}],
        "resources": [{"id": f"i{LONG}".replace("-", "_"), "product": "ecs", "renounceable": True}],
        "domains": [{"id": "x".join(["domain"] * 28)}],
        "data": [{"id": f"oss{LONG}", "store": "object-storage", "objects": 1_200_000}],
    }
    closing = await site.installation.account(**BLOCKED | long, id=account)
    await closing.close()
    brake = BrakeTarget.of_closure(closing.closure_id)
    await Brakes(site.installation.record, {"alibaba-cloud"}).put_on(brake, f"see {LONG}")
    async with opened(device=device) as page:
        await enter(page, site)
        for name, path in (
            ("all", "/staff"),
            ("brakes", "/staff?tab=brakes"),
            ("closure", f"/staff/closures/{closing.closure_id}"),
            ("brake-on", f"/staff/brake/on?scope=closure&id={closing.closure_id}"),
            ("recheck", f"/staff/closures/{closing.closure_id}/recheck"),
        ):
            await page.goto(f"{site.url}{path}")
            await looked_at(page, f"staff-long-ids-{name}-{device.name}")
            assert await page.evaluate(_BREAKS_OUT) == [], name
            assert await page.evaluate(_NARROWEST) > 140, f"{name}: a column is crushed"
    await site.installation.record.write(
        lambda each: lift(each, BrakeScope.CLOSURE, closing.closure_id, "over")
    )


async def test_support_signs_in_finds_and_acts_with_the_keyboard_alone(site: Site, opened: Opener) -> None:
    token = site.service.tokens.add("keyboard", (Scope.STAFF, Scope.ACT))
    closing = await site.installation.account(**BLOCKED)
    await closing.close()
    async with opened() as page:
        await page.goto(f"{site.url}/staff/sign-in")
        await tab_to(page, page.get_by_label("Token"))
        await page.keyboard.type(token)
        await page.keyboard.press("Enter")
        await tab_to(page, page.get_by_role("searchbox"))
        await page.keyboard.type(closing.closure_id)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/staff/closures/{closing.closure_id}")
        await tab_to(page, page.get_by_role("link", name="Put the brake on"))
        await page.keyboard.press("Enter")
        await tab_to(page, page.get_by_label("Why?"))
        await page.keyboard.type("looking into it")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("The brake is on.")).to_be_visible()
        await expect(page.get_by_text("looking into it (staff: keyboard)").first).to_be_visible()
    await site.installation.record.write(
        lambda each: lift(each, BrakeScope.CLOSURE, closing.closure_id, "over")
    )


async def test_an_open_page_is_told_what_happens_by_itself(site: Site, opened: Opener) -> None:
    closing = await twilio_account(site.installation)
    await closing.ready(acknowledgements=WORDS)
    async with opened() as page:
        await enter(page, site)
        await page.goto(f"{site.url}/staff/closures/{closing.closure_id}")
        await expect(page.get_by_text("nothing blocks, waiting for the confirmation")).to_be_visible()
        await closing.withdraw()
        await expect(page.get_by_text("The closure was withdrawn.")).to_be_visible(timeout=25_000)


async def test_without_scripts_everything_but_that_works(site: Site, opened: Opener) -> None:
    closing = await site.installation.account(**BLOCKED)
    await closing.close()
    async with opened(scripts=False) as page:
        await enter(page, site)
        await page.get_by_role("searchbox").fill(closing.account_id)
        await page.get_by_role("button", name="Find").click()
        await page.get_by_role("link", name=closing.account_id).click()
        await page.get_by_role("link", name="Recheck").click()
        await page.get_by_role("button", name="Recheck").click()
        await expect(page.get_by_text("The closure has looked again.")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Token")).to_be_visible()


async def tab_to(page: Page, wanted: Locator) -> None:
    """As somebody does who has no mouse."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("it => it === document.activeElement"):
            return
    raise AssertionError(f"no way to {wanted} by the Tab key")
