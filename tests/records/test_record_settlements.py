"""What staff have paid of a refund past its payments: told and taken up once, at most what has failed."""

import pytest

from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from closure.messages import RefundState, RefundStatus
from closure.money import Money
from closure.transitions import deleted
from database import Database
from records.record import Record
from records.settlements import Settlement, add_settlement, open_settlements, take_up
from records.tables import record_settlements
from tests.records.samples import LATER, Closures, new_state, rows

FAILED = RefundStatus(
    status=RefundState.FAILED, amount="120.00", currency="USD", due_by=LATER, settled="100.00", failed="20.00"
)


@pytest.fixture
async def failed(record: Record, closures: Closures) -> Record:
    """The record of a closure of whose refund 20.00 have failed."""
    await closures.open(new_state(stage=Stage.DELETING, refund=FAILED, delete_after=LATER))
    return record


async def tell(record: Record, amount: str, reference: str = "wire 1") -> Settlement:
    return await record.write(lambda each: add_settlement(each, "c-1", amount, reference))


async def refusal(record: Record, amount: str, reference: str = "wire 1") -> RefusalType:
    with pytest.raises(Refused) as refused:
        await tell(record, amount, reference)
    return refused.value.type


async def test_a_payment_is_told_once(failed: Record) -> None:
    first = await tell(failed, "15.00")
    assert await tell(failed, "15.00") == first
    assert await refusal(failed, "16.00") is RefusalType.THING_NOT_ALLOWED
    assert await failed.read(lambda each: open_settlements(each, "c-1")) == (first,)


async def test_no_more_is_told_than_has_failed(failed: Record) -> None:
    await tell(failed, "15.00")
    assert await refusal(failed, "5.01", "wire 2") is RefusalType.THING_NOT_ALLOWED
    await tell(failed, "5.00", "wire 2")
    assert await refusal(failed, "0.01", "wire 3") is RefusalType.THING_NOT_ALLOWED


async def test_what_was_taken_up_is_taken_up_once_and_its_reference_is_forgotten(
    failed: Record, database: Database
) -> None:
    told = await tell(failed, "15.00")
    amount = Money.parse("15.00", "USD")
    assert await failed.write(lambda each: take_up(each, told.settlement_id, amount))
    assert not await failed.write(lambda each: take_up(each, told.settlement_id, amount))
    (row,) = await rows(database, record_settlements)
    assert (row["taken"], row["reference"]) == ("15.00", None)
    assert await failed.read(lambda each: open_settlements(each, "c-1")) == ()


async def test_a_deleted_accounts_references_are_forgotten(
    failed: Record, closures: Closures, database: Database
) -> None:
    await tell(failed, "15.00", "wire to Jo Doe")
    await closures.take(deleted)
    (row,) = await rows(database, record_settlements)
    assert row["reference"] is None


@pytest.mark.parametrize(
    ("closure_id", "expected"),
    [("c-2", RefusalType.THING_NOT_ALLOWED), ("c-3", RefusalType.CLOSURE_NOT_FOUND)],
)
async def test_nothing_is_told_of_a_closure_that_refunds_nothing(
    closures: Closures, record: Record, closure_id: str, expected: RefusalType
) -> None:
    await closures.open(new_state("c-2", "a-2"))
    with pytest.raises(Refused) as refused:
        await record.write(lambda each: add_settlement(each, closure_id, "1.00", "wire"))
    assert refused.value.type is expected
