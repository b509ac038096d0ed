import pytest

from closure.accounts import Channel
from closure.notices import LISTED_AT_MOST, render
from closure.policy import Policy
from tests.unit.examples import acme, alibaba_cloud

SPOKEN = """
[messages.closure_deleted.de]
email = "Konto {account_id}, Vorgang {closure_id}."
sms = "Weg."
[messages.closure_restored.en]
email = "{reason} | {unrecoverable} | {restart_advice}"
sms = "{unrecoverable} | {restart_advice}"
[messages.identity_code.en]
email = "{code} for {minutes} minutes"
sms = "{code}"
[final_check]
retry_interval = "1h"
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return acme(SPOKEN, silent_period='"7d"')


def restored(policy: Policy, channel: Channel, unrecoverable: tuple[str, ...], reason: str = "owed") -> str:
    texts = render(
        policy,
        "closure_restored",
        channel,
        account_id="a-1",
        closure_id="c-1",
        reason=reason,
        unrecoverable=unrecoverable,
    )
    return texts["en"]


def test_a24_a_message_is_rendered_in_every_language_for_its_channel(policy: Policy) -> None:
    values = {"account_id": "a-1", "closure_id": "c-1"}
    assert render(policy, "closure_deleted", Channel.EMAIL, **values) == {
        "en": "Account a-1 is gone.",
        "de": "Konto a-1, Vorgang c-1.",
    }
    assert render(policy, "closure_deleted", Channel.SMS, **values) == {"en": "Gone.", "de": "Weg."}


def test_a23_a26_a_restored_customer_is_told_why_what_is_gone_and_what_to_do(policy: Policy) -> None:
    assert restored(policy, Channel.EMAIL, ("balance", "promo")) == "owed | balance, promo | Start again."


def test_a26_nothing_gone_is_a_dash(policy: Policy) -> None:
    assert restored(policy, Channel.SMS, ()) == "- | Start again."


@pytest.mark.parametrize("channel", list(Channel))
def test_a_long_list_is_shortened_to_suit_the_channel(policy: Policy, channel: Channel) -> None:
    limit = LISTED_AT_MOST[channel]
    ids = tuple(f"i-{number}" for number in range(100_000))
    listed = restored(policy, channel, ids).split(" | ")[-2]
    assert listed == ", ".join(ids[:limit]) + f" (+ {100_000 - limit})"
    assert "(+" not in restored(policy, channel, ids[:limit])


def test_a_number_is_written_out(policy: Policy) -> None:
    assert render(policy, "identity_code", Channel.EMAIL, code="123456", minutes=10)["en"] == (
        "123456 for 10 minutes"
    )


def test_braces_in_a_value_mean_nothing(policy: Policy) -> None:
    assert (
        restored(policy, Channel.EMAIL, ("{code}",), reason="{0}{x.y}") == "{0}{x.y} | {code} | Start again."
    )


def test_a_value_that_no_text_uses_is_fine_if_the_template_may_have_it(policy: Policy) -> None:
    assert render(policy, "identity_code", Channel.SMS, code="123456", minutes=10) == {"en": "123456"}
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
    )[language]
    assert "ali-1" in text
    assert "a bill of 3.00 USD" in text
    assert "balance" in text
    assert alibaba_cloud().restart_advice in text


def test_a12_a_code_is_one_unbroken_word() -> None:
    for channel in Channel:
        for text in render(alibaba_cloud(), "identity_code", channel, code="12345678", minutes=10).values():
            assert "12345678" in text


def test_what_comes_from_outside_cannot_reorder_or_steer_a_message(policy: Policy) -> None:
    hostile = "i-1\x1b[2J\x9b31m\u202e"
    text = restored(policy, Channel.EMAIL, (hostile,), reason=f"owed {hostile}\r")
    assert text == "owed i-1[2J31m | i-1[2J31m | Start again."
