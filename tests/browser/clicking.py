"""One customer's clicks, whatever language the page is in: each a step on the way to a confirmed closure."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Page, expect

from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver

Step = Callable[[], Awaitable[None]]


async def newest_code(account: AccountDriver) -> str:
    """What the customer finds in their mailbox."""
    rows = await account.rows(tables.outbox)
    body = str([row for row in rows if row["template"] == "identity_code"][-1]["body"])
    (code,) = re.findall(r"\b\d{6,8}\b", body)
    return str(code)


@dataclass(frozen=True)
class Clicking:
    """A page of the account's main user, who proves by codes that it is them."""

    page: Page
    account: AccountDriver

    async def start(self) -> None:
        await self.page.locator("form[action='/closure/start'] button").first.click()

    async def ask_for_code(self) -> None:
        await self.page.locator("button[value='email_code']").click()

    async def prove(self) -> None:
        """By the newest code that they were sent."""
        await self.page.locator("#code").fill(await newest_code(self.account))
        await self.page.keyboard.press("Enter")

    async def agree(self) -> None:
        await self.page.locator("input[name='agree']").check()
        await self.page.locator("form[action='/closure/agreement'] button.primary").click()

    async def recheck(self) -> None:
        await self.page.locator("form[action='/closure/recheck'] button").click()

    async def choose_all(self) -> None:
        await self.page.locator("button[name='all']").click()

    async def give_up(self) -> None:
        await self.page.locator("input[name='accept_risk']").check()
        await self.page.locator("form[action='/closure/renounce'] button.danger").click()

    async def confirm(self) -> None:
        """With the first of the reasons that the policy suggests."""
        await self.page.locator("input[name='reason']").first.check()
        await self.page.locator("form[action='/closure/confirm'] button.danger").click()

    async def ask_to_withdraw(self) -> None:
        await self.page.locator("a[href='/closure/withdraw']").click()

    async def withdraw(self) -> None:
        await self.page.locator("form[action='/closure/withdraw'] button.primary").click()

    async def is_at(self, place: str) -> None:
        await expect(self.page.locator(place).first).to_be_visible()
