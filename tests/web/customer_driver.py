"""A customer at their pages, in a browser without scripts: reads what is shown, sends the forms there are."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser

import httpx2

from connectors.embedded import tables
from records.web_sessions import Audience, Visitor, add_link
from tests.harness.account_driver import AccountDriver
from tests.harness.waiting import eventually
from tests.web.api_driver import ORIGIN, ApiDriver
from tests.web.browser_driver import browser

Fields = dict[str, str | list[str]]


@dataclass
class Form:
    """A form of a page: where it goes, and what it would send as it stands."""

    action: str
    method: str
    fields: Fields = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    """What could be ticked, by name."""
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append(Form(said["action"], said.get("method", "get")))
        elif tag == "button" and self.forms and "name" in said:
            self.forms[-1].buttons.append((said["name"], said["value"]))
        elif tag == "input" and self.forms and "name" in said:
            self._add(self.forms[-1], said)

    def _add(self, form: Form, said: Mapping[str, str]) -> None:
        name = said["name"]
        value = said.get("value", "on" if said.get("type") in ("checkbox", "radio") else "")
        if said.get("type") in ("checkbox", "radio"):
            form.choices.setdefault(name, []).append(value)
            if "checked" not in said:
                return
        known = form.fields.get(name)
        if known is None:
            form.fields[name] = value
        else:
            form.fields[name] = [*([known] if isinstance(known, str) else known), value]


@dataclass
class CustomerDriver:
    """One browser; `page` is what it shows."""

    http: httpx2.AsyncClient
    account: AccountDriver
    page: httpx2.Response

    @property
    def text(self) -> str:
        return self.page.text

    def says(self, *sentences: str) -> bool:
        """Whether the page has all of them."""
        return all(each in self.text for each in sentences)

    def form(self, action: str) -> Form:
        """The page's form that goes there."""
        found = _Forms()
        found.feed(self.text)
        matching = [each for each in found.forms if each.action == action]
        assert matching, f"no form to {action} in {self.page.url}: {[each.action for each in found.forms]}"
        return matching[0]

    async def open(self, path: str = "/closure") -> httpx2.Response:
        """Opens a page, as far as it leads."""
        self.page = await self.http.get(path, follow_redirects=True)
        return self.page

    async def until_says(self, words: str) -> None:
        """Loads the first page again until it says that."""

        async def look() -> str:
            await self.open()
            return self.text

        await eventually(look, lambda text: words in text, words)

    async def send(self, action: str, **fields: str | Sequence[str]) -> httpx2.Response:
        """Fills the page's form in and sends it, then goes where it leads."""
        form = self.form(action)
        said = {**form.fields, **fields}
        if form.method == "get":
            self.page = await self.http.get(action, params=said, follow_redirects=True)
        else:
            self.page = await self.http.post(action, data=said, follow_redirects=True)
        return self.page

    async def code(self) -> str:
        """The newest code in the user's mailbox."""
        sent = await self.account.rows(tables.outbox)
        body = [str(each["body"]) for each in sent if each["template"] == "identity_code"][-1]
        (code,) = re.findall(r"\b\d{6,8}\b", body)
        return str(code)

    async def prove_by_code(self) -> None:
        """From the overview through the identity step, by a code in a mail."""
        await self.send("/closure/start")
        await self.send("/closure/identity", send="email_code")
        await self.send("/closure/identity", code=await self.code())
        assert self.page.url.path == "/closure/agreement", self.text

    async def prove_by_password(self, password: str) -> None:
        """The same by a password."""
        await self.send("/closure/start")
        await self.send("/closure/identity", password=password)
        assert self.page.url.path == "/closure/agreement", self.text

    async def agree(self) -> None:
        """Ticks every box, and asks for the closure."""
        await self.send("/closure/agreement", **self.form("/closure/agreement").choices)
        asked = await self.account.installation.records.last_close(self.account.account_id)
        if asked is not None:
            self.account.closure_id = asked.closure_id


@asynccontextmanager
async def visiting(
    api: ApiDriver,
    account: AccountDriver,
    user: str = "u-1",
    *,
    language: str | None = None,
    verified_at: datetime | None = None,
) -> AsyncIterator[CustomerDriver]:
    """A user of the account whom their console has sent, at the first page."""
    visitor = Visitor(
        audience=Audience.CUSTOMER,
        account_id=account.account_id,
        user_id=user,
        language=language,
        verified_at=verified_at,
    )
    secret, _ = await api.installation.record.write(lambda each: add_link(each, visitor))
    async with browser(api) as http:
        page = await http.get(f"{ORIGIN}/portal/{secret}", follow_redirects=True)
        yield CustomerDriver(http, account, page)
