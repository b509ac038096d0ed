"""Answers by idempotency key, on both databases: one acts, the others get its answer, for a day."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from database.database import database_time
from records.idempotency import (
    ABANDONED_AFTER,
    KEPT_FOR,
    OtherRequest,
    StillCarriedOut,
    begin,
    finish,
    forget,
)
from records.record import Record
from records.tables import record_idempotency

KEY, REQUEST, OTHER = "k" * 64, "r" * 64, "o" * 64
ANSWER = bytes(range(256))


async def begins(record: Record, key: str = KEY, request: str = REQUEST) -> bytes | None:
    return await record.write(lambda each: begin(each, key, request))


async def age(record: Record, by: timedelta) -> None:
    await record.write(
        lambda each: each.execute(update(record_idempotency).values(began_at=database_time(each) - by))
    )


async def test_an_answer_is_kept_to_the_byte_for_its_request_alone(record: Record) -> None:
    assert await begins(record) is None
    with pytest.raises(StillCarriedOut):
        await begins(record)
    with pytest.raises(OtherRequest):
        await begins(record, request=OTHER)
    await record.write(lambda each: finish(each, KEY, ANSWER))
    assert await begins(record) == ANSWER
    with pytest.raises(OtherRequest):
        await begins(record, request=OTHER)
    # Who comes late changes nothing any more.
    await record.write(lambda each: finish(each, KEY, b"late"))
    await record.write(lambda each: forget(each, KEY))
    assert await begins(record) == ANSWER
    assert await begins(record, key=OTHER) is None


async def test_what_is_forgotten_can_be_begun_again(record: Record) -> None:
    assert await begins(record) is None
    await record.write(lambda each: forget(each, KEY))
    assert await begins(record, request=OTHER) is None


async def test_of_those_who_begin_at_once_one_carries_it_out(record: Record) -> None:
    answers = await asyncio.gather(*(begins(record) for _ in range(8)), return_exceptions=True)
    assert answers.count(None) == 1
    assert sum(isinstance(each, StillCarriedOut) for each in answers) == 7


async def test_a_day_later_it_is_gone(record: Record) -> None:
    await begins(record)
    await record.write(lambda each: finish(each, KEY, ANSWER))
    await age(record, KEPT_FOR - timedelta(seconds=30))
    assert await begins(record) == ANSWER
    await age(record, KEPT_FOR)
    assert await begins(record, request=OTHER) is None


async def test_who_is_gone_without_an_answer_is_replaced_once(record: Record) -> None:
    await begins(record)
    await age(record, ABANDONED_AFTER - timedelta(seconds=30))
    with pytest.raises(StillCarriedOut):
        await begins(record)
    await age(record, ABANDONED_AFTER)
    assert await begins(record) is None
    with pytest.raises(StillCarriedOut):
        await begins(record)
