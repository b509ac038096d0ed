"""Well-formed policies that contradict themselves or promise what the engine can't keep."""

from datetime import UTC, datetime

import pytest

from closure.policy_rules import contradictions
from closure.policy_text import PolicyFault, parse_policy
from tests.unit.examples import ACME, acme, acme_text, alibaba_cloud, check_text

SILENT = '[final_check]\nretry_interval = "1h"'
RESTORED = """[messages.closure_restored.en]
subject = "Back again"
email = "{unrecoverable} {restart_advice}"
sms = "{unrecoverable} {restart_advice}"
"""
CLOSED = '[messages.account_closed.en]\nsubject = "Closed"\nemail = "{delete_after}"\nsms = "{delete_after}"'
CODE = '[messages.identity_code.en]\nsubject = "Code"\nemail = "{code}"\nsms = "{code}"'


def fault(text: str) -> tuple[str, str]:
    with pytest.raises(PolicyFault) as caught:
        parse_policy(text, "acme.toml")
    assert str(caught.value) == f"acme.toml: {caught.value.key}: {caught.value.reason}"
    return caught.value.key, caught.value.reason


def test_a_good_policy_has_no_contradiction() -> None:
    assert list(contradictions(alibaba_cloud())) == []
    assert list(contradictions(acme())) == []
    assert list(contradictions(acme(f"{SILENT}\n{RESTORED}", silent_period='"7d"'))) == []


def test_a_provider_has_no_slash_so_that_no_two_accounts_share_a_workflow_id() -> None:
    key, reason = fault(ACME.replace('provider = "acme"', 'provider = "acme/eu"'))
    assert key == "provider"
    assert "slash" in reason


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('modes = ["delete"]', 'modes = ["delete", "keep-data", "delete"]', "modes.2"),
        ('kinds = ["standard"]', 'kinds = ["standard", "trial", "trial"]', "eligibility.kinds.2"),
        ('roles = ["owner"]', 'roles = ["owner", "owner"]', "eligibility.roles.1"),
        ('methods = ["password"]', 'methods = ["password", "password"]', "identity.methods.1"),
    ],
)
def test_what_is_there_twice_is_told(before: str, after: str, key: str) -> None:
    found, reason = fault(ACME.replace(before, after))
    assert found == key
    assert "is there twice" in reason


def test_a_suggested_reason_is_there_once_and_one_that_the_rules_accept() -> None:
    assert fault(acme_text(reasons='["Moving", "Moving"]'))[0] == "reasons.1"
    acme(reasons=f'["{"x" * 200}"]')
    key, reason = fault(acme_text(reasons=f'["Moving", "{"x" * 201}"]'))
    assert key == "reasons.1"
    assert "200" in reason
    key, reason = fault(acme_text(reasons='["two\\nlines"]'))
    assert key == "reasons.0"
    assert "control characters" in reason


def test_a_kind_is_accepted_or_refused_but_not_both() -> None:
    text = ACME + '\n[eligibility.refused_kinds]\nstandard = "Ask us."'
    assert fault(text) == (
        "eligibility.refused_kinds.standard",
        '"standard" is also among the accepted kinds',
    )


@pytest.mark.parametrize(
    ("preparation", "key"),
    [
        ('country = "Nowhere"\nworkloads = { at_least = 2, at_most = 5 }', "preparation.country"),
        ('country = "CN"\nworkloads = { at_least = 6, at_most = 5 }', "preparation.workloads.at_least"),
        ('country = "CN"\ntransfers = { at_least = 2, at_most = 1 }', "preparation.transfers.at_least"),
        ('country = "CN"\ntransfers = { at_least = -1, at_most = 1 }', "preparation.transfers.at_least"),
    ],
)
def test_an_estimate_of_the_preparation_is_a_range_by_a_known_calendar(preparation: str, key: str) -> None:
    acme('[preparation]\ncountry = "CN"\nworkloads = { at_least = 5, at_most = 5 }')
    assert fault(acme_text(f"[preparation]\n{preparation}"))[0] == key


