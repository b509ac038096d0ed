"""The shipped policy says what Alibaba Cloud's procedure says, rule by rule (A1 to A27)."""

from datetime import timedelta

import pytest

from closure.accounts import Channel
from closure.lifecycle import Mode
from closure.messages import IdentityMethod
from closure.policy import MessageTemplate, Policy
from closure.policy_checks import Check, Disposition, Inspects
from closure.templates import placeholders
from connectors.policy_files import PolicyFault, load_policies
from tests.unit.examples import POLICY_FOLDER, alibaba_cloud


@pytest.fixture(scope="module")
def policy() -> Policy:
    return alibaba_cloud()


def checks_of(policy: Policy, rule: str) -> list[Check]:
    return [check for check in policy.checks if check.rule == rule]


def the_check(policy: Policy, rule: str) -> Check:
    (check,) = checks_of(policy, rule)
    return check


def test_every_policy_that_ships_is_read_under_its_files_name() -> None:
    policies = load_policies(POLICY_FOLDER)
    assert policies["alibaba-cloud"] == alibaba_cloud()
    assert all(policy.name == name for name, policy in policies.items())


def test_a_folder_without_policies_is_a_fault(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("policies")
    with pytest.raises(PolicyFault, match="holds no policy file"):
        load_policies(folder)
    with pytest.raises(PolicyFault, match="cannot be read"):
        load_policies(folder / "missing")
    (folder / "acme.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(PolicyFault, match=r"acme\.toml: is not UTF-8 text"):
        load_policies(folder)


@pytest.mark.parametrize(
    ("rule", "inspects"),
    [("A1", Inspects.BILLS), ("A2", Inspects.CREDIT_NOTES), ("A10", Inspects.RELATIONSHIPS)],
)
def test_a1_a2_a10_are_handled_elsewhere(policy: Policy, rule: str, inspects: Inspects) -> None:
    check = the_check(policy, rule)
    assert (check.inspects, check.disposition) == (inspects, Disposition.MANUAL)


@pytest.mark.parametrize(
    ("rule", "inspects", "limits"),
    [
        ("A3", Inspects.BALANCE, {"USD": "1000.00", "EUR": "1000.00", "JPY": "1000", "KWD": "1000.000"}),
        ("A4", Inspects.DEBT, {"USD": "10.00", "EUR": "10.00", "JPY": "10", "KWD": "10.000"}),
    ],
)
def test_a3_a4_have_the_limits_of_the_source(
    policy: Policy, rule: str, inspects: Inspects, limits: dict[str, str]
) -> None:
    check = the_check(policy, rule)
    assert (check.inspects, check.disposition) == (inspects, Disposition.WITHIN_LIMIT)
    assert {currency: str(check.limit(currency)) for currency in limits} == limits


def test_a5_to_export_first_is_advice_and_no_check(policy: Policy) -> None:
    advice = " ".join(policy.advice).lower()
    for thing in ("bills", "orders", "invoices", "download", "back up", "configurations", "logs"):
        assert thing in advice
    assert "financial records offered here" in advice
    assert checks_of(policy, "A5") == []


def test_a6_resources_and_subscriptions_go_as_their_flag_says(policy: Policy) -> None:
    assert [(check.inspects, check.disposition) for check in checks_of(policy, "A6")] == [
        (Inspects.RESOURCES, Disposition.BY_THING),
        (Inspects.SUBSCRIPTIONS, Disposition.BY_THING),
    ]


def test_a7_domains_and_filings_are_handled_elsewhere_and_take_7_to_15_days(policy: Policy) -> None:
    checks = checks_of(policy, "A7")
    assert [(check.inspects, check.disposition) for check in checks] == [
        (Inspects.DOMAINS, Disposition.MANUAL),
        (Inspects.ICP_FILINGS, Disposition.MANUAL),
    ]
    assert all("7 to 15 business days" in check.how_to for check in checks)
    assert any("7 to 15 business days" in advice for advice in policy.advice)


@pytest.mark.parametrize(("rule", "kind"), [("A8", "resource-directory"), ("A9", "finance-trusteeship")])
def test_a8_a9_tell_administrators_and_members_apart(policy: Policy, rule: str, kind: str) -> None:
    checks = checks_of(policy, rule)
    found = [(check.where.type, check.where.role) for check in checks if check.where is not None]
    assert found == [(kind, "administrator"), (kind, "member")]
    assert all(check.disposition is Disposition.MANUAL for check in checks)


def test_a8_a_member_is_told_whom_to_ask(policy: Policy) -> None:
    assert "Ask the administrator of the management account" in checks_of(policy, "A8")[1].how_to
    assert "disable the resource directory" in checks_of(policy, "A8")[0].how_to


def test_a9_an_administrator_removes_all_members_and_a_member_disassociates(policy: Policy) -> None:
    administrator, member = checks_of(policy, "A9")
    assert "remove every member" in administrator.how_to
    assert "disassociate" in member.how_to


def test_a10_only_the_partner_can_cancel(policy: Policy) -> None:
    check = the_check(policy, "A10")
    assert check.where is not None
    assert check.where.type == "partner"
    assert "partner" in check.how_to


def test_a11_only_the_main_account_may_start(policy: Policy) -> None:
    assert policy.eligibility.roles == ("main",)
    assert policy.eligibility.kinds == ("standard",)


def test_a12_identity_is_a_code_by_mail_or_text_message(policy: Policy) -> None:
    assert set(policy.identity.methods) == {IdentityMethod.EMAIL_CODE, IdentityMethod.SMS_CODE}
    assert policy.identity.proof_lifetime == timedelta(minutes=30)


def test_a13_the_agreement_has_a_version(policy: Policy) -> None:
    assert policy.agreement is not None
    assert policy.agreement.version
    assert "Cancellation Agreement" in policy.agreement.title
    missing = policy.missing_consent("standard", Mode.DELETE, agree=False, acknowledgements=())
    assert missing == (str(policy.agreement),)
    assert policy.missing_consent("standard", Mode.DELETE, agree=True, acknowledgements=()) == ()


def test_a15_every_check_has_instructions(policy: Policy) -> None:
    for check in policy.checks:
        assert len(check.how_to) > 40, check.id
        assert "echeck" in (check.how_to_manual or check.how_to), check.id


def test_a17_a_reason_is_asked_for_and_some_are_suggested(policy: Policy) -> None:
    assert policy.require_reason
    assert len(policy.reasons) >= 3


def test_a18_a21_the_periods(policy: Policy) -> None:
    assert policy.entering_duration == timedelta(minutes=5)
    assert policy.silent_period == timedelta(days=7)
    assert policy.final_check is not None
    assert policy.final_check.retry_interval > timedelta(0)


def test_a19_the_cleanup_role_has_the_name_of_the_source(policy: Policy) -> None:
    assert policy.service_role == "AliyunServiceRoleForAccountDeletion"


def test_a22_nothing_is_kept_after_the_silent_period(policy: Policy) -> None:
    assert policy.retention == timedelta(0)
    assert policy.modes == (Mode.DELETE,)
    for text in policy.messages[MessageTemplate.CLOSURE_DELETED].values():
        assert "{account_id}" in text.email


def test_a23_a_restored_customer_is_told_to_settle_and_start_again(policy: Policy) -> None:
    assert "settle what is listed" in policy.restart_advice
    assert "start the closure again" in policy.restart_advice
    english = policy.messages[MessageTemplate.CLOSURE_RESTORED]["en"]
    assert "{reason}" in english.email
    assert "API keys work again" in english.email


@pytest.mark.parametrize(
    "template",
    [MessageTemplate.IDENTITY_CODE, MessageTemplate.CLOSURE_DELETED, MessageTemplate.CLOSURE_RESTORED],
)
def test_a24_messages_go_out_by_mail_and_text_message_in_english_and_chinese(
    policy: Policy, template: MessageTemplate
) -> None:
    languages = policy.messages[template]
    assert set(languages) == {"en", "zh"}
    for texts in languages.values():
        for channel in Channel:
            assert texts.for_channel(channel).strip()


def test_a25_other_companies_accounts_are_said_to_be_untouched(policy: Policy) -> None:
    english = policy.messages[MessageTemplate.CLOSURE_DELETED]["en"]
    assert "those accounts themselves are unchanged" in english.email


def test_a26_a_restored_customer_is_told_what_is_gone(policy: Policy) -> None:
    for texts in policy.messages[MessageTemplate.CLOSURE_RESTORED].values():
        for channel in Channel:
            assert "unrecoverable" in placeholders(texts.for_channel(channel))
    assert any("right after you confirm and can't be recovered" in advice for advice in policy.advice)


def test_a27_the_time_is_estimated_up_front(policy: Policy) -> None:
    (estimate,) = [advice for advice in policy.advice if "silent period" in advice]
    assert "few minutes" in estimate
    assert f"silent period of {policy.silent_period.days} days" in estimate
    assert "2 to 5 business days" in estimate


def test_every_rule_that_is_a_check_is_there_once_per_thing(policy: Policy) -> None:
    assert [check.rule for check in policy.checks] == [
        "A1", "A2", "A3", "A4", "A6", "A6", "A7", "A7", "A8", "A8", "A9", "A9", "A10",
    ]  # fmt: skip
