"""The sandbox for workflow code, without asking it which place each payload is for.

For every payload the SDK has code run in the sandbox that names the activity or workflow that the payload
belongs to: a tenth of the worker's time. The commands that come out of the sandbox name it, too. A test
compares both, for every payload of recorded histories.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from temporalio.api.enums.v1.command_type_pb2 import COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK
from temporalio.converter import (
    ActivitySerializationContext,
    SerializationContext,
    StorageDriverStoreContext,
    WorkflowSerializationContext,
)
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.workflow import Info

if TYPE_CHECKING:
    from temporalio.bridge.proto.workflow_activation import WorkflowActivation
    from temporalio.bridge.proto.workflow_commands import ScheduleActivity, ScheduleLocalActivity
    from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
    from temporalio.worker._command_aware_visitor import CommandInfo
    from temporalio.workflow import _Definition


class PlacingRunner(WorkflowRunner):
    """Runs workflows by another runner, and says itself where their payloads belong."""

    def __init__(self, runner: WorkflowRunner) -> None:
        self._runner = runner

    def prepare_workflow(self, defn: "_Definition") -> None:
        """See the SDK."""
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """See the SDK."""
        return _Placed(self._runner.create_instance(det), det.info)

    def set_worker_level_failure_exception_types(self, types: Sequence[type[BaseException]]) -> None:
        """See the SDK."""
        self._runner.set_worker_level_failure_exception_types(types)


class _Placed(WorkflowInstance):
    """Ours starts no children and signals nobody: a payload is an activity's or the workflow's own."""

    def __init__(self, instance: WorkflowInstance, info: Info) -> None:
        self._instance = instance
        self._info = info
        self._own = WorkflowSerializationContext(namespace=info.namespace, workflow_id=info.workflow_id)
        self._activities: dict[int, ActivitySerializationContext] = {}
        self._store = StorageDriverStoreContext(target=None)

    def activate(self, act: "WorkflowActivation") -> "WorkflowActivationCompletion":
        completion = self._instance.activate(act)
        for job in act.jobs:
            if job.HasField("resolve_activity"):
                self._activities.pop(job.resolve_activity.seq, None)
        for command in completion.successful.commands:
            if command.HasField("schedule_activity"):
                self._note(command.schedule_activity, command.schedule_activity.task_queue, is_local=False)
            elif command.HasField("schedule_local_activity"):
                self._note(command.schedule_local_activity, self._info.task_queue, is_local=True)
        return completion

    def _note(
        self, scheduled: "ScheduleActivity | ScheduleLocalActivity", task_queue: str, *, is_local: bool
    ) -> None:
        self._activities[scheduled.seq] = ActivitySerializationContext(
            namespace=self._info.namespace,
            workflow_id=self._info.workflow_id,
            workflow_type=self._info.workflow_type,
            activity_type=scheduled.activity_type,
            activity_id=None,  # which the SDK tells only where the workflow has chosen it
            activity_task_queue=task_queue,
            is_local=is_local,
        )

    def get_serialization_context(self, command_info: "CommandInfo | None") -> SerializationContext | None:
        if command_info is None or command_info.command_type != COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK:
            return self._own
        return self._activities.get(command_info.command_seq, self._own)

    def get_external_store_context(self, command_info: "CommandInfo | None") -> StorageDriverStoreContext:
        """Nothing is stored outside of Temporal."""
        return self._store

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()
