"""Ways through the pages that aren't straight: another tab, back, signed out, cut off, another mind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Locator, Page, expect
from sqlalchemy import update

from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.policy import MessageTemplate
from connectors.embedded import tables
from records.tables import record_web_sessions
from records.web_sessions import IDLE_LIMIT
from tests.browser.cut_line import cut_line
from tests.browser.readings import NIGHT_READINGS, READINGS, Reading
from tests.browser.site import COOLING, Opener, Site, looked_at
from tests.harness.account_driver import AccountDriver
from tests.harness.waiting import BEYOND

pytestmark = pytest.mark.long


@NIGHT_READINGS
async def test_a_confirmed_closure_is_withdrawn_during_its_cool_off(
    site: Site, opened: Opener, reading: Reading
) -> None:
    account = await site.installation.account(provider=COOLING)
    await account.ready()
    async with opened(device=reading.device, dark=reading.dark) as page:
        await page.goto(await site.link(account, language=reading.language))
        await confirm(page)
        await expect(page.locator("[data-countdown]")).to_be_visible()
        await looked_at(page, f"cooling off {reading}")
        await page.locator("a[href='/closure/withdraw']").click()
        await page.wait_for_url("**/closure/withdraw")
        await looked_at(page, f"withdraw from cool-off {reading}")
        await withdraw_button(page).dblclick()
        await expect(page.locator(".card.result")).to_be_visible()
        await expect(page.locator("a[href='/closure/overview']")).to_be_visible()
        await looked_at(page, f"withdrawn from cool-off {reading}")
    assert (await account.outcome()).outcome is Outcome.WITHDRAWN
    happened = await account.event_types()
    assert happened.count(EventType.CONFIRMED) == 1
    assert happened.count(EventType.WITHDRAWN) == 1
    mails = [row for row in await account.rows(tables.outbox) if row["channel"] == "email"]
    said = [row["template"] for row in mails]
    assert said.count(MessageTemplate.CLOSURE_CONFIRMED) == 1
    assert said.count(MessageTemplate.CLOSURE_WITHDRAWN) == 1


@READINGS
async def test_a_second_tab_finds_what_the_first_has_done_and_does_it_no_second_time(
    site: Site, opened: Opener, reading: Reading
) -> None:
    account = await site.installation.account()
    await account.ready()
    async with two_tabs(site, opened, account, reading, "/closure") as (first, second):
        await confirm(first)
        await confirm(second)
        for tab in (first, second):
            await expect(tab.locator("[data-events]")).to_be_visible()
            await expect(tab.get_by_role("alert")).to_have_count(0)
        await looked_at(second, f"second tab {reading}")
        await first.go_back()
        await expect(first.locator("[data-events]")).to_be_visible()
    await is_once(account, EventType.CONFIRMED)


@READINGS
async def test_a_tab_that_confirms_what_the_other_has_withdrawn_closes_nothing(
    site: Site, opened: Opener, reading: Reading
) -> None:
    account = await site.installation.account()
    await account.ready()
    async with two_tabs(site, opened, account, reading, "/closure/withdraw") as (first, second):
        await withdraw_button(second).click()
        await expect(second.locator(".card.result")).to_be_visible()
        await confirm(first)
        await expect(first.locator(".card.result")).to_be_visible()
        await looked_at(first, f"confirmed what was withdrawn {reading}")
    assert EventType.CONFIRMED not in await account.event_types()
    assert (await account.outcome()).outcome is Outcome.WITHDRAWN


@NIGHT_READINGS
async def test_whose_session_ends_before_confirming_finds_their_place_again(
    site: Site, opened: Opener, reading: Reading
) -> None:
    account = await site.installation.account()
    await account.ready()
    async with opened(device=reading.device, dark=reading.dark) as page:
        await page.goto(await site.link(account, language=reading.language))
        await expect(confirm_button(page)).to_be_visible()
        await leave_idle(account)
        await confirm(page)
        await expect(page.locator(".sign.warn")).to_be_visible()
        await expect(page.locator("form")).to_have_count(0)
        await looked_at(page, f"signed out before confirming {reading}")
        assert EventType.CONFIRMED not in await account.event_types()
        await page.goto(await site.link(account, language=reading.language))
        await confirm(page)
        await expect(page.locator("[data-events]")).to_be_visible()
    await is_once(account, EventType.CONFIRMED)


async def test_a_page_whose_line_is_cut_goes_on_following_without_being_loaded_again(
    site: Site, opened: Opener
) -> None:
    account = await site.installation.account()
    await account.entering()
    async with cut_line(site.url) as line, opened() as page:
        await page.goto((await site.link(account)).replace(site.url, line.url))
        await line.until_asked("/closure/events")
        await page.evaluate("window.isTheSamePage = true")
        await line.cut()
        await line.mend()
        await line.until_asked("/closure/events")
        assert await page.evaluate("window.isTheSamePage === true")
        await account.fast_forward(account.policy.entering_duration + BEYOND)
        await account.until(Stage.SILENT)
        await expect(page.locator("[data-countdown]")).to_be_visible()


@asynccontextmanager
async def two_tabs(
    site: Site, opened: Opener, account: AccountDriver, reading: Reading, path: str
) -> AsyncIterator[tuple[Page, Page]]:
    """Two tabs of one browser: the first at what is to be confirmed, the second at `path`."""
    async with opened(device=reading.device, dark=reading.dark) as first:
        await first.goto(await site.link(account, language=reading.language))
        await expect(confirm_button(first)).to_be_visible()
        second = await first.context.new_page()
        await second.goto(f"{site.url}{path}")
        yield first, second


def confirm_button(page: Page) -> Locator:
    return page.locator("form[action='/closure/confirm'] button.danger")


def withdraw_button(page: Page) -> Locator:
    return page.locator("form[action='/closure/withdraw'] button.primary")


async def confirm(page: Page) -> None:
    """With the first of the reasons that the policy suggests."""
    await page.locator("input[name='reason']").first.check()
    await confirm_button(page).dblclick()
    await expect(confirm_button(page)).to_be_hidden()


async def leave_idle(account: AccountDriver) -> None:
    """Every session of the account, for longer than one may be left."""
    sessions = record_web_sessions
    left_at = datetime.now(UTC) - IDLE_LIMIT - timedelta(seconds=1)
    leaving = update(sessions).where(sessions.c.account_id == account.account_id).values(seen_at=left_at)
    left = await account.installation.record.write(lambda each: each.execute(leaving).rowcount)
    assert left == 1


async def is_once(account: AccountDriver, event: EventType) -> None:
    await account.until_event(event)
    await account.at_rest()
    assert (await account.event_types()).count(event) == 1
