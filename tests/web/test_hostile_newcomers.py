"""Inputs that no page of ours sends: each is answered by a page that says so, and nothing is done."""

from collections.abc import Mapping
from typing import Final

import pytest

from connectors.embedded import tables
from tests.web.api_driver import ApiDriver
from tests.web.customer_driver import visiting
from tests.web.test_closing_pages import filled_account
from tests.web.test_closing_refusals import ready

TYPE: Final = "application/x-www-form-urlencoded"

ADDRESSES: Final = {
    "/closure?since=%00": 400,
    "/closure?since=-1": 400,
    "/closure?since=99999999999999999999999999999999": 200,
    "/closure?language=%ff&language=" + "a" * 5_000: 200,
    "/closure/identity?mode=everything": 400,
    "/closure/identity?again=perhaps": 400,
    "/closure/agreement?mode=keep-data": 409,
    "/closure/events?closure=%00": 400,
    "/closure/events?closure=a&seen=%00": 400,
    "/closure/checklist?find=%00": 400,
    "/closure/checklist?check=bills%00": 400,
    "/closure/events": 400,
    "/closure/result": 404,
    "/closure/checklist?page=1e3": 400,
    "/closure/checklist?find=" + "x" * 300: 400,
    "/closure/renounce?item=%00": 400,
    "/certificate/%00": 404,
    "/certificate/" + "9" * 3_000: 404,
    "/portal/%ff%00": 410,
}

FORMS: Final[Mapping[str, tuple[str, str, bytes, int]]] = {
    "no form": ("/closure/start", TYPE, b"", 403),
    "JSON": ("/closure/start", "application/json", b'{"form_token": "TOKEN"}', 403),
    "bytes that are no text": ("/closure/start", TYPE, b"form_token=%ff%ed%a0%80", 403),
    "a token twice": ("/closure/start", TYPE, b"form_token=TOKEN&form_token=x", 403),
    "a token as a file": (
        "/closure/start",
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="form_token"; filename="f"\r\n\r\nTOKEN\r\n--b--\r\n',
        403,
    ),
    "no boundary": ("/closure/start", "multipart/form-data", b"\xff\xfe", 400),
    "another boundary": ("/closure/start", "multipart/form-data; boundary=b", b"garbage", 400),
    "thousands of fields": ("/closure/start", TYPE, b"a=1&" * 5_000, 400),
    "an unknown way": ("/closure/start", TYPE, b"form_token=TOKEN&mode=%00", 400),
    "a code by pigeon": ("/closure/identity", TYPE, b"form_token=TOKEN&send=pigeon", 400),
    "a code by password": ("/closure/identity", TYPE, b"form_token=TOKEN&send=password", 403),
    "a code of nothing": ("/closure/identity", TYPE, b"form_token=TOKEN&code=%00", 400),
    "a code of half a character": ("/closure/identity", TYPE, b"form_token=TOKEN&code=%ed%a0%80", 403),
    "a code without end": ("/closure/identity", TYPE, b"form_token=TOKEN&code=" + b"1" * 5_000, 400),
    "three proofs at once": ("/closure/identity", TYPE, b"form_token=TOKEN&code=1&totp=2&password=3", 403),
}


async def test_addresses_that_nobody_links_to_are_answered_by_pages(still: ApiDriver) -> None:
    async with visiting(still, await still.installation.account()) as customer:
        for address, status in ADDRESSES.items():
            page = await customer.http.get(address, follow_redirects=True)
            assert (page.status_code, "<h1" in page.text) == (status, True), address


@pytest.mark.parametrize("name", FORMS)
async def test_forms_that_no_page_has_are_refused_by_pages_and_do_nothing(
    still: ApiDriver, name: str
) -> None:
    path, content_type, body, status = FORMS[name]
    account = await still.installation.account()
    async with visiting(still, account) as customer:
        token = str(customer.form("/closure/start").fields["form_token"])
        page = await customer.http.post(
            path,
            content=body.replace(b"TOKEN", token.encode()),
            headers={"Content-Type": content_type},
            follow_redirects=True,
        )
        assert (page.status_code, "<h1" in page.text) == (status, True)
    assert not await account.rows(tables.outbox)
    assert await still.installation.records.last_close(account.account_id) is None


async def test_a_code_is_taken_with_marks_that_nobody_sees(still: ApiDriver) -> None:
    async with visiting(still, await filled_account(still)) as customer:
        await customer.send("/closure/start")
        await customer.send("/closure/identity", send="email_code")
        await customer.send("/closure/identity", code=f"\u200b\u2066{await customer.code()}\u2069\ufeff")
        assert customer.page.url.path == "/closure/agreement"


async def test_the_result_of_a_closure_that_waits_for_a_confirm_says_when_it_expires(
    pages: ApiDriver,
) -> None:
    async with visiting(pages, await ready(pages)) as customer:
        await customer.open("/closure/result")
        assert customer.says("The closure is not confirmed yet", "Expires at")
        assert not customer.says("Goes on at")