def test_acknowledgements_are_for_an_accepted_kind() -> None:
    assert fault(acme_text('[acknowledgements]\ntrial = ["Yes"]')) == (
        "acknowledgements.trial",
        '"trial" is not among eligibility.kinds',
    )


def test_acknowledgements_are_for_delete_mode() -> None:
    key, reason = fault(acme_text('[acknowledgements]\nstandard = ["Yes"]', modes='["keep-data"]'))
    assert key == "acknowledgements.standard"
    assert "delete mode" in reason


def test_an_acknowledgement_is_there_once() -> None:
    text = acme_text('[acknowledgements]\nstandard = ["Yes", "Yes"]')
    assert fault(text)[0] == "acknowledgements.standard.1"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (acme_text(draft_lifetime='"0d"'), "draft_lifetime"),
        (ACME.replace('"30m"', '"0m"'), "identity.proof_lifetime"),
        (
            acme_text('[final_check]\nretry_interval = "0h"', silent_period='"7d"'),
            "final_check.retry_interval",
        ),
    ],
)
def test_some_durations_are_longer_than_zero(text: str, key: str) -> None:
    assert fault(text) == (key, "must be longer than zero")


def test_a21_a_silent_period_ends_with_a_final_check() -> None:
    assert fault(acme_text(silent_period='"7d"'))[0] == "final_check"
    assert fault(acme_text(f"{SILENT}\n{RESTORED}"))[0] == "final_check"


@pytest.mark.parametrize("key", ["silent_period", "retention"])
def test_waits_before_deletion_are_for_delete_mode(key: str) -> None:
    extra = f"{SILENT}\n{RESTORED}" if key == "silent_period" else ""
    found, reason = fault(acme_text(extra, modes='["keep-data"]', **{key: '"7d"'}))
    assert found == key
    assert "delete mode" in reason


def test_a19_a_service_role_needs_time_to_work_in() -> None:
    assert fault(acme_text(service_role='"Cleaner"'))[0] == "service_role"
    waiting = acme(CLOSED, service_role='"Cleaner"', retention='"1d"')
    assert waiting.service_role == "Cleaner"


@pytest.mark.parametrize("reserved", ["unknown", "promo"])
def test_the_engines_own_ids_are_reserved(reserved: str) -> None:
    text = acme_text(check_text("bills", "manual", id=reserved))
    assert fault(text) == ("checks.0.id", f'"{reserved}" is reserved')


def test_two_checks_have_two_ids() -> None:
    text = acme_text(check_text("bills", "manual") + check_text("domains", "manual"))
    assert fault(text) == ("checks.1.id", 'another check has the id "thing"')


def test_one_thing_is_inspected_once() -> None:
    text = acme_text(check_text("bills", "manual", id="a") + check_text("bills", "manual", id="b"))
    assert fault(text) == ("checks.1.inspects", 'another check inspects "bills"')


def test_relationships_may_be_inspected_by_kind_and_role() -> None:
    where = 'where = { type = "resource-directory", role = "%s" }'
    policy = acme(
        check_text("relationships", "manual", id="a", more=where % "administrator")
        + check_text("relationships", "manual", id="b", more=where % "member")
    )
    assert len(policy.checks) == 2


ONLY_ELSEWHERE = ("bills", "credit_notes", "domains", "icp_filings", "relationships")


@pytest.mark.parametrize(
    ("inspects", "disposition"),
    [
        *((inspects, "renounceable") for inspects in ONLY_ELSEWHERE),
        *((inspects, "by_thing") for inspects in (*ONLY_ELSEWHERE, "balance", "debt")),
        *((inspects, "within_limit") for inspects in (*ONLY_ELSEWHERE, "resources", "subscriptions")),
    ],
)
def test_nothing_is_given_up_that_the_engine_cannot_give_up(inspects: str, disposition: str) -> None:
    key, reason = fault(acme_text(check_text(inspects, disposition)))
    assert key == "checks.0.disposition"
    assert f"impossible for {inspects}" in reason
    assert "manual" in reason


