"""The example of a provider's console closes an account by its button, over the API alone."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx2
import pytest

from closure.accounts import Access
from closure.lifecycle import Stage
from examples.console import console
from tests.harness.account_driver import AccountDriver
from tests.web.api_driver import ORIGIN, PASSWORD, ApiDriver
from web.token_file import Scope

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "console.py"
LINES = 60
FIELD = re.compile(r'name=(\w+) value="([^"]*)"')


@pytest.fixture
async def account(api: ApiDriver) -> AccountDriver:
    return await api.account()


@pytest.fixture
async def browser(api: ApiDriver, account: AccountDriver) -> AsyncIterator[httpx2.AsyncClient]:
    """The customer's browser, on the console."""
    scoped = api.caller(Scope.READ, Scope.ACT)
    scoped.http.base_url = httpx2.URL(f"{ORIGIN}/api/v1")
    transport = httpx2.ASGITransport(app=console(scoped.http, account.account_id, "u-1"))
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://shop.example", follow_redirects=True, timeout=60
    ) as http:
        yield http


def fields(page: httpx2.Response) -> dict[str, str]:
    return {name: unescape(value) for name, value in FIELD.findall(page.text)}


async def test_the_button_closes_the_account(browser: httpx2.AsyncClient, account: AccountDriver) -> None:
    page = await browser.get("/")
    assert "<button>Close account</button>" in page.text
    ready = await browser.post("/close", data={**fields(page), "password": PASSWORD})
    assert "Closing: ready" in ready.text
    # A second click on the same button is the same request.
    again = await browser.post("/close", data={**fields(page), "password": PASSWORD})
    assert "Closing: ready" in again.text
    await browser.post("/confirm", data={**fields(ready), "reason": "moving on"})
    opened = await account.installation.records.last(account.account_id)
    assert opened is not None
    account.closure_id = opened.closure_id
    await account.until(Stage.RETAINED)
    assert await account.access() is not Access.OPEN
    assert "<form" not in (await browser.get("/")).text


async def test_a_refusal_is_shown_and_nothing_happens(
    browser: httpx2.AsyncClient, account: AccountDriver
) -> None:
    page = await browser.get("/")
    refused = await browser.post("/close", data={**fields(page), "password": "guessed"})
    assert "is not accepted" in refused.text
    unread = {name: value for name, value in fields(refused).items() if name != "texts"}
    unread_too = await browser.post("/close", data={**unread, "password": PASSWORD})
    assert "<p></p>" not in unread_too.text
    assert "Closing:" not in unread_too.text
    assert await account.access() is Access.OPEN
    assert await account.installation.records.last(account.account_id) is None


def test_it_is_short() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= LINES
