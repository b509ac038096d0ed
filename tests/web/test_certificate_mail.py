"""The mail of a deleted account leads to its certificate, which its readers can't sign in for any more."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from closure.accounts import Channel
from closure.brand import Brand
from closure.events import EventType
from closure.lifecycle import Outcome
from closure.policy import MessageTemplate
from connectors.embedded import tables
from connectors.embedded.holds import hold, unhold
from connectors.mail_pages import MailPages
from connectors.ports import OutgoingMessage, Platform
from keys.certificate_links import LINK_LIFETIME, CertificateLinks, MailedLinks
from tests.harness.account_driver import AccountDriver
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder, running_worker
from tests.harness.waiting import eventually
from tests.web.api_driver import ORIGIN, opened_api
from tests.web.browser_driver import browser
from tests.web.visitors import seen

LINK: Final = re.compile(rf"{re.escape(ORIGIN)}(/certificate/\S+)")
LINK_TEXTS: Final = {
    "en": "Certificate of closure, available for 30 days",
    "zh": "注销证明（30 天内可查看）",
}


class LostMail(Exception):
    """The mail service fails once."""


@dataclass
class SlowEnd:
    """The account's end waits to be let go on; the mail before it is taken at the second attempt only, or
    after the outage of its service."""

    mails: list[OutgoingMessage] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    has_outage: bool = False

    def over(self, platform: Platform) -> Platform:
        around = around_ports(platform, self._around)
        return replace(around, messages=MailPages(around.messages, Brand(), ORIGIN))

    async def _around(self, call: Call, act: Act) -> object:
        if call.name == "access.close":
            await self.may_end.wait()
        message = call.arguments[0] if call.name == "messages.send" else None
        if isinstance(message, OutgoingMessage) and _tells_of_the_end(message):
            self.mails.append(message)
            if len(self.mails) == 1 or self.has_outage:
                raise LostMail
        return await act()


def _tells_of_the_end(message: OutgoingMessage) -> bool:
    return message.channel is Channel.EMAIL and message.template == MessageTemplate.CLOSURE_DELETED


async def mail_of_the_end(account: AccountDriver) -> str:
    """As the main user finds it in their mailbox."""
    rows = await eventually(
        lambda: account.rows(tables.outbox),
        lambda found: any(row["template"] == MessageTemplate.CLOSURE_DELETED for row in found),
        "the mail of the end",
    )
    (body,) = (
        str(row["body"])
        for row in rows
        if row["template"] == MessageTemplate.CLOSURE_DELETED and row["channel"] is Channel.EMAIL
    )
    return body


@pytest.mark.parametrize("language", LINK_TEXTS)
async def test_the_mail_of_a_deleted_account_leads_to_its_certificate(
    installations: InstallationBuilder, tmp_path: Path, language: str
) -> None:
    end, links = SlowEnd(), CertificateLinks()
    user = {"id": "u-1", "role": "main", "email": "owner@one.example", "language": language}
    async with (
        installations.open(platforms=end.over, with_worker=False) as installation,
        running_worker(installation, mailed_links=MailedLinks(links, f"{ORIGIN}/")),
        opened_api(installation, tmp_path / "tokens.json", certificate_links=links) as api,
        browser(api) as reader,
    ):
        account = await installation.account(users=[user])
        await account.silent()
        await account.end_of_silence()
        body = await mail_of_the_end(account)
        (path,) = LINK.findall(body)
        assert f"{LINK_TEXTS[language]}: {ORIGIN}{path}" in body

        before = await seen(reader, path)
        assert "Your certificate is being issued" in before
        assert account.account_id not in before
        for file in ("certificate.json", "certificate.pdf"):
            assert (await reader.get(f"{path}/{file}")).status_code == 404

        end.may_end.set()
        assert (await account.outcome()).outcome is Outcome.DELETED
        kept = await installation.records.certificate(account.closure_id)
        assert kept is not None
        assert kept.certificate_id in await seen(reader, path)
        assert (await reader.get(f"{path}/certificate.json")).text == kept.content
        assert (await reader.get(f"{path}/certificate.pdf")).content.startswith(b"%PDF")

        first, again = end.mails
        assert first == again.model_copy(update={"time": first.time}), "a mail that is sent again is the same"
        assert f'href="{ORIGIN}{path}"' in again.pages[language]
        assert path not in str(await account.history())
        opened = links.opened(path.removeprefix("/certificate/"), (await account.events())[-1].time)
        assert opened is not None
        untied = await account.until_event(EventType.BINDINGS_DELETED)
        assert opened.holds_until == (untied.time + LINK_LIFETIME).replace(microsecond=0)


async def test_a_mail_that_another_run_sends_again_is_the_same(installations: InstallationBuilder) -> None:
    end = SlowEnd(has_outage=True)
    end.may_end.set()
    links = MailedLinks(CertificateLinks(), ORIGIN)
    async with (
        installations.open(platforms=end.over, with_worker=False) as installation,
        running_worker(installation, mailed_links=links),
    ):
        account = await installation.account()
        await account.silent()
        await hold(installation.database, account.account_id, "case 7")
        await account.end_of_silence()
        await account.until_event(EventType.LEGAL_HOLD)
        await account.fast_forward(timedelta(hours=1))
        await unhold(installation.database, account.account_id)
        await account.handle.signal("recheck")
        await eventually(_number_of(end.mails), bool, "the first attempt")
        await account.handle.terminate()
        end.has_outage = False
        await account.closures.resume(account.closure_id)
        await account.end_of_silence()  # the new run's clock began at the wall's time: it is not an hour late
        assert (await account.outcome()).outcome is Outcome.DELETED
        first, *_, again = end.mails
        assert first.time - again.time > timedelta(minutes=1)
        assert again.model_copy(update={"time": first.time}) == first
        assert again.status_url is not None


def _number_of(mails: Sequence[OutgoingMessage]) -> Callable[[], Awaitable[int]]:
    async def number() -> int:
        return len(mails)

    return number


async def test_without_a_key_and_an_address_the_mail_has_no_link(
    installations: InstallationBuilder,
) -> None:
    end = SlowEnd()
    end.may_end.set()
    async with installations.open(platforms=end.over) as installation:
        account = await installation.account()
        await account.silent()
        await account.end_of_silence()
        await account.outcome()
        assert ORIGIN not in await mail_of_the_end(account)
        assert end.mails
        assert not any(ORIGIN in each.pages["en"] for each in end.mails)
