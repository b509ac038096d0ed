"""Somebody who reaches Temporal with a plain client, and nothing else: no keys, no database, no program."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType as HistoryEventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from tests.harness.installation import TestInstallation

TYPE: Final = "AccountClosure"
PATIENCE: Final = timedelta(seconds=20)
UNKNOWN_ACT: Final = "f" * 32


class Stranger:
    """Starts, updates, signals, resets, terminates and completes whatever there is."""

    def __init__(self, installation: TestInstallation) -> None:
        config = installation.client.config()
        self.client = Client(config["service_client"], namespace=installation.client.namespace)
        self.queue = installation.queue
        self.installation_id = installation.record.installation.installation_id

    def named(self, closure_id: str) -> dict[str, str]:
        """What a closure's workflow is started with, as every history shows it."""
        return {"installation": self.installation_id, "closure_id": closure_id}

    def handle(self, workflow_id: str) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(workflow_id)

    async def signal(self, workflow_id: str, name: str) -> None:
        with suppress(RPCError):  # a run that is just going over into the next takes none
            await self.handle(workflow_id).signal(name)

    async def terminate(self, workflow_id: str) -> None:
        with suppress(RPCError):  # nothing is running
            await self.handle(workflow_id).terminate("by a stranger")

    async def start(
        self,
        workflow_id: str,
        *arguments: object,
        type: str = TYPE,
        queue: str | None = None,
        start_delay: timedelta | None = None,
        cron: str = "",
        retry: RetryPolicy | None = None,
        execution_timeout: timedelta | None = None,
    ) -> WorkflowHandle[object, object]:
        return await self.client.start_workflow(
            type,
            args=list(arguments),
            id=workflow_id,
            task_queue=queue or self.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
            start_delay=start_delay,
            cron_schedule=cron,
            retry_policy=retry,
            execution_timeout=execution_timeout,
        )

    async def ended(self, handle: WorkflowHandle[object, object]) -> str:
        """How the run ends: the type of its failure, or what it returns."""
        with suppress(Exception):
            await asyncio.wait_for(handle.result(), PATIENCE.total_seconds())
        description = await handle.describe()
        return description.status.name if description.status else "?"

    async def update(self, workflow_id: str, name: str, *arguments: object) -> str | None:
        """The type of the refusal; None when the update was carried out."""
        try:
            update = await self.handle(workflow_id).start_update(
                name,
                args=list(arguments),
                id=uuid4().hex,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                rpc_timeout=PATIENCE,
            )
            await update.result(rpc_timeout=PATIENCE)
        except WorkflowUpdateFailedError as error:
            return _type(error)
        except RPCError as error:
            return error.status.name
        return None

    async def update_with_start(
        self, workflow_id: str, name: str, argument: object, start: object
    ) -> str | None:
        """As `update`, at a run that is started for it."""
        operation: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
            TYPE,
            start,
            id=workflow_id,
            task_queue=self.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        try:
            update = await self.client.start_update_with_start_workflow(
                name,
                argument,
                id=uuid4().hex,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                start_workflow_operation=operation,
                rpc_timeout=PATIENCE,
            )
            await update.result(rpc_timeout=PATIENCE)
        except WorkflowUpdateFailedError as error:
            return _type(error)
        except RPCError as error:
            return error.status.name
        return None

    async def acts_heard(self, workflow_id: str) -> Sequence[str]:
        """The ids of acts that the history shows: a plain client reads them all."""
        history = await self.handle(workflow_id).fetch_history()
        return [
            event.workflow_execution_update_accepted_event_attributes.accepted_request.meta.update_id
            for event in history.events
            if event.event_type == HistoryEventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
        ]

    async def reset(self, workflow_id: str, *, task: int = 0) -> None:
        """Back to one of the run's completed workflow tasks: the first, unless said."""
        history = await self.handle(workflow_id).fetch_history()
        completed = [
            event.event_id
            for event in history.events
            if event.event_type == HistoryEventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        ]
        await self.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=self.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id),
                workflow_task_finish_event_id=completed[task],
                request_id=uuid4().hex,
            )
        )

    async def pending_activities(self, workflow_id: str) -> Sequence[str]:
        """Ids of the activities that are under way."""
        description = await self.handle(workflow_id).describe()
        return [each.activity_id for each in description.raw_description.pending_activities]


def _type(error: WorkflowUpdateFailedError) -> str:
    cause = error.cause
    return (cause.type or "no type") if isinstance(cause, ApplicationError) else type(cause).__name__
