"""A code is sent once, however often its button is clicked; whoever asks for another one later gets it."""

import asyncio
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, update

from connectors.embedded import tables
from records.challenges import JUST_SENT
from records.tables import record_challenges
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder
from tests.web.api_driver import ApiDriver, opened_api
from tests.web.customer_driver import CustomerDriver, visiting
from tests.web.test_closing_pages import filled_account

SENT = "We have sent a code to the e-mail address"


async def age_codes(account: AccountDriver, by: timedelta = JUST_SENT) -> None:
    """As if all codes had been sent so much earlier."""

    def work(connection: Connection) -> None:
        row = record_challenges.c
        query = record_challenges.select().where(row.account_id == account.account_id)
        for found in connection.execute(query).mappings().all():
            connection.execute(
                update(record_challenges)
                .where(row.challenge_id == found["challenge_id"])
                .values(issued_at=found["issued_at"] - by)
            )

    await account.installation.record.write(work)


async def codes_sent(account: AccountDriver) -> int:
    rows = await account.rows(tables.outbox)
    return [each["template"] for each in rows].count("identity_code")


async def click_twice_at_once(customer: CustomerDriver) -> None:
    """Two posts of the same page, as by a browser without scripts; each leads to a page that is shown."""
    said = {**customer.form("/closure/identity").fields, "send": "email_code"}
    answers = await asyncio.gather(
        *(customer.http.post("/closure/identity", data=said, follow_redirects=True) for _ in range(2))
    )
    assert [each.status_code for each in answers] == [200, 200]
    customer.page = answers[0] if SENT in answers[0].text else answers[1]


async def test_two_clicks_on_the_button_send_one_code(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer:
        await customer.send("/closure/start")
        await click_twice_at_once(customer)
        assert customer.says(SENT)
        assert await codes_sent(account) == 1
        await customer.send("/closure/identity", send="email_code")
        assert customer.says(SENT), "one right after the other: it was sent, and the page says so"
        assert await codes_sent(account) == 1
        await customer.send("/closure/identity", code=await customer.code())
        assert customer.page.url.path == "/closure/agreement"


async def test_another_code_is_sent_later_and_by_another_way_at_once(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer:
        await customer.send("/closure/start")
        await customer.send("/closure/identity", send="email_code")
        await customer.send("/closure/identity", send="sms_code")
        assert customer.says("We have sent a code by text message")
        assert await codes_sent(account) == 2
        await age_codes(account)
        await customer.send("/closure/identity", send="email_code")
        assert customer.says(SENT, "Send another by e-mail")
        assert await codes_sent(account) == 3


async def test_a_code_that_was_used_or_that_somebody_else_asked_for_holds_none_up(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer, visiting(pages, account) as other:
        for each in (customer, other, customer):
            await each.send("/closure/start") if each.page.url.path == "/closure" else None
            await each.open("/closure/identity")
            await each.send("/closure/identity", send="email_code")
            await each.send("/closure/identity", code=await each.code())
            assert each.page.url.path == "/closure/agreement"
    assert await codes_sent(account) == 3


async def test_every_call_of_the_api_sends_a_code(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    for _ in range(2):
        body = {"user_id": "u-1", "method": "email_code"}
        assert (await pages.post(f"/accounts/{account.account_id}/challenges", body)).status_code == 202
    assert await codes_sent(account) == 2


async def test_a_code_that_could_not_be_sent_does_not_count_as_sent(
    installations: InstallationBuilder, tmp_path: Path
) -> None:
    weather = Weather()
    async with (
        installations.open(platforms=weather.over, with_worker=False) as installation,
        opened_api(installation, tmp_path / "tokens.json") as api,
    ):
        account = await filled_account(api)
        async with visiting(api, account) as customer:
            await customer.send("/closure/start")
            form = customer.page
            weather.unreadable.add("messages")
            await customer.send("/closure/identity", send="email_code")
            assert customer.page.status_code >= 500
            weather.unreadable.clear()
            customer.page = form
            await customer.send("/closure/identity", send="email_code")
            assert customer.says(SENT)
            assert await codes_sent(account) == 1
