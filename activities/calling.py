"""Who calls an activity: only the workflow run that holds a closure may have anything done or read."""

from typing import Protocol

from temporalio import activity

from closure.errors import RefusalType, Refused
from closure.model import Instant, WireModel
from records.runs import Caller
from temporal.current_runs import CLOSURE_WORKFLOW_TYPE


class StageCall(WireModel):
    """The input of every activity but those for acts: which closure, of which installation.

    `time` is the run's clock, UTC. Only a local installation believes it.
    """

    installation: str
    closure_id: str
    time: Instant


class ActCall(StageCall):
    """The input of an activity that carries out an act."""

    act_id: str


class CurrentRuns(Protocol):
    """What Temporal says about the runs of a workflow."""

    async def current_run(self, workflow_id: str, task_queue: str) -> str | None:
        """The id of the closure's run that is running under this workflow id and on this queue, if one is."""
        ...

    async def wake(self, workflow_id: str) -> bool:
        """Has the run look its closure up in the record; False when that was not possible."""
        ...


def calling_run() -> Caller:
    """The run that an activity works for, as Temporal says.

    Raises:
        Refused: `STALE_RUN` for an activity that no workflow of ours called.
    """
    info = activity.info()
    if (
        info.workflow_id is None
        or info.workflow_run_id is None
        or info.workflow_type != CLOSURE_WORKFLOW_TYPE
    ):
        raise Refused(RefusalType.STALE_RUN, "only a closure's own workflow may call this")
    return Caller(workflow_id=info.workflow_id, run_id=info.workflow_run_id)


def require_time(*, answers_at_once: bool) -> None:
    """Keeps what may take long out of local activities: the workflow then calls the same as a normal one.

    Raises:
        Refused: `TAKES_LONG`.
    """
    if activity.info().is_local and not answers_at_once:
        raise Refused(RefusalType.TAKES_LONG, "this may take longer than a local activity should")
