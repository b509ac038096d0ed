"""What the customer hears at each turn, in their own language, as the outbox has it (A24)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import pytest

from client import ProofOfIdentity
from closure.accounts import Channel
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import IdentityMethod
from closure.policy import CoolOff, MessageTemplate, MessageTexts, Policy
from closure.wording import words_of
from connectors.embedded import tables
from connectors.embedded.exhibit import SentMessage, read_outbox
from connectors.embedded.tables import RefundAnswer
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import WORDS, answer, twilio_account
from tests.harness.waiting import BEYOND, eventually

LANGUAGES = ("en", "zh")
Procedure = Callable[[TestInstallation], Awaitable[AccountDriver]]


def readers(role: str) -> list[dict[str, str]]:
    """Two who may close the account, one for each language."""
    return [
        {"id": "u-1", "role": role, "email": "ann@example.com", "phone": "+15550100", "language": "en-GB"},
        {"id": "u-2", "role": role, "email": "zhu@example.com", "phone": "+8610555", "language": "zh-CN"},
    ]


async def alibaba(installation: TestInstallation, **account: object) -> AccountDriver:
    return await installation.account(users=readers("main"), **account)


async def twilio(installation: TestInstallation, **account: object) -> AccountDriver:
    return await twilio_account(installation, **{"users": readers("owner"), **account})  # type: ignore[arg-type]


async def outbox(closing: AccountDriver) -> tuple[SentMessage, ...]:
    return await read_outbox(closing.installation.database, closing.account_id)


async def turns(closing: AccountDriver) -> list[str]:
    """The turns that were told, in order; each to both readers by both channels, and no more."""
    sent = await outbox(closing)
    names = [message.template for message in sent]
    told = list(dict.fromkeys(names))
    assert {name: names.count(name) for name in told} == dict.fromkeys(told, 4)
    for message in sent:
        assert (message.subject is None) is (message.channel is Channel.SMS)
    return told


async def said(closing: AccountDriver, template: str) -> Mapping[str, str]:
    """Subject and text of the e-mail, by language; checks that the text message has the account, too."""
    sent = [message for message in await outbox(closing) if message.template == template]
    assert {message.language for message in sent} == set(LANGUAGES), template
    for message in sent:
        assert closing.account_id in f"{message.subject} {message.body}"
    mails = [message for message in sent if message.channel is Channel.EMAIL]
    return {message.language: f"{message.subject}\n{message.body}" for message in mails}


def each_says(mails: Mapping[str, str], *words: str) -> None:
    for language, mail in mails.items():
        for word in words:
            assert word in mail, (language, word)


def times(mails: Mapping[str, str], *moments: datetime | None) -> None:
    """Each mail names the moments, in its own way, with UTC."""
    for language, mail in mails.items():
        for moment in moments:
            assert moment is not None
            assert words_of(language).moment(moment) in mail
        assert "UTC" in mail


async def until_told(closing: AccountDriver, template: str, count: int = 4) -> None:
    await eventually(
        closing.templates, lambda names: names.count(template) == count, f"{count} messages {template}"
    )


# Alibaba Cloud.


async def test_a24_from_opening_to_silence_each_turn_is_told_with_its_time(
    installation: TestInstallation,
) -> None:
    closing = await alibaba(installation)
    opened = await closing.close()
    assert await turns(closing) == ["closure_opened"]
    mails = await said(closing, "closure_opened")
    times(mails, opened.opened_at, opened.draft_until)
    each_says(mails, closing.closure_id)
    assert "was that you?" in mails["en"]
    assert "是您本人吗？" in mails["zh"]

    confirmed = await closing.confirm()
    assert await turns(closing) == ["closure_opened", "closure_confirmed"]
    times(await said(closing, "closure_confirmed"), confirmed.confirmed_at)

    await closing.fast_forward(closing.policy.entering_duration + BEYOND)
    silent = await closing.until(Stage.SILENT)
    await until_told(closing, "silence_began")
    assert (await turns(closing))[2:] == ["silence_began"]
    times(await said(closing, "silence_began"), silent.silent_until, silent.delete_after)


async def test_a23_a26_a_restored_customer_reads_why_in_sentences_of_their_language(
    installation: TestInstallation,
) -> None:
    closing = await alibaba(
        installation,
        balance={"cash": "42.00", "promo": "5.00"},
        resources=[{"id": "vm", "product": "ecs", "renounceable": True}],
        subscriptions=[
            {"id": "s-9", "product": "rds", "expires_at": "2099-01-01T00:00:00Z", "renounceable": True}
        ],
    )
    await closing.silent()
    await closing.bill_late_usage()
    await closing.end_of_silence()
    restored = await closing.outcome()
    (bill,) = restored.checklist
    assert bill.resource_id is not None

    mails = await said(closing, "closure_restored")
    each_says(mails, bill.resource_id, "1.23 USD", "vm", "s-9", "42.00 USD", "5.00 USD", closing.account_id)
    assert f"Why:\n- Bill {bill.resource_id} of 1.23 USD is unpaid\n" in mails["en"]
    assert f"原因：\n- 账单 {bill.resource_id}（1.23 USD）未支付\n" in mails["zh"]
    assert "- ecs instance vm\n- rds subscription s-9\n- Balance of 42.00 USD\n" in mails["en"]
    assert "- ecs 实例 vm\n- rds 订阅 s-9\n- 余额 42.00 USD\n- 赠送余额 5.00 USD\n" in mails["zh"]
    assert "unpaid-bills" not in str(mails)
    assert "newly found" not in str(mails)
    assert "Sign in and settle what is listed" in mails["en"]
    assert "Sign in" not in mails["zh"]


async def test_a23_what_was_not_confirmed_is_named_although_nothing_is_owed(
    installations: InstallationBuilder,
) -> None:
    """Before anything is lost (`appears_later = "restore"`), and a text message is short."""
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await alibaba(
            installation, resources=[{"id": "vm", "product": "ecs", "renounceable": True}]
        )
        weather.after_stop = lambda: _more_instances(closing)
        await closing.ready()
        await closing.confirm()
        assert (await closing.outcome()).outcome is Outcome.RESTORED
        mails = await said(closing, "closure_restored")
        assert "- ecs instance late-0 is not released\n" in mails["en"]
        assert "- ecs 实例 late-0 尚未释放\n" in mails["zh"]
        assert " vm " not in mails["en"], "that one was confirmed"
        assert mails["en"].count("\nnothing\n") == 1
        assert mails["zh"].count("\n无\n") == 1
        texts = [message for message in await outbox(closing) if message.channel is Channel.SMS]
        assert "and 2 more" in next(text.body for text in texts[::-1] if text.language == "en")
        assert "另有 2 项" in next(text.body for text in texts[::-1] if text.language == "zh")


async def _more_instances(closing: AccountDriver) -> None:
    for number in range(5):
        await closing.insert(
            tables.resources,
            id=f"late-{number}",
            product="ecs",
            billing="pay-as-you-go",
            renounceable=True,
        )


async def test_a22_a24_the_end_leads_to_the_certificate_and_is_blanked_with_the_account(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await alibaba(installation)
        await closing.silent()
        await closing.end_of_silence()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        told = [message for message in weather.sent if message.template == "closure_deleted"]
        assert {message.channel for message in told} == set(Channel)
        for message in told:
            assert set(message.bodies) == set(message.values) == set(LANGUAGES)
            assert all(closing.closure_id in body for body in message.bodies.values())
            assert all(each["closure_id"] == closing.closure_id for each in message.values.values())
        sent = await outbox(closing)
        assert sent[-1].template == "closure_deleted"
        assert {message.body for message in sent} == {""}
        assert {(message.channel, message.subject) for message in sent} == {
            (Channel.EMAIL, ""),
            (Channel.SMS, None),
        }


@pytest.mark.parametrize("procedure", [alibaba, twilio])
async def test_who_withdraws_and_who_forgets_is_told_that_nothing_changes(
    installation: TestInstallation, procedure: Procedure
) -> None:
    closing = await procedure(installation)
    words = WORDS if procedure is twilio else ()
    await closing.close(acknowledgements=words)
    await closing.withdraw()
    assert await turns(closing) == ["closure_opened", "closure_withdrawn"]
    each_says(await said(closing, "closure_withdrawn"), closing.closure_id)
    assert (await closing.outcome()).outcome is Outcome.WITHDRAWN

    await closing.close(acknowledgements=words)
    await closing.fast_forward(closing.policy.draft_lifetime + BEYOND)
    assert (await closing.outcome()).outcome is Outcome.EXPIRED
    await until_told(closing, "closure_expired")
    mails = await said(closing, "closure_expired")
    assert "stays as it is" in mails["en"]
    assert "保持不变" in mails["zh"]
    assert (await closing.templates()).count("closure_opened") == 8, "each closure is told of"


async def test_a_refusal_tells_nobody_anything(installation: TestInstallation) -> None:
    closing = await alibaba(installation)
    error = await refusal(closing.close(agree=False))
    assert error.type is RefusalType.ACKNOWLEDGEMENT_REQUIRED
    assert await outbox(closing) == ()


async def test_a_cool_off_is_told_with_the_moment_from_which_nothing_stops_it(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    shipped = policies["alibaba-cloud"]
    reminder = MessageTexts(
        subject="Still time", email="{account_id}: {irrevocable_from}", sms="{irrevocable_from}"
    )
    again = MessageTexts(subject="Again", email="{account_id}: {changes}", sms="{account_id}: {changes}")
    cooling = shipped.model_copy(
        update={
            "cool_off": CoolOff(duration=timedelta(days=14), reminders=(timedelta(days=1),)),
            "messages": {
                **shipped.messages,
                MessageTemplate.CLOSURE_REMINDER: {"en": reminder, "zh": reminder},
                MessageTemplate.CONFIRM_AGAIN: {"en": again, "zh": again},
            },
        }
    )
    async with installations.open(policies={"alibaba-cloud": cooling}) as installation:
        closing = await alibaba(installation)
        await closing.ready()
        confirmed = await closing.confirm()
        times(await said(closing, "closure_confirmed"), confirmed.confirmed_at, confirmed.cool_off_until)
        await closing.fast_forward(timedelta(days=13) + BEYOND)
        await until_told(closing, "closure_reminder")
        mails = [
            mail for mail in await outbox(closing) if mail.template == "closure_reminder" and mail.subject
        ]
        times({mail.language: mail.body for mail in mails}, confirmed.cool_off_until)
        await closing.bill_late_usage()
        await closing.fast_forward(timedelta(days=1))
        await closing.until(Stage.BLOCKED)
        changed = await said(closing, "confirm_again")
        each_says(changed, "1.23 USD")
        assert "is unpaid" in changed["en"]
        assert "未支付" in changed["zh"]
        assert "unpaid-bills" not in str(changed)


# Twilio.


async def test_t5_t10_each_turn_of_the_money_is_told_with_its_amounts(installation: TestInstallation) -> None:
    closing = await twilio(installation, balance={"cash": "200.00", "promo": "5.00"})
    retained = await closing.retained(acknowledgements=WORDS)
    assert retained.refund is not None
    times(await said(closing, "account_closed"), retained.delete_after)
    await until_told(closing, "refund_started")
    mails = await said(closing, "refund_started")
    each_says(mails, "200.00 USD")
    times(mails, retained.refund.due_by)

    await answer(closing, RefundAnswer.PARTIAL)
    await until_told(closing, "refund_partly_settled")
    each_says(await said(closing, "refund_partly_settled"), "200.00 USD", "100.00 USD")
    await answer(closing, RefundAnswer.FAILED)
    await until_told(closing, "refund_failed")
    each_says(await said(closing, "refund_failed"), "100.00 USD", closing.closure_id)
    await answer(closing, RefundAnswer.SETTLED)
    await until_told(closing, "refund_settled")
    each_says(await said(closing, "refund_settled"), "200.00 USD")
    assert await turns(closing) == [
        "closure_opened",
        "closure_confirmed",
        "account_closed",
        "refund_started",
        "refund_partly_settled",
        "refund_failed",
        "refund_settled",
    ]
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert (await turns(closing))[-1] == "closure_deleted"
    assert {message.body for message in await outbox(closing)} == {""}


async def test_t10_a_late_refund_is_told(installation: TestInstallation) -> None:
    closing = await twilio(installation, balance={"cash": "30.00"})
    weather = await closing.retained(acknowledgements=WORDS)
    assert weather.refund is not None
    await until_told(closing, "refund_started")
    await answer(closing, RefundAnswer.PARTIAL)
    await until_told(closing, "refund_partly_settled")
    await closing.fast_forward_to(weather.refund.due_by + timedelta(days=1))
    await until_told(closing, "refund_late")
    mails = await said(closing, "refund_late")
    each_says(mails, "30.00 USD")
    times(mails, weather.refund.due_by)


async def test_t6_a_soft_close_says_that_the_account_sleeps_and_nothing_of_an_end(
    installation: TestInstallation,
) -> None:
    closing = await twilio(installation, balance={"cash": "30.00"})
    await closing.close(mode=Mode.KEEP_DATA)
    await closing.confirm()
    assert (await closing.outcome()).outcome is Outcome.DORMANT
    assert await turns(closing) == ["closure_opened", "account_dormant"]
    mails = await said(closing, "account_dormant")
    assert "is dormant" in mails["en"]
    assert "已休眠" in mails["zh"]


# Sending.


async def test_a_mail_service_that_is_away_holds_up_no_turn_and_is_asked_again(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await alibaba(installation)
        weather.unreadable.add("messages")
        assert (await closing.close()).stage is Stage.READY
        assert (await closing.confirm()).stage is Stage.ENTERING
        await closing.fast_forward(closing.policy.entering_duration + BEYOND)
        await closing.until(Stage.SILENT)
        assert await outbox(closing) == ()
        assert await closing.failed_tasks() == []
        weather.unreadable.clear()
        await closing.end_of_silence()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        assert await turns(closing) == ["closure_deleted"]


async def test_a24_a_dead_address_holds_nothing_up_is_noted_and_the_other_channel_is_used(
    installations: InstallationBuilder,
) -> None:
    weather = Weather(dead={Channel.EMAIL})
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account(users=readers("main")[:1])
        await closing.closures.challenge(closing.account_id, "u-1", IdentityMethod.EMAIL_CODE)
        await closing.silent()
        await closing.end_of_silence()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        told = dict.fromkeys(message.template for message in weather.sent)
        assert list(told) == ["closure_opened", "closure_confirmed", "silence_began", "closure_deleted"]
        assert {message.channel for message in weather.sent} == {Channel.SMS}
        noted = [
            event.details
            for event in await closing.events()
            if event.event is EventType.MESSAGE_UNDELIVERABLE
        ]
        assert [details["message"] for details in noted] == [
            *("closure_opened", "closure_confirmed/1", "silence_began", "closure_deleted")
        ], "each once, however often it is told"
        assert {str(details) for details in ({**each, "message": ""} for each in noted)} == {
            str({"addresses": 1, "channel": "email", "message": "", "reason": "550 5.1.1"})
        }


async def test_a_policy_that_has_no_message_for_a_turn_sends_none(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    """As one that was pinned before there were so many."""
    shipped = policies["alibaba-cloud"]
    kept = (MessageTemplate.CLOSURE_DELETED, MessageTemplate.CLOSURE_RESTORED)
    old = {template: {"en": _without_subject(shipped.messages[template]["en"])} for template in kept}
    quiet = shipped.model_copy(update={"messages": old})
    async with installations.open(policies={"alibaba-cloud": quiet}) as installation:
        closing = await alibaba(installation)
        await closing.silent()
        assert await outbox(closing) == ()
        await closing.bill_late_usage()
        await closing.end_of_silence()
        assert (await closing.outcome()).outcome is Outcome.RESTORED
        sent = await outbox(closing)
        assert {message.language for message in sent} == {"en"}
        assert {message.subject for message in sent} == {closing.account_id, None}


async def test_t10_a_policy_of_before_parts_were_told_goes_on_all_the_same(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    shipped = policies["twilio"]
    known = {name: texts for name, texts in shipped.messages.items() if "partly" not in name}
    async with installations.open(
        policies={"twilio": shipped.model_copy(update={"messages": known})}
    ) as installation:
        closing = await twilio(installation, balance={"cash": "200.00"})
        await closing.retained(acknowledgements=WORDS)
        await until_told(closing, "refund_started")
        await answer(closing, RefundAnswer.PARTIAL)
        await closing.until_event(EventType.REFUND_PARTLY_SETTLED)
        await answer(closing, RefundAnswer.SETTLED)
        await until_told(closing, "refund_settled")
        assert "refund_partly_settled" not in await closing.templates()


def _without_subject(texts: MessageTexts) -> MessageTexts:
    return texts.model_copy(update={"subject": None})


# Looking.


async def test_a_closure_is_read_in_the_readers_language(installation: TestInstallation) -> None:
    closing = await alibaba(
        installation,
        balance={"cash": "2000.00"},
        bills=[{"id": "b-1", "amount": "18.20", "status": "overdue"}],
        resources=[{"id": "vm", "product": "ecs", "renounceable": True}],
    )
    english = await closing.close()
    chinese = await closing.closures.in_language("zh-CN").status(closing.account_id)
    wordless = {"checklist": (), "advice": (), "remaining_seconds": None}
    assert chinese.model_copy(update=wordless) == english.model_copy(update=wordless)
    assert [item.item_id for item in chinese.checklist] == [item.item_id for item in english.checklist]
    assert {item.title for item in english.checklist} >= {"Bill b-1 of 18.20 USD is overdue"}
    assert {item.title for item in chinese.checklist} == {
        "账单 b-1（18.20 USD）已逾期",
        "剩余余额 2000.00 USD",
        "ecs 实例 vm 尚未释放",
    }
    assert all("请" in item.how_to for item in chinese.checklist)
    assert "超过 1000.00 USD 的余额" in str(chinese.checklist)
    assert chinese.advice[0].startswith("确认注销前")
    french = await closing.closures.in_language("fr").status(closing.account_id)
    assert french.checklist == english.checklist
    again = await closing.closures.in_language("zh").renounce(
        closing.account_id, "u-1", all=True, accept_risk=True
    )
    assert again.checklist[0].title.startswith("账单")
    assert again.plan_hash == english.plan_hash


async def test_a13_what_is_missing_is_asked_for_in_the_readers_language_and_taken_in_any(
    installation: TestInstallation,
) -> None:
    closing = await twilio(installation, kind="trial")
    chinese = closing.closures.in_language("zh")
    with pytest.raises(Refused) as refused:
        await chinese.close(closing.account_id, "u-1", ProofOfIdentity(proof_id=await closing.prove()))
    boxes = refused.value.acknowledgements
    assert boxes == closing.policy.translations["zh"].acknowledgements["trial"]
    mixed = (boxes[0], *closing.policy.acknowledgements["trial"][1:])
    assert (await closing.close(acknowledgements=mixed)).stage is Stage.READY
    found = await closing.installation.records.close_of(closing.closure_id)
    assert found is not None
    assert found[1] is not None
    assert found[1].acknowledgements == mixed, "the act has the words as they were given"


async def test_t2_a_refused_kind_is_told_whom_to_ask_in_the_readers_language(
    installation: TestInstallation,
) -> None:
    closing = await twilio(installation, kind="invoiced")
    chinese = closing.closures.in_language("zh")
    proof = ProofOfIdentity(proof_id=await closing.prove())
    error = await refusal(chinese.close(closing.account_id, "u-1", proof))
    assert error.type is RefusalType.ACCOUNT_KIND_REFUSED
    assert "客户经理" in error.message
