"""Customers who are let in by their console, and how a confirmed closure is brought about for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from records.web_sessions import Audience, Visitor, add_link, limit_sessions_of
from tests.harness.account_driver import AccountDriver
from tests.web.api_driver import ApiDriver
from tests.web.browser_driver import browser


@asynccontextmanager
async def visiting(
    api: ApiDriver, account: AccountDriver, user: str = "u-1", **changes: str | None
) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser that one of the account's users has come in by."""
    visitor = Visitor(
        audience=Audience.CUSTOMER,
        account_id=account.account_id,
        user_id=user,
        language=changes.get("language"),
        return_url=changes.get("return_url"),
    )
    secret, _ = await api.installation.record.write(lambda each: add_link(each, visitor))
    async with browser(api) as visited:
        entered = await visited.get(f"/portal/{secret}")
        assert entered.status_code == 303
        yield visited


async def only_views(account: AccountDriver) -> None:
    """As after confirming: nobody's session does anything more (A18)."""
    await account.installation.record.write(lambda each: limit_sessions_of(each, account.account_id))


async def seen(visited: httpx2.AsyncClient, path: str, status: int = 200) -> str:
    """The page's text, as it must be answered."""
    answer = await visited.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return str(answer.text)
