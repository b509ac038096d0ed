"""What stays due is billing's when the account is gone; what staff paid another way leaves the account."""

import pytest

from closure.accounts import Access, BillStatus
from closure.dues import Due
from closure.errors import RefusalType, Refused
from closure.messages import Becomes
from closure.money import Money
from closure.policy_checks import Inspects
from connectors.ports import Platform
from database import Database
from tests.connectors.samples import NOON, account, bring_to, ledger_sum, load, show

BILLS = [{"id": "b-1", "amount": "30.00", "status": "overdue"}]


def due(kind: Inspects, amount: str, thing_id: str | None = None, *, taken: bool = False) -> Due:
    becomes = Becomes.TAKEN_FROM_REFUND if taken else Becomes.STAYS_DUE
    return Due(kind=kind, becomes=becomes, thing_id=thing_id, amount=amount, currency="USD")


BILL = due(Inspects.BILLS, "30.00", "b-1")
DEBT = due(Inspects.DEBT, "75.00")


async def hand_over(platform: Platform, *dues: Due, key: str = "k-1") -> None:
    await platform.billing.hand_over("a-1", dues, key=key, time=NOON)


async def shown(database: Database) -> list[tuple[str, str | None, str]]:
    assert await ledger_sum(database) == 0
    return sorted((each.kind.value, each.id, each.amount) for each in (await show(database)).dues)


async def test_what_was_handed_over_is_shown_of_the_closed_account(
    database: Database, platform: Platform
) -> None:
    await load(database, account(balance={"cash": "-75.00"}, bills=BILLS))
    await hand_over(platform, BILL, DEBT)
    await hand_over(platform, key="k-1")
    await bring_to(platform, Access.CLOSED)
    assert await shown(database) == [("bills", "b-1", "30.00"), ("debt", None, "75.00")]
    assert (await show(database)).balance.cash == "-75.00", "it is owed as before"


async def test_a_list_that_is_handed_over_takes_the_place_of_the_one_before(
    database: Database, platform: Platform
) -> None:
    await load(database, account(bills=BILLS))
    await hand_over(platform, BILL, DEBT)
    await hand_over(platform, BILL, key="k-2")
    assert await shown(database) == [("bills", "b-1", "30.00")]
    await hand_over(platform, key="k-3")
    assert await shown(database) == []


async def test_what_is_taken_from_the_refund_is_paid_from_the_cash_once(
    database: Database, platform: Platform
) -> None:
    await load(database, account(balance={"cash": "40.00"}, bills=BILLS))
    taken = due(Inspects.BILLS, "30.00", "b-1", taken=True)
    for _ in range(2):
        await hand_over(platform, taken)
    statement = await platform.billing.statement("a-1")
    assert str(statement.cash) == "10.00"
    assert [bill.status for bill in statement.bills] == [BillStatus.PAID]
    assert await shown(database) == []


async def test_no_more_is_taken_than_there_is(database: Database, platform: Platform) -> None:
    await load(database, account(balance={"cash": "29.99"}, bills=BILLS))
    with pytest.raises(Refused) as refused:
        await hand_over(platform, due(Inspects.BILLS, "30.00", "b-1", taken=True))
    assert refused.value.type is RefusalType.THING_NOT_ALLOWED
    assert str((await platform.billing.statement("a-1")).cash) == "29.99"


async def paid_otherwise(platform: Platform, amount: str, *, key: str = "k-1") -> str:
    paid = await platform.refunds.paid_otherwise(
        "a-1", Money.parse(amount, "USD"), "wire 1", closure_id="c-1", key=key, time=NOON
    )
    return str(paid)


async def test_t10_what_staff_paid_leaves_the_cash_once_and_never_more_than_there_is(
    database: Database, platform: Platform
) -> None:
    await load(database, account(balance={"cash": "20.00"}))
    assert await paid_otherwise(platform, "15.00") == "15.00"
    assert await paid_otherwise(platform, "15.00") == "15.00", "the same payment"
    assert str((await platform.billing.statement("a-1")).cash) == "5.00"
    assert await paid_otherwise(platform, "15.00", key="k-2") == "5.00"
    assert await paid_otherwise(platform, "15.00", key="k-3") == "0.00"
    assert await ledger_sum(database) == 0
