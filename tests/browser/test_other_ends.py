"""Ways to other ends than deletion, and those that need another person or are very long, clicked through."""

import pytest
from playwright.async_api import Page, expect

from closure.events import EventType
from closure.lifecycle import Mode, Outcome, Stage
from tests.browser.clicking import newest_code
from tests.browser.readings import NIGHT_READINGS, READINGS, Reading
from tests.browser.site import APPROVING, Device, Opener, Site, looked_at
from tests.browser.test_closing import twilio
from tests.harness.waiting import BEYOND
from tests.web.api_driver import PASSWORD

pytestmark = pytest.mark.long

MANY = 10_000


@NIGHT_READINGS
async def test_t6_a_twilio_account_is_put_to_sleep_with_its_data(
    site: Site, opened: Opener, reading: Reading
) -> None:
    account = await twilio(site)
    async with opened(device=reading.device, dark=reading.dark) as page:
        await page.goto(await site.link(account, language=reading.language))
        await page.locator("form:has(input[name='mode'][value='keep-data']) button").click()
        await page.locator("#password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/closure/agreement**")
        await looked_at(page, f"keep data agreement {reading}")
        await page.locator("form[action='/closure/agreement'] button.primary").click()
        await expect(page.locator("form[action='/closure/confirm']")).to_be_visible()
        await looked_at(page, f"keep data confirm {reading}")
        await confirm(page)
        await expect(page.locator(".card.result")).to_be_visible()
        account.closure_id = (await site.installation.records.closure_ids(account.account_id))[-1]
        ended = await account.outcome()
        assert (ended.outcome, ended.mode) == (Outcome.DORMANT, Mode.KEEP_DATA)
        await expect(page.locator("a[href$='certificate.pdf']")).to_be_visible()
        await looked_at(page, f"keep data dormant {reading}")


@READINGS
async def test_a_second_person_approves_before_the_first_confirms(
    site: Site, opened: Opener, reading: Reading
) -> None:
    users = [{"id": name, "role": "main", "email": f"{name}@one.example"} for name in ("u-1", "u-3")]
    account = await site.installation.account(provider=APPROVING, users=users, balance={"cash": "200.00"})
    await account.ready()
    async with (
        opened(device=reading.device, dark=reading.dark) as first,
        opened(device=reading.device, dark=reading.dark) as second,
    ):
        await first.goto(await site.link(account, language=reading.language))
        await expect(first.locator("a.primary[href='/closure']")).to_be_visible()
        await expect(first.locator("form[action='/closure/confirm']")).to_have_count(0)
        await looked_at(first, f"approval wanted {reading}")
        await second.goto(await site.link(account, "u-3", language=reading.language))
        await second.locator("button[name='send']").first.click()
        await expect(second.locator(".notice.good")).to_be_visible()
        await second.locator("#code").fill(await newest_code(account))
        await looked_at(second, f"approval {reading}")
        await second.locator("form[action='/closure/approve'] button.primary").click()
        await account.until_event(EventType.APPROVED)
        await first.locator("a.primary[href='/closure']").click()
        await confirm(first)
        await expect(first.locator("[data-events]")).to_be_visible()
        await looked_at(first, f"approved and confirmed {reading}")
    happened = await account.event_types()
    assert happened.index(EventType.APPROVED) < happened.index(EventType.CONFIRMED)


@NIGHT_READINGS
async def test_what_nobody_confirms_expires_and_can_be_started_again(
    site: Site, opened: Opener, reading: Reading
) -> None:
    account = await site.installation.account()
    ready = await account.ready()
    assert ready.draft_until is not None
    async with opened(device=reading.device, dark=reading.dark) as page:
        await page.goto(await site.link(account, language=reading.language))
        await expect(page.locator("form[action='/closure/confirm']")).to_be_visible()
        await account.fast_forward_to(ready.draft_until + BEYOND)
        assert (await account.outcome()).outcome is Outcome.EXPIRED
        await confirm(page)
        await expect(page.locator(".card.result")).to_be_visible()
        await looked_at(page, f"expired {reading}")
        await page.locator("a[href='/closure/overview']").click()
        await expect(page.locator("form[action='/closure/start']")).to_be_visible()
    assert EventType.CONFIRMED not in await account.event_types()


async def test_ten_thousand_things_are_given_up_on_a_phone(site: Site, opened: Opener) -> None:
    account = await site.installation.account(
        resources=[
            {"id": f"i-{number:05}", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True}
            for number in range(MANY)
        ]
    )
    blocked = await account.close()
    assert blocked.stage is Stage.BLOCKED
    async with opened(device=Device.PHONE) as page:
        await page.goto(await site.link(account, language="zh"))
        await expect(page.locator("input[name='item']")).to_have_count(50)
        await looked_at(page, "many first page phone")
        await page.locator("a[rel='next']").click()
        await page.wait_for_url("**page=2**")
        await page.locator("#find-renounceable").fill("i-00777")
        await page.keyboard.press("Enter")
        await expect(page.locator("input[name='item']")).to_have_count(1)
        await looked_at(page, "many found phone")
        await page.locator("button[name='all']").click()
        await page.wait_for_url("**/closure/renounce**")
        await looked_at(page, "many risk phone")
        await page.locator("input[name='accept_risk']").check()
        await page.locator("form[action='/closure/renounce'] button.danger").click()
        await account.until(Stage.READY)
        await page.goto(f"{site.url}/closure")
        await expect(page.locator("form[action='/closure/confirm']")).to_be_visible()
        await looked_at(page, "many confirm phone")


async def confirm(page: Page) -> None:
    """With the first of the reasons that the policy suggests."""
    await page.locator("input[name='reason']").first.check()
    await page.locator("form[action='/closure/confirm'] button.danger").click()
    await expect(page.locator("form[action='/closure/confirm']")).to_have_count(0)
