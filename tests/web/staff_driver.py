"""Uses the staff pages as a browser without scripts does."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from uuid import uuid4

import httpx2

from tests.web.api_driver import ORIGIN, ApiDriver
from tests.web.browser_driver import browser
from web.token_file import Scope

SUPPORT = (Scope.STAFF,)
OPERATOR = (Scope.STAFF, Scope.ACT)


class StaffDriver:
    """Somebody of the staff who is signed in; `name` is their token's."""

    def __init__(self, http: httpx2.AsyncClient, name: str) -> None:
        self.http = http
        self.name = name

    async def get(self, path: str) -> httpx2.Response:
        return await self.http.get(path)

    async def see(self, path: str, status: int = 200) -> str:
        """The page's text as a reader has it."""
        page = await self.get(path)
        assert page.status_code == status, page.text
        return text_of(page)

    async def send(self, path: str, *, at: str | None = None, **fields: str) -> httpx2.Response:
        """Sends a form of the page `at`, by default the one that is at its own path."""
        token = form_token(await self.get(at or path))
        return await self.http.post(path, data={"form_token": token, **fields}, headers={"Origin": ORIGIN})

    async def search(self, query: str) -> httpx2.Response:
        return await self.send("/staff/search", at="/staff", query=query)


@asynccontextmanager
async def signed_in(
    api: ApiDriver, *scopes: Scope, provider: str | None = None, name: str | None = None
) -> AsyncIterator[StaffDriver]:
    """Staff with a new token of these scopes."""
    name = name or f"staff-{uuid4().hex[:8]}"
    secret = api.tokens.add(name, scopes or OPERATOR, provider)
    async with browser(api) as http:
        entered = await sign_in(http, secret)
        assert (entered.status_code, entered.headers["location"]) == (303, "/staff"), entered.text
        yield StaffDriver(http, name)


async def sign_in(http: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await http.post("/staff/sign-in", data={"token": token}, headers={"Origin": ORIGIN})


def form_token(page: httpx2.Response) -> str:
    """What the page's forms carry."""
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found is not None, page.text
    return found[1]


def text_of(page: httpx2.Response) -> str:
    """What can be read on it, without tags and in one line."""
    words = re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2])
    return " ".join(unescape(words).split())
