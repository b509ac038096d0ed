"""What a closure makes of an account's money, before it moves and after."""

from closure.events import BalanceForfeited, Withdrawn
from closure.lifecycle import Mode
from closure.messages import MoneyParts
from closure.money_parts import planned_parts, taken_parts
from closure.plan import AccountPlan, Plan


def plan(subaccounts: tuple[AccountPlan, ...] = (), **fields: str) -> Plan:
    return Plan.model_validate(
        {
            "account_id": "a-1",
            "currency": "USD",
            "policy": "p",
            "policy_version": "1",
            "policy_hash": "h",
            "mode": Mode.DELETE,
            "subaccounts": subaccounts,
            **fields,
        }
    )


def test_parts_of_subaccounts_are_added_but_for_another_currency() -> None:
    own = AccountPlan(account_id="s-1", currency="USD", forfeited_cash="1.50", refund="2.00")
    other = AccountPlan(account_id="s-2", currency="JPY", forfeited_cash="100")
    parts = planned_parts(plan((own, other), forfeited_cash="10.00", forfeited_promo="3.00"))
    assert parts == MoneyParts(currency="USD", forfeited_cash="11.50", forfeited_promo="3.00", refund="2.00")


def test_a_plan_that_moves_no_money_has_no_parts() -> None:
    assert planned_parts(plan()) is None
    assert planned_parts(plan(voided_debt="4.00")) == MoneyParts(currency="USD", voided_debt="4.00")


def test_what_was_taken_is_what_the_audit_says() -> None:
    taken = BalanceForfeited(
        currency="USD", forfeited_cash="200.00", forfeited_promo="0.00", voided_debt="0.00"
    )
    assert taken_parts([Withdrawn(), taken]) == MoneyParts(currency="USD", forfeited_cash="200.00")
    nothing = taken.model_copy(update={"forfeited_cash": "0.00"})
    assert taken_parts([nothing]) is None
    assert taken_parts([Withdrawn()]) is None
