"""Changing one's mind right after confirming, while no worker is there: the way out, and that it is kept."""

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import Connection, select, update

from closure.events import EventType
from closure.lifecycle import Outcome
from records.acts import LAPSES_AFTER
from records.tables import record_web_sessions
from tests.browser.clicking import Clicking
from tests.browser.readings import NIGHT_READINGS, READINGS, Reading
from tests.browser.serving import served
from tests.browser.site import Opener, Site, looked_at
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, running_worker
from web.customer import confirming, withdrawing

pytestmark = pytest.mark.long

WITHDRAW = "a[href='/closure/withdraw']"
AT_MOST = LAPSES_AFTER + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (confirming, withdrawing):
        monkeypatch.setattr(module, "PATIENCE", timedelta(seconds=1))


async def change_their_mind(
    installations: InstallationBuilder, opened: Opener, folder: Path, reading: Reading
) -> None:
    """Confirms, withdraws while that waits for a worker, and comes back when nobody has answered for long."""
    async with installations.open(with_worker=False) as installation:
        account = await installation.account()
        async with running_worker(installation):
            await account.ready()
        async with (
            served(installation, folder) as first,
            served(installation, folder) as second,
            opened(device=reading.device, dark=reading.dark) as page,
        ):
            await page.goto(await first.link(account, language=reading.language))
            clicking = Clicking(page, account)
            await clicking.confirm()
            await expect(page.locator(WITHDRAW)).to_be_visible()
            await looked_at(page, f"waiting confirm {reading}")
            await clicking.ask_to_withdraw()
            await expect(page.locator("form[action='/closure/withdraw']")).to_be_visible()
            await looked_at(page, f"waiting confirm withdraw {reading}")
            await clicking.withdraw()
            await expect(page.locator("[data-follow]")).to_be_visible()
            await looked_at(page, f"waiting withdrawal {reading}")
            await expect(page.locator(WITHDRAW)).to_have_count(0)
            await is_kept(page, second, account, reading)
            await page.locator("a.primary[href='/closure']").click()
            await expect(page.locator("[data-events]")).to_be_visible()
            await looked_at(page, f"withdrawal kept goes {reading}")
            await expect(page.locator("form[action='/closure/confirm']")).to_have_count(0)
            async with running_worker(installation):
                assert (await account.outcome()).outcome is Outcome.WITHDRAWN
                assert EventType.CONFIRMED not in await account.event_types()
                await expect(page.locator(".card.result")).to_be_visible()


async def is_kept(page: Page, site: Site, account: AccountDriver, reading: Reading) -> None:
    """Another process, which knows of the act by the record alone, says so."""
    await site.installation.record.write(partial(leave_unanswered, account.account_id))
    answer = await page.goto(f"{site.url}/closure")
    assert answer is not None
    assert answer.status == 503
    await expect(page.locator(".sign.warn")).to_be_visible()
    await looked_at(page, f"withdrawal kept {reading}")


def leave_unanswered(account_id: str, connection: Connection) -> None:
    """As if the account's only session had asked so long ago."""
    sessions = record_web_sessions
    mine = sessions.c.account_id == account_id
    asked_at: datetime = connection.execute(select(sessions.c.act_asked_at).where(mine)).scalar_one()
    connection.execute(update(sessions).where(mine).values(act_asked_at=asked_at - AT_MOST))


@READINGS
async def test_who_changes_their_mind_by_day(
    installations: InstallationBuilder, opened: Opener, tmp_path: Path, reading: Reading
) -> None:
    await change_their_mind(installations, opened, tmp_path, reading)


@NIGHT_READINGS
async def test_who_changes_their_mind_by_night(
    installations: InstallationBuilder, opened: Opener, tmp_path: Path, reading: Reading
) -> None:
    await change_their_mind(installations, opened, tmp_path, reading)
