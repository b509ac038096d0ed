"""Having a closure look again, and waiting for what it finds."""

import asyncio
from datetime import timedelta
from typing import Final

from client.delivery import ACCEPTANCE_DEADLINE, Delivery
from client.faults import NotAnswered, TakesLonger
from client.targets import ClosureTarget
from closure.errors import RefusalType, Refused
from closure.lifecycle import IRREVOCABLE, Stage
from records.entries import RecordedClosure
from records.reading import ClosureRecords

RECHECK_DEADLINE: Final = timedelta(minutes=5)
"""How long a system check may take before nobody waits for it any more (A14)."""
LOOKING_AGAIN: Final = frozenset({Stage.ENTERING, Stage.FINAL_CHECK, Stage.RETAINED, Stage.DELETING})
"""After confirming, these look again at holds, billing, the refund, or what is held up."""
FINAL_LOOK_DEADLINE: Final = timedelta(seconds=5)
_LOOK: Final = 0.1


class Rechecking:
    """The look is asked for by a signal; that it has happened is read from the record."""

    def __init__(self, records: ClosureRecords, delivery: Delivery) -> None:
        self._records = records
        self._delivery = delivery

    async def recheck(self, closure: RecordedClosure) -> None:
        """Returns once the open closure has looked again. See `ClosureClient.recheck`."""
        if closure.state.stage in IRREVOCABLE and closure.state.stage not in LOOKING_AGAIN:
            raise Refused(
                RefusalType.IRREVOCABLE,
                "the closure has been confirmed: there is nothing to recheck in this stage",
                facts={"account_id": closure.state.account_id},
            )
        await self._delivery.send_recheck(ClosureTarget.of(closure))
        await self._next_look(closure)

    async def _next_look(self, before: RecordedClosure) -> None:
        """Waits until the closure has looked again; a final look for a few seconds only."""
        final = before.state.stage in LOOKING_AGAIN
        patience = FINAL_LOOK_DEADLINE if final else RECHECK_DEADLINE
        now, began = before, asyncio.get_running_loop().time()
        while not _has_looked_again(before, now):
            waited = asyncio.get_running_loop().time() - began
            if waited > patience.total_seconds():
                break
            if now.event_count == before.event_count and waited > ACCEPTANCE_DEADLINE.total_seconds():
                raise NotAnswered("no worker has looked yet", closure_id=before.closure_id)
            await asyncio.sleep(_LOOK)
            now = await self._records.get(before.closure_id) or now
        if not final and not _has_looked_again(before, now):
            raise TakesLonger("the system check still runs", account_id=before.state.account_id)


def _has_looked_again(before: RecordedClosure, now: RecordedClosure) -> bool:
    if now.state.outcome is not None:
        return True
    if before.state.stage in LOOKING_AGAIN:
        return (now.state.stage, now.state.refund) != (before.state.stage, before.state.refund)
    return now.state.survey_number > before.state.survey_number and now.state.stage is not Stage.CHECKING
