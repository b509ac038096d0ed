"""What the mail server took, on both databases: remembered for a time, and never changed."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from database.database import database_time
from records.deliveries import KEPT_FOR, DeliveryRecords
from records.record import Record
from records.tables import record_deliveries

TAKEN, REFUSED, OTHER = "1" * 64, "2" * 64, "3" * 64


@pytest.fixture
def deliveries(record: Record) -> DeliveryRecords:
    return DeliveryRecords(record.database)


async def age(record: Record, by: timedelta) -> None:
    await record.write(
        lambda each: each.execute(update(record_deliveries).values(time=database_time(each) - by))
    )


async def test_what_is_over_is_told_with_why(deliveries: DeliveryRecords) -> None:
    assert await deliveries.settled([TAKEN, REFUSED]) == {}
    await deliveries.settle(TAKEN, None)
    await deliveries.settle(REFUSED, "550 5.1.1")
    assert await deliveries.settled([TAKEN, REFUSED, OTHER]) == {TAKEN: None, REFUSED: "550 5.1.1"}
    assert await deliveries.settled([]) == {}


async def test_what_is_over_does_not_change(deliveries: DeliveryRecords) -> None:
    await deliveries.settle(TAKEN, None)
    await deliveries.settle(TAKEN, "550")
    assert await deliveries.settled([TAKEN]) == {TAKEN: None}


@pytest.mark.parametrize(
    ("age_of_it", "is_kept"), [(KEPT_FOR - timedelta(minutes=1), True), (KEPT_FOR, False)]
)
async def test_it_is_forgotten_in_the_end(
    record: Record, deliveries: DeliveryRecords, age_of_it: timedelta, is_kept: bool
) -> None:
    await deliveries.settle(TAKEN, None)
    await age(record, age_of_it)
    await deliveries.settle(OTHER, None)
    assert (TAKEN in await deliveries.settled([TAKEN])) is is_kept
