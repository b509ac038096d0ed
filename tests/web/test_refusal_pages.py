"""A refusal that no page of its own tells is told by the page for faults, in its reader's language."""

import re
from html import unescape
from typing import Final

import pytest

from closure.errors import RefusalType, Refused
from tests.web.api_driver import ApiDriver
from tests.web.customer_driver import visiting
from tests.web.staff_driver import SUPPORT, signed_in
from web.browser.sessions import Customer, Staff

MESSAGE: Final = "a sentence of the rule's that nobody has translated"
ENGLISH_WORDS: Final = re.compile(r"[A-Za-z]{2,}(?:[ ,.:;]+[A-Za-z']{2,}){2,}")
NOT_THERE: Final = {RefusalType.ACCOUNT_NOT_FOUND, RefusalType.CLOSURE_NOT_FOUND}


def refuse(type: RefusalType) -> None:
    raise Refused(type, MESSAGE, facts={"roles": ["owner"], "retry_after": 61})


async def refuse_customer(_: Customer, type: RefusalType) -> None:
    refuse(type)


async def refuse_staff(_: Staff, type: RefusalType) -> None:
    refuse(type)


@pytest.fixture
def refusing(still: ApiDriver) -> ApiDriver:
    """Pages where every rule says no."""
    still.application.add_api_route("/closure/refused", refuse_customer)
    still.application.add_api_route("/staff/refused", refuse_staff)
    return still


def read(page: str) -> str:
    """What a reader of the page has before their eyes, but for the names of languages."""
    shown = page.partition("<main")[2].partition("</main>")[0]
    assert shown
    return " ".join(unescape(re.sub("<[^>]+>", " ", shown)).split())


async def test_no_refusal_is_told_in_english_to_who_reads_chinese(refusing: ApiDriver) -> None:
    account = await refusing.account()
    async with visiting(refusing, account, language="zh") as customer, signed_in(refusing, *SUPPORT) as staff:
        for refusal in RefusalType:
            pages = (
                await customer.http.get("/closure/refused", params={"type": refusal.value}),
                await staff.http.get("/staff/refused", params={"type": refusal.value, "language": "zh"}),
            )
            for page in pages:
                assert page.status_code == (404 if refusal in NOT_THERE else 409), refusal
                assert '<html lang="zh">' in page.text, refusal
                assert re.search(r"[\u4e00-\u9fff]{4}", read(page.text)), refusal
                assert not ENGLISH_WORDS.search(read(page.text)), read(page.text)


async def test_an_account_of_a_kind_that_the_policy_does_not_know_is_refused_in_chinese(
    still: ApiDriver,
) -> None:
    account = await still.account(kind="unheard-of")
    async with visiting(still, account, language="zh") as customer:
        told = read((await customer.http.get("/closure")).text)
        assert "此类账号" in told
        assert not ENGLISH_WORDS.search(told.replace(account.account_id, ""))


async def test_who_cannot_be_asked_for_is_answered_in_the_language_that_their_console_named(
    still: ApiDriver,
) -> None:
    account = await still.account()
    async with visiting(still, account, language="zh-Hans-CN") as customer:
        del customer.http.cookies["closure-session"]
        signed_out = await customer.http.get("/closure")
        assert signed_out.status_code == 401
        assert '<html lang="zh">' in signed_out.text
    async with visiting(still, account) as customer:
        del customer.http.cookies["closure-session"]
        asked = {"Accept-Language": "zh"}
        assert '<html lang="zh">' in (await customer.http.get("/closure", headers=asked)).text


async def test_a_customer_reads_what_they_can_do_and_staff_what_the_rule_says(refusing: ApiDriver) -> None:
    account = await refusing.account()
    asked = {"type": RefusalType.PLAN_CHANGED.value}
    async with visiting(refusing, account) as customer, signed_in(refusing, *SUPPORT) as staff:
        told = read((await customer.http.get("/closure/refused", params=asked)).text)
        assert "Look at what is new, then confirm again." in told
        assert MESSAGE not in told
        assert MESSAGE in read((await staff.http.get("/staff/refused", params=asked)).text)
