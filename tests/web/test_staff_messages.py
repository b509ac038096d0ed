"""What staff see of a closure's messages: their channels, and what became of each."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from closure.accounts import Channel
from closure.events import EventType
from closure.lifecycle import Stage
from closure.policy import CoolOff, MessageTemplate, MessageTexts, Policy
from connectors.embedded import tables
from connectors.embedded.tables import RefundAnswer
from connectors.ports import Messages, OutgoingMessage, Platform, Undeliverable
from connectors.smtp import delivery_name
from records.deliveries import DeliveryRecords
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, with_durations
from tests.harness.twilio import WORDS, answer, twilio_account
from tests.harness.waiting import BEYOND
from tests.web.api_driver import ApiDriver, opened_api
from tests.web.staff_driver import SUPPORT, signed_in

SENT: Final = "sent, as far as is known"
TAKEN: Final = "taken by the mail server for 1"


class NoTexts:
    """A carrier whose text messages are refused for good."""

    def __init__(self, carrier: Messages) -> None:
        self._carrier = carrier

    async def send(self, message: OutgoingMessage) -> int:
        if message.channel is Channel.SMS:
            raise Undeliverable(2, "550 5.1.1")
        return await self._carrier.send(message)


def without_texts(platform: Platform) -> Platform:
    return replace(platform, messages=NoTexts(platform.messages))


async def seen(api: ApiDriver, closing: AccountDriver, language: str = "en") -> str:
    async with signed_in(api, *SUPPORT) as staff:
        return await staff.see(f"/staff/closures/{closing.closure_id}?language={language}")


async def take_mails(closing: AccountDriver) -> list[str]:
    """As a mail server that takes all of the outbox; returns the template of each mail."""
    deliveries = DeliveryRecords(closing.installation.database)
    mails = [row for row in await closing.rows(tables.outbox) if row["channel"] == Channel.EMAIL]
    told = [row for row in mails if row["template"] != MessageTemplate.IDENTITY_CODE]
    for row in told:
        await deliveries.settle(delivery_name(str(row["key"]), str(row["user_id"])), None)
    return [str(row["template"]) for row in told]


async def test_each_channel_of_a_message_is_there_with_what_became_of_it(
    installations: InstallationBuilder, tmp_path: Path
) -> None:
    async with (
        installations.open(platforms=without_texts) as installation,
        opened_api(installation, tmp_path / "tokens.json") as api,
    ):
        closing = await installation.account()
        await closing.ready()
        refused = "refused for good by 2: 550 5.1.1"
        assert f"email: {SENT} · sms: {refused}" in await seen(api, closing)
        assert await take_mails(closing) == [MessageTemplate.CLOSURE_OPENED]
        page = await seen(api, closing)
        assert f"email: {TAKEN} · sms: {refused}" in page
        assert SENT not in page
        chinese = await seen(api, closing, "zh")
        assert "邮件: 邮件服务器已接收（1 个收件人） · 短信: 被 2 个收件人永久拒收：550 5.1.1" in chinese
        assert "渠道: 短信" in chinese, "in the audit, too"
        assert "方式: 删除" in chinese


async def test_every_mail_that_was_taken_is_known_by_its_turn(
    installations: InstallationBuilder, policies: dict[str, Policy], tmp_path: Path
) -> None:
    """Also those that are told again: after another confirm, another reminder, another part of a refund."""
    cool_off = CoolOff(duration=timedelta(days=14), reminders=(timedelta(days=7), timedelta(days=1)))
    shipped = policies["twilio"]
    reminder = MessageTexts(subject="Still time", email="{irrevocable_from}", sms="{irrevocable_from}")
    messages = {**shipped.messages, MessageTemplate.CLOSURE_REMINDER: {"en": reminder, "zh": reminder}}
    twilio = with_durations(shipped, cool_off=cool_off, messages=messages)
    async with (
        installations.open(policies={**policies, "twilio": twilio}) as installation,
        opened_api(installation, tmp_path / "tokens.json") as api,
    ):
        closing = await twilio_account(installation, balance={"cash": "200.00", "promo": "5.00"})
        await closing.ready(acknowledgements=WORDS)
        await closing.confirm()
        cooling = await closing.until(Stage.COOLING_OFF)
        assert cooling.cool_off_until is not None
        for before in cool_off.reminders:
            await closing.fast_forward_to(cooling.cool_off_until - before + BEYOND)
        await closing.until_event(EventType.REMINDED, count=2)
        await closing.fast_forward_to(cooling.cool_off_until + BEYOND)
        await closing.until_event(EventType.REFUND_STARTED)
        await answer(closing, RefundAnswer.PARTIAL)
        await closing.until_event(EventType.REFUND_PARTLY_SETTLED)
        await answer(closing, RefundAnswer.FAILED)
        await closing.until_event(EventType.REFUND_FAILED)
        await closing.at_rest()
        taken = await take_mails(closing)
        page = await seen(api, closing)
    reminded = taken.count(MessageTemplate.CLOSURE_REMINDER)
    assert reminded == 4, "two users, two times"
    assert {MessageTemplate.REFUND_PARTLY_SETTLED, MessageTemplate.REFUND_FAILED} <= set(taken)
    assert f"email: {SENT}" not in page
    assert page.count("email: taken by the mail server for 2") == 2
    assert page.count(f"email: {TAKEN}") == len(taken) - reminded
