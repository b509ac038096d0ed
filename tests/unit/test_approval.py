"""High value: all that goes with an account counts, and what can't be read counts as much."""

import pytest

from closure.accounts import BillingStatement
from closure.money import Money
from closure.policy import Approval

APPROVAL = Approval(roles=("owner",), balance_above={"USD": "1000", "JPY": "150000", "default": "900"})


def holding(cash: str, promo: str = "0", currency: str = "USD") -> BillingStatement:
    return BillingStatement(cash=Money.parse(cash, currency), promo=Money.parse(promo, currency))


@pytest.mark.parametrize(
    ("statements", "needed"),
    [
        ([holding("1000.00")], False),
        ([holding("1000.01")], True),
        ([holding("600.00", "400.01")], True),
        ([holding("0.00"), holding("4900.00")], True),
        ([holding("500.00"), holding("500.00")], False),
        ([holding("500.00"), holding("500.00"), holding("0.01")], True),
        ([holding("-5000.00"), holding("1000.01")], True),
        ([holding("600.00"), holding("60001", "0", "JPY")], True),
        ([holding("600.00"), holding("60000", "0", "JPY")], False),
        ([holding("900.01", currency="EUR")], True),
        ([holding("0.00"), None], True),
        ([None], True),
    ],
)
def test_what_goes_together_is_of_high_value_together(
    statements: list[BillingStatement | None], needed: bool
) -> None:
    assert APPROVAL.is_needed(statements) is needed


@pytest.mark.parametrize(("cash", "needed"), [("0.00", False), ("0.01", True)])
def test_a_limit_of_zero_wants_a_second_person_for_anything(cash: str, needed: bool) -> None:
    approval = Approval(roles=("owner",), balance_above={"default": "0"})
    assert approval.is_needed([holding(cash)]) is needed
