"""What staff tell of a refund that could not go back by its payments."""

import asyncio
from datetime import timedelta
from typing import Final

from client.delivery import Delivery
from client.faults import NotAnswered
from client.targets import ClosureTarget
from closure.errors import RefusalType, Refused
from closure.money import Money
from records.reading import ClosureRecords
from records.record import Record
from records.settlements import Settlement, add_settlement, find_settlement

LONGEST_REFERENCE: Final = 200
"""Characters of a payment's reference."""
TAKEN_UP_WITHIN: Final = timedelta(seconds=15)
_LOOK: Final = 0.1


class RefundSettling:
    """Writes it to the record; the closure's next look takes it up."""

    def __init__(self, record: Record, records: ClosureRecords, delivery: Delivery) -> None:
        self._record = record
        self._records = records
        self._delivery = delivery

    async def settle(self, closure_id: str, amount: str, reference: str) -> None:
        """See `ClosureClient.settle_refund`."""
        told = await self._record.write(lambda each: add_settlement(each, closure_id, amount, reference))
        if told.taken_at is None:
            told = await self._taken_up(told)
        if told.taken is not None and Money.parse(told.taken, told.currency) < Money.parse(
            told.amount, told.currency
        ):
            raise Refused(
                RefusalType.THING_NOT_ALLOWED,
                f"only {told.taken} {told.currency} was still there to be paid otherwise",
                facts={"closure_id": closure_id, "taken": told.taken, "currency": told.currency},
            )

    async def _taken_up(self, told: Settlement) -> Settlement:
        closure = await self._records.get(told.closure_id)
        assert closure is not None, "its settlement is in the record"
        await self._delivery.send_recheck(ClosureTarget.of(closure))
        deadline = asyncio.get_running_loop().time() + TAKEN_UP_WITHIN.total_seconds()
        while asyncio.get_running_loop().time() < deadline:
            now = await self._record.read(lambda each: find_settlement(each, told.settlement_id))
            if now is not None and now.taken_at is not None:
                return now
            await asyncio.sleep(_LOOK)
        raise NotAnswered(
            "it is written down, and taken up by the closure's next look", closure_id=told.closure_id
        )
