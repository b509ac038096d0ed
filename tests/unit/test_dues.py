"""What a policy leaves due or behind, and what it must say about that."""

from datetime import timedelta

import pytest

from closure.accounts import (
    BillingStatement,
    BillStatus,
    CreditNoteStatus,
    Inventory,
    Relationship,
    RelationshipRole,
    RelationshipType,
    Subscription,
)
from closure.dues import Due, cash_to_refund, money_due, owed_item, things_left
from closure.lifecycle import Mode
from closure.messages import Becomes
from closure.planning import make_plan
from closure.policy import Policy
from closure.policy_checks import Inspects
from closure.policy_text import PolicyFault, parse_policy
from tests.harness.strategies import NOW
from tests.unit.examples import (
    ACME,
    account,
    acme,
    acme_text,
    alibaba_cloud,
    amount,
    bill,
    check_text,
    checklist,
    note,
    statement,
)
from tests.unit.test_refund_rules import refunding

MEMBER = Relationship(
    relationship_id="r-1", type=RelationshipType.RESOURCE_DIRECTORY, role=RelationshipRole.MEMBER
)


def taking() -> Policy:
    """A policy that takes bills from what goes back."""
    return parse_policy(
        refunding().replace('bills = "stays_due"', 'bills = "taken_from_refund"'), "acme.toml"
    )


def dues(
    policy: Policy, found: BillingStatement, *, refunds: bool = True
) -> list[tuple[str, str | None, Becomes]]:
    return [(each.kind, each.amount, each.becomes) for each in money_due(policy, found, refunds=refunds)]


def test_all_that_is_open_stays_due_and_what_is_paid_does_not() -> None:
    found = statement(
        "-75.00",
        bills=(bill(BillStatus.OVERDUE), bill(BillStatus.PAID, "b-2")),
        credit_notes=(note(CreditNoteStatus.OPEN), note(CreditNoteStatus.SETTLED, "cn-2")),
    )
    assert dues(acme(), found) == [
        ("bills", "18.20", Becomes.STAYS_DUE),
        ("credit_notes", "3.00", Becomes.STAYS_DUE),
        ("debt", "75.00", Becomes.STAYS_DUE),
    ]


def test_cash_that_does_not_go_back_stays_due_to_the_customer() -> None:
    assert dues(acme(), statement("50.00"), refunds=False) == [("balance", "50.00", Becomes.STAYS_DUE)]
    assert dues(acme(), statement("50.00"), refunds=True) == []


def test_bills_are_taken_from_the_refund_whole_and_as_far_as_the_cash_goes() -> None:
    bills = (bill(BillStatus.UNPAID, "b-1", "30.00"), bill(BillStatus.UNPAID, "b-2", "25.00"))
    found = statement("50.00", bills=bills)
    assert dues(taking(), found) == [
        ("bills", "30.00", Becomes.TAKEN_FROM_REFUND),
        ("bills", "25.00", Becomes.STAYS_DUE),
    ]
    assert cash_to_refund(taking(), found) == amount("20.00")
    assert cash_to_refund(acme(), found) == amount("50.00")
    assert cash_to_refund(acme(), statement("-1.00")) == amount("0.00")


def test_a_kind_of_account_that_gets_nothing_back_keeps_its_bills_due() -> None:
    found = statement("50.00", bills=(bill(BillStatus.UNPAID),))
    assert dues(taking(), found, refunds=False)[0] == ("bills", "18.20", Becomes.STAYS_DUE)


def test_what_is_left_is_all_that_is_there_but_for_what_has_expired() -> None:
    inventory = Inventory(
        domains=("b.example", "a.example"),
        subscriptions=tuple(
            Subscription(subscription_id=name, product="rds", expires_at=NOW + timedelta(days=days))
            for name, days in (("over", -1), ("runs", 1))
        ),
    )
    left = things_left(inventory, [MEMBER], NOW)
    assert [(each.kind, each.thing_id) for each in left] == [
        ("subscriptions", "runs"),
        ("domains", "a.example"),
        ("domains", "b.example"),
        ("relationships", "r-1"),
    ]
    assert {each.becomes for each in left} == {Becomes.LEFT_BEHIND}


