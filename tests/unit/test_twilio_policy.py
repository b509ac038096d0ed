"""The shipped policy says what Twilio's procedure says, rule by rule (T1 to T12)."""

from datetime import timedelta

import pytest

from closure.accounts import Access, Channel
from closure.errors import RefusalType, Refused
from closure.lifecycle import Mode
from closure.messages import IdentityMethod
from closure.policy import MessageTemplate, Policy
from closure.templates import placeholders
from tests.unit.examples import twilio


@pytest.fixture(scope="module")
def policy() -> Policy:
    return twilio()


def advice(policy: Policy) -> str:
    return " ".join(policy.advice)


def text(policy: Policy, template: MessageTemplate) -> str:
    return policy.messages[template]["en"].for_channel(Channel.EMAIL)


def test_t1_only_the_owner_may_close(policy: Policy) -> None:
    assert policy.eligibility.roles == ("owner",)


def test_t2_invoiced_accounts_are_told_whom_to_ask(policy: Policy) -> None:
    with pytest.raises(Refused, match=r"account manager, or the Sales team") as refused:
        policy.require_kind("invoiced")
    assert refused.value.type is RefusalType.ACCOUNT_KIND_REFUSED
    for kind in ("upgraded", "trial"):
        policy.require_kind(kind)


def test_t3_nobody_reopens_a_closed_account(policy: Policy) -> None:
    assert (policy.silent_period, policy.final_check) == (timedelta(0), None)
    assert "can't be reopened by anyone" in advice(policy)
    assert "can't be reopened" in text(policy, MessageTemplate.ACCOUNT_CLOSED)


def test_t4_everything_stops_at_once(policy: Policy) -> None:
    assert policy.entering_duration == timedelta(0)
    assert policy.access_while_closing is Access.STOPPED
    told = text(policy, MessageTemplate.ACCOUNT_CLOSED)
    for service in ("subaccounts", "API requests", "calls", "messages", "Authy", "Verify"):
        assert service in told


def test_t5_data_is_deleted_after_30_days_and_the_customer_is_told_when(policy: Policy) -> None:
    assert policy.retention == timedelta(days=30)
    for language in policy.messages[MessageTemplate.ACCOUNT_CLOSED].values():
        for channel in Channel:
            assert "delete_after" in placeholders(language.for_channel(channel))
    assert "subaccounts" in text(policy, MessageTemplate.CLOSURE_DELETED)


def test_t6_the_soft_close_keeps_data_and_is_offered_first(policy: Policy) -> None:
    assert policy.modes == (Mode.DELETE, Mode.KEEP_DATA)
    for kept in ("usage history", "functions", "assets", "flows", "come back at any time"):
        assert kept in policy.advice[0]
    assert MessageTemplate.ACCOUNT_DORMANT in policy.messages
    assert policy.missing_consent("upgraded", Mode.KEEP_DATA, False, ()) == ()
    assert not policy.refunds("upgraded", Mode.KEEP_DATA)


def test_t7_the_login_survives(policy: Policy) -> None:
    for told in (advice(policy), text(policy, MessageTemplate.ACCOUNT_CLOSED)):
        assert "other accounts" in told
        assert "open a new account" in told


def test_t8_the_password_is_verified_again_and_nothing_else_will_do(policy: Policy) -> None:
    assert policy.identity.methods == (IdentityMethod.PASSWORD,)
    with pytest.raises(Refused) as refused:
        policy.require_method(IdentityMethod.EMAIL_CODE)
    assert refused.value.type is RefusalType.IDENTITY_METHOD_REFUSED


def test_t9_an_upgraded_account_chooses_the_option_word_by_word(policy: Policy) -> None:
    option = "DELETE ALL ACCOUNT DATA AND SETTINGS"
    assert policy.missing_consent("upgraded", Mode.DELETE, True, ()) == (option,)
    assert policy.missing_consent("upgraded", Mode.DELETE, False, (option.lower(),)) == (option,)
    assert policy.missing_consent("upgraded", Mode.DELETE, False, (option,)) == ()


def test_t9_a_trial_account_checks_every_box(policy: Policy) -> None:
    boxes = policy.acknowledgements["trial"]
    assert len(boxes) > 1
    assert policy.missing_consent("trial", Mode.DELETE, False, boxes[:-1]) == (boxes[-1],)
    assert policy.missing_consent("trial", Mode.DELETE, False, boxes) == ()


def test_t10_the_balance_of_an_upgraded_account_goes_back_within_10_business_days(policy: Policy) -> None:
    assert policy.refund is not None
    assert (policy.refund.business_days, policy.refund.country) == (10, "US")
    assert policy.refund.poll_interval > timedelta(0)
    assert policy.refunds("upgraded", Mode.DELETE)
    assert "up to 10 business days" in advice(policy)
    told = placeholders(text(policy, MessageTemplate.REFUND_STARTED))
    assert {"amount", "currency", "due_by"} <= told


def test_t11_promotional_balance_is_not_refunded(policy: Policy) -> None:
    assert "Promotional balance is not refunded" in advice(policy)


def test_t12_a_trial_account_gets_no_refund(policy: Policy) -> None:
    assert not policy.refunds("trial", Mode.DELETE)
    assert "My trial balance is not refunded" in policy.acknowledgements["trial"]


def test_the_procedure_has_no_checklist_no_agreement_and_no_wait_before_it_stops(policy: Policy) -> None:
    assert policy.checks == ()
    assert policy.agreement is None
    assert policy.service_role is None
    assert not policy.require_reason


def test_the_policy_is_for_its_own_provider(policy: Policy) -> None:
    policy.require_provider("twilio")
    with pytest.raises(Refused, match="for accounts of twilio, not of alibaba-cloud") as refused:
        policy.require_provider("alibaba-cloud")
    assert refused.value.type is RefusalType.POLICY_NOT_FOUND
