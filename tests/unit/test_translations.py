"""Policies in several languages: each is complete, says the same, and changes nothing but the words."""

from pathlib import Path

import pytest
from hypothesis import given

from closure.accounts import Channel
from closure.checks import evaluate, newly_owed
from closure.errors import Refused
from closure.item_texts import worded
from closure.lifecycle import Mode
from closure.losses import losses_in_words
from closure.messages import ItemText
from closure.plan import unrecoverable_ids
from closure.planning import make_plan
from closure.policy import MessageTemplate, Policy
from closure.policy_checks import Inspects
from closure.policy_text import PolicyFault, parse_policy
from closure.reasons import why_restored
from closure.survey import Source, SurveyFacts
from closure.templates import placeholders
from closure.translations import in_language, languages_of, texts_by_path
from closure.wording import words_of
from connectors.policy_files import load_policies
from tests.harness.strategies import NOW, facts
from tests.unit.examples import (
    POLICY_FOLDER,
    account,
    acme_text,
    alibaba_cloud,
    check_text,
    statement,
    twilio,
)

SHIPPED = (alibaba_cloud(), twilio())
shipped = pytest.mark.parametrize("policy", SHIPPED, ids=lambda policy: policy.name)

FULL = acme_text(
    check_text("bills", "manual").replace("Something", "Bill {id}")
    + '[agreement]\ntitle = "Terms"\nversion = "3"\n'
    + '[acknowledgements]\nstandard = ["All is gone"]\n'
    + '[eligibility.refused_kinds]\nbig = "Call us."\n'
    + '[[retained]]\nname = "books"\nwhat = "Books"\nyears = 7\nground = "Law"\n',
    languages='["en", "de"]',
    advice='["Think."]',
    reasons='["Moving"]',
    stays='["Others stay."]',
)
GERMAN = """\
restart_advice = "Von vorn."
advice = ["Bedenken."]
reasons = ["Umzug"]
stays = ["Andere bleiben."]

[agreement]
title = "Bedingungen"

[acknowledgements]
standard = ["Alles ist weg"]

[eligibility.refused_kinds]
big = "Rufen Sie an."

[retained.books]
what = "Bücher"
ground = "Gesetz"

[checks.thing]
title = "Rechnung {id}"
how_to = "Tun."

[messages.closure_deleted]
subject = "Weg: {account_id}"
email = "Konto {account_id} ist weg."
sms = "Weg."

[messages.account_dormant]
subject = "Ruht"
email = "Konto {account_id} ruht."
sms = "Ruht."
"""


def full() -> Policy:
    return parse_policy(FULL, "acme.toml", {"de": GERMAN})


def fault(german: str | None, text: str = FULL) -> tuple[str, str, str]:
    with pytest.raises(PolicyFault) as caught:
        parse_policy(text, "acme.toml", {} if german is None else {"de": german})
    assert caught.value.file in str(caught.value)
    return caught.value.file, caught.value.key, caught.value.reason


@shipped
def test_a_shipped_policy_is_complete_in_english_and_chinese(policy: Policy) -> None:
    assert policy.languages == ("en", "zh")
    english, chinese = texts_by_path(policy, "en"), texts_by_path(policy, "zh")
    assert chinese.keys() == english.keys()
    for path, text in english.items():
        assert placeholders(chinese[path]) == placeholders(text), path


@shipped
def test_what_is_chinese_is_not_english(policy: Policy) -> None:
    english, chinese = texts_by_path(policy, "en"), texts_by_path(policy, "zh")
    alike = [path for path, text in english.items() if chinese[path] == text]
    # T9: the option is chosen word by word, in whatever language the rest is read.
    assert alike == ([] if policy is SHIPPED[0] else ["acknowledgements.upgraded.0"])


@shipped
def test_every_turn_of_a_shipped_policy_has_a_message(policy: Policy) -> None:
    told = {str(template) for template in policy.messages}
    every = {"closure_opened", "closure_confirmed", "closure_expired", "closure_withdrawn", "closure_deleted"}
    own = (
        {"identity_code", "silence_began", "closure_restored"}
        if policy is SHIPPED[0]
        else {"account_closed", "account_dormant", "refund_started", "refund_partly_settled"}
        | {"refund_settled", "refund_failed", "refund_late"}
    )
    assert told == every | own
    for languages in policy.messages.values():
        assert languages.keys() == {"en", "zh"}
        for texts in languages.values():
            assert texts.subject is not None


