"""What customers do elsewhere and what happens to an account meanwhile."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from closure.accounts import Access, BillStatus, CreditNoteStatus
from closure.errors import RefusalType, Refused
from connectors.embedded.elsewhere import (
    BadCharge,
    cancel_filing,
    charge,
    move_watermark,
    pay_bill,
    release_resource,
    settle_credit_note,
    transfer_domain,
    unlink,
)
from connectors.embedded.exhibit import ShownAccount
from connectors.ports import Platform
from database import Database
from tests.connectors.samples import account, bring_to, everything, ledger_sum, load, show

UNTIL = datetime(2099, 1, 1, tzinfo=UTC)
Act = Callable[[Database, str, str], Awaitable[object]]

LOADED = account(
    balance={"cash": "200.00", "promo": "15.00"},
    bills=[{"id": "b-1", "amount": "18.20", "status": "overdue"}],
    credit_notes=[{"id": "cn-1", "amount": "3.00", "status": "open"}],
    resources=[
        {"id": "vpc", "product": "vpc"},
        {"id": "vm", "product": "ecs", "depends_on": ["vpc"]},
    ],
    subscriptions=[{"id": "s-1", "product": "rds", "expires_at": "2027-03-01T00:00:00Z"}],
    domains=[{"id": "example.com"}],
    icp_filings=[{"id": "icp-1"}],
    relationships=[{"id": "r-1", "type": "finance-trusteeship", "role": "member"}],
)

ACTS: dict[str, tuple[Act, str, Callable[[ShownAccount], bool]]] = {
    "pay": (pay_bill, "b-1", lambda shown: shown.bills[0].status is BillStatus.PAID),
    "settle": (
        settle_credit_note,
        "cn-1",
        lambda shown: shown.credit_notes[0].status is CreditNoteStatus.SETTLED,
    ),
    "transfer": (transfer_domain, "example.com", lambda shown: shown.domains == ()),
    "cancel a filing": (cancel_filing, "icp-1", lambda shown: shown.icp_filings == ()),
    "unlink": (unlink, "r-1", lambda shown: shown.relationships == ()),
    "release": (release_resource, "vm", lambda shown: [each.id for each in shown.resources] == ["vpc"]),
    "unsubscribe": (release_resource, "s-1", lambda shown: shown.subscriptions == ()),
}
acts = pytest.mark.parametrize("act", ACTS)


async def refusal(awaitable: Awaitable[object]) -> RefusalType:
    with pytest.raises(Refused) as refused:
        await awaitable
    return refused.value.type


@acts
async def test_an_act_does_one_thing_and_leaves_the_balance(database: Database, act: str) -> None:
    do, thing, is_done = ACTS[act]
    await load(
        database, LOADED, account("other", **{k: v for k, v in LOADED.items() if k not in ("id", "users")})
    )
    before = await show(database)
    neighbour = await show(database, "other")
    assert not is_done(before)
    await do(database, "a-1", thing)
    after = await show(database)
    assert is_done(after)
    assert after.balance == before.balance
    changed = [name for name in type(after).model_fields if getattr(after, name) != getattr(before, name)]
    assert len(changed) == 1
    assert await show(database, "other") == neighbour
    assert await ledger_sum(database) == 0


@acts
async def test_an_act_again_changes_nothing(database: Database, act: str) -> None:
    do, thing, _ = ACTS[act]
    await load(database, LOADED)
    assert await do(database, "a-1", thing) in (True, None)
    before = await everything(database)
    if act in ("pay", "settle"):
        assert await do(database, "a-1", thing) is False
    else:
        assert await refusal(do(database, "a-1", thing)) is RefusalType.THING_NOT_FOUND
    assert await everything(database) == before


@acts
async def test_unknown_things_and_accounts_are_refused(database: Database, act: str) -> None:
    do, thing, _ = ACTS[act]
    await load(database, LOADED)
    before = await everything(database)
    assert await refusal(do(database, "a-1", "no-such-thing")) is RefusalType.THING_NOT_FOUND
    assert await refusal(do(database, "nobody", thing)) is RefusalType.ACCOUNT_NOT_FOUND
    assert await everything(database) == before


@acts
async def test_a_closed_account_refuses_everything(database: Database, platform: Platform, act: str) -> None:
    do, thing, _ = ACTS[act]
    await load(database, LOADED)
    for access in (Access.CLOSURE_STATUS_ONLY, Access.CLOSED):
        await bring_to(platform, access)
    assert await refusal(do(database, "a-1", thing)) is RefusalType.ACCOUNT_CLOSED
    assert await refusal(charge(database, "a-1", "1.00", None)) is RefusalType.ACCOUNT_CLOSED
    assert await refusal(move_watermark(database, "a-1", UNTIL)) is RefusalType.ACCOUNT_CLOSED


async def test_a_bill_paid_when_loaded_is_paid(database: Database) -> None:
    await load(database, account(bills=[{"id": "b-1", "amount": "1.00", "status": "paid"}]))
    assert await pay_bill(database, "a-1", "b-1") is False


async def test_what_something_needs_is_not_released(database: Database) -> None:
    """A6."""
    await load(database, LOADED)
    assert await refusal(release_resource(database, "a-1", "vpc")) is RefusalType.THING_NOT_ALLOWED
    await release_resource(database, "a-1", "vm")
    await release_resource(database, "a-1", "vpc")
    assert (await show(database)).resources == ()


async def test_the_customer_can_untie_a_circle(database: Database) -> None:
    circle = [
        {"id": "a", "product": "x", "depends_on": ["b"]},
        {"id": "b", "product": "x", "depends_on": ["a"]},
        {"id": "outside", "product": "x", "depends_on": ["a"]},
    ]
    await load(database, account(resources=circle))
    assert await refusal(release_resource(database, "a-1", "a")) is RefusalType.THING_NOT_ALLOWED
    for name in ("outside", "a", "b"):
        await release_resource(database, "a-1", name)
    assert (await show(database)).resources == ()


async def test_late_usage_becomes_unpaid_bills(database: Database, platform: Platform) -> None:
    """A21, A23: also, and above all, in the silent period."""
    await load(database, account(bills=[{"id": "late-1", "amount": "1.00", "status": "paid"}]))
    await bring_to(platform, Access.CLOSURE_STATUS_ONLY)
    assert (await charge(database, "a-1", "12.34", "ecs")).bill_id == "late-2"
    assert (await charge(database, "a-1", "5", None)).bill_id == "late-3"
    shown = (await show(database)).bills[1:]
    assert [(bill.amount, bill.status.value, bill.product) for bill in shown] == [
        ("12.34", "unpaid", "ecs"),
        ("5.00", "unpaid", None),
    ]
    statement = await platform.billing.statement("a-1")
    assert str(statement.cash) == "0.00", "owed, not moved"


@pytest.mark.parametrize("amount", ["0", "0.00", "-5", "1.234", "much", "", "1e3", "99999999999999999"])
async def test_an_amount_that_no_bill_can_have(database: Database, amount: str) -> None:
    await load(database, account())
    with pytest.raises(BadCharge):
        await charge(database, "a-1", amount, None)
    assert (await show(database)).bills == ()


@pytest.mark.parametrize("product", ["", "a\nb", "x" * 201])
async def test_a_product_that_no_bill_can_have(database: Database, product: str) -> None:
    await load(database, account())
    with pytest.raises(BadCharge):
        await charge(database, "a-1", "1.00", product)
    assert (await show(database)).bills == ()


async def test_amounts_have_the_accounts_currency(database: Database) -> None:
    await load(database, account(currency="JPY"))
    with pytest.raises(BadCharge):
        await charge(database, "a-1", "1.5", None)
    await charge(database, "a-1", "1500", None)
    assert (await show(database)).bills[0].amount == "1500"


async def test_the_watermark_moves_either_way(database: Database, platform: Platform) -> None:
    await load(database, account())
    assert (await platform.billing.statement("a-1")).usage_final_until is None
    for until in (UNTIL, datetime(2026, 1, 1, tzinfo=UTC)):
        await move_watermark(database, "a-1", until)
        assert (await platform.billing.statement("a-1")).usage_final_until == until
