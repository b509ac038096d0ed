"""What the pages do when something is wrong: each time a sentence that helps, and nothing done."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Stage
from closure.messages import StatusDocument
from connectors.embedded import tables
from records.tables import record_proofs
from records.web_sessions import session_of
from tests.harness.account_driver import AccountDriver
from tests.harness.waiting import PATIENCE
from tests.web.api_driver import PASSWORD, WORDS, ApiDriver, opened_api
from tests.web.customer_driver import visiting
from tests.web.test_closing_pages import REASON, filled_account
from tests.web.test_sending_codes import age_codes
from web.browser.languages import reader_of
from web.browser.refusals import SENTENCES, refusal_of
from web.rate_limits import RateLimit


@pytest.mark.parametrize("type", list(RefusalType))
def test_every_refusal_has_a_sentence_in_both_languages(type: RefusalType) -> None:
    refused = Refused(type, "said elsewhere", facts={"retry_after": 61, "roles": ["owner"]})
    english, chinese = (refusal_of(refused, reader_of(each)) for each in ("en", "zh"))
    assert english.sentence.endswith(".")
    assert re.search(r"[\u4e00-\u9fff]", chinese.sentence)
    assert "%" not in english.sentence + chinese.sentence
    assert "said elsewhere" not in english.sentence
    assert set(SENTENCES) == set(RefusalType)


async def test_a_form_of_another_site_or_session_does_nothing(pages: ApiDriver) -> None:
    account = await pages.account()
    async with visiting(pages, account) as customer, visiting(pages, account) as other:
        foreign = other.form("/closure/start").fields["form_token"]
        for said in ({}, {"form_token": "0" * 64}, {"form_token": foreign}):
            answer = await customer.http.post("/closure/start", data={"mode": "delete", **said})
            assert answer.status_code == 403
            assert "This page is out of date" in answer.text
        own = customer.form("/closure/start").fields
        for header in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await customer.http.post("/closure/start", data=own, headers=header)
            assert answer.status_code == 403
        assert (await customer.http.post("/closure/start", data=own)).status_code == 303


async def test_a11_who_may_not_close_is_told_who_may(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as owner, visiting(pages, account, "u-2") as stranger:
        assert stranger.page.status_code == 403
        assert stranger.says("Only a user with role main may close this account")
        answer = await stranger.http.get("/closure/identity?mode=delete")
        assert answer.status_code == 403
        await owner.prove_by_code()
        await owner.agree()
        for path in ("/closure", "/closure/withdraw"):
            assert (await stranger.open(path)).status_code == 403
            assert "b-1" not in stranger.text


async def test_nobody_sees_or_touches_another_accounts_closure(pages: ApiDriver) -> None:
    account, others = await filled_account(pages), await filled_account(pages)
    async with visiting(pages, others) as owner, visiting(pages, account) as stranger:
        await owner.prove_by_code()
        await owner.agree()
        await stranger.prove_by_code()
        await stranger.agree()
        assert others.account_id not in stranger.text
        await stranger.open("/closure/renounce?item=resources/of-another")
        assert stranger.says("Nothing was chosen")
        await owner.send("/closure/renounce", all="1")
        theirs = owner.form("/closure/renounce").fields
        mine = stranger.form("/closure/recheck").fields["form_token"]
        answer = await stranger.http.post(
            "/closure/renounce", data={**theirs, "form_token": mine, "accept_risk": "1"}
        )
        assert answer.status_code == 303
    assert not any(each.renounced for each in (await others.status()).checklist)


async def test_every_box_must_be_ticked_word_for_word(pages: ApiDriver) -> None:
    account = await pages.account()
    async with visiting(pages, account) as customer:
        await customer.prove_by_password(PASSWORD)
        for said in ({}, {"acknowledge": WORDS.lower()}, {"agree": "1"}):
            await customer.send("/closure/agreement", **said)
            assert customer.page.status_code == 422
            assert customer.says("Tick every box to go on", 'aria-invalid="true"')
        assert await account.installation.records.open_closure(account.account_id) is None
        await customer.agree()
        assert customer.says("Ready to confirm")


async def test_codes_are_refused_kindly_and_sent_again_in_time(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer:
        await customer.send("/closure/start")
        await customer.send("/closure/identity")
        assert customer.says("First, prove that it is you")
        await customer.send("/closure/identity", code="00000000")
        assert customer.page.status_code == 403
        assert customer.says("This code isn&#39;t right")
        await customer.send("/closure/identity", send="email_code")
        assert customer.says(
            "We have sent a code to the e-mail address of your user. It is good for 10 minutes"
        )
        code = await customer.code()
        for _ in range(10):
            code = await customer.code()
            await age_codes(account)
            await customer.send("/closure/identity", send="email_code")
            if customer.page.status_code != 200:
                break
        assert customer.page.status_code == 429
        assert int(customer.page.headers["retry-after"]) > 0
        assert customer.says("You can have another one in ")
        await customer.send("/closure/identity", code=f"\u200b {code[:3]} {code[3:]}\ufeff ")
        assert customer.page.url.path == "/closure/agreement"


async def test_wrong_passwords_make_one_wait(pages: ApiDriver) -> None:
    account = await pages.account()
    async with visiting(pages, account) as customer:
        await customer.send("/closure/start")
        statuses = []
        for _ in range(12):
            await customer.send("/closure/identity", password="wrong")
            statuses.append(customer.page.status_code)
        assert statuses[0] == 403
        assert statuses[-1] == 429
        assert customer.says("That was wrong too often")
        assert int(customer.page.headers["retry-after"]) > 0
    async with visiting(pages, account) as another:  # nobody's guesses stop somebody else
        await another.prove_by_password(PASSWORD)


async def test_too_many_requests_are_told_how_long_to_wait(pages: ApiDriver, tmp_path: Path) -> None:
    slow = RateLimit(at_once=2, per_second=0.01)
    async with opened_api(pages.installation, tmp_path / "tokens.json", by_account=slow) as there:
        account = await there.account()
        async with visiting(there, account) as customer:
            answer = await customer.http.get("/closure")
            for _ in range(3):
                answer = await customer.http.post(
                    "/closure/start", data=customer.form("/closure/start").fields
                )
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) >= 90
            assert "You can try again in 2 minutes" in answer.text


async def test_forms_of_other_sites_do_not_use_up_what_an_account_may_ask(
    pages: ApiDriver, tmp_path: Path
) -> None:
    slow = RateLimit(at_once=1, per_second=0.01)
    async with opened_api(pages.installation, tmp_path / "tokens.json", by_account=slow) as there:
        account = await there.account()
        async with visiting(there, account) as customer:
            own = customer.form("/closure/start").fields
            for said in ({}, {**own, "form_token": "0" * 64}):
                assert (await customer.http.post("/closure/start", data=said)).status_code == 403
            assert (await customer.http.post("/closure/start", data=own)).status_code == 303
            assert (await customer.http.post("/closure/start", data=own)).status_code == 429


async def test_an_act_beside_another_one_is_told_that_it_was_not_started(pages: ApiDriver) -> None:
    account = await ready(pages)
    may_end = asyncio.Event()

    async def long_act() -> StatusDocument:
        await may_end.wait()
        return await account.status()

    async with visiting(pages, account) as customer, visiting(pages, account) as other:
        found = await pages.installation.record.read(
            lambda each: session_of(each, customer.http.cookies["closure-session"])
        )
        assert found is not None
        underway = pages.service.underway
        assert await underway.look(found, "recheck", long_act, timedelta()) is None
        ready_page = customer.page
        await customer.send("/closure/confirm", reason="other", words="My own words")
        assert customer.page.status_code == 409
        assert customer.says("Ready to confirm", "so this was not started", 'value="My own words"')
        customer.page = ready_page
        await customer.send("/closure/recheck")
        assert customer.page.status_code == 409
        assert customer.says("Something else is still under way", "this was not started", 'href="/closure"')
        assert (await account.status()).stage is Stage.READY
        may_end.set()
        assert await underway.look(found, "recheck", long_act, PATIENCE) is not None
        await customer.open()
        await customer.send("/closure/confirm", reason=REASON)
        assert customer.page.status_code == 200
        assert (await account.status()).confirmed_at is not None
        assert other.page.status_code == 200


async def test_a_proof_that_is_too_old_is_asked_for_again_in_the_same_form(pages: ApiDriver) -> None:
    account = await ready(pages)
    async with visiting(pages, account) as customer:
        assert "Send a code" not in customer.text
        await age_proofs(account, timedelta(minutes=31))
        await customer.send("/closure/confirm", reason="other", words="My own words")
        assert customer.page.status_code == 403
        assert customer.says("Prove it once more", "Send a code by e-mail", 'value="My own words"')
        assert (await account.status()).stage is Stage.READY
        await customer.send("/closure/confirm", send="email_code", reason="other")
        assert customer.says("We have sent a code", 'value="My own words"')
        await customer.send("/closure/confirm", code=await customer.code(), reason="other")
    assert (await account.until_event(EventType.CONFIRMED)).actor == "u-1"


@pytest.mark.parametrize(
    ("words", "is_taken"), [("", False), ("\u200b \u3000", False), ("x" * 201, False), ("x" * 200, True)]
)
async def test_a17_a_reason_is_given(pages: ApiDriver, words: str, is_taken: bool) -> None:
    account = await ready(pages)
    async with visiting(pages, account) as customer:
        await customer.send("/closure/confirm", reason="other", words=words)
        if not is_taken:
            assert customer.page.status_code == 422
            assert customer.says("Choose a reason, or write one of at most 200 characters")
        assert ((await account.status()).confirmed_at is not None) is is_taken


async def test_a17_a_reason_that_was_not_offered_is_none(pages: ApiDriver) -> None:
    account = await ready(pages)
    async with visiting(pages, account) as customer:
        await customer.send("/closure/confirm", reason="What nobody offered", words="")
        assert customer.page.status_code == 422
        assert customer.says("Choose a reason, or write one of at most 200 characters")
        assert (await account.status()).confirmed_at is None


async def test_two_clicks_on_confirm_are_one_act(pages: ApiDriver) -> None:
    account = await ready(pages)
    async with visiting(pages, account) as customer:
        said = {**customer.form("/closure/confirm").fields, "reason": REASON}
        answers = await asyncio.gather(*(customer.http.post("/closure/confirm", data=said) for _ in range(3)))
        assert {(each.status_code, each.headers["location"]) for each in answers} == {(303, "/closure")}
        late = await customer.http.post("/closure/confirm", data=said)
        assert (late.status_code, late.headers["location"]) == (303, "/closure")
    assert [each for each in await account.event_types() if each is EventType.CONFIRMED] == [
        EventType.CONFIRMED
    ]


async def test_what_has_changed_since_is_shown_and_confirmed_again(pages: ApiDriver) -> None:
    account = await ready(pages)
    async with visiting(pages, account) as customer:
        seen = customer.form("/closure/confirm").fields["plan_hash"]
        await account.insert(tables.data_stores, id="oss-9", store="object-storage", objects=3)
        await customer.send("/closure/confirm", reason=REASON)
        assert customer.page.status_code == 409
        assert customer.says("Your account has changed since you saw this page", "What has changed", "oss-9")
        assert customer.form("/closure/confirm").fields["plan_hash"] != seen
        assert f'value="{REASON}" checked' in customer.text
        await customer.send("/closure/confirm", reason=REASON)
    await account.until_event(EventType.CONFIRMED)


async def test_what_blocks_since_leads_back_to_the_list(pages: ApiDriver) -> None:
    account = await ready(pages)
    async with visiting(pages, account) as customer:
        await account.bill_late_usage()
        await customer.send("/closure/confirm", reason=REASON)
        assert customer.says("Your account has changed since you were ready", "Must be handled manually")
        assert (await account.status()).confirmed_at is None


async def test_a16_without_the_risk_accepted_nothing_is_given_up(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer:
        await customer.prove_by_code()
        await customer.agree()
        await customer.send("/closure/renounce")
        assert customer.says("Nothing was chosen")
        await customer.send("/closure/renounce", item=["resources/i-1"])
        assert customer.says("Give up 1 thing for good?", "ecs instance i-1")
        assert "200.00 USD" not in customer.text
        await customer.send("/closure/renounce")
        assert customer.page.status_code == 422
        assert customer.says("Tick the box to say that you understand the risk")
        assert not any(each.renounced for each in (await account.status()).checklist)
        stale = await customer.send("/closure/renounce", survey="999", accept_risk="1")
        assert stale.status_code == 422
        await customer.send("/closure/renounce", accept_risk="1")
        given_up = [each.item_id for each in (await account.status()).checklist if each.renounced]
        assert given_up == ["resources/i-1"]


async def test_a_session_that_is_lost_comes_back_where_it_was(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer:
        await customer.prove_by_code()
        await customer.agree()
        customer.http.cookies.clear()
        lost = await customer.open()
        assert lost.status_code == 401
        assert customer.says("You are signed out", "What you have done so far is kept")
    async with visiting(pages, account) as again:
        assert again.says("Must be handled manually")


async def test_switching_languages_keeps_what_one_is_at(pages: ApiDriver) -> None:
    account = await pages.account()
    async with visiting(pages, account) as customer:
        await customer.send("/closure/start", mode="keep-data")
        await customer.open("/closure/identity?mode=keep-data&language=zh")
        assert customer.form("/closure/identity").fields["mode"] == "keep-data"
        assert "/closure/identity?mode=keep-data&amp;language=en" in customer.text


@pytest.mark.parametrize(
    "path", ["/closure/checklist?page=0", "/closure/checklist?part=both", "/closure/identity?mode=all"]
)
async def test_addresses_that_nobody_gave_are_pages_that_say_so(pages: ApiDriver, path: str) -> None:
    account = await pages.account()
    async with visiting(pages, account) as customer:
        assert (await customer.open(path)).status_code == 400
        assert customer.says("We could not read that")


async def ready(pages: ApiDriver) -> AccountDriver:
    """An account whose closure its owner can confirm."""
    account = await pages.installation.account()
    await account.ready()
    return account


async def age_proofs(account: AccountDriver, by: timedelta) -> None:
    """As if all proofs of the account had been given so much earlier."""

    def work(connection: Connection) -> None:
        row = record_proofs.c
        query = record_proofs.select().where(row.account_id == account.account_id)
        for found in connection.execute(query).mappings().all():
            connection.execute(
                update(record_proofs)
                .where(row.proof_id == found["proof_id"])
                .values(created_at=found["created_at"] - by)
            )

    await account.installation.record.write(work)
