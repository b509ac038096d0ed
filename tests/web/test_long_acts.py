"""Acts that take longer than a page waits: whichever process is asked next knows of them, and tells once."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from closure.acts import ActKind, ActStatus, NewAct, RenounceWords
from closure.errors import RefusalType, Refused
from closure.lifecycle import Outcome, Stage
from closure.messages import StatusDocument
from records import acts
from records.acts import LAPSES_AFTER, write_act
from records.session_acts import CARRIED_OUT_FOR, UNWRITTEN_FOR
from records.tables import record_acts, record_web_sessions
from records.web_sessions import WebSession, session_of
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, running_worker
from tests.harness.waiting import PATIENCE, eventually
from tests.web.api_driver import PASSWORD, ApiDriver, opened_api
from tests.web.browser_driver import browser
from tests.web.conftest import UNHURRIED
from tests.web.customer_driver import CustomerDriver, visiting
from tests.web.test_closing_pages import REASON, filled_account
from tests.web.test_closing_refusals import ready

NOW = timedelta()


@dataclass
class LongAct:
    """An act that was written down, and ends as the test says: refused, or carried out."""

    account: AccountDriver
    refused: Refused | None = None
    kind: ActKind = ActKind.RENOUNCE
    is_given: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def give(self, act_id: str) -> StatusDocument:
        record = self.account.installation.record
        new = NewAct(
            kind=self.kind,
            account_id=self.account.account_id,
            closure_id=(await self.account.status()).closure_id,
            user_id="u-1",
        )
        await record.write(lambda each: write_act(each, new, RenounceWords(all=True), act_id))
        self.is_given.set()
        await self.may_end.wait()
        if self.refused is not None:
            refused = self.refused
            await record.write(lambda each: acts.refuse_act(each, act_id, refused))
            raise refused
        await record.write(lambda each: acts.finish_act(each, act_id))
        return await self.account.status()


@dataclass(frozen=True)
class TwoProcesses:
    """One browser, served by two processes in turn."""

    first: ApiDriver
    second: ApiDriver
    here: CustomerDriver
    there: CustomerDriver

    async def session(self) -> WebSession:
        found = await self.first.installation.record.read(
            lambda each: session_of(each, self.here.http.cookies["closure-session"])
        )
        assert found is not None
        return found

    async def begin(self, name: str, act: LongAct) -> None:
        """Asks the first process for an act, which goes on."""
        carried = self.first.service.underway.carry(await self.session(), name, act.give, NOW)
        assert await carried is None
        await asyncio.wait_for(act.is_given.wait(), PATIENCE.total_seconds())

    async def end(self, act: LongAct) -> None:
        act.may_end.set()
        while await self.first.service.underway.is_under_way(await self.session()):
            await asyncio.sleep(0)

    async def age(self, by: timedelta) -> None:
        """As if the act had been asked for so long ago."""
        session = await self.session()
        assert session.asked is not None
        asked_at = session.asked.asked_at - by
        await self.first.installation.record.write(
            lambda each: each.execute(
                update(record_web_sessions)
                .where(record_web_sessions.c.session_hash == session.session_hash)
                .values(act_asked_at=asked_at)
            )
        )


@asynccontextmanager
async def two_processes(
    pages: ApiDriver, account: AccountDriver, folder: Path, language: str | None = None
) -> AsyncIterator[TwoProcesses]:
    async with (
        opened_api(pages.installation, folder / "tokens.json", **UNHURRIED) as second,
        visiting(pages, account, language=language) as here,
        browser(second) as http,
    ):
        http.cookies.update(here.http.cookies)
        there = replace(here, http=http)
        yield TwoProcesses(pages, second, here, there)


async def test_every_process_knows_that_an_act_is_under_way(pages: ApiDriver, tmp_path: Path) -> None:
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path) as two:
        plan_hash = (await account.status()).plan_hash
        act = LongAct(account)
        await two.there.open()
        await two.begin(f"confirm/{plan_hash}", act)
        for customer in (two.here, two.there):
            form = customer.form("/closure/confirm")
            await customer.open()
            assert customer.says("One moment")
            customer.page = await customer.http.post(
                "/closure/confirm", data={**form.fields, "reason": REASON}
            )
            assert customer.page.headers["location"] == "/closure"  # the same act: a second click
            await customer.open()
            assert customer.says("One moment")
        assert (await account.status()).stage is Stage.READY
        await two.end(act)
        for customer in (two.there, two.here):
            await customer.open()
            assert customer.says("Ready to confirm")
            assert not customer.says("One moment")


async def test_another_act_beside_it_is_not_started_by_any_process(pages: ApiDriver, tmp_path: Path) -> None:
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path) as two:
        act = LongAct(account)
        await two.there.open()
        await two.begin(f"withdraw/{account.closure_id}", act)
        await two.there.send("/closure/confirm", reason=REASON)
        assert two.there.page.status_code == 409
        assert two.there.says("Ready to confirm", "so this was not started")
        await two.end(act)
        await two.there.open()
        await two.there.send("/closure/confirm", reason=REASON)
        assert (await account.status()).confirmed_at is not None


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("close", "System check"),
        ("recheck/x", "System check"),
        ("renounce/x", "Checklist"),
        ("confirm/x", "Confirm"),
        ("approve/x", "Confirm"),
        ("withdraw/x", None),
    ],
)
async def test_the_step_that_runs_is_named(
    pages: ApiDriver, tmp_path: Path, name: str, step: str | None
) -> None:
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path) as two:
        act = LongAct(account)
        await two.begin(name, act)
        for customer in (two.here, two.there):
            await customer.open()
            assert customer.says("One moment")
            assert "<title>One moment" in customer.text
            named = re.findall(r'aria-current="step">([^<]+)<', customer.text)
            assert named == ([step] if step is not None else [])
        await two.end(act)


@pytest.mark.parametrize("by_another", [True, False], ids=["another process", "the same process"])
async def test_a_refusal_that_comes_late_is_told_once(
    pages: ApiDriver, tmp_path: Path, by_another: bool
) -> None:
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path) as two:
        act = LongAct(account, Refused(RefusalType.INVALID_REASON, "said elsewhere"))
        await two.begin(f"confirm/{(await account.status()).plan_hash}", act)
        await two.end(act)
        first, then = (two.there, two.here) if by_another else (two.here, two.there)
        await first.open()
        assert first.page.status_code == 422
        assert first.says("Ready to confirm", "Choose a reason, or write one of at most 200 characters.")
        for customer in (first, then, first):
            await customer.open()
            assert customer.page.status_code == 200
            assert not customer.says("Choose a reason, or write one")


@pytest.mark.parametrize(
    ("name", "refusal", "sentence"),
    [
        ("renounce", RefusalType.ITEM_NOT_FOUND, "Nothing on the list fits that any more."),
        ("withdraw", RefusalType.IDENTITY_PROOF_REQUIRED, "It has been a while since you proved"),
        ("confirm", RefusalType.STALE_PLAN_HASH, "Your account has changed since you were ready"),
    ],
)
async def test_a_refusal_that_comes_late_is_told_while_something_blocks(
    pages: ApiDriver, tmp_path: Path, name: str, refusal: RefusalType, sentence: str
) -> None:
    account = await blocked(pages)
    async with two_processes(pages, account, tmp_path) as two:
        act = LongAct(account, Refused(refusal, "said elsewhere"))
        await two.begin(f"{name}/{'0' * 64}", act)
        await two.end(act)
        await two.there.open()
        assert two.there.says(sentence)
        assert "said elsewhere" not in two.there.text
        await two.there.open()
        assert not two.there.says(sentence)
        assert two.there.says("4 things are still in the way")


@pytest.mark.parametrize(
    ("refusal", "is_told"), [(RefusalType.CODE_REFUSED, True), (RefusalType.IRREVOCABLE, False)]
)
async def test_a_refusal_that_comes_late_is_told_after_confirming(
    pages: ApiDriver, tmp_path: Path, refusal: RefusalType, is_told: bool
) -> None:
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path, "zh") as two:
        await two.here.open()
        act = LongAct(account, Refused(refusal, "said elsewhere"))
        await two.begin(f"withdraw/{account.closure_id}", act)
        await account.confirm()
        await two.end(act)
        await two.there.open()
        assert two.there.says("查看当前状态") is is_told
        assert two.there.says("验证码") is is_told
        await two.there.open()
        assert not two.there.says("查看当前状态")


async def test_an_act_that_nobody_took_up_is_told_by_another_process(
    pages: ApiDriver, tmp_path: Path
) -> None:
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path) as two:
        act = LongAct(account)
        await two.begin(f"confirm/{'0' * 64}", act)
        await two.age(LAPSES_AFTER - timedelta(seconds=30))
        await two.there.open()
        assert two.there.says("One moment")
        await two.age(timedelta(seconds=31))
        await two.there.open()
        assert two.there.page.status_code == 503
        assert two.there.says("It takes longer than usual", "nothing was done, and nothing will be")
        await two.there.open()
        assert two.there.says("Ready to confirm")
        await two.end(act)


async def test_an_act_that_was_taken_up_and_not_answered_may_still_be_carried_out(
    pages: ApiDriver, tmp_path: Path
) -> None:
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path) as two:
        act = LongAct(account)
        await two.begin(f"confirm/{'0' * 64}", act)
        asked = (await two.session()).asked
        assert asked is not None
        taking = update(record_acts).where(record_acts.c.act_id == asked.act_id)
        await two.first.installation.record.write(
            lambda each: each.execute(taking.values(status=ActStatus.TAKEN))
        )
        await two.age(CARRIED_OUT_FOR + timedelta(seconds=1))
        await two.there.open()
        assert two.there.page.status_code == 503
        assert two.there.says("Your request may still be carried out.")
        await two.end(act)


async def test_a_withdrawal_that_nobody_took_up_stands_and_the_page_says_so(
    pages: ApiDriver, tmp_path: Path
) -> None:
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path) as two:
        act = LongAct(account, kind=ActKind.WITHDRAW)
        await two.begin(f"withdraw/{account.closure_id}", act)
        await two.age(LAPSES_AFTER + timedelta(seconds=1))
        await two.there.open()
        assert two.there.page.status_code == 503
        assert two.there.says("Your withdrawal is kept")
        assert not two.there.says("Try again")
        for _ in range(2):
            await two.there.open()
            assert two.there.page.status_code == 200
            assert two.there.says("Your withdrawal is kept", "you needn&#39;t ask again")
            assert not two.there.says("/closure/confirm")
        await two.end(act)
        await two.there.open()
        assert two.there.says("/closure/confirm"), "this one was answered without ending the closure"


@pytest.mark.parametrize("by_another", [True, False], ids=["another process", "the same process"])
async def test_a_withdrawal_waits_for_no_other_act(
    pages: ApiDriver, tmp_path: Path, by_another: bool
) -> None:
    """Whoever changes their mind right after confirming must not have to wait until it can't be undone."""
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path) as two:
        customer = two.there if by_another else two.here
        await customer.open("/closure/withdraw")
        form = customer.form("/closure/withdraw")
        act = LongAct(account)
        await two.begin(f"confirm/{(await account.status()).plan_hash}", act)
        await customer.open()
        assert customer.says("One moment", "Withdraw the closure")
        customer.page = await customer.http.post("/closure/withdraw", data=form.fields)
        assert customer.page.headers["location"] == "/closure"
        assert (await account.outcome()).outcome is Outcome.WITHDRAWN
        # What it has overtaken is told to nobody, however it ends.
        act.refused = Refused(RefusalType.CLOSURE_ENDED, "said elsewhere")
        await two.end(act)
        for each in (two.here, two.there):
            await each.open()
            assert each.page.status_code == 200
            assert each.says("withdrawn")


