"""The watchman: compares every open closure with its run, and notes what it saw."""

import asyncio
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, and_, exists, func, or_, select, update
from temporalio import activity
from temporalio.client import Client

from closure.errors import RefusalType, Refused
from closure.lifecycle import REVOCABLE
from closure.model import Instant, WireModel
from database.database import database_time
from records.acts import IS_STANDING_WITHDRAWAL
from records.lookups import closure_row
from records.record import Record
from records.tables import record_acts, record_closures
from temporal.current_runs import RunningWorkflow, TemporalRuns

PAGE: Final = 100
_CLOSE_ENOUGH: Final = timedelta(seconds=1)
"""Temporal keeps times less exactly than the record."""
_CLAIMING_TIME: Final = timedelta(seconds=5)
_PAUSE: Final = 0.1
_LATE_BY: Final = timedelta(minutes=1)
"""A run that sleeps for so long beyond its deadline was told another one by whoever completed its steps."""
_MINUTES_A_DAY: Final = 24 * 60


class WatchCall(WireModel):
    """`after` is the last closure of the page before, by the order of opening."""

    installation: str
    after: int = 0


class Watched(WireModel):
    """How many closures one page compared, and how many of them no workflow carries on."""

    seen: int
    interrupted: int
    last: int | None = None


class _Open(WireModel):
    opened_sequence: int
    closure_id: str
    workflow_id: str
    run_id: str | None
    stage: str
    deadline: Instant | None
    interrupted: bool
    is_overdue: bool

    def is_unlike(self, running: RunningWorkflow) -> bool:
        """Whether the run shows another stage or deadline than the record has, or is another run."""
        seen = (running.run_id, running.stage)
        # A stage without a deadline leaves the last one's standing there.
        return self._shows_another_deadline(running) or seen != (self.run_id, self.stage)

    def _shows_another_deadline(self, running: RunningWorkflow) -> bool:
        if self.deadline is None:
            return False
        return running.deadline is None or abs(running.deadline - self.deadline) > _CLOSE_ENOUGH


class WatchActivities:
    """Changes nothing of a closure but the note that it is interrupted; wakes runs that are behind."""

    def __init__(self, record: Record, temporal: Client) -> None:
        self._record = record
        self._temporal = temporal
        self._runs = TemporalRuns(temporal)

    @activity.defn
    async def watch(self, call: WatchCall) -> Watched:
        """Compares a page of open closures with what Temporal says of their runs.

        Raises:
            Refused: `WRONG_INSTALLATION`.
        """
        if call.installation != self._record.installation.installation_id:
            raise Refused(RefusalType.WRONG_INSTALLATION, "this is another installation")
        page = await self._record.read(lambda each: _page(each, call.after))
        interrupted = 0
        for closure in page:
            activity.heartbeat(closure.opened_sequence)
            interrupted += await self._compare(closure)
        return Watched(
            seen=len(page),
            interrupted=interrupted,
            last=page[-1].opened_sequence if len(page) == PAGE else None,
        )

    async def _compare(self, closure: _Open) -> bool:
        running = await self._runs.running(closure.workflow_id)
        gone = running is None or not running.carries_on(activity.info().task_queue)
        if running is not None and not gone:
            if closure.is_overdue or closure.is_unlike(running):
                await self._runs.wake(closure.workflow_id)
            gone = not await self._is_held_by(closure, running.run_id)
        if gone is not closure.interrupted:
            await self._record.write(lambda each: _note(each, closure.closure_id, gone=gone))
        return gone

    async def _is_held_by(self, closure: _Open, run_id: str) -> bool:
        """A run that was woken claims its closure within moments; one that never does only sits there."""
        if run_id == closure.run_id:
            return True
        deadline = asyncio.get_running_loop().time() + _CLAIMING_TIME.total_seconds()
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_PAUSE)
            row = await self._record.read(lambda each: closure_row(each, closure.closure_id))
            # Held by another run than before: whichever it is, it has claimed the closure just now.
            if row is None or row["run_id"] != closure.run_id or row["outcome"] is not None:
                return True
        return False


def _page(connection: Connection, after: int) -> list[_Open]:
    row = record_closures.c
    now = database_time(connection)
    # What waits has no deadline that could pass: its run is woken once a day, each in a minute of its own.
    minute = now.hour * 60 + now.minute
    is_late = and_(row.waiting_for.is_(None), row.deadline < now - _LATE_BY)
    # Nobody may have listened when it was asked for.
    is_left = and_(
        row.stage.in_([stage.value for stage in REVOCABLE]),
        exists().where(record_acts.c.closure_id == row.closure_id, IS_STANDING_WITHDRAWAL),
    )
    query = (
        select(
            row.opened_sequence,
            row.closure_id,
            row.workflow_id,
            row.run_id,
            row.stage,
            row.deadline,
            row.interrupted_at.is_not(None).label("interrupted"),
            func.coalesce(or_(is_late, is_left, row.opened_sequence % _MINUTES_A_DAY == minute), False).label(
                "is_overdue"
            ),
        )
        .where(row.outcome.is_(None), row.owner_closure_id.is_(None), row.opened_sequence > after)
        .order_by(row.opened_sequence)
        .limit(PAGE)
    )
    return [_Open.model_validate(dict(each)) for each in connection.execute(query).mappings()]


def _note(connection: Connection, closure_id: str, *, gone: bool) -> None:
    connection.execute(
        update(record_closures)
        .where(record_closures.c.closure_id == closure_id, record_closures.c.outcome.is_(None))
        .values(interrupted_at=database_time(connection) if gone else None)
    )
