"""Steps of a closure: opened in the record before an effect, closed after it with its audit event."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update

from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from closure.steps import REPEATED, STAGE_OF, UNDOING, Step, steps_before
from records.brakes import brake_on
from records.closures import LockedClosure
from records.tables import record_steps

_row = record_steps.c
# Built once: most of what a short statement costs is making it.
_STEP: Final = select(_row.opened_at, _row.closed_at, _row.result).where(
    _row.closure_id == bindparam("of"), _row.step == bindparam("named")
)
_NEW_STEP: Final = insert(record_steps)
_CLOSE: Final = update(record_steps).where(
    _row.closure_id == bindparam("of"), _row.step == bindparam("named"), _row.closed_at.is_(None)
)
_STEPS: Final = select(_row.step, _row.closed_at).where(_row.closure_id == bindparam("of"))


@dataclass(frozen=True)
class OpenedStep:
    """`opened_at` is when it was opened first, by the closure's clock.

    `result` comes with its closing; before that it is how far an earlier attempt was, where steps note that.
    """

    opened_at: datetime
    is_closed: bool
    result: str | None


class BrakeIsOn(Exception):
    """An operator's brake keeps the step from being opened. The message is the operator's reason."""


def open_step(
    connection: Connection, closure: LockedClosure, step: Step, run_id: str, *, now: datetime
) -> OpenedStep:
    """Opens a step of a closure that the run holds; one that is open or closed already is found again.

    A step that can be repeated is open again after it, and keeps the result of the time before.

    Raises:
        Refused: `STAGE_CONFLICT` in another stage, or before the steps that come first; `NOT_YET` before its
            deadline; `WITHDRAWAL_STANDS` while somebody has asked to withdraw.
        BrakeIsOn: a brake is on.
    """
    found = find_step(connection, closure.closure_id, step)
    if found is not None and found.is_closed and step not in REPEATED:
        return found
    _require_place(connection, closure, step, now)
    if found is not None:
        return _opened_again(connection, closure.closure_id, step, found) if found.is_closed else found
    connection.execute(
        _NEW_STEP,
        {"closure_id": closure.closure_id, "step": step.value, "run_id": run_id, "opened_at": now},
    )
    return OpenedStep(opened_at=now, is_closed=False, result=None)


def require_opened(connection: Connection, closure_id: str, step: Step) -> OpenedStep:
    """The step, open or closed. Raises `Refused` (`STAGE_CONFLICT`) for one that was never opened."""
    found = find_step(connection, closure_id, step)
    if found is None:
        raise Refused(RefusalType.STAGE_CONFLICT, f"step {step.value} of {closure_id} was never opened")
    return found


def close_step(
    connection: Connection, closure_id: str, step: Step, *, now: datetime, result: str | None = None
) -> bool:
    """Closes an open step, in the transaction of its event; False when it was closed before.

    Raises:
        Refused: `STAGE_CONFLICT` for a step that was never opened.
    """
    named = {"of": closure_id, "named": step.value, "closed_at": now, "result": result}
    if connection.execute(_CLOSE, named).rowcount == 1:
        return True
    require_opened(connection, closure_id, step)
    return False


def note_step(connection: Connection, closure_id: str, step: Step, result: str) -> None:
    """How far an open step is, for the next attempt; nothing for one that is closed."""
    connection.execute(
        update(record_steps)
        .where(
            record_steps.c.closure_id == closure_id,
            record_steps.c.step == step.value,
            record_steps.c.closed_at.is_(None),
        )
        .values(result=result)
    )


def find_step(connection: Connection, closure_id: str, step: Step) -> OpenedStep | None:
    """The step as it stands."""
    row = connection.execute(_STEP, {"of": closure_id, "named": step.value}).one_or_none()
    if row is None:
        return None
    return OpenedStep(opened_at=row.opened_at, is_closed=row.closed_at is not None, result=row.result)


def _opened_again(connection: Connection, closure_id: str, step: Step, found: OpenedStep) -> OpenedStep:
    connection.execute(
        update(record_steps)
        .where(record_steps.c.closure_id == closure_id, record_steps.c.step == step.value)
        .values(closed_at=None)
    )
    return OpenedStep(opened_at=found.opened_at, is_closed=False, result=found.result)


def _require_place(connection: Connection, closure: LockedClosure, step: Step, now: datetime) -> None:
    state = closure.state
    if state.stage not in STAGE_OF[step]:
        raise Refused(
            RefusalType.STAGE_CONFLICT,
            f"closure {state.closure_id} is {state.stage.value}: no place for {step.value}",
        )
    require_closed(connection, state.closure_id, steps_before(step, state.mode))
    require_reached(closure, now)
    if step not in UNDOING:
        brake = brake_on(connection, state)
        if brake is not None:
            raise BrakeIsOn(brake.reason)


def require_closed(connection: Connection, closure_id: str, steps: Iterable[Step]) -> None:
    """Raises `Refused` (`STAGE_CONFLICT`) unless all of these steps of the closure are closed."""
    wanted = tuple(steps)
    if not wanted:
        return
    rows = connection.execute(_STEPS, {"of": closure_id})
    closed = {row.step for row in rows if row.closed_at is not None}
    for step in wanted:
        if step.value not in closed:
            raise Refused(RefusalType.STAGE_CONFLICT, f"step {step.value} of {closure_id} is not closed yet")


def require_reached(closure: LockedClosure, now: datetime) -> None:
    """What stands in the record as the deadline of a later stage must be past.

    Raises:
        Refused: `NOT_YET`.
    """
    state = closure.state
    not_before = {Stage.DELETING: state.delete_after, Stage.FINAL_CHECK: state.silent_until}.get(state.stage)
    if not_before is not None and now < not_before:
        raise Refused(RefusalType.NOT_YET, f"closure {state.closure_id} must wait until {not_before}")
