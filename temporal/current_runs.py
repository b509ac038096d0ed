"""What Temporal says about the runs of a workflow; nothing else about it is believed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState, WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    GetWorkflowExecutionHistoryReverseRequest,
    ResetActivityRequest,
)
from temporalio.client import Client
from temporalio.converter import decode_typed_search_attributes
from temporalio.service import RPCError, RPCStatusCode

from temporal.asking import asked
from temporal.closure_clock import clock_in
from temporal.search_attributes import CLOSURE_DEADLINE, CLOSURE_STAGE

ASKING_DEADLINE: Final = timedelta(seconds=5)
CLOSURE_WORKFLOW_TYPE: Final = "AccountClosure"
STUCK_FROM_ATTEMPT: Final = 3
"""A workflow task that has failed twice fails because of its history. Each attempt takes seconds."""
_LAST_EVENTS: Final = 100
_WAITS: Final = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
# The SDK's own description has no word for a paused workflow.
_UNFINISHED: Final = frozenset(
    {
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING,
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED,
    }
)


class Hastened(Enum):
    """What became of the wish that a run tries again now."""

    NOW = "now"
    AT_WORK = "at work"
    """An attempt is under way: whether it has seen what was meant, nobody can say."""
    NOT_NEEDED = "not needed"
    """Nothing that failed is waiting for its next attempt."""


@dataclass(frozen=True)
class FailingActivity:
    """An activity that fails again and again: how often so far, and with which kind of error."""

    activity: str
    attempts: int
    error: str
    activity_id: str = ""


@dataclass(frozen=True)
class RunningWorkflow:
    """The run that is running under a workflow id now; `now` is its own clock, UTC.

    `stage` and `deadline` are what it shows.
    """

    run_id: str
    workflow_type: str
    task_queue: str
    now: datetime
    stage: str | None = None
    deadline: datetime | None = None
    failing: FailingActivity | None = None
    is_stuck: bool = False
    """Its tasks fail again and again, or go where no worker of ours is: it carries nothing on."""

    def is_closure_on(self, task_queue: str) -> bool:
        """Whether it is a closure's run on this queue; on any other its code is not ours."""
        return (self.workflow_type, self.task_queue) == (CLOSURE_WORKFLOW_TYPE, task_queue)

    def carries_on(self, task_queue: str) -> bool:
        """Whether a worker of this queue carries a closure on in it, as far as can be seen."""
        return self.is_closure_on(task_queue) and not self.is_stuck


class TemporalRuns:
    """Asks the server. Raises `temporalio.service.RPCError` when it doesn't answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def running(self, workflow_id: str) -> RunningWorkflow | None:
        """What is running under this workflow id; None when nothing is."""
        described = await self._described(workflow_id)
        if described is None:
            return None
        info = described.workflow_execution_info
        shown = decode_typed_search_attributes(info.search_attributes)
        return RunningWorkflow(
            run_id=info.execution.run_id,
            workflow_type=info.type.name,
            task_queue=info.task_queue,
            now=clock_in(described),
            stage=shown.get(CLOSURE_STAGE),
            deadline=shown.get(CLOSURE_DEADLINE),
            failing=_failing(described),
            is_stuck=_is_stuck(described),
        )

    async def _described(self, workflow_id: str) -> DescribeWorkflowExecutionResponse | None:
        """What is running under this workflow id; None when nothing is."""
        service = self._client.workflow_service
        request = DescribeWorkflowExecutionRequest(
            namespace=self._client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        )
        try:
            described = await asked(
                lambda: service.describe_workflow_execution(request, timeout=ASKING_DEADLINE)
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return described if described.workflow_execution_info.status in _UNFINISHED else None

    async def current_run(self, workflow_id: str, task_queue: str) -> str | None:
        """The id of the closure's run that is running under this workflow id and on this queue, if one is."""
        running = await self.running(workflow_id)
        return running.run_id if running is not None and running.is_closure_on(task_queue) else None

    async def scheduled_at(self, workflow_id: str, run_id: str, activity_id: str) -> datetime | None:
        """When the run asked for this activity, UTC; None where that is not among its last events.

        The server's description of a failing activity only has the time of its next attempt.
        """
        service = self._client.workflow_service
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            maximum_page_size=_LAST_EVENTS,
        )
        found = await asked(
            lambda: service.get_workflow_execution_history_reverse(request, timeout=ASKING_DEADLINE)
        )
        for event in found.history.events:
            if event.activity_task_scheduled_event_attributes.activity_id == activity_id:
                return event.event_time.ToDatetime(UTC)
        return None

    async def hasten(self, workflow_id: str) -> Hastened:
        """Ends the pause before the next attempt of what has failed in the run; its attempts count anew."""
        described = await self._described(workflow_id)
        result = Hastened.NOT_NEEDED
        for pending in described.pending_activities if described is not None else ():
            if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
                result = Hastened.AT_WORK
            elif pending.state == _WAITS and pending.attempt > 1:
                await self._try_now(workflow_id, pending.activity_id)
                result = Hastened.NOW if result is Hastened.NOT_NEEDED else result
        return result

    async def _try_now(self, workflow_id: str, activity_id: str) -> None:
        request = ResetActivityRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id),
            id=activity_id,
        )
        await self._client.workflow_service.reset_activity(request, timeout=ASKING_DEADLINE)

    async def wake(self, workflow_id: str) -> bool:
        """Has the run look its closure up in the record; False when that was not possible."""
        try:
            handle = self._client.get_workflow_handle(workflow_id)
            await handle.signal("catch_up", rpc_timeout=ASKING_DEADLINE)
        except RPCError:
            return False
        return True


def _is_stuck(described: DescribeWorkflowExecutionResponse) -> bool:
    info = described.workflow_execution_info
    is_pinned = info.versioning_info.HasField("versioning_override")
    is_paused = info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED
    return is_pinned or is_paused or described.pending_workflow_task.attempt >= STUCK_FROM_ATTEMPT


def _failing(described: DescribeWorkflowExecutionResponse) -> FailingActivity | None:
    for pending in described.pending_activities:
        if pending.attempt > 1 and pending.HasField("last_failure"):
            failure = pending.last_failure
            return FailingActivity(
                activity=pending.activity_type.name,
                attempts=pending.attempt - 1,
                error=failure.application_failure_info.type or "Failure",
                activity_id=pending.activity_id,
            )
    return None
