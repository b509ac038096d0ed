"""`/play`: what its buttons do is done to the accounts, and nobody else's page can press them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import update

from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from local.play.routes import play_router
from local.play.samples import SAMPLES
from local.play.world import World
from tests.harness.account_driver import AccountDriver
from tests.harness.fixtures import installation, installations, policies, server_databases, template_database
from tests.harness.installation import TestInstallation
from tests.harness.waiting import BEYOND
from tests.web.api_driver import ORIGIN, opened_api
from web.application import web_application

__all__ = ["installation", "installations", "policies", "server_databases", "template_database"]

OPEN_AS_CUSTOMER = "/play/open"


@dataclass(frozen=True)
class Player:
    """A browser on `/play`, without scripts."""

    installation: TestInstallation
    http: httpx2.AsyncClient

    async def page(self, account: str = "ali-demo-1") -> str:
        shown = await self.http.get("/play", params={"account": account})
        assert shown.status_code == 200, shown.text
        return shown.text

    async def press(self, action: str, account: str = "ali-demo-1", **fields: str) -> httpx2.Response:
        found = re.search(r'name="form_token" value="([^"]+)"', await self.page(account))
        assert found is not None
        return await self.http.post(
            action, data={"form_token": found[1], "account": account, **fields}, headers={"Origin": ORIGIN}
        )


@asynccontextmanager
async def playing(installation: TestInstallation, folder: Path) -> AsyncIterator[Player]:
    world = World(installation.database, installation.client, installation.policies)
    async with opened_api(installation, folder / "tokens.json") as api:
        application = web_application(replace(api.service), {"console.example"}, (play_router(world),))
        transport = httpx2.ASGITransport(app=application, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN, timeout=90) as http:
            yield Player(installation, http)


@pytest.fixture
async def player(installation: TestInstallation, tmp_path: Path) -> AsyncIterator[Player]:
    async with playing(installation, tmp_path) as opened:
        yield opened


async def test_every_sample_is_there_with_a_sentence_and_can_be_had_afresh(player: Player) -> None:
    shown = await player.page()
    for sample in SAMPLES:
        assert sample.sentence in shown
        assert f"{sample.name}-1" in shown
    assert (await player.press("/play/fresh")).headers["location"].startswith("/play")
    assert f"{SAMPLES[0].name}-2" in await player.page("")


async def test_an_account_opens_as_its_customer(player: Player) -> None:
    opened = await player.press(OPEN_AS_CUSTOMER, user="olga")
    assert opened.status_code == 303
    entered = await player.http.get(opened.headers["location"])
    assert (entered.status_code, entered.headers["location"]) == (303, "/closure")


async def test_staff_come_in_by_a_link(player: Player) -> None:
    opened = await player.press("/play/staff")
    entered = await player.http.get(opened.headers["location"])
    assert (entered.status_code, entered.headers["location"]) == (303, "/staff")


async def test_what_happens_elsewhere_happens_to_the_account(player: Player) -> None:
    assert "Pay bill b-2026-10: 18.20 USD" in await player.page()
    for deed, thing in (("pay", "b-2026-10"), ("transfer", "example.com"), ("unlink", "rd-1")):
        assert (
            "said=happened"
            in (await player.press("/play/happen", deed=deed, thing=thing)).headers["location"]
        )
    shown = await player.page()
    for gone in ("Pay bill b-2026-10", "Transfer example.com", "Unlink rd-1"):
        assert gone not in shown
    await player.press("/play/happen", deed="charge", thing="7.50")
    assert "Pay bill late-1: 7.50 USD" in await player.page()


@pytest.mark.parametrize(
    ("deed", "thing"), [("pay", "nothing"), ("charge", "-1"), ("refund", "perhaps"), ("unlink", "rd-9")]
)
async def test_what_can_not_happen_changes_nothing(player: Player, deed: str, thing: str) -> None:
    before = await player.page()
    refused = await player.press("/play/happen", deed=deed, thing=thing)
    assert "said=impossible" in refused.headers["location"]
    assert await player.page() == before


async def test_a_hold_can_be_put_and_lifted(player: Player) -> None:
    await player.page()
    holds = player.installation.platform.holds
    await player.press("/play/happen", deed="hold")
    assert await holds.is_held("ali-demo-1")
    await player.press("/play/happen", deed="unhold")
    assert not await holds.is_held("ali-demo-1")


async def test_only_the_page_itself_can_press_its_buttons(player: Player) -> None:
    await player.page()
    body = {"account": "ali-demo-1", "deed": "pay", "thing": "b-2026-10"}
    for fields, headers in (
        ({**body, "form_token": "guessed"}, {"Origin": ORIGIN}),
        ({**body, "form_token": "x"}, {}),
    ):
        assert (await player.http.post("/play/happen", data=fields, headers=headers)).status_code == 403
    foreign = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    found = re.search(r'name="form_token" value="([^"]+)"', await player.page())
    assert found is not None
    stolen = {**body, "form_token": found[1]}
    assert (await player.http.post("/play/happen", data=stolen, headers=foreign)).status_code == 403
    assert "Pay bill b-2026-10" in await player.page()


async def test_the_clock_of_an_open_closure_moves(player: Player) -> None:
    await player.page()
    closing = AccountDriver(player.installation, "ali-late-1", "alibaba-cloud")
    assert "said=no-clock" in (await player.press("/play/clock", "ali-late-1", leap="6m")).headers["location"]
    await closing.close("ming")
    await player.press("/play/clock", "ali-late-1", leap="1d")
    before = await player.installation.closures.status("ali-late-1")
    assert before.remaining_seconds is not None
    assert before.remaining_seconds <= timedelta(days=29).total_seconds()
    await player.press("/play/clock", "ali-late-1", leap="deadline")
    await closing.until(Stage.EXPIRED)


async def test_an_open_page_hears_of_changes(player: Player) -> None:
    found = re.search(r'hx-get="([^"]+)"', await player.page())
    assert found is not None
    asks = found[1].replace("&amp;", "&")
    assert (await player.http.get(asks)).status_code == 204
    assert (await player.http.get("/play/changes?account=ali-demo-1&seen=%C3%A9")).status_code == 200
    await player.press("/play/happen", deed="pay", thing="b-2026-10")
    assert (await player.http.get(asks)).headers["hx-refresh"] == "true"


async def test_a_deleted_accounts_blanked_mails_are_explained_and_its_certificate_is_there(
    player: Player,
) -> None:
    assert "has blanked every mail" not in await player.page("ali-late-1")
    closing = AccountDriver(player.installation, "ali-late-1", "alibaba-cloud")
    await closing.close("ming")
    if (await closing.status()).stage is Stage.BLOCKED:
        await closing.renounce(all=True, actor="ming")
    await closing.confirm(actor="ming")
    await closing.fast_forward(closing.policy.entering_duration + BEYOND)
    await closing.end_of_silence()
    deleted = await closing.outcome()
    assert deleted.outcome is Outcome.DELETED
    shown = await player.page("ali-late-1")
    assert "has blanked every mail" in shown
    found = re.search(r'<a href="(/certificate/[^"]+)"', shown)
    assert found is not None
    certificate = await player.http.get(found[1])
    assert certificate.status_code == 200
    assert str(deleted.certificate_id) in certificate.text


async def test_a_mail_is_shown_apart_from_our_pages(player: Player) -> None:
    await player.page()
    await player.installation.closures.challenge(
        "ali-demo-1", "olga", player.installation.policies["alibaba-cloud"].identity.methods[0]
    )
    page = {"html": "<p>Your code</p><script>alert(1)</script>"}
    await player.installation.database.write(lambda each: each.execute(update(tables.outbox).values(page)))
    found = re.search(r'<iframe title="[^"]*" loading="lazy" sandbox src="([^"]+)"', await player.page())
    assert found is not None
    mail = await player.http.get(found[1].replace("&amp;", "&"))
    assert mail.status_code == 200
    assert "script-src" not in mail.headers["content-security-policy"]
    assert "sandbox" in mail.headers["content-security-policy"]
    assert (await player.http.get("/play/mails/99999?account=ali-demo-1")).status_code == 404


async def test_the_service_alone_has_no_such_page(installation: TestInstallation, tmp_path: Path) -> None:
    async with opened_api(installation, tmp_path / "tokens.json") as api:
        assert (await api.http.get("/play")).status_code == 404
