"""The final check: whether billing is final (A21), and what is newly owed (A23)."""

from datetime import timedelta

import pytest

from closure.accounts import BillStatus, CreditNoteStatus
from closure.checks import is_billing_final, newly_owed
from closure.messages import ItemCategory
from tests.harness.strategies import NOW
from tests.unit.examples import acme, alibaba_cloud, bill, check_text, note, only, statement

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("from_stop", "final"),
    [(-SECOND, False), (-timedelta(microseconds=1), False), (timedelta(0), True), (SECOND, True)],
)
def test_a21_billing_is_final_once_the_watermark_reaches_the_moment_access_stopped(
    from_stop: timedelta, final: bool
) -> None:
    metered = statement().model_copy(update={"usage_final_until": NOW + from_stop})
    assert is_billing_final(metered, NOW) is final


def test_a21_billing_without_a_watermark_is_always_final() -> None:
    assert is_billing_final(statement(), NOW)


@pytest.mark.parametrize(
    ("cash", "item_id", "owed"),
    [
        ("-0.01", "debt", "0.01"),
        ("-10.00", "debt", "10.00"),
        ("-10.01", "debt", "10.01"),
        ("-100000.00", "debt", "100000.00"),
        ("0.01", "balance", "0.01"),
        ("1000.00", "balance", "1000.00"),
        ("1000.01", "balance", "1000.01"),
    ],
)
def test_a4_a23_newly_found_money_of_any_size_restores(cash: str, item_id: str, owed: str) -> None:
    found = only(newly_owed(alibaba_cloud(), statement(cash), NOW))
    assert (found.item_id, found.category, found.amount) == (item_id, ItemCategory.MANUAL, owed)
    assert found.blocks
    assert "select" not in found.how_to, "nothing can be selected at the final check"


@pytest.mark.parametrize("status", [BillStatus.UNPAID, BillStatus.ISSUED, BillStatus.OVERDUE])
def test_a1_a23_a_late_bill_of_any_size_restores(status: BillStatus) -> None:
    found = only(newly_owed(alibaba_cloud(), statement(bills=(bill(status, text="0.01"),)), NOW))
    assert (found.item_id, found.category) == ("unpaid-bills/b-1", ItemCategory.MANUAL)
    assert "Bill b-1 of 0.01 USD" in found.title


def test_a2_a23_an_open_credit_note_restores() -> None:
    found = newly_owed(alibaba_cloud(), statement(credit_notes=(note(CreditNoteStatus.OPEN),)), NOW)
    assert only(found).item_id == "credit-notes/cn-1"


def test_a23_nothing_owed_is_nothing_found() -> None:
    settled = statement(
        promo="15.00", bills=(bill(BillStatus.PAID),), credit_notes=(note(CreditNoteStatus.SETTLED),)
    )
    assert newly_owed(alibaba_cloud(), settled, NOW) == ()


def test_a23_a_policy_without_checks_restores_just_as_well() -> None:
    owing = statement("-1.00", bills=(bill(BillStatus.OVERDUE),), credit_notes=(note(CreditNoteStatus.OPEN),))
    found = newly_owed(acme(), owing, NOW)
    assert [each.amount for each in found] == ["18.20", "3.00", "1.00"]
    assert all(each.category is ItemCategory.MANUAL and each.how_to for each in found)


def test_a23_a_check_of_something_else_lends_its_name_no_words() -> None:
    policy = acme(check_text("resources", "manual", id="debt"))
    found = only(newly_owed(policy, statement("-1.00"), NOW))
    assert (found.check, found.title) == ("debt", "Debt of 1.00 USD")


@pytest.mark.parametrize("inspects", ["debt", "balance"])
def test_a23_a_check_that_lets_things_go_does_not_say_so_at_the_final_check(inspects: str) -> None:
    policy = acme(check_text(inspects, "renounceable", id="mine").replace("Do it.", "Select it here."))
    found = only(newly_owed(policy, statement("-1.00" if inspects == "debt" else "1.00"), NOW))
    assert (found.check, found.category, found.title) == ("mine", ItemCategory.MANUAL, "Something")
    assert "Select it here" not in found.how_to
