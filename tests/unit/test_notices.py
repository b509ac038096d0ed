from datetime import UTC, datetime, timedelta, timezone

import pytest

from closure.accounts import Channel
from closure.notices import LISTED_AT_MOST, render
from closure.policy import MessageTemplate, MessageTexts, Policy
from closure.policy_text import parse_policy
from tests.unit.examples import acme, acme_text, alibaba_cloud, twilio

SPOKEN = """
[messages.closure_restored.en]
subject = "Back: {account_id}"
email = "{reason} | {unrecoverable} | {restart_advice}"
sms = "{unrecoverable} | {restart_advice}"
[messages.identity_code.en]
subject = "Code"
email = "{code} for {minutes} minutes"
sms = "{code}"
[messages.silence_began.en]
subject = "Silent until {silent_until}"
email = "{silent_until}"
sms = "{silent_until}"
[final_check]
retry_interval = "1h"
"""
GERMAN = """
restart_advice = "Von vorn."
[messages.closure_deleted]
subject = "Weg: {account_id}"
email = "Konto {account_id} ist weg."
sms = "Weg."
[messages.account_dormant]
subject = "Ruht"
email = "Konto {account_id} ruht."
sms = "Ruht."
[messages.closure_restored]
subject = "Zurück: {account_id}"
email = "{reason} | {unrecoverable} | {restart_advice}"
sms = "{unrecoverable} | {restart_advice}"
[messages.identity_code]
subject = "Code"
email = "{code}, {minutes} Minuten"
sms = "{code}"
[messages.silence_began]
subject = "Still bis {silent_until}"
email = "{silent_until}"
sms = "{silent_until}"
"""
TOKYO = timezone(timedelta(hours=9))


@pytest.fixture(scope="module")
def policy() -> Policy:
    text = acme_text(SPOKEN, silent_period='"7d"', languages='["en", "de"]')
    return parse_policy(text, "acme.toml", {"de": GERMAN})


def restored(policy: Policy, channel: Channel, unrecoverable: tuple[str, ...], reason: str = "owed") -> str:
    notice = render(
        policy,
        "closure_restored",
        channel,
        account_id="a-1",
        closure_id="c-1",
        reason=reason,
        unrecoverable=unrecoverable,
    )
    return notice.bodies["en"]


def test_a24_a_message_is_rendered_in_every_language_for_its_channel(policy: Policy) -> None:
    values = {"account_id": "a-1", "closure_id": "c-1"}
    mail = render(policy, "closure_deleted", Channel.EMAIL, **values)
    assert mail.bodies == {"en": "Account a-1 is gone.", "de": "Konto a-1 ist weg."}
    assert mail.subjects == {"en": "Gone: a-1", "de": "Weg: a-1"}
    text = render(policy, "closure_deleted", Channel.SMS, **values)
    assert (text.bodies, text.subjects) == ({"en": "Gone.", "de": "Weg."}, {})


def test_a23_a26_a_restored_customer_is_told_why_what_is_gone_and_what_to_do(policy: Policy) -> None:
    assert restored(policy, Channel.EMAIL, ("balance", "promo")) == "owed | - balance\n- promo | Start again."
    assert restored(policy, Channel.SMS, ("balance", "promo")) == "balance; promo | Start again."


def test_a26_nothing_gone_is_said(policy: Policy) -> None:
    assert restored(policy, Channel.SMS, ()) == "nothing | Start again."
    assert restored(policy, Channel.EMAIL, ()) == "owed | nothing | Start again."


@pytest.mark.parametrize("channel", list(Channel))
def test_a_long_list_is_shortened_to_suit_the_channel(policy: Policy, channel: Channel) -> None:
    limit = LISTED_AT_MOST[channel]
    ids = tuple(f"i-{number}" for number in range(100_000))
    listed = restored(policy, channel, ids)
    assert ids[limit - 1] in listed
    assert f"{ids[limit]}\n" not in listed
    assert f"and {100_000 - limit} more" in listed
    assert "more" not in restored(policy, channel, ids[:limit])


def test_what_is_in_words_is_said_in_each_language(policy: Policy) -> None:
    notice = render(
        policy,
        "closure_restored",
        Channel.SMS,
        account_id="a-1",
        closure_id="c-1",
        reason="owed",
        unrecoverable=lambda spoken: [f"gone ({spoken.languages[0]})"],
    )
    assert notice.bodies == {"en": "gone (en) | Start again.", "de": "gone (de) | Von vorn."}