def test_a_plan_shows_what_no_check_asks_about_and_its_hash_does_not_cover_it() -> None:
    policy = acme(check_text("credit_notes", "manual"))
    owing = account(
        statement("-1.00", bills=(bill(BillStatus.UNPAID),), credit_notes=(note(CreditNoteStatus.OPEN),)),
        domains=("a.example",),
        relationships=(MEMBER,),
    )
    nothing = account(statement(credit_notes=(note(CreditNoteStatus.OPEN),)))
    plans = [make_plan(policy, found, checklist(found, policy), Mode.DELETE) for found in (owing, nothing)]
    assert [(each.kind, each.amount) for each in plans[0].dues] == [("bills", "18.20"), ("debt", "1.00")]
    assert [each.kind for each in plans[0].left_behind] == ["domains", "relationships"]
    assert (plans[1].leaves, plans[0].leaves) == (0, 4)
    assert plans[0].plan_hash == plans[1].plan_hash
    kept = make_plan(policy, owing, checklist(owing, policy, Mode.KEEP_DATA), Mode.KEEP_DATA)
    assert kept.leaves == 0, "a soft close leaves the account as it is"


def test_alibaba_cloud_asks_about_everything_and_leaves_nothing() -> None:
    assert alibaba_cloud().unchecked == frozenset()
    assert alibaba_cloud().leaves == {}


def test_a_relationship_that_no_check_is_about_is_left_behind() -> None:
    text = check_text(
        "relationships", "manual", more='where = { type = "resource-directory", role = "administrator" }'
    )
    with pytest.raises(PolicyFault) as silent:
        parse_policy(acme_text(text).replace('relationships = "left_behind"', ""), "acme.toml")
    assert silent.value.key == "leaves.relationships"
    policy = acme(text)
    found = account(relationships=(MEMBER,))
    (left,) = make_plan(policy, found, checklist(found, policy), Mode.DELETE).left_behind
    assert left.thing_id == "r-1"


@pytest.mark.parametrize("kind", list(Inspects))
def test_a_policy_that_is_silent_about_what_it_does_not_check_is_refused(kind: Inspects) -> None:
    lines = [line for line in ACME.splitlines() if not line.startswith(f"{kind} = ")]
    with pytest.raises(PolicyFault) as silent:
        parse_policy(acme_text().replace(ACME.rstrip(), "\n".join(lines)), "acme.toml")
    assert silent.value.key == f"leaves.{kind}"
    assert "What becomes of it?" in silent.value.reason


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('domains = "left_behind"', 'domains = "stays_due"'),
        ('debt = "stays_due"', 'debt = "forfeited"'),
        ('resources = "released"', 'resources = "left_behind"'),
        ('balance = "forfeited"', 'balance = "refunded"'),
        ('bills = "stays_due"', 'bills = "taken_from_refund"'),
    ],
)
def test_a_policy_that_leaves_what_cannot_be_is_refused(before: str, after: str) -> None:
    with pytest.raises(PolicyFault) as nonsense:
        parse_policy(acme_text().replace(before, after), "acme.toml")
    assert nonsense.value.key == f"leaves.{before.split(' = ', maxsplit=1)[0]}"
    assert "impossible" in nonsense.value.reason


def test_what_a_check_asks_about_is_not_left() -> None:
    text = acme_text(check_text("bills", "manual")).replace("[leaves]", '[leaves]\nbills = "stays_due"')
    with pytest.raises(PolicyFault) as both:
        parse_policy(text, "acme.toml")
    assert both.value.key == "leaves.bills"


def test_a_policy_pinned_before_it_had_to_say_so_lets_debts_stay_due() -> None:
    pinned = Policy.from_json(acme().model_copy(update={"leaves": {}}).canonical_json())
    assert pinned.becomes(Inspects.DEBT) is Becomes.STAYS_DUE
    assert pinned.becomes(Inspects.DOMAINS) is Becomes.LEFT_BEHIND


def test_a_due_is_told_with_whose_it_is_what_and_how_much() -> None:
    (due,) = money_due(acme(), statement(bills=(bill(BillStatus.UNPAID),)), refunds=True)
    assert (owed_item(due).item_id, owed_item(due).title) == ("bills/b-1", "Bill b-1 of 18.20 USD")
    assert owed_item(due, "sub").title == "Subaccount sub: Bill b-1 of 18.20 USD"
    assert owed_item(due, "sub").item_id != owed_item(due).item_id


def test_a_due_whose_thing_is_not_known_any_more_has_its_kind_alone() -> None:
    due = Due(kind=Inspects.BILLS, becomes=Becomes.STAYS_DUE, amount="18.20", currency="USD")
    assert owed_item(due).title == "Bill of 18.20 USD"
    assert owed_item(Due(kind=Inspects.DOMAINS, becomes=Becomes.LEFT_BEHIND)).title == "Domains"


def test_the_order_waits_for_metering_less_long_than_the_refund_has_time() -> None:
    text = refunding('poll_interval = "12h"', 'poll_interval = "12h"\nwait_for_metering = 10')
    with pytest.raises(PolicyFault) as late:
        parse_policy(text, "acme.toml")
    assert late.value.key == "refund.wait_for_metering"
