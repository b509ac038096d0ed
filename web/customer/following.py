"""How open pages learn that their closure has moved on: from the record, never from its workflow."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from urllib.parse import urlencode

from client.following import has_ended
from closure.acts import ActStatus
from closure.certificate import CERTIFIED
from closure.lifecycle import Stage
from closure.messages import RefundStatus, StatusDocument
from database import DatabaseUnreachable
from records.entries import RecordedClosure
from records.reading import ClosureRecords
from web.service import WebService

LOOK: Final = 1.0
"""Seconds between two looks: a page that waits for days needs no hurry."""
HEARTBEAT: Final = 15.0
"""Seconds of silence after which a comment goes out, and the session is looked at again."""
_PARTS: Final = 16


def events_url(status: StatusDocument) -> str:
    """What a page that shows this document follows."""
    query = {"closure": status.closure_id, "seen": mark_of(status)}
    return f"/closure/events?{urlencode(query)}"


def mark_of(status: StatusDocument) -> str:
    """Two documents that look alike have the same."""
    return _mark(status.stage, status.refund, is_certified=status.certificate_id is not None)


async def recorded_mark(records: ClosureRecords, closure_id: str) -> tuple[str, bool]:
    """The mark that a document would have now, and whether it is the last one."""
    closure = await records.get(closure_id)
    if closure is None:
        asked = await records.close_of(closure_id)
        status = asked[0].status if asked is not None else ActStatus.LAPSED
        stage = Stage.REFUSED if status is ActStatus.REFUSED else Stage.OPENED
        return _mark(stage, None, is_certified=False), status in (ActStatus.REFUSED, ActStatus.LAPSED)
    mark = _mark(
        closure.state.stage, closure.state.refund, is_certified=await _is_certified(records, closure)
    )
    return mark, await has_ended(records, closure)


async def turns(
    service: WebService,
    closure_id: str,
    seen: str,
    is_welcome: Callable[[], Awaitable[bool]],
    *,
    heartbeat: float = HEARTBEAT,
) -> AsyncIterator[str]:
    """Server-sent events, each by its mark: a page that was cut off goes on from the one that it saw.

    Ends when the closure has, the server stops, the database is away or `is_welcome` says no; who follows
    asks again.
    """
    last_sign = time.monotonic()
    yield ": turns follow\n\n"
    try:
        while not service.stopping.is_set():
            mark, is_last = await recorded_mark(service.closures.records, closure_id)
            if mark != seen:
                seen, last_sign = mark, time.monotonic()
                yield f"id: {mark}\nevent: turn\ndata: {{}}\n\n"
            if is_last:
                return
            if time.monotonic() - last_sign > heartbeat:
                if not await is_welcome():
                    return
                last_sign = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(LOOK)
    except DatabaseUnreachable:
        return


async def _is_certified(records: ClosureRecords, closure: RecordedClosure) -> bool:
    if closure.state.outcome not in CERTIFIED:
        return False
    return await records.certificate(closure.closure_id) is not None


def _mark(stage: Stage, refund: RefundStatus | None, *, is_certified: bool) -> str:
    said = f"{stage.value} {refund.model_dump_json() if refund else ''} {is_certified}"
    return hashlib.sha256(said.encode()).hexdigest()[:_PARTS]