def test_the_values_go_along_for_who_has_templates_of_their_own(policy: Policy) -> None:
    values = {"account_id": "a-1", "closure_id": "c-1"}
    notice = render(policy, "closure_deleted", Channel.SMS, **values)
    assert notice.values["en"] == {**values, "restart_advice": "Start again."}
    assert notice.values["de"] == {**values, "restart_advice": "Von vorn."}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "30 November 2026, 23:30 UTC"),
        ("zh", "2026年11月30日 23:30（UTC）"),
        ("de", "2026-11-30 23:30 UTC"),
    ],
)
def test_times_are_readable_and_say_utc(policy: Policy, language: str, said: str) -> None:
    moment = datetime(2026, 12, 1, 8, 30, tzinfo=TOKYO)
    spoken = alibaba_cloud() if language == "zh" else policy
    notice = render(
        spoken,
        "silence_began",
        Channel.EMAIL,
        account_id="a-1",
        closure_id="c-1",
        silent_until=moment,
        delete_after=moment,
    )
    assert said in notice.bodies[language]
    assert moment.astimezone(UTC) == moment


def test_a_number_is_written_out(policy: Policy) -> None:
    said = render(policy, "identity_code", Channel.EMAIL, code="123456", minutes=10)
    assert said.bodies["en"] == "123456 for 10 minutes"


def test_braces_in_a_value_mean_nothing(policy: Policy) -> None:
    assert restored(policy, Channel.SMS, ("{code}",), reason="{0}{x.y}") == "{code} | Start again."
    assert restored(policy, Channel.EMAIL, (), reason="{0}{x.y}").startswith("{0}{x.y} | ")


def test_a_value_that_no_text_uses_is_fine_if_the_template_may_have_it(policy: Policy) -> None:
    assert render(policy, "identity_code", Channel.SMS, code="123456", minutes=10).bodies["en"] == "123456"
    with pytest.raises(ValueError, match="closure_deleted has no placeholder code"):
        render(policy, "closure_deleted", Channel.SMS, code="123456")


def test_a_missing_value_is_an_error(policy: Policy) -> None:
    with pytest.raises(ValueError, match="no value for the placeholder account_id"):
        render(policy, "closure_deleted", Channel.EMAIL, closure_id="c-1")


def test_a_message_that_the_policy_or_the_engine_does_not_have_is_an_error(policy: Policy) -> None:
    with pytest.raises(ValueError, match="policy acme has no message identity_code"):
        render(acme(), "identity_code", Channel.SMS, code="123456")
    with pytest.raises(ValueError, match="closure_paused"):
        render(policy, "closure_paused", Channel.SMS)


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a24_alibaba_clouds_messages_say_what_happened(channel: Channel, language: str) -> None:
    text = render(
        alibaba_cloud(),
        "closure_restored",
        channel,
        account_id="ali-1",
        closure_id="c-1",
        reason="a bill of 3.00 USD",
        unrecoverable=("balance",),
    ).bodies[language]
    assert "ali-1" in text
    assert "a bill of 3.00 USD" in text
    assert "balance" in text


def test_a12_a_code_is_one_unbroken_word() -> None:
    for channel in Channel:
        notice = render(alibaba_cloud(), "identity_code", channel, code="12345678", minutes=10)
        assert notice.bodies.keys() == {"en", "zh"}
        for text in notice.bodies.values():
            assert "12345678" in text
        assert all("12345678" not in subject for subject in notice.subjects.values())


@pytest.mark.parametrize("shipped", [alibaba_cloud(), twilio()], ids=lambda shipped: shipped.name)
def test_the_end_leads_to_the_certificate(shipped: Policy) -> None:
    for channel in Channel:
        notice = render(shipped, "closure_deleted", channel, account_id="a-1", closure_id="closure-7")
        assert all("closure-7" in text for text in notice.bodies.values())


def test_a_policy_of_before_there_were_subjects_names_the_account() -> None:
    texts = MessageTexts(email="Gone.", sms="Gone.")
    old = acme().model_copy(update={"messages": {MessageTemplate.CLOSURE_DELETED: {"en": texts}}})
    notice = render(old, "closure_deleted", Channel.EMAIL, account_id="a-{1}", closure_id="c-1")
    assert notice.subjects == {"en": "a-{1}"}


def test_a_subject_stays_one_line_whatever_is_filled_in(policy: Policy) -> None:
    notice = render(policy, "closure_deleted", Channel.EMAIL, account_id="a\r\nBcc: x", closure_id="c")
    assert notice.subjects["en"] == "Gone: a Bcc: x"


def test_what_comes_from_outside_cannot_reorder_or_steer_a_message(policy: Policy) -> None:
    hostile = "i-1\x1b[2J\x9b31m\u202e"
    text = restored(policy, Channel.EMAIL, (hostile,), reason=f"owed {hostile}\r")
    assert text == "owed i-1[2J31m | - i-1[2J31m | Start again."
