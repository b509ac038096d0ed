"""Column types that mean the same on both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Boolean, Column, Connection, Integer, MetaData, Table, func, insert, select
from sqlalchemy.exc import StatementError

from database import Database
from database.columns import UtcDateTime

METADATA = MetaData()
MOMENTS = Table(
    "moments",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("moment", UtcDateTime),
    Column("flag", Boolean),
)

SAMPLES = (
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2))),
    datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(-timedelta(hours=9, minutes=30))),
)


async def test_instants_and_booleans_come_back_as_they_went_and_compare_in_order(database_url: str) -> None:
    database = Database(database_url)
    rows = [
        {"id": number, "moment": moment, "flag": bool(number % 2)} for number, moment in enumerate(SAMPLES)
    ]

    def store(connection: Connection) -> None:
        METADATA.create_all(connection)
        connection.execute(insert(MOMENTS), rows)
        connection.execute(insert(MOMENTS).values(id=99, moment=None, flag=None))

    def find(connection: Connection) -> tuple[list[tuple[datetime | None, bool | None]], datetime | None]:
        query = select(MOMENTS.c.moment, MOMENTS.c.flag).order_by(MOMENTS.c.id)
        after = select(MOMENTS.c.id).where(MOMENTS.c.moment > SAMPLES[0]).order_by(MOMENTS.c.moment)
        assert list(connection.scalars(after)) == [1, 2, 3]
        latest = connection.scalar(select(func.max(MOMENTS.c.moment)))
        return [(row.moment, row.flag) for row in connection.execute(query)], latest

    await database.write(store)
    found, latest = await database.read(find)
    await database.dispose()
    assert found == [*((row["moment"], row["flag"]) for row in rows), (None, None)]
    assert {moment.utcoffset() for moment, _ in found if moment} == {timedelta(0)}
    assert {type(flag) for _, flag in found} == {bool, type(None)}
    assert latest == SAMPLES[3]


async def test_a_time_without_an_offset_is_refused(database_url: str) -> None:
    database = Database(database_url)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001

    def store(connection: Connection) -> None:
        METADATA.create_all(connection)
        with pytest.raises(StatementError, match="needs an offset"):
            connection.execute(insert(MOMENTS).values(id=1, moment=naive))

    await database.write(store)
    await database.dispose()