@pytest.mark.parametrize(
    ("inspects", "disposition", "more"),
    [("balance", "within_limit", 'limits = { default = "1" }'), ("resources", "by_thing", "")],
)
def test_a_check_that_can_go_either_way_tells_both_ways(inspects: str, disposition: str, more: str) -> None:
    key, _ = fault(acme_text(check_text(inspects, disposition, more=more)))
    assert key == "checks.0.how_to_manual"
    acme(check_text(inspects, disposition, more=f'{more}\nhow_to_manual = "There."'))


@pytest.mark.parametrize("disposition", ["manual", "renounceable"])
def test_a_check_that_goes_one_way_tells_one_way(disposition: str) -> None:
    text = acme_text(check_text("balance", disposition, more='how_to_manual = "There."'))
    assert fault(text)[0] == "checks.0.how_to_manual"


def test_where_is_for_relationships() -> None:
    text = acme_text(check_text("domains", "manual", more='where = { type = "partner" }'))
    assert fault(text)[0] == "checks.0.where"


def test_a_partner_relationship_has_no_role_to_look_for() -> None:
    more = 'where = { type = "partner", role = "member" }'
    assert fault(acme_text(check_text("relationships", "manual", more=more)))[0] == "checks.0.where.role"


@pytest.mark.parametrize("disposition", ["manual", "renounceable"])
def test_limits_need_a_check_that_heeds_them(disposition: str) -> None:
    text = acme_text(check_text("balance", disposition, more='limits = { default = "1" }'))
    assert fault(text)[0] == "checks.0.limits"


@pytest.mark.parametrize(
    ("inspects", "names"),
    [
        ("bills", "id amount currency status"),
        ("credit_notes", "id amount currency"),
        ("balance", "amount currency"),
        ("debt", "amount currency"),
        ("resources", "id product"),
        ("subscriptions", "id product expires"),
        ("domains", "id"),
        ("icp_filings", "id"),
        ("relationships", "id"),
    ],
)
def test_every_check_may_use_what_its_findings_have(inspects: str, names: str) -> None:
    text = " ".join(f"{{{name}}}" for name in names.split())
    acme(check_text(inspects, "manual").replace("Something", text))
    key, _ = fault(acme_text(check_text(inspects, "manual").replace("Something", "{password}")))
    assert key == "checks.0.title"


def test_a_deletion_has_a_message_in_english() -> None:
    text = ACME.replace("closure_deleted.en", "closure_deleted.de")
    assert fault(text)[0] == "messages.closure_deleted.en"
    assert fault(ACME[: ACME.index("[messages")])[0] == "messages.closure_deleted.en"


def test_a24_a_final_check_has_a_message_for_its_failure() -> None:
    assert fault(acme_text(SILENT, silent_period='"7d"'))[0] == "messages.closure_restored.en"


@pytest.mark.parametrize("method", ["email_code", "sms_code"])
def test_a12_a_code_needs_a_message_that_says_it(method: str) -> None:
    text = ACME.replace('methods = ["password"]', f'methods = ["{method}"]')
    assert fault(text)[0] == "messages.identity_code.en"
    parse_policy(text + CODE, "acme.toml")
    key, reason = fault(text + CODE.replace('sms = "{code}"', 'sms = "Hello"'))
    assert (key, reason) == ("messages.identity_code.en.sms", "must contain {code}")


@pytest.mark.parametrize("name", ["unrecoverable", "restart_advice"])
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a23_a26_a_restored_customer_is_told_what_is_gone_and_what_to_do(name: str, channel: str) -> None:
    silent = RESTORED.replace(f'{channel} = "', f'{channel} = "X').splitlines()
    lines = [line.replace(f"{{{name}}}", "") if line.startswith(channel) else line for line in silent]
    key, reason = fault(acme_text(SILENT + "\n" + "\n".join(lines), silent_period='"7d"'))
    assert key == f"messages.closure_restored.en.{channel}"
    assert reason == f"must contain {{{name}}}"


