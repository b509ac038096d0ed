"""What makes a policy file unusable, and that its fault is told with file, key and reason."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from closure.lifecycle import Mode
from closure.money import Money
from closure.policy import Policy
from closure.policy_text import PolicyFault, parse_policy
from tests.unit.examples import ACME, acme, acme_text, alibaba_cloud, check_text

LIMITED = check_text(
    "balance", "within_limit", more='how_to_manual = "Pay."\nlimits = { default = "1000", USD = "99.50" }'
)


def fault(text: str, file_name: str = "acme.toml") -> tuple[str, str, str]:
    with pytest.raises(PolicyFault) as caught:
        parse_policy(text, file_name)
    found = caught.value
    assert "\n" not in str(found).partition("not valid TOML")[0]
    assert str(found).startswith(f"{file_name}: ")
    assert found.key in str(found)
    assert found.reason in str(found)
    return found.file, found.key, found.reason


def test_the_smallest_policy_is_read() -> None:
    policy = parse_policy(ACME, "acme.toml")
    assert (policy.name, policy.modes, policy.checks) == ("acme", (Mode.DELETE,), ())
    assert policy.draft_lifetime == timedelta(days=1)
    assert policy.silent_period == policy.retention == policy.entering_duration == timedelta(0)


@pytest.mark.parametrize("key", ["name", "version", "provider", "modes", "draft_lifetime", "restart_advice"])
def test_a_missing_key_is_named(key: str) -> None:
    text = "\n".join(line for line in ACME.splitlines() if not line.startswith(f"{key} = "))
    assert fault(text) == ("acme.toml", key, "is missing")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('kinds = ["standard"]', "eligibility.kinds"),
        ('roles = ["owner"]', "eligibility.roles"),
        ('methods = ["password"]', "identity.methods"),
        ('proof_lifetime = "30m"', "identity.proof_lifetime"),
        ('sms = "Gone."', "messages.closure_deleted.en.sms"),
    ],
)
def test_a_missing_key_of_a_table_is_named_with_its_table(line: str, key: str) -> None:
    assert line in ACME
    assert fault(ACME.replace(line, "")) == ("acme.toml", key, "is missing")


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('version = "1"', 'version = "1"\nsilent_perod = "7d"', "silent_perod"),
        ("[identity]", '[identity]\nmethod = "x"', "identity.method"),
        ('sms = "Gone."', 'sms = "Gone."\nfax = "Gone."', "messages.closure_deleted.en.fax"),
        ('sms = "Gone."', 'sms = "Gone."\n[refunds]\nfull = true', "refunds"),
    ],
)
def test_an_unknown_key_is_named(before: str, after: str, key: str) -> None:
    assert fault(ACME.replace(before, after)) == ("acme.toml", key, "unknown key")


def test_an_unknown_key_of_a_check_is_named_with_its_position() -> None:
    text = acme_text(
        check_text("bills", "manual") + check_text("domains", "manual", id="b", more="limit = 1")
    )
    assert fault(text) == ("acme.toml", "checks.1.limit", "unknown key")


@pytest.mark.parametrize(
    ("replacements", "key"),
    [
        ({"name": "7"}, "name"),
        ({"version": "1"}, "version"),
        ({"version": "2026-11-01"}, "version"),
        ({"modes": '"delete"'}, "modes"),
        ({"modes": "[]"}, "modes"),
        ({"modes": '["purge"]'}, "modes.0"),
        ({"require_reason": '"yes"'}, "require_reason"),
        ({"require_reason": "1"}, "require_reason"),
        ({"reasons": '"moving"'}, "reasons"),
        ({"advice": "[7]"}, "advice.0"),
        ({"checks": '"none"'}, "checks"),
        ({"silent_period": "7"}, "silent_period"),
        ({"silent_period": "7.5"}, "silent_period"),
        ({"restart_advice": "true"}, "restart_advice"),
        ({"service_role": '""'}, "service_role"),
        ({"provider": '"  "'}, "provider"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_its_key(replacements: dict[str, str], key: str) -> None:
    file, found, reason = fault(acme_text(**replacements))
    assert (file, found) == ("acme.toml", key)
    assert reason
    assert reason != "unknown key"


@pytest.mark.parametrize("key", ["draft_lifetime", "entering_duration", "silent_period", "retention"])
@pytest.mark.parametrize("text", ["7 days", "7", "-1d", "1.5h", "", "1w"])
def test_a_bad_duration_is_told_with_an_example(key: str, text: str) -> None:
    file, found, reason = fault(acme_text(**{key: f'"{text}"'}))
    assert (file, found) == ("acme.toml", key)
    assert '"7d"' in reason


@pytest.mark.parametrize(
    ("limits", "key", "reason"),
    [
        ('{ default = "1000", XYZ = "1" }', "limits.XYZ", "not an ISO 4217 currency"),
        ('{ default = "1000", usd = "1" }', "limits.usd", "not an ISO 4217 currency"),
        ('{ default = "1000", XXX = "1" }', "limits.XXX", "not an ISO 4217 currency"),
        ('{ default = "1000", JPY = "10.5" }', "limits.JPY", "more decimals"),
        ('{ default = "1000", KWD = "1.0001" }', "limits.KWD", "more decimals"),
        ('{ default = "1000", USD = "much" }', "limits.USD", "not a decimal amount"),
        ('{ default = "1000", USD = "-1" }', "limits.USD", "must not be negative"),
        ('{ default = "1000.00" }', "limits.default", "whole number"),
        ('{ default = "-5" }', "limits.default", "whole number"),
        ('{ default = "" }', "limits.default", "whole number"),
        ('{ USD = "1000" }', "limits.default", "is missing"),
        ("{}", "limits.default", "is missing"),
        ("{ default = 1000 }", "limits.default", "string"),
        ('"1000"', "limits", ""),
    ],
)
def test_a_bad_limit_is_told_with_its_currency(limits: str, key: str, reason: str) -> None:
    more = f'how_to_manual = "Pay."\nlimits = {limits}'
    file, found, why = fault(acme_text(check_text("balance", "within_limit", more=more)))
    assert (file, found) == ("acme.toml", f"checks.0.{key}")
    assert reason in why


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Pay {amuont}", "unknown placeholder {amuont}"),
        ("Pay {status}", "unknown placeholder {status}"),
        ("Pay {limit}", "unknown placeholder {limit}"),
        ("Pay {amount:>9}", "bad placeholder"),
        ("Pay {amount.real}", "bad placeholder"),
        ("Pay {}", "bad placeholder"),
        ("Pay {amount", "bad placeholder"),
    ],
)
def test_a_bad_placeholder_of_a_check_is_told(text: str, reason: str) -> None:
    check = check_text("balance", "manual").replace("Do it.", text)
    file, key, why = fault(acme_text(check))
    assert (file, key) == ("acme.toml", "checks.0.how_to")
    assert reason in why


def test_a_bad_placeholder_of_a_message_is_told() -> None:
    file, key, why = fault(ACME.replace("Gone.", "Gone, {name}."))
    assert (file, key) == ("acme.toml", "messages.closure_deleted.en.sms")
    assert why == "unknown placeholder {name}; allowed here: {account_id}, {closure_id}"


@pytest.mark.parametrize("language", ["english", "EN", "e", "en_US", ""])
def test_a_bad_language_is_told(language: str) -> None:
    text = ACME.replace("[messages.closure_deleted.en]", f'[messages.closure_deleted."{language}"]')
    if language == "english":
        text = text.replace("english", "engl-1")
    file, key, _ = fault(text)
    assert file == "acme.toml"
    assert key.startswith("messages.closure_deleted")


def test_an_unknown_message_is_told() -> None:
    text = ACME + '\n[messages.closure_paused.en]\nemail = "x"\nsms = "x"\n'
    assert fault(text)[1] == "messages.closure_paused"


@pytest.mark.parametrize("name", ["Acme", "7up", "a b", "acme.toml", "-acme", "a" * 65, "", "acme\\n"])
def test_a_bad_name_is_told(name: str) -> None:
    assert fault(acme_text(name=f'"{name}"'))[1] == "name"


def test_the_name_must_be_the_files() -> None:
    assert fault(ACME, "other.toml") == ("other.toml", "name", 'is "acme" but the file is named "other"')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = ",
        'name = "a"\nname = "b"',
        "= 1",
        "[a\n",
        ACME + "\n[identity]\n",
        "when = 2026-13-45",
        f"big = {'9' * 5000}",
        f"deep = {'[' * 20_000}{']' * 20_000}",
        'text = "\x00"',
    ],
)
def test_what_is_no_toml_or_says_nothing_is_a_fault_and_never_a_crash(text: str) -> None:
    file, _, reason = fault(text)
    assert file == "acme.toml"
    assert reason


def test_invalid_toml_is_told_with_its_place() -> None:
    _, key, reason = fault('name = "acme"\nversion = \n')
    assert key == ""
    assert reason.startswith("not valid TOML: ")
    assert "line 2" in reason


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://example.com/terms", True),
        ("http://example.com", False),
        ("example.com", False),
        ("https://", False),
        ("https://a b", False),
    ],
)
def test_an_agreement_links_to_https_only(url: str, fine: bool) -> None:
    text = acme_text(f'[agreement]\ntitle = "Terms"\nversion = "3"\nurl = "{url}"')
    if fine:
        agreement = parse_policy(text, "acme.toml").agreement
        assert agreement is not None
        assert str(agreement) == "Terms, version 3"
    else:
        assert fault(text)[1] == "agreement.url"


def test_equal_policies_have_the_same_pinned_text_and_hash_whatever_their_layout() -> None:
    first = parse_policy(ACME, "acme.toml")
    lines = ACME.replace('"30m"', '"1800s"').partition("\n\n")
    other = parse_policy(
        "# A comment\n" + "\n".join(reversed(lines[0].splitlines())) + "\n\n" + lines[2], "acme.toml"
    )
    assert first.canonical_json() == other.canonical_json()
    assert first.content_hash == other.content_hash


@pytest.mark.parametrize(
    "changed",
    [
        acme_text(version='"2"'),
        acme_text(draft_lifetime='"2d"'),
        acme_text(restart_advice='"Start again!"'),
        acme_text(check_text("bills", "manual")),
        ACME.replace("Gone.", "Deleted."),
    ],
)
def test_any_other_content_has_another_hash(changed: str) -> None:
    assert parse_policy(changed, "acme.toml").content_hash != parse_policy(ACME, "acme.toml").content_hash


@pytest.mark.parametrize(
    "policy", [acme(), acme(LIMITED), alibaba_cloud()], ids=["acme", "limited", "alibaba"]
)
def test_a_pinned_policy_is_read_back_the_same(policy: Policy) -> None:
    again = Policy.from_json(policy.canonical_json())
    assert again == policy
    assert again.canonical_json() == policy.canonical_json()
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


def test_a_default_is_not_pinned_so_that_fields_added_later_change_no_hash() -> None:
    assert "silent_period" not in acme().canonical_json()
    assert acme(silent_period='"0d"', appears_later='"include"').content_hash == acme().content_hash


def test_a_copy_that_says_something_else_has_a_hash_of_its_own() -> None:
    policy = acme()
    known = policy.content_hash
    other = policy.model_copy(update={"version": "another"})
    assert other.content_hash == Policy.from_json(other.canonical_json()).content_hash != known
    assert other.model_copy(update={"version": policy.version}).content_hash == known == policy.content_hash


@pytest.mark.parametrize("snapshot", ["", "{}", "[]", '{"name": "acme"}', "not json"])
def test_a_snapshot_that_is_no_policy_is_refused(snapshot: str) -> None:
    with pytest.raises(ValidationError):
        Policy.from_json(snapshot)


@pytest.mark.parametrize(
    ("currency", "limit"), [("USD", "99.50"), ("EUR", "1000.00"), ("JPY", "1000"), ("KWD", "1000.000")]
)
def test_a_limit_is_in_the_settlement_currency(currency: str, limit: str) -> None:
    check = acme(LIMITED).checks[0]
    assert check.limit(currency) == Money.parse(limit, currency)


def test_a_check_without_limits_has_none() -> None:
    assert acme(check_text("balance", "manual")).checks[0].limit("USD") is None


CONSENTS = (
    '[agreement]\ntitle = "Terms"\nversion = "3"\n[acknowledgements]\nstandard = ["First box", "Second box"]'
)


@pytest.mark.parametrize(
    ("agree", "acknowledged", "missing"),
    [
        (False, (), ("Terms, version 3", "First box", "Second box")),
        (True, (), ("First box", "Second box")),
        (True, ("First box",), ("Second box",)),
        (True, ("first box", "Second box now"), ("First box", "Second box")),
        (True, ("First\u00a0 box\n", " Second box"), ()),
        (False, ("Second box", "First box"), ("Terms, version 3",)),
        (True, ("Second box", "First box", "another"), ()),
    ],
)
def test_a13_every_consent_is_asked_for_by_its_exact_text(
    agree: bool, acknowledged: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert acme(CONSENTS).missing_consent("standard", Mode.DELETE, agree, acknowledged) == missing


def test_acknowledgements_are_for_their_kind_and_for_delete_mode_only() -> None:
    policy = acme(CONSENTS)
    assert policy.missing_consent("other", Mode.DELETE, True, ()) == ()
    assert policy.missing_consent("standard", Mode.KEEP_DATA, True, ()) == ()


def test_agreeing_where_nothing_is_asked_is_ignored() -> None:
    assert acme().missing_consent("standard", Mode.DELETE, False, ()) == ()
    assert acme().missing_consent("standard", Mode.DELETE, True, ("anything",)) == ()
