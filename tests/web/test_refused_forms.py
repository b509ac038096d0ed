"""A form that is not taken leads to a page: loading that again, or coming back to it, sends nothing again."""

import re
from html import unescape
from typing import Final

import pytest
from sqlalchemy import delete

from database import DatabaseUnreachable
from records.tables import record_plans
from tests.web.api_driver import ORIGIN, ApiDriver
from tests.web.customer_driver import CustomerDriver, Fields, visiting
from tests.web.test_closing_pages import filled_account
from tests.web.test_closing_refusals import ready
from web.browser.sessions import Customer

TOLD: Final = "closure-told"


async def sent(customer: CustomerDriver, action: str, **fields: str | list[str]) -> str:
    """Sends the page's form, which must lead elsewhere: where to."""
    said: Fields = {**customer.form(action).fields, **fields}
    answer = await customer.http.post(action, data=said, headers={"Referer": str(customer.page.url)})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def is_told_once(customer: CustomerDriver, place: str, status: int, *sentences: str) -> None:
    """The page tells it; loaded again it is the page as it always is."""
    told = await customer.open(place)
    assert (told.status_code, str(told.url)) == (status, f"{ORIGIN}{place}")
    assert customer.says(*sentences)
    assert (await customer.open(place)).status_code == 200
    assert not customer.says(sentences[0])


async def test_every_form_that_is_refused_leads_to_a_page_that_tells_it_once(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer:
        await customer.send("/closure/start")
        place = await sent(customer, "/closure/identity", code="00000000")
        assert place == "/closure/identity?mode=delete"
        await is_told_once(customer, place, 403, "This code isn&#39;t right")
        await customer.send("/closure/identity", send="email_code")
        await customer.send("/closure/identity", code=await customer.code())
        place = await sent(customer, "/closure/agreement")
        await is_told_once(customer, place, 422, "Tick every box to go on")
        await customer.agree()
        await customer.send("/closure/renounce", item=["resources/i-1"])
        place = await sent(customer, "/closure/renounce")
        assert "item=resources%2Fi-1" in place
        await is_told_once(customer, place, 422, "Tick the box to say", "ecs instance i-1")
        assert not any(each.renounced for each in (await account.status()).checklist)


async def test_nothing_typed_is_told_beside_the_field(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer:
        await customer.send("/closure/start")
        place = await sent(customer, "/closure/identity")
        await is_told_once(customer, place, 422, "Have a code sent first, then type it here.")
        await customer.send("/closure/identity", send="email_code")
        place = await sent(customer, "/closure/identity")
        await is_told_once(customer, place, 422, "Type the code that we sent.")
        await customer.open(f"{place}&language=zh")
        await customer.send("/closure/identity")
        assert customer.page.status_code == 422
        assert customer.says("请先获取验证码，再在此输入。")


async def test_a_code_was_sent_where_one_was_and_nowhere_else(pages: ApiDriver) -> None:
    claim = "We have sent a code to the e-mail address"
    async with visiting(pages, await filled_account(pages)) as customer:
        await customer.open("/closure/identity?sent=email_code")
        assert customer.says("Send a code by e-mail")
        assert not customer.says(claim)
        await customer.send("/closure/identity", code="00000000")
        assert customer.says("This code isn&#39;t right")
        assert not customer.says(claim)
        await customer.send("/closure/identity", send="email_code")
        for _ in range(2):
            assert customer.says(claim, "Send another by e-mail")
            await customer.send("/closure/identity", code="00000000")
            assert customer.says("This code isn&#39;t right")


async def test_what_was_typed_stays_and_goes_with_the_browser_alone(pages: ApiDriver) -> None:
    account = await ready(pages)
    async with visiting(pages, account) as customer, visiting(pages, account) as other:
        place = await sent(customer, "/closure/confirm", reason="other", words="x" * 201)
        assert place == "/closure"
        other.http.cookies.set(TOLD, customer.http.cookies[TOLD], domain="console.example")
        assert (await other.open(place)).status_code == 200, "it is bound to the session"
        await is_told_once(customer, place, 422, "Choose a reason, or write one", f'value="{"x" * 201}"')
        for forged in ("x", "x.y", f"{'e30='}.{'0' * 64}"):
            customer.http.cookies.set(TOLD, forged, domain="console.example")
            assert (await customer.open()).status_code == 200
        too_long = await sent(customer, "/closure/confirm", reason="other", words="x" * 9_000)
        await is_told_once(customer, too_long, 422, "Choose a reason, or write one")
        assert (await account.status()).confirmed_at is None


async def test_a_fault_is_told_where_the_plan_cannot_be_read(pages: ApiDriver) -> None:
    account = await ready(pages)
    async with visiting(pages, account) as customer:
        place = await sent(customer, "/closure/confirm", reason="no such reason")
        await account.installation.record.write(
            lambda each: each.execute(
                delete(record_plans).where(record_plans.c.closure_id == account.closure_id)
            )
        )
        told = await customer.open(place)
        assert told.status_code == 422
        assert customer.says("Choose a reason, or write one", "See how things stand")


async def test_what_is_gone_from_the_list_is_told_once(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    await account.close()
    async with visiting(pages, account) as customer:
        await customer.send("/closure/renounce", item=["resources/i-1"])
        risk = customer.page
        place = await sent(customer, "/closure/renounce", item=["resources/i-0"], accept_risk="1")
        assert (await customer.open(place)).status_code == 409
        assert customer.says("Nothing on the list fits that any more", "See how things stand")
        customer.page = risk
        place = await sent(customer, "/closure/renounce", item=["resources/i-0"])
        await customer.open(place)
        assert customer.says("Nothing was chosen")
        await customer.send("/closure/renounce", item=["resources/i-1"])
        assert customer.page.status_code == 200, "an older refusal is not told any more"


def place_to_try_again(customer: CustomerDriver) -> str:
    """Where the page's button leads."""
    (link,) = re.findall(r'<a class="button primary" href="([^"]+)">', customer.text)
    return unescape(link)


@pytest.mark.parametrize("is_form", [False, True], ids=["page", "form"])
async def test_trying_again_leads_to_what_was_chosen(still: ApiDriver, is_form: bool) -> None:
    account = await still.account()

    async def away(_: Customer) -> None:
        raise DatabaseUnreachable("away")

    still.application.add_api_route("/closure/away", away, methods=["GET", "POST"])
    chosen = "/closure/away?item=a%2Fb&item=c&part=manual&page=3"
    async with visiting(still, account) as customer:
        if is_form:
            headers = {"Referer": f"{ORIGIN}{chosen}&language=zh"}
            customer.page = await customer.http.post("/closure/away", headers=headers)
        else:
            await customer.open(f"{chosen}&language=zh")
        assert customer.page.status_code == 503
        assert place_to_try_again(customer) == chosen
        assert f'href="{chosen.replace("&", "&amp;")}&amp;language=en"' in customer.text
        assert ("data-place=" in customer.text) is is_form
        for referer in ("https://evil.example/closure", "//evil.example", "x", "http://["):
            customer.page = await customer.http.post("/closure/away", headers={"Referer": referer})
            assert place_to_try_again(customer) == "/closure/away"


async def test_no_address_leads_elsewhere(still: ApiDriver) -> None:
    async with visiting(still, await still.account()) as customer:
        await customer.open(f"{ORIGIN}//evil.example/closure")
        assert customer.page.status_code == 404
        assert 'href="/evil.example' in customer.text
        assert 'href="//' not in customer.text
