"""What became of each e-mail that the installation hands to its mail server: taken, or refused for good.

Rows have a hash for a name: neither whom a mail was for nor what it said. Times are the database's, UTC.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, insert, select

from database import Database, database_time
from database.parts import delete_some
from records.tables import record_deliveries

KEPT_FOR: Final = timedelta(days=90)
"""Whoever still asks for the same mail so much later sends it again."""


class DeliveryRecords:
    """Needs the tables of `records.schema.MIGRATIONS`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settled(self, deliveries: Sequence[str]) -> Mapping[str, str | None]:
        """Of these the ones that are over, each with why it was refused; None: it was taken."""
        row = record_deliveries.c
        query = select(row.delivery, row.refusal).where(row.delivery.in_(deliveries))

        def work(connection: Connection) -> Mapping[str, str | None]:
            return {each.delivery: each.refusal for each in connection.execute(query)}

        return await self._database.read(work)

    async def settle(self, delivery: str, refusal: str | None) -> None:
        """It is over; again changes nothing."""
        row = record_deliveries.c

        def work(connection: Connection) -> None:
            now = database_time(connection)
            delete_some(connection, record_deliveries, row.delivery, row.time <= now - KEPT_FOR)
            if connection.scalar(select(row.delivery).where(row.delivery == delivery)) is None:
                values = {"delivery": delivery, "refusal": refusal, "time": now}
                connection.execute(insert(record_deliveries).values(values))

        await self._database.write(work)
