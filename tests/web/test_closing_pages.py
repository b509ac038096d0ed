"""From signed in to confirmed without scripts, under both policies and in both languages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from closure.events import EventType
from closure.lifecycle import Stage
from closure.policy import Policy
from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, with_durations
from tests.web.api_driver import PASSWORD, WORDS, ApiDriver, opened_api
from tests.web.customer_driver import visiting

REASON = "I no longer need cloud services"


async def filled_account(pages: ApiDriver, **more: object) -> AccountDriver:
    """Under Alibaba Cloud's procedure: two things to deal with elsewhere, the rest to be given up."""
    return await pages.installation.account(
        **{
            "balance": {"cash": "200.00", "promo": "15.00"},
            "bills": [{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
            "domains": [{"id": "example.com"}],
            "resources": [{"id": "i-1", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True}],
            **more,
        }
    )


async def test_an_account_is_closed_under_alibaba_clouds_procedure(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer:
        await customer.prove_by_code()
        assert customer.says("Alibaba Cloud Account Cancellation Agreement, version 2024-06")
        await customer.agree()
        # A15: two categories, each with instructions; what is handled elsewhere has its button.
        assert customer.says(
            "4 things are still in the way", "Must be handled manually", "Bill b-1 of 18.20 USD"
        )
        assert customer.says("Can be discarded or released here", "Remaining balance of 200.00 USD")
        assert 'href="https://dc.console.aliyun.com/"' in customer.text
        await account.remove(tables.bills, "b-1")
        await account.remove(tables.domains, "example.com")
        await customer.send("/closure/recheck")
        assert customer.says("We have looked again: 2 things are still there", "Can be discarded")
        # A16: the risk prompt names what goes.
        await customer.send("/closure/renounce", all="1")
        assert customer.says("Give up 2 things for good?", "ecs instance i-1", "200.00 USD", "be recovered")
        await customer.send("/closure/renounce", accept_risk="1")
        assert customer.says("Ready to confirm", "Balance that is lost", "15.00 USD", "Until ")
        assert customer.text.index("Money") < customer.text.index("What you lose")
        await customer.send("/closure/confirm", reason=REASON)
        assert customer.page.status_code == 200
        document = await account.status()
        assert document.stage in (Stage.ENTERING, Stage.SILENT)
        # A18, A20: from now on this session only looks.
        refused = await customer.http.post("/closure/start", data={"mode": "delete"})
        assert (refused.status_code, refused.headers["location"]) == (303, "/closure")
    confirmed = await account.until_event(EventType.CONFIRMED)
    assert confirmed.actor == "u-1"


async def test_an_account_is_closed_under_twilios_procedure(pages: ApiDriver) -> None:
    account = await pages.account(balance={"cash": "41.50", "promo": "10.00"})
    async with visiting(pages, account) as customer:
        await customer.prove_by_password(PASSWORD)
        assert customer.form("/closure/agreement").choices == {"acknowledge": [WORDS]}  # T9
        await customer.agree()
        assert customer.says("Ready to confirm", "Goes back to you", "41.50 USD", "within 10 business days")
        await customer.send("/closure/confirm")
    assert (await account.until(Stage.RETAINED)).confirmed_at is not None


async def test_t6_the_soft_close_asks_for_no_words_and_keeps_data(pages: ApiDriver) -> None:
    account = await pages.account()
    async with visiting(pages, account) as customer:
        await customer.send("/closure/start", mode="keep-data")
        await customer.send("/closure/identity", password=PASSWORD)
        assert customer.form("/closure/agreement").choices == {}
        await customer.agree()
        assert customer.says("Confirm: keep the data, stop everything else")
        assert "Data that is erased" not in customer.text
        await customer.send("/closure/confirm")
    await account.until(Stage.DORMANT)


async def test_pages_are_chinese_for_who_reads_it(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account, language="zh") as customer:
        await customer.send("/closure/start")
        assert customer.says('<html lang="zh">', "首先，请验证您的身份", "通过短信发送验证码")
        await customer.send("/closure/identity", code="123456")
        assert customer.says("验证码有误")
        await customer.send("/closure/identity", send="email_code")
        await customer.send("/closure/identity", code=await customer.code())
        assert customer.says("我已知悉并同意该协议")
        await customer.agree()
        assert customer.says("须手动处理", "可在此放弃或释放", "还有 4 项待处理", "去处理", "域名")
        await customer.send("/closure/renounce", all="1")
        assert customer.says("永久放弃 2 项？")


async def test_a_closure_is_withdrawn(pages: ApiDriver) -> None:
    account = await filled_account(pages)
    async with visiting(pages, account) as customer:
        await customer.prove_by_code()
        await customer.agree()
        await customer.open("/closure/withdraw")
        assert customer.says("Keep the account?")
        await customer.send("/closure/withdraw")
        assert (await account.status()).stage is Stage.WITHDRAWN
        # Another one can be started.
        again = await customer.open("/closure/withdraw")
        assert again.url.path == "/closure"


async def test_where_the_policy_takes_the_consoles_word_nothing_more_is_asked(
    careful_pages: ApiDriver,
) -> None:
    account = await careful_pages.account()
    async with visiting(careful_pages, account, verified_at=datetime.now(UTC)) as customer:
        await customer.send("/closure/start")
        assert customer.page.url.path == "/closure/agreement"
        await customer.agree()
        await customer.send("/closure/confirm", phrase=f"close {account.account_id}")
    assert (await account.until(Stage.RETAINED)).opened_by == "u-1"


async def test_the_consoles_word_is_taken_while_it_is_fresh_and_never_ahead(careful_pages: ApiDriver) -> None:
    lifetime = careful_pages.installation.policies["twilio"].identity.proof_lifetime
    slack = timedelta(minutes=1)
    account = await careful_pages.account()
    asked = []
    for age in (None, lifetime, -2 * slack, lifetime - slack, -slack / 2):
        verified_at = None if age is None else datetime.now(UTC) - age
        async with visiting(careful_pages, account, verified_at=verified_at) as customer:
            await customer.send("/closure/start")
            asked.append(customer.page.url.path == "/closure/identity")
    assert asked == [True, True, True, False, False]


async def test_the_consoles_word_counts_for_nothing_under_other_policies(pages: ApiDriver) -> None:
    account = await pages.account()
    async with visiting(pages, account, verified_at=datetime.now(UTC)) as customer:
        await customer.send("/closure/start")
        assert customer.page.url.path == "/closure/identity"


async def test_a_phrase_is_typed_and_a_second_person_approves(careful_pages: ApiDriver) -> None:
    users = [
        {"id": "u-1", "role": "owner", "email": "owner@one.example", "password": PASSWORD},
        {"id": "u-2", "role": "administrator", "email": "admin@one.example", "password": PASSWORD},
        {"id": "u-3", "role": "developer", "email": "dev@one.example", "password": PASSWORD},
    ]
    account = await careful_pages.account(users=users, balance={"cash": "5000.00", "promo": "0.00"})
    async with visiting(careful_pages, account) as owner:
        await owner.prove_by_password(PASSWORD)
        await owner.agree()
        assert owner.says("A second person must approve", "administrator")
        async with visiting(careful_pages, account, "u-3") as stranger:
            assert stranger.page.status_code == 403
        async with visiting(careful_pages, account, "u-2") as second:
            assert second.says("Approve this closure?", "5,000.00 USD")
            await second.send("/closure/approve")
            assert second.says("Prove it once more to go on", "Password")
            await second.send("/closure/approve", password=PASSWORD)
            assert "Approve this closure?" not in second.text
        await owner.open()
        await owner.send("/closure/confirm", phrase="close it")
        assert owner.says("Type the phrase exactly as it is shown")
        await owner.send("/closure/confirm", phrase=f"close {account.account_id}")
    await account.until_event(EventType.APPROVED)
    await account.until(Stage.RETAINED)


async def test_a_form_with_nothing_but_a_button_withdraws(pages: ApiDriver) -> None:
    """As the page of a cool-off has it."""
    account = await pages.account()
    async with visiting(pages, account) as customer:
        await customer.prove_by_password(PASSWORD)
        await customer.agree()
        token = customer.form("/closure/confirm").fields["form_token"]
        answer = await customer.http.post("/closure/withdraw", data={"form_token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/closure")
    assert (await account.status()).stage is Stage.WITHDRAWN


@pytest.mark.parametrize("url", [None, "https://provider.example/agreement"])
async def test_a13_nobody_is_asked_to_have_read_what_is_nowhere_to_be_read(
    installations: InstallationBuilder, policies: dict[str, Policy], tmp_path: Path, url: str | None
) -> None:
    own = policies["alibaba-cloud"]
    assert own.agreement is not None
    changed = with_durations(own, agreement=own.agreement.model_copy(update={"url": url}))
    async with (
        installations.open(policies={own.name: changed}, with_worker=False) as installation,
        opened_api(installation, tmp_path / "tokens.json") as api,
        visiting(api, await installation.account()) as customer,
    ):
        await customer.prove_by_code()
        assert customer.says("Agreement, version 2024-06")
        assert customer.says("I have read the agreement", f'href="{url}"') is (url is not None)
        assert customer.says("I know this agreement", "ask support for it") is (url is None)
