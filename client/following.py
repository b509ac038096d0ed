"""Following a closure in the record, never in its workflow: followers cost the workers nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from closure.acts import ActStatus
from closure.certificate import CERTIFIED
from closure.errors import RefusalType, Refused
from records.entries import ReadEvent, RecordedClosure
from records.reading import ClosureRecords

FOLLOW_INTERVAL: Final = timedelta(milliseconds=500)
_NEVER_ADMITTED: Final = frozenset({ActStatus.REFUSED, ActStatus.LAPSED})


async def follow_events(
    records: ClosureRecords, closure_id: str, after: int = 0
) -> AsyncIterator[tuple[ReadEvent, ...]]:
    """The audit events beyond sequence `after`: those so far, then new ones as they come, until all are told.

    Gives what is new at every look, also nothing, so that who follows can say that it still looks. Ends once
    the closure has ended or was not admitted.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`.
    """
    told = after
    while True:
        closure = await records.get(closure_id)
        # Asked before the events are read, so that none comes between.
        is_over = await (
            _was_not_admitted(records, closure_id) if closure is None else has_ended(records, closure)
        )
        is_news = closure is not None and closure.event_count > told
        events = await records.events(closure_id) if is_news else ()
        new = tuple(each for each in events if each.sequence > told)
        told = new[-1].sequence if new else told
        yield new
        if is_over:
            return
        await asyncio.sleep(FOLLOW_INTERVAL.total_seconds())


async def has_ended(records: ClosureRecords, closure: RecordedClosure) -> bool:
    """Whether it has its outcome, and its certificate where there is one."""
    if closure.state.outcome in CERTIFIED:
        return await records.certificate(closure.closure_id) is not None
    return closure.state.outcome is not None


async def _was_not_admitted(records: ClosureRecords, closure_id: str) -> bool:
    asked = await records.close_of(closure_id)
    if asked is None:
        raise Refused(
            RefusalType.CLOSURE_NOT_FOUND,
            f"there is no closure {closure_id}",
            facts={"closure_id": closure_id},
        )
    return asked[0].status in _NEVER_ADMITTED
