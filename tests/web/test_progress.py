"""The pages of a confirmed closure in every state, and how it ended: to look at, and nothing else."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx2
import pytest

from closure.brand import Brand
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import RefundState
from closure.policy import CoolOff, Policy
from closure.policy_checks import Check
from connectors.embedded.tables import RefundAnswer
from records.web_sessions import Audience, Visitor, begin_session, bind_session, session_of
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.installation import InstallationBuilder, with_durations
from tests.harness.twilio import WORDS, answer, twilio_account
from tests.harness.waiting import BEYOND
from tests.web.api_driver import ApiDriver, opened_api
from tests.web.live_server import live
from tests.web.test_overview import plain
from tests.web.visitors import only_views, seen, visiting
from web.customer.following import mark_of, turns

HOME: Final = "/closure"
HELP: Final = "https://help.example/"
CERTIFICATE: Final = re.compile(r'href="(/certificate/[^"/]+)"')


def addresses(page: str) -> set[str]:
    """Where the page leads, but for what every page loads."""
    return {each for each in re.findall(r'<a [^>]*href="([^"]+)"', page) if not each.startswith("#")}


def events_of(page: str) -> str:
    """What the page follows."""
    (found,) = re.findall(r'data-events="([^"]+)"', page)
    return str(found).replace("&amp;", "&")


@pytest.fixture
async def helped(installations: InstallationBuilder, tmp_path: Path) -> AsyncIterator[ApiDriver]:
    """A running installation of a provider that can be asked for help."""
    brand = Brand(name="Acme Cloud", support_url=HELP)
    async with (
        installations.open() as installation,
        opened_api(installation, tmp_path / "tokens.json", brand=brand) as opened,
    ):
        yield opened


async def test_a_name_of_ones_own_is_never_translated(
    installations: InstallationBuilder, tmp_path: Path
) -> None:
    brand = Brand(name=Brand().name)
    async with (
        installations.open() as installation,
        opened_api(installation, tmp_path / "tokens.json", brand=brand) as api,
        visiting(api, await installation.account()) as visited,
    ):
        assert " · Account closure</title>" in await seen(visited, f"{HOME}?language=zh")


async def test_a18_whoever_comes_after_confirm_gets_no_records(helped: ApiDriver) -> None:
    account = await helped.installation.account()
    await account.entering()
    async with visiting(helped, account) as visited:
        assert (await visited.get("/closure/export")).status_code == 409


async def test_a18_a_page_that_was_asked_for_before_confirm_lets_nobody_act_again(helped: ApiDriver) -> None:
    account = await helped.installation.account()
    record = helped.installation.record
    visitor = Visitor(audience=Audience.CUSTOMER, account_id=account.account_id, user_id="u-1")
    secret = await record.write(lambda each: begin_session(each, visitor))
    before = await record.read(lambda each: session_of(each, secret))
    assert before is not None
    await only_views(account)
    await record.write(
        lambda each: bind_session(each, before, closure_id=None, proof_id=None, is_view_only=False)
    )
    after = await record.read(lambda each: session_of(each, secret))
    assert after is not None
    assert after.is_view_only


async def test_a20_from_entering_to_deleted_each_page_says_what_it_must(helped: ApiDriver) -> None:
    account = await helped.installation.account(balance={"cash": "4.50", "promo": "1.00"})
    async with visiting(helped, account, return_url="https://console.example/") as visited:
        await account.entering()
        page = await seen(visited, HOME)
        assert "Your account is being stopped" in page
        assert "<form" not in page
        entering = events_of(page)

        await account.fast_forward(account.policy.entering_duration + BEYOND)
        silent = await account.until(Stage.SILENT)
        page = await seen(visited, HOME)
        text = plain(page)
        assert re.search(r"Time until your account is closed 6 days 23 hours 59 minutes \d\d seconds", text)
        assert silent.silent_until is not None
        assert f'<time datetime="{silent.silent_until.isoformat()}"' in page
        assert addresses(page) == {"/closure?language=en", "/closure?language=zh"}
        for thing in ("<form", "<button", "<input", HELP):
            assert thing not in page, thing
        assert "距离账号注销还有" in await seen(visited, f"{HOME}?language=zh")
        await seen(visited, f"{HOME}?language=en")
        # The page before is told that there is something new to see.
        async with live(helped) as http, follower(http, visited) as following:
            turn = await first_turn(following, entering)
            assert turn.startswith("id: ")

        await account.end_of_silence()
        await account.outcome()
        page = await seen(visited, HOME)
        text = plain(page)
        for expected in (
            "Your account has been closed",
            "Balance given up 4.50 USD",
            "Accounting entries of the account",
            f"Closure number {account.closure_id}",
            "Contact support",
        ):
            assert expected in text, expected
        assert "data-events" not in page
        (certificate,) = set(CERTIFICATE.findall(page))
    await certificate_is_read_without_a_session(helped, account, certificate)


async def certificate_is_read_without_a_session(
    api: ApiDriver, account: AccountDriver, certificate: str
) -> None:
    kept = await api.installation.records.certificate(account.closure_id)
    assert kept is not None
    async with visiting(api, account) as stranger:
        stranger.cookies.clear()
        page = await seen(stranger, certificate)
        assert kept.certificate_id in page
        assert account.account_id not in page
        file = await stranger.get(f"{certificate}/certificate.json")
        assert (file.text, file.headers["content-type"]) == (kept.content, "application/json")
        pdf = await stranger.get(f"{certificate}/certificate.pdf")
        assert pdf.content.startswith(b"%PDF")
        assert "attachment" in pdf.headers["content-disposition"]
        for wrong in (certificate[:-1], f"{certificate}0", certificate.replace(".", "", 1), "/certificate/x"):
            for path in (wrong, f"{wrong}/certificate.json", f"{wrong}/certificate.pdf"):
                assert (await stranger.get(path)).status_code == 404, path


async def test_a23_a_restored_account_is_told_what_is_owed_what_is_lost_and_how_to_start_again(
    installations: InstallationBuilder, policies: dict[str, Policy], tmp_path: Path
) -> None:
    own = policies["alibaba-cloud"]
    checks = tuple(
        each.model_copy(update={"link": "https://pay.example/{id}"}) if each.id == "unpaid-bills" else each
        for each in own.checks
    )
    assert all(isinstance(each, Check) for each in checks)
    async with (
        installations.open(policies={own.name: with_durations(own, checks=checks)}) as installation,
        opened_api(installation, tmp_path / "tokens.json") as api,
    ):
        account = await installation.account(
            balance={"cash": "4.50", "promo": "0"},
            resources=[{"id": "i-1", "product": "ecs", "renounceable": True}],
        )
        async with visiting(api, account) as before, visiting(api, account, "u-2") as other:
            await account.silent()
            await seen(before, HOME)
            await account.bill_late_usage()
            await account.end_of_silence()
            assert (await account.outcome()).outcome is Outcome.RESTORED
            (owed,) = (await account.status()).owed
            text = plain(page := await seen(before, HOME))
            for expected in (
                "Your account was not closed",
                "1.23 USD",
                owed.title,
                "Settle what is listed here, then start the closure again.",
                "ecs instance i-1",
                "Balance of 4.50 USD",
                "Sign in and settle what is listed",
            ):
                assert expected in text, expected
            assert "Recheck" in owed.how_to
            assert "Recheck" not in text, "it has ended and checks nothing"
            chinese = plain(await seen(other, f"{HOME}?language=zh"))
            assert "请先处理以下各项，然后重新发起注销。" in chinese
            assert "重新检查" not in chinese
            assert f'href="https://pay.example/{owed.resource_id}"' in page
            assert "/closure/overview" not in page, "this session was limited when it was confirmed"
            assert "ecs 实例 i-1" in await seen(other, f"{HOME}?language=zh")
        async with visiting(api, account) as again:
            assert "/closure/overview" in await seen(again, HOME)
            text = plain(await seen(again, "/closure/overview"))
            assert "Your last closure did not go through" in text
            assert "Sign in and settle what is listed" in text
            assert "Your account was not closed" in await seen(again, "/closure/result")


async def test_t10_the_retention_shows_how_far_the_refund_is(api: ApiDriver) -> None:
    account = await twilio_account(
        api.installation,
        balance={"cash": "120.00", "promo": "5.00"},
        payments=[
            {"id": "p-1", "amount": "50.00", "paid_at": "2026-01-05T00:00:00Z"},
            {"id": "p-2", "amount": "70.00", "paid_at": "2026-02-05T00:00:00Z"},
        ],
        bills=[{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
    )
    async with visiting(api, account) as visited:
        retained = await account.retained(acknowledgements=WORDS)
        assert retained.delete_after is not None
        text = plain(page := await seen(visited, HOME))
        for expected in (
            "Your account is closed",
            "On its way",
            "Refund 120.00 USD",
            "Bill b-1 of 18.20 USD",
        ):
            assert expected in text, expected
        assert f'<time datetime="{retained.delete_after.isoformat()}"' in page
        assert "<form" not in page

        await answer(account, RefundAnswer.PARTIAL)
        partly = await until_refund(account, RefundState.PARTLY_SETTLED)
        assert partly is not None
        text = plain(await seen(visited, HOME))
        assert "Partly arrived" in text
        assert f"Arrived {partly} USD" in text

        await answer(account, RefundAnswer.FAILED)
        await until_refund(account, RefundState.FAILED)
        text = plain(await seen(visited, HOME))
        assert "Needs your help" in text
        assert "Contact support so that we can pay it another way" in text

        await account.fast_forward_to(retained.delete_after + BEYOND)
        await account.until(Stage.DELETING)
        text = plain(page := await seen(visited, f"{HOME}?language=zh"))
        assert "正在删除您的数据" in text
        assert "您的退款" in text
        assert "data-countdown" not in page

        await answer(account, RefundAnswer.SETTLED)
        await account.outcome()
        text = plain(await seen(visited, f"{HOME}?language=en"))
        assert "Your account has been closed" in text
        assert "Refund 120.00 USD" in text


async def test_a_late_refund_is_told(api: ApiDriver) -> None:
    account = await twilio_account(api.installation, balance={"cash": "20.00"})
    async with visiting(api, account) as visited:
        retained = await account.retained(acknowledgements=WORDS)
        assert retained.refund is not None
        await answer(account, RefundAnswer.PARTIAL)
        await until_refund(account, RefundState.PARTLY_SETTLED)
        await account.fast_forward_to(retained.refund.due_by + timedelta(days=1))
        await until_refund(account, RefundState.LATE)
        text = plain(await seen(visited, HOME))
        assert "It should have arrived by now" in text
        assert " Late " in text


async def test_t6_a_dormant_account_can_come_back(api: ApiDriver) -> None:
    account = await twilio_account(
        api.installation,
        balance={"cash": "20.00"},
        resources=[{"id": "+15550100", "product": "phone-number"}],
    )
    await account.ready(mode=Mode.KEEP_DATA)
    await account.confirm()
    await account.outcome()
    async with visiting(api, account) as visited:
        text = plain(page := await seen(visited, HOME))
        for expected in ("Your account is dormant", "phone-number instance +15550100", "Your certificate"):
            assert expected in text, expected
        assert "What is kept by law" not in page


async def test_what_ends_before_it_is_confirmed_can_be_started_again(api: ApiDriver) -> None:
    for end, title, notice in (
        (withdraw, "The closure was withdrawn", "Your last closure was withdrawn"),
        (expire, "The closure has expired", "Your last closure has expired"),
    ):
        account = await api.installation.account()
        await account.ready()
        await end(account)
        async with visiting(api, account) as visited:
            page = await seen(visited, "/closure/result")
            assert title in page
            assert "/closure/overview" in page
            assert "/certificate/" not in page
            assert notice in await seen(visited, "/closure/overview")
            await only_views(account)
            assert "/closure/overview" not in await seen(visited, "/closure/result")


async def test_a_closure_that_was_refused_says_why_and_whom_to_ask(helped: ApiDriver) -> None:
    account = await helped.installation.account()
    await refusal(account.close("u-2"))
    invoiced = await twilio_account(helped.installation, kind="invoiced")
    await refusal(invoiced.close(acknowledgements=WORDS))
    async with visiting(helped, account) as visited:
        text = plain(page := await seen(visited, "/closure/result"))
        for expected in ("The closure was not started", "Ask somebody with role main", "Whom to ask"):
            assert expected in text, expected
        assert HELP in page
        assert "only a user" not in text
    async with visiting(helped, invoiced, language="zh") as visited:
        assert "客户经理" in await seen(visited, "/closure/result")


async def test_a_cool_off_counts_down_and_offers_the_way_back(
    installations: InstallationBuilder, policies: dict[str, Policy], tmp_path: Path
) -> None:
    own = with_durations(policies["alibaba-cloud"], cool_off=CoolOff(duration=timedelta(days=14)))
    async with (
        installations.open(policies={own.name: own}) as installation,
        opened_api(installation, tmp_path / "tokens.json") as api,
    ):
        account = await installation.account()
        await account.ready()
        await account.confirm()
        async with visiting(api, account) as visited:
            text = plain(page := await seen(visited, HOME))
            assert re.search(r"1[34] days \d\d hours \d\d minutes \d\d seconds", text)
            assert 'href="/closure/withdraw"' in page
            await only_views(account)
            assert "/closure/withdraw" not in await seen(visited, HOME)


async def test_a_page_follows_its_own_account_alone_and_stops_at_the_end(api: ApiDriver) -> None:
    mine, others = await api.installation.account(), await api.installation.account()
    for account in (mine, others):
        await account.ready()
    async with visiting(api, mine) as visited:
        for closure in (others.closure_id, "closure-unknown"):
            answer = await visited.get("/closure/events", params={"closure": closure})
            assert answer.status_code == 404
        await mine.withdraw()
        events = await visited.get("/closure/events", params={"closure": mine.closure_id, "seen": "before"})
        assert events.headers["content-type"].startswith("text/event-stream")
        ((mark,),) = [re.findall(r"^id: (\w+)$", events.text, re.MULTILINE)]
        for known in ({"params": {"seen": mark}}, {"headers": {"Last-Event-ID": mark}}):
            parameters = {"closure": mine.closure_id, **known.get("params", {})}
            done = await visited.get("/closure/events", params=parameters, headers=known.get("headers"))
            assert done.status_code == 204


async def test_a_session_that_ends_follows_nothing_any_more(api: ApiDriver) -> None:
    account = await api.installation.account()
    await account.ready()
    looks = iter((True, True, False))

    async def is_welcome() -> bool:
        return next(looks)

    seen_mark = mark_of(await account.status())
    told = [each async for each in turns(api.service, account.closure_id, seen_mark, is_welcome, heartbeat=0)]
    assert told == [": turns follow\n\n", ": still here\n\n", ": still here\n\n"]


async def withdraw(account: AccountDriver) -> None:
    await account.withdraw()


async def expire(account: AccountDriver) -> None:
    draft_until = (await account.status()).draft_until
    assert draft_until is not None
    await account.fast_forward_to(draft_until + BEYOND)
    await account.outcome()


async def until_refund(account: AccountDriver, state: RefundState) -> str | None:
    """How much has arrived once the refund is in this state."""
    reached = await account.until(lambda each: each.refund is not None and each.refund.status is state)
    assert reached.refund is not None
    return reached.refund.settled


def follower(http: httpx2.AsyncClient, visited: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """The same browser over the network, where streams come as they are sent."""
    return httpx2.AsyncClient(
        base_url=http.base_url, cookies=dict(visited.cookies), timeout=30, trust_env=False
    )


async def first_turn(http: httpx2.AsyncClient, path: str) -> str:
    """The first event of a stream, which goes on."""
    async with http.stream("GET", path) as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                return str(line)
    raise AssertionError("the stream ended without a turn")
