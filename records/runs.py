"""Which Temporal run holds a closure: every step compares it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from closure.errors import RefusalType, Refused
from closure.events import Resumed
from closure.findings import Change
from records.acts import lapse_taken
from records.closures import LockedClosure, closure_not_found, lock_closure
from records.lookups import closure_row


@dataclass(frozen=True)
class Caller:
    """The workflow run that an activity works for, as Temporal says; nothing of it comes from a payload."""

    workflow_id: str
    run_id: str


def hold(connection: Connection, closure_id: str, caller: Caller) -> LockedClosure:
    """The closure, locked, for a run that holds it; of what an owner took along, for the owner's run.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`; `STALE_RUN` for any other run.
    """
    closure = lock_closure(connection, closure_id)
    require_holder(connection, closure, caller)
    return closure


def require_holder(connection: Connection, closure: LockedClosure, caller: Caller) -> None:
    """Raises `Refused` (`STALE_RUN`) unless the caller is the run that holds the closure."""
    workflow_id, run_id = closure.state.workflow_id, closure.run_id
    if closure.owner_closure_id is not None:
        owner = closure_row(connection, closure.owner_closure_id)
        if owner is None:
            raise closure_not_found(closure.owner_closure_id)
        workflow_id, run_id = owner["workflow_id"], owner["run_id"]
    if (workflow_id, run_id) != (caller.workflow_id, caller.run_id):
        raise Refused(
            RefusalType.STALE_RUN,
            f"run {caller.run_id} does not hold closure {closure.closure_id}",
            facts={"closure_id": closure.closure_id},
        )


def claim_closure(
    connection: Connection, closure_id: str, caller: Caller, *, continues: str | None, time: datetime
) -> LockedClosure:
    """Makes the caller the run that holds the closure; the caller must be the current one.

    Args:
        connection: of a write transaction.
        closure_id: which closure.
        caller: the run; its workflow id must be the closure's.
        continues: the run that it continued as new from. Any other predecessor was lost: the audit says so.
        time: the closure's clock, UTC.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`; `STALE_RUN` for a workflow of another id, and for what an owner took
            along.
    """
    closure = lock_closure(connection, closure_id)
    if closure.owner_closure_id is not None or closure.state.workflow_id != caller.workflow_id:
        raise Refused(RefusalType.STALE_RUN, f"workflow {caller.workflow_id} is not closure {closure_id}'s")
    if closure.run_id == caller.run_id:
        return closure
    if closure.run_id != continues and closure.state.outcome is None:
        closure.apply(Change(closure.state, Resumed()), time=time)
        lapse_taken(connection, closure_id)
    closure.hold_by(caller.run_id)
    return closure