@shipped
def test_who_reads_that_data_is_deleted_reads_what_is_kept_and_how_long(policy: Policy) -> None:
    (years,) = {kept.years for kept in policy.retained}
    said = policy.messages[MessageTemplate.CLOSURE_DELETED]
    for channel in Channel:
        english, chinese = (said[language].for_channel(channel) for language in ("en", "zh"))
        assert f"entries and the record of this closure are kept, for {years} years." in english
        assert "仅保留会计分录和" in chinese
        assert f"保存 {years} 年。" in chinese


@shipped
def test_mails_have_no_words_of_the_programs_inside(policy: Policy) -> None:
    for path, text in texts_by_path(policy, "en").items():
        if path.startswith("messages."):
            for word in ("hash", "survey", "workflow", "renounce", "item", "stage", "starter.py"):
                assert word not in text.lower(), path


@pytest.mark.parametrize("path", sorted(texts_by_path(full(), "de")))
def test_a_text_that_the_translation_lacks_is_told_with_its_file_and_path(path: str) -> None:
    line = next(line for line in GERMAN.splitlines() if texts_by_path(full(), "de")[path] in line)
    file, key, reason = fault(GERMAN.replace(line, ""))
    assert file == "acme.de.toml"
    assert path.startswith(key) or key == path
    assert "is missing" in reason


@pytest.mark.parametrize(
    ("addition", "key"),
    [
        ('[checks.other]\ntitle = "x"\nhow_to = "x"\n', "checks.other.title"),
        ('[messages.closure_expired]\nsubject = "x"\nemail = "x"\nsms = "x"\n', "messages.closure_expired"),
        ('[retained.more]\nwhat = "x"\nground = "x"\n', "retained.more.what"),
    ],
)
def test_a_text_that_the_policy_lacks_is_told(addition: str, key: str) -> None:
    file, found, reason = fault(GERMAN + addition)
    assert (file, reason) == ("acme.de.toml", "the policy has no such text")
    assert found.startswith(key)


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("Rechnung {id}", "Rechnung", "checks.thing.title"),
        ("Rechnung {id}", "Rechnung {id} {amount}", "checks.thing.title"),
        ("Rechnung {id}", "Rechnung {id", "checks.thing.title"),
        ("Konto {account_id} ist", "Konto {konto} ist", "messages.closure_deleted.email"),
        ('sms = "Weg."', 'sms = "Weg {account_id}."', "messages.closure_deleted.sms"),
    ],
)
def test_other_placeholders_are_told(before: str, after: str, key: str) -> None:
    file, found, reason = fault(GERMAN.replace(before, after))
    assert (file, found) == ("acme.de.toml", key)
    assert "placeholders" in reason


def test_an_unknown_key_of_a_translation_is_told() -> None:
    assert fault(GERMAN + 'fax = "x"\n')[:2] == ("acme.de.toml", "messages.account_dormant.fax")
    assert fault('silent_period = "7d"\n' + GERMAN)[1:] == ("silent_period", "unknown key")
    assert fault("restart_advice = \n")[0] == "acme.de.toml"


def test_a_declared_language_has_a_file_and_a_file_is_of_a_declared_language() -> None:
    file, key, reason = fault(None)
    assert (file, key) == ("acme.toml", "languages.1")
    assert "acme.de.toml" in reason
    file, _, reason = fault(GERMAN, FULL.replace('["en", "de"]', '["en"]'))
    assert file == "acme.de.toml"
    assert '"de" is not among' in reason


@pytest.mark.parametrize("languages", ["[]", '["en", "en"]', '["english!"]', '"en"'])
def test_bad_languages_are_told(languages: str) -> None:
    assert fault(GERMAN, acme_text(languages=languages))[1].startswith("languages")


def test_each_language_has_a_place_of_its_own() -> None:
    other = '[messages.closure_deleted.de]\nsubject = "x"\nemail = "x"\nsms = "x"\n'
    assert fault(GERMAN, FULL + other) == (
        "acme.toml",
        "messages.closure_deleted.de",
        "belongs in acme.de.toml",
    )
    assert fault(GERMAN, FULL + '[translations.de]\nrestart_advice = "x"\n')[1:] == (
        "translations",
        "unknown key",
    )
    french = other.replace(".de]", ".fr]")
    assert fault(GERMAN, FULL + french)[1] == "messages.closure_deleted.fr"


def test_a_policy_may_be_written_in_another_language_than_english() -> None:
    german = acme_text(languages='["de"]').replace(".en]", ".de]")
    assert parse_policy(german, "acme.toml").languages == ("de",)
    key = fault(None, acme_text(languages='["de"]'))[1]
    assert key == "messages.closure_deleted.de"


