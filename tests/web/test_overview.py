"""The overview before a closure: dates, losses, what stays, who may close, and the records to take along."""

import asyncio
import io
import json
import re
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from activities.sources import SOURCE_TIME_LIMIT
from closure.business_days import add_business_days
from closure.lifecycle import Mode
from closure.policy import CoolOff, Policy
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder, with_durations
from tests.harness.twilio import twilio_account
from tests.web.api_driver import ApiDriver, opened_api
from tests.web.visitors import only_views, seen, visiting
from web.browser.languages import reader_of

OVERVIEW: Final = "/closure/overview"
RICH: Final[Mapping[str, object]] = {
    "balance": {"cash": "420.50", "promo": "15.00"},
    "bills": [{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
    "resources": [
        {"id": "i-1", "product": "ecs", "renounceable": True},
        {"id": "i-2", "product": "ecs", "renounceable": True},
    ],
    "data": [{"id": "oss-1", "store": "object-storage", "objects": 1200}],
}


def plain(page: str) -> str:
    """What a reader reads, with single blanks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def days(first: datetime, last: datetime, language: str = "en") -> str:
    return plain(reader_of(language).days(first, last))


async def test_an_account_with_workloads_is_told_dates_losses_and_what_stays(still: ApiDriver) -> None:
    account = await still.installation.account(**RICH)
    async with visiting(still, account) as visited:
        page = await seen(visited, OVERVIEW)
    text, now = plain(page), datetime.now(UTC)
    assert account.account_id in text, "nobody should wonder which of their accounts it is"
    first, last = add_business_days(now, 2, "CN"), add_business_days(now, 5, "CN")
    silent, deleted = ([day + timedelta(minutes=5, days=later) for day in (first, last)] for later in (0, 7))
    for expected in (
        "Preparation 2 to 5 business days",
        f"You confirm {days(first, last)}",
        f"Silent period {days(silent[0], deleted[1])} 7 days for late bills",
        f"Everything is deleted {days(deleted[0], deleted[1])}",
        "Resources 2 ecs: 2",
        "Stored objects 1,200 object-storage: 1,200",
        "Balance 420.50 USD",
        "Promotional balance 15.00 USD",
        "Your other accounts stay as they are.",
        "kept for 7 years",
        "1 to settle yourself, elsewhere",
        "3 to give up here with a click",
        "Back up what you still need",
    ):
        assert expected in text, expected
    assert page.count('name="mode" value="delete"') == 1
    assert "keep-data" not in page


async def test_domains_take_longer_and_an_empty_account_needs_no_preparation(still: ApiDriver) -> None:
    busy = await still.installation.account(**RICH, domains=[{"id": "example.com"}])
    async with visiting(still, busy) as visited:
        text = plain(await seen(visited, OVERVIEW))
    assert "Preparation 9 to 20 business days" in text
    assert "Moving domain names and filings: 7 to 15 business days more." in text
    empty = await still.installation.account()
    async with visiting(still, empty) as visited:
        text = plain(await seen(visited, OVERVIEW))
    today = datetime.now(UTC)
    assert "Preparation" not in text
    assert f"You confirm {days(today, today)}" in text
    assert "Nothing stands in the way" in text


async def test_t6_the_soft_close_is_beside_the_deletion_and_t10_the_refund_has_its_date(
    still: ApiDriver,
) -> None:
    account = await twilio_account(
        still.installation,
        balance={"cash": "120.00", "promo": "5.00"},
        bills=[{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
    )
    async with visiting(still, account) as visited:
        page = await seen(visited, OVERVIEW)
    text, today = plain(page), datetime.now(UTC)
    due = add_business_days(today, 10, "US")
    for mode in Mode:
        assert f'name="mode" value="{mode.value}"' in page
    for expected in (
        "120.00 USD go back to what they were paid with, within 10 business days.",
        f"Refund by {days(due, due)}",
        f"Everything is deleted {days(today + timedelta(days=30), today + timedelta(days=30))}",
        "The data is kept for 30 days",
        "Your login stays",
        "Promotional balance 5.00 USD",
        "Bill b-1 of 18.20 USD stays due",
    ):
        assert expected in text, expected
    assert "Silent period" not in text


async def test_t2_an_account_that_is_not_closed_here_says_whom_to_contact(still: ApiDriver) -> None:
    account = await twilio_account(still.installation, kind="invoiced")
    async with visiting(still, account) as visited:
        page = await seen(visited, OVERVIEW)
        assert "Contact your account manager" in page
        assert "<form" not in page
        assert "客户经理" in await seen(visited, f"{OVERVIEW}?language=zh")


async def test_all_of_it_is_there_in_chinese(still: ApiDriver) -> None:
    account = await still.installation.account(**RICH)
    async with visiting(still, account, language="zh") as visited:
        text = plain(page := await seen(visited, OVERVIEW)).replace(account.account_id, "")
    assert " · 账号注销</title>" in page, "nobody's name is translated, a provider's own never is"
    for expected in (
        "准备 2 至 5 个工作日",
        "静默期",
        "7 天",
        "420.50 USD",
        "保留 7 年",
        "您的其他账号不受影响",
    ):
        assert expected in text, expected
    words = re.findall(r"[A-Za-z]{4,}", text.replace("English", ""))
    assert {each.lower() for each in words} <= {"object", "storage", "standard"}, words


async def test_a5_the_financial_records_are_offered_as_a_file(still: ApiDriver) -> None:
    account = await still.installation.account(**RICH)
    async with visiting(still, account) as visited:
        assert "/closure/export" in await seen(visited, OVERVIEW)
        file = await visited.get("/closure/export")
        assert file.headers["content-type"] == "application/zip"
        assert "attachment" in file.headers["content-disposition"]
        with zipfile.ZipFile(io.BytesIO(file.content)) as bundle:
            assert json.loads(bundle.read("account.json"))["account_id"] == account.account_id
            assert b"18.20" in bundle.read("bills.csv")
        await only_views(account)
        assert (await visited.get("/closure/export")).status_code == 409


async def test_a_session_that_only_views_starts_nothing(still: ApiDriver) -> None:
    account = await still.installation.account()
    async with visiting(still, account) as visited:
        assert "<form" in await seen(visited, OVERVIEW)
        await only_views(account)
        assert "<form" not in await seen(visited, OVERVIEW)


async def test_nobody_sees_anything_without_a_session_and_records_are_for_who_may_close(
    still: ApiDriver,
) -> None:
    account = await still.installation.account()
    for user in ("u-2", "u-9"):
        async with visiting(still, account, user) as visited:
            assert (await visited.get("/closure/export")).status_code == 409
    async with visiting(still, account) as visited:
        visited.cookies.clear()
        for path in (OVERVIEW, "/closure/result", "/closure/export", "/closure/events?closure=x"):
            assert (await visited.get(path)).status_code == 401, path


async def test_the_way_back_to_the_console_is_on_the_page(still: ApiDriver) -> None:
    account = await still.installation.account()
    console = "https://console.example/settings?a=1&b=2"
    async with visiting(still, account, return_url=console) as visited:
        assert 'href="https://console.example/settings?a=1&amp;b=2"' in await seen(visited, OVERVIEW)


async def test_names_are_shown_as_text_whatever_is_in_them(still: ApiDriver) -> None:
    script, turned = "<script>alert(1)</script>", "\u202eexe.gnp"
    account = await still.installation.account(
        resources=[{"id": "i-1", "product": script, "renounceable": True}],
        data=[{"id": "d-1", "store": turned, "objects": 3}],
    )
    async with visiting(still, account) as visited:
        page = await seen(visited, OVERVIEW)
    assert script not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page


async def test_a_cool_off_has_its_place_among_the_dates(
    installations: InstallationBuilder, policies: Mapping[str, Policy], tmp_path: Path
) -> None:
    cooling = with_durations(policies["alibaba-cloud"], cool_off=CoolOff(duration=timedelta(days=14)))
    async with (
        installations.open(with_worker=False, policies={"alibaba-cloud": cooling}) as installation,
        opened_api(installation, tmp_path / "tokens.json") as opened,
    ):
        account = await installation.account()
        async with visiting(opened, account) as visited:
            text = plain(await seen(visited, OVERVIEW))
    today = datetime.now(UTC)
    assert f"Time to change your mind {days(today, today + timedelta(days=14))}" in text
    stops = today + timedelta(days=14)
    assert f"The account stops {days(stops, stops)}" in text


async def test_a_source_that_does_not_answer_holds_no_page_up(
    installations: InstallationBuilder, tmp_path: Path
) -> None:
    """A check gives it a minute; a person who looks does not wait for it."""

    async def never(call: Call, act: Act) -> object:
        if call.name == "inventory.inventory":
            await asyncio.Event().wait()
        return await act()

    async with (
        installations.open(
            platforms=lambda platform: around_ports(platform, never), with_worker=False
        ) as installation,
        opened_api(installation, tmp_path / "tokens.json") as there,
        asyncio.timeout(SOURCE_TIME_LIMIT.total_seconds() / 2),
    ):
        account = await installation.account(**RICH)
        async with visiting(there, account) as visited:
            text = plain(await seen(visited, OVERVIEW))
    assert "Some of our systems did not answer just now" in text
    assert "Balance 420.50 USD" in text
