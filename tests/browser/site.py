"""What browser tests look at: a site, kinds of browsers, and what must be true of every page."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Final

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page

from records.web_sessions import Audience, Visitor, add_link
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import TestInstallation
from tests.web.api_driver import WORDS
from web.service import WebService

SCREENSHOTS: Final = Path(__file__).resolve().parents[2] / ".closure" / "screenshots"
"""Kept after a run, to be looked at."""

COOLING: Final = "cooling-cloud"
"""A provider whose customers can change their minds for 14 days; neither of the shipped policies has that."""
APPROVING: Final = "approving-cloud"
"""A provider that wants a second person for accounts of high value; neither of the shipped ones does."""


class Device(Enum):
    """Width and height in CSS pixels."""

    DESKTOP = (1280, 900)
    PHONE = (360, 740)


@dataclass(frozen=True)
class Site:
    """An installation, as it is served to browsers."""

    installation: TestInstallation
    service: WebService

    @property
    def url(self) -> str:
        return self.service.url

    async def link(
        self,
        account: AccountDriver,
        user: str = "u-1",
        *,
        language: str | None = None,
        verified_at: datetime | None = None,
    ) -> str:
        """What the provider's console sends the browser of one of the account's users to."""
        visitor = Visitor(
            audience=Audience.CUSTOMER,
            account_id=account.account_id,
            user_id=user,
            language=language,
            verified_at=verified_at,
        )
        secret, _ = await self.installation.record.write(lambda each: add_link(each, visitor))
        return f"{self.url}/portal/{secret}"


Opener = Callable[..., AbstractAsyncContextManager[Page]]
"""Opens a page in a browser of its own: `device`, `dark`, `scripts`, `zone` say in what kind of browser."""


_OF_OTHERS: Final = frozenset(
    {"API", "APIs", "BSS", "DNS", "ICP", "ID", "JSON", "OSS", "PDF", "USD", "UTC", "ZIP"}
    | {"ecs", "functions", "github", "object-storage", "oss", "phone-number", "rds", "slb"}
    | {"main", "owner"}
    | set(WORDS.split())
)
"""What is called so in Chinese, too: short forms, what things, roles and modes are named elsewhere, and an
option's text that has to be chosen word for word (T9)."""
_READ_BY_PEOPLE: Final = """() => {
    const copy = document.querySelector("main").cloneNode(true);
    copy.querySelectorAll(".mono, code, script, [lang]").forEach((each) => each.remove());
    const said = [...copy.querySelectorAll("[placeholder], [aria-label], [title]")].flatMap(
        (each) => ["placeholder", "aria-label", "title"].map((name) => each.getAttribute(name) ?? ""));
    const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) said.push(texts.currentNode.data);
    return [document.documentElement.lang, document.title.split(" · ")[0], ...said].join("\\n");
}"""


async def left_in_english(page: Page) -> list[str]:
    """The words of a Chinese page that aren't Chinese, and aren't ids, addresses or names of others.

    Staff read reasons and events as they were given, so of their pages nothing can be said.
    """
    language, *said = (await page.evaluate(_READ_BY_PEOPLE)).split("\n")
    if not language.startswith("zh") or "/staff" in page.url:
        return []
    words = {each for line in said for each in re.findall(r"[\w.@+:/-]+", line, re.ASCII)}
    return sorted(
        each for each in words if re.fullmatch(r"[A-Za-z][A-Za-z-]+", each) and each not in _OF_OTHERS
    )


async def looked_at(page: Page, name: str) -> None:
    """Keeps a picture of the page; axe finds nothing that keeps people out, and nothing sticks out.

    On Chinese pages for customers nothing is left in English.
    """
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    file = SCREENSHOTS / f"{re.sub('[^a-z0-9-]+', '-', name.lower())}.png"
    await page.screenshot(path=file, full_page=True)
    found = await Axe().run(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    width = await page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1], f"{name}: wider than the window, {width}"
    left = await left_in_english(page)
    assert not left, f"{name}: left in English: {left}"