KEPT = '[[retained]]\nname = "ledger"\nwhat = "Entries"\nyears = 7\nground = "Tax law"\n'


def test_retained_classes_say_what_is_kept_how_long_and_why() -> None:
    policy = acme(
        KEPT + KEPT.replace("ledger", "logs").replace("years = 7", 'duration = "90d"\nstores = ["x"]')
    )
    assert policy.retains("object-storage") is None
    kept = policy.retains("x")
    assert kept is not None
    assert kept.name == "logs"
    leap_day = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert [each.until(leap_day) for each in policy.retained] == [
        datetime(2035, 3, 1, 12, tzinfo=UTC),
        datetime(2028, 5, 29, 12, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("before", "after", "key", "reason"),
    [
        ("years = 7", "", "retained.0.years", "one of both"),
        ("years = 7", 'years = 7\nduration = "7d"', "retained.0.years", "one of both"),
        ("years = 7", "years = 0", "retained.0.years", "greater than or equal to 1"),
        ("years = 7", "years = 101", "retained.0.years", "less than or equal to 100"),
        ("years = 7", "years = true", "retained.0.years", "valid integer"),
        ("years = 7", 'years = "7"', "retained.0.years", "valid integer"),
        ("years = 7", 'duration = "0d"', "retained.0.duration", "longer than zero"),
        ("years = 7", 'duration = "7 years"', "retained.0.duration", '"7d"'),
        ('ground = "Tax law"', "", "retained.0.ground", "is missing"),
        ('ground = "Tax law"', 'ground = " "', "retained.0.ground", "must not be empty"),
        ('what = "Entries"', "", "retained.0.what", "is missing"),
        ('name = "ledger"', 'name = "The Ledger"', "retained.0.name", "pattern"),
        ("years = 7", 'years = 7\nstores = ["a", "a"]', "retained.0.stores.1", "there twice"),
        ("years = 7", "years = 7\nuntil = 2030", "retained.0.until", "unknown key"),
    ],
)
def test_a_retained_class_that_can_not_be_is_told_with_its_key(
    before: str, after: str, key: str, reason: str
) -> None:
    found, said = fault(acme_text(KEPT.replace(before, after)))
    assert found == key
    assert reason in said


def test_two_retained_classes_share_neither_name_nor_store() -> None:
    assert fault(acme_text(KEPT + KEPT))[0] == "retained.1.name"
    with_store = KEPT.replace("years = 7", 'years = 7\nstores = ["a"]')
    assert fault(acme_text(with_store + with_store.replace("ledger", "logs")))[0] == "retained.1.stores.0"


def test_where_nothing_is_deleted_nothing_is_retained() -> None:
    assert fault(acme_text(KEPT, modes='["keep-data"]'))[0] == "retained"


def test_policies_without_retained_classes_keep_their_hash() -> None:
    assert "retained" not in acme().canonical_json()


def test_the_consoles_word_alone_is_no_way_to_prove_who_one_is() -> None:
    key, reason = fault(ACME.replace('["password"]', '["session"]'))
    assert key == "identity.methods"
    assert "another than session" in reason
    parse_policy(ACME.replace('["password"]', '["session", "password"]'), "acme.toml")


@pytest.mark.parametrize(
    ("link", "is_good"),
    [
        ("https://console.example/domains/{id}", True),
        ("https://console.example/bills?amount={amount}", False),
        ("https://{id}.example/", False),
        ("http://console.example/", False),
        ("javascript:alert(1)", False),
    ],
)
def test_a_link_leads_to_a_named_place_and_names_what_the_texts_may_name(link: str, is_good: bool) -> None:
    text = acme_text(check_text("domains", "manual", more=f'link = "{link}"'))
    if is_good:
        parse_policy(text, "acme.toml")
    else:
        assert fault(text)[0] == "checks.0.link"