async def test_an_act_whose_process_was_lost_before_it_was_written_down_is_told(
    pages: ApiDriver, tmp_path: Path
) -> None:
    account = await ready(pages)
    async with two_processes(pages, account, tmp_path) as two:
        never = asyncio.Event()

        async def lost(act_id: str) -> StatusDocument:
            await never.wait()
            raise AssertionError(act_id)

        session = await two.session()
        assert await two.first.service.underway.carry(session, "withdraw/x", lost, NOW) is None
        await two.age(UNWRITTEN_FOR - timedelta(seconds=5))
        await two.there.open()
        assert two.there.says("One moment")
        await two.age(timedelta(seconds=6))
        await two.there.open()
        assert two.there.says("It takes longer than usual")
        await two.there.open()
        assert two.there.says("Ready to confirm")


async def test_a15_that_we_have_looked_again_is_said_only_where_it_is_so(pages: ApiDriver) -> None:
    account = await blocked(pages)
    number = (await account.status()).survey_number
    async with visiting(pages, account) as customer:
        await customer.open(f"/closure?since={number}")
        assert customer.says("We have not looked again yet")
        await customer.open()
        assert not customer.says("looked again")
        await customer.send("/closure/recheck")
        assert customer.says("We have looked again: 4 things are still there.")
        assert (await account.status()).survey_number > number
        await customer.open(f"/closure?since={number}&language=zh")
        assert customer.says("已重新检查")
        for wrong in ("x", "-1", ""):
            assert (await customer.http.get(f"/closure?since={wrong}")).status_code == 400


async def blocked(pages: ApiDriver) -> AccountDriver:
    """An account that one thing blocks."""
    account = await filled_account(pages)
    await account.close()
    return account


@pytest.mark.long
async def test_who_was_not_answered_needs_no_new_proof_to_try_again(
    installations: InstallationBuilder, tmp_path: Path
) -> None:
    async with (
        installations.open(with_worker=False) as installation,
        opened_api(installation, tmp_path / "tokens.json") as api,
    ):
        account = await api.account()
        async with visiting(api, account) as customer:
            await customer.prove_by_password(PASSWORD)
            await customer.agree()
            assert customer.says("We are checking your account")
            await eventually(lambda: status(customer), lambda seen: seen == 503, "what to tell")
            assert customer.says("It takes longer than usual", "nothing was done, and nothing will be")
            await customer.open("/closure/agreement")
            assert customer.page.url.path == "/closure/agreement"
            async with running_worker(installation):
                await customer.agree()
                await account.until(Stage.READY)


async def status(customer: CustomerDriver) -> int:
    """Of the closure's page, loaded again."""
    return (await customer.open()).status_code