def test_a_translation_without_its_policy_is_told(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(acme_text(), encoding="utf-8")
    (tmp_path / "other.de.toml").write_text(GERMAN, encoding="utf-8")
    with pytest.raises(PolicyFault, match=r"other\.de\.toml: there is no other\.toml"):
        load_policies(tmp_path)
    (tmp_path / "other.de.toml").unlink()
    (tmp_path / "acme.toml").write_text(FULL, encoding="utf-8")
    (tmp_path / "acme.de.toml").write_text(GERMAN, encoding="utf-8")
    assert load_policies(tmp_path) == {"acme": full()}


# Reading in a language.


@pytest.mark.parametrize(
    ("wanted", "language"), [("de", "de"), ("de-AT", "de"), ("DE", "de"), ("en", "en"), ("fr", "en")]
)
def test_a_reader_gets_their_language_or_the_policys(wanted: str, language: str) -> None:
    spoken = in_language(full(), wanted)
    assert spoken.languages[0] == language
    assert spoken.restart_advice == {"de": "Von vorn.", "en": "Start again."}[language]


def test_all_texts_are_in_the_language_wanted() -> None:
    spoken = in_language(full(), "de")
    assert spoken.advice == ("Bedenken.",)
    assert spoken.reasons == ("Umzug",)
    assert str(spoken.agreement) == "Bedingungen, version 3"
    assert spoken.checks[0].title == "Rechnung {id}"
    assert spoken.checks[0].how_to == "Tun."
    assert (spoken.retained[0].what, spoken.retained[0].ground) == ("Bücher", "Gesetz")
    with pytest.raises(Refused, match="Rufen Sie an"):
        spoken.require_kind("big")


@shipped
def test_there_and_back_again_is_the_same_policy(policy: Policy) -> None:
    assert in_language(in_language(policy, "zh"), "en") == policy


@shipped
def test_a_pinned_policy_has_the_texts_of_all_languages(policy: Policy) -> None:
    pinned = Policy.from_json(policy.canonical_json())
    assert pinned == policy
    assert texts_by_path(pinned, "zh") == texts_by_path(policy, "zh")


def test_the_text_of_a_translation_is_content() -> None:
    other = parse_policy(FULL, "acme.toml", {"de": GERMAN.replace("Bedenken", "Nachdenken")})
    assert other.content_hash != full().content_hash


def test_a13_t9_consent_may_be_given_in_any_language_and_is_asked_for_in_the_readers() -> None:
    policy, german = full(), in_language(full(), "de")
    for read in (policy, german):
        for text in ("All is gone", "Alles ist weg"):
            assert read.missing_consent("standard", Mode.DELETE, True, (text,)) == ()
        assert (
            read.missing_consent("standard", Mode.DELETE, True, ("Tout",))
            == read.acknowledgements["standard"]
        )
    assert german.missing_consent("standard", Mode.DELETE, False, ()) == (
        "Bedingungen, version 3",
        "Alles ist weg",
    )


def test_t9_a_box_of_one_language_stands_for_the_same_box_in_another_only() -> None:
    policy = twilio()
    english = policy.acknowledgements["trial"]
    chinese = in_language(policy, "zh").acknowledgements["trial"]
    mixed = (english[0], chinese[1], english[2])
    assert policy.missing_consent("trial", Mode.DELETE, False, mixed) == ()
    twice = (english[0], chinese[0], english[2])
    assert policy.missing_consent("trial", Mode.DELETE, False, twice) == (english[1],)


def test_languages_of_policies() -> None:
    assert languages_of(SHIPPED) == {"en", "zh"}
    assert languages_of([]) == frozenset()


def test_what_a_translation_lacks_holds_nothing_up_and_takes_no_consent_away() -> None:
    """No such file is read; whoever makes a policy otherwise must not stop a closure by it."""
    policy = full()
    nothing: dict[str, object] = {"acknowledgements": {}, "checks": {}, "retained": {}}
    bare = policy.translations["de"].model_copy(update=nothing)
    spoken = in_language(policy.model_copy(update={"translations": {"de": bare}}), "de")
    assert (spoken.checks, spoken.retained) == (policy.checks, policy.retained)
    assert spoken.restart_advice == "Von vorn."
    assert spoken.missing_consent("standard", Mode.DELETE, True, ()) == ("All is gone",)


# Items, losses and the plan.


@given(facts())
def test_the_plan_does_not_depend_on_the_language(found: SurveyFacts) -> None:
    policy = alibaba_cloud()
    items = evaluate(policy, found, NOW, Mode.DELETE)
    chinese = worded(items, in_language(policy, "zh"))
    plans = [make_plan(policy, found, each, Mode.DELETE) for each in (items, chinese)]
    assert plans[0] == plans[1]
    assert plans[0].plan_hash == plans[1].plan_hash


@given(facts())
def test_an_item_is_the_same_in_every_language_but_for_its_words(found: SurveyFacts) -> None:
    policy = alibaba_cloud()
    items = evaluate(policy, found, NOW, Mode.DELETE)
    chinese = worded(items, in_language(policy, "zh"))
    wordless = {"title": "", "how_to": ""}
    assert [item.model_copy(update=wordless) for item in chinese] == [
        item.model_copy(update=wordless) for item in items
    ]
    for item, translated in zip(items, chinese, strict=True):
        assert translated.title != item.title
        assert translated.how_to != item.how_to
        for value in (item.resource_id, item.amount):
            assert value is None or value in translated.title
    assert worded(chinese, policy) == items
    assert evaluate(in_language(policy, "zh"), found, NOW, Mode.DELETE) == chinese


@given(facts())
def test_a23_what_the_final_check_finds_is_worded_in_every_language(found: SurveyFacts) -> None:
    if found.statement is None:
        return
    policy = alibaba_cloud()
    owed = newly_owed(policy, found.statement, NOW)
    chinese = worded(owed, in_language(policy, "zh"))
    assert newly_owed(in_language(policy, "zh"), found.statement, NOW) == chinese
    for item, translated in zip(owed, chinese, strict=True):
        assert item.wording is not None
        assert item.wording.text is ItemText.FINAL
        assert translated.title != item.title
        assert "在此处选择" not in translated.how_to


def test_a23_new_money_of_the_very_amount_that_was_given_up_is_a_reason() -> None:
    policy = alibaba_cloud()
    found = account(statement("42.00"))
    plan = make_plan(policy, found, evaluate(policy, found, NOW, Mode.DELETE), Mode.DELETE)
    assert why_restored(policy, plan, newly_owed(policy, statement("42.00"), NOW)) == (
        "Remaining balance of 42.00 USD",
    )
    consented = evaluate(policy, found, NOW, Mode.DELETE)
    assert why_restored(policy, plan, consented) == (words_of("en").something_else,)
    assert why_restored(in_language(policy, "zh"), plan, ()) == (words_of("zh").something_else,)


def test_an_item_of_before_there_were_languages_stays_as_it_is() -> None:
    policy = alibaba_cloud()
    old = evaluate(policy, SurveyFacts.model_validate(_everything_unread()), NOW, Mode.DELETE)[0]
    kept = old.model_copy(update={"wording": None})
    assert worded([kept], in_language(policy, "zh")) == (kept,)


def _everything_unread() -> dict[str, object]:
    profile = {"account_id": "a", "provider": "p", "kind": "k", "currency": "USD", "access": "open"}
    return {"profile": profile}


@given(facts())
def test_a26_losses_in_words_are_in_the_order_of_their_ids(found: SurveyFacts) -> None:
    policy = alibaba_cloud()
    plan = make_plan(policy, found, evaluate(policy, found, NOW, Mode.DELETE), Mode.DELETE)
    ids = unrecoverable_ids(plan)
    for language in ("en", "zh"):
        words = losses_in_words(plan, language)
        assert len(words) == len(ids)
        for item_id, said in zip(ids, words, strict=True):
            amount = {"balance": plan.forfeited_cash, "promo": plan.forfeited_promo}.get(item_id)
            assert (amount or item_id.rpartition("/")[2]) in said
    assert losses_in_words(plan, "de") == losses_in_words(plan, "en")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_engine_speaks_of_everything_in_both_languages(language: str) -> None:
    words = words_of(language)
    assert words.items.keys() | {ItemText.CHECK, ItemText.FINAL} == set(ItemText)
    assert words.sources.keys() == set(Source)
    assert words.left.keys() == set(Inspects)
    english = words_of("en")
    for text, each in words.items.items():
        assert placeholders(each.title) == placeholders(english.items[text].title)
        assert placeholders(each.how_to) == placeholders(english.items[text].how_to)
    for inspects, each in words.final.items():
        assert placeholders(each.title) == placeholders(english.final[inspects].title)
    for lost, said in words.lost.items():
        assert placeholders(said) == placeholders(english.lost[lost])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_reason_is_no_sentence_of_its_own(language: str) -> None:
    """Messages end what they list with a full stop of their own."""
    words = words_of(language)
    for reason in (
        words.something_else,
        words.account_changed,
        *(each.title for each in words.final.values()),
    ):
        assert not reason.endswith((".", "。"))


def test_files_of_the_shipped_policies_are_one_for_each_language() -> None:
    assert sorted(path.name for path in POLICY_FOLDER.glob("*.toml")) == [
        "alibaba-cloud.toml",
        "alibaba-cloud.zh.toml",
        "twilio.toml",
        "twilio.zh.toml",
    ]
