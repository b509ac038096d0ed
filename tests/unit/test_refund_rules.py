"""What a policy may say about refunds, access while closing, and the messages that both need."""

import pytest

from closure.accounts import Access
from closure.lifecycle import Mode
from closure.policy import Policy
from closure.policy_text import PolicyFault, parse_policy
from tests.unit.examples import ACME, acme_text, check_text

REFUND = """
[refund]
kinds = ["standard"]
business_days = 10
country = "US"
poll_interval = "12h"
"""
MESSAGES = "".join(
    f'[messages.refund_{turn}.en]\nsubject = "Money"\nemail = "{{amount}} {{currency}} {{due_by}}"\n'
    f'sms = "{{amount}} {{currency}} {{due_by}}"\n'
    for turn in ("failed", "late", "settled", "started")
)


def refunding(before: str = "", after: str = "", addition: str = "", **replacements: str) -> str:
    """A policy that refunds, with one text in its refund table replaced."""
    assert before in REFUND
    return acme_text(
        (REFUND.replace(before, after) if before else REFUND) + MESSAGES + addition, **replacements
    )


def parsed(text: str) -> Policy:
    return parse_policy(text, "acme.toml")


def fault(text: str) -> tuple[str, str]:
    with pytest.raises(PolicyFault) as caught:
        parsed(text)
    return caught.value.key, caught.value.reason


def test_t10_t12_a_refund_is_for_kinds_of_accounts_in_delete_mode() -> None:
    policy = parsed(
        refunding(modes='["delete", "keep-data"]').replace(
            'kinds = ["standard"]', 'kinds = ["standard", "trial"]', 1
        )
    )
    assert policy.refunds("standard", Mode.DELETE)
    assert not policy.refunds("trial", Mode.DELETE)
    assert not policy.refunds("standard", Mode.KEEP_DATA)
    assert not parsed(ACME).refunds("standard", Mode.DELETE)


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('kinds = ["standard"]', "kinds = []", "refund.kinds"),
        ('kinds = ["standard"]', 'kinds = ["trial"]', "refund.kinds"),
        ('kinds = ["standard"]', 'kinds = ["standard", "standard"]', "refund.kinds.1"),
        ("business_days = 10", "business_days = 0", "refund.business_days"),
        ("business_days = 10", "business_days = 91", "refund.business_days"),
        ("business_days = 10", "business_days = true", "refund.business_days"),
        ("business_days = 10", "business_days = 10.0", "refund.business_days"),
        ("business_days = 10", 'business_days = "10"', "refund.business_days"),
        ("business_days = 10\n", "", "refund.business_days"),
        ('country = "US"', 'country = "us"', "refund.country"),
        ('country = "US"', 'country = "XX"', "refund.country"),
        ('poll_interval = "12h"', 'poll_interval = "0h"', "refund.poll_interval"),
        ('poll_interval = "12h"', "poll_interval = 12", "refund.poll_interval"),
        ('poll_interval = "12h"', 'poll_interval = "12h"\nfee = "1"', "refund.fee"),
    ],
)
def test_a_refund_table_that_is_wrong_is_told_where(before: str, after: str, key: str) -> None:
    assert fault(refunding(before, after))[0] == key


def test_a_refund_is_for_delete_mode() -> None:
    key, reason = fault(refunding(modes='["keep-data"]'))
    assert key == "refund"
    assert "delete mode" in reason


def test_a_balance_is_given_up_or_refunded_but_not_both() -> None:
    assert fault(refunding(addition=check_text("balance", "renounceable")))[0] == "refund"
    parsed(refunding(addition=check_text("debt", "renounceable")))


@pytest.mark.parametrize("turn", ["failed", "late", "settled", "started"])
def test_t10_every_turn_of_a_refund_has_a_message_in_english(turn: str) -> None:
    text = refunding().replace(f"messages.refund_{turn}.en", f"messages.refund_{turn}.de")
    assert fault(text)[0] == f"messages.refund_{turn}.en"


@pytest.mark.parametrize("name", ["amount", "currency", "due_by"])
def test_t10_the_start_of_a_refund_says_how_much_and_until_when(name: str) -> None:
    head, _, started = refunding().partition("[messages.refund_started.en]")
    text = f"{head}[messages.refund_started.en]{started.replace(f'{{{name}}}', '', 1)}"
    assert fault(text) == ("messages.refund_started.en.email", f"must contain {{{name}}}")


def test_t5_a_retention_has_a_message_that_says_until_when() -> None:
    assert fault(acme_text(retention='"30d"'))[0] == "messages.account_closed.en"
    closed = '[messages.account_closed.en]\nsubject = "Closed"\nemail = "Closed."\nsms = "{delete_after}"'
    key, reason = fault(acme_text(closed, retention='"30d"'))
    assert (key, reason) == ("messages.account_closed.en.email", "must contain {delete_after}")


def test_t6_a_soft_close_has_a_message() -> None:
    text = acme_text(modes='["delete", "keep-data"]').replace("account_dormant.en", "account_dormant.de")
    assert fault(text)[0] == "messages.account_dormant.en"


@pytest.mark.parametrize("access", ["closure-status-only", "stopped"])
def test_a20_t4_access_while_closing_is_the_status_or_nothing(access: str) -> None:
    assert parsed(acme_text(access_while_closing=f'"{access}"')).access_while_closing is Access(access)
    assert parsed(ACME).access_while_closing is Access.CLOSURE_STATUS_ONLY


@pytest.mark.parametrize("access", ["open", "closed", "nothing", ""])
def test_other_access_while_closing_is_a_fault(access: str) -> None:
    assert fault(acme_text(access_while_closing=f'"{access}"'))[0] == "access_while_closing"
