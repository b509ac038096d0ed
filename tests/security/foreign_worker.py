"""A worker of a stranger's: polls our queue and answers with whatever it likes, by the bare API."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.command.v1 import (
    Command,
    CompleteWorkflowExecutionCommandAttributes,
    ContinueAsNewWorkflowExecutionCommandAttributes,
    FailWorkflowExecutionCommandAttributes,
    RecordMarkerCommandAttributes,
    ScheduleActivityTaskCommandAttributes,
    StartTimerCommandAttributes,
)
from temporalio.api.common.v1 import ActivityType, Payload, Payloads, WorkflowType
from temporalio.api.enums.v1 import CommandType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollActivityTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
    RespondActivityTaskCompletedRequest,
    RespondWorkflowTaskCompletedRequest,
)
from temporalio.common import RetryPolicy
from temporalio.converter import DataConverter
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.service import RPCError

from tests.security.stranger import Stranger

POLL: Final = timedelta(seconds=5)
Commands = Callable[[str], Sequence[Command]]
"""What to answer to a workflow task of this workflow id."""


def duration(length: timedelta) -> Duration:
    made = Duration()
    made.FromTimedelta(length)
    return made


def payloads(*values: object) -> Payloads:
    return Payloads(payloads=DataConverter.default.payload_converter.to_payloads(values))


def sleep_for_years(workflow_id: str) -> Sequence[Command]:
    timer = StartTimerCommandAttributes(timer_id="1", start_to_fire_timeout=duration(timedelta(days=3000)))
    return [Command(command_type=CommandType.COMMAND_TYPE_START_TIMER, start_timer_command_attributes=timer)]


def complete(workflow_id: str) -> Sequence[Command]:
    done = CompleteWorkflowExecutionCommandAttributes(result=payloads({"stage": "deleted"}))
    return [
        Command(
            command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
            complete_workflow_execution_command_attributes=done,
        )
    ]


def fail(workflow_id: str) -> Sequence[Command]:
    failed = FailWorkflowExecutionCommandAttributes(failure=Failure(message="by a stranger"))
    return [
        Command(
            command_type=CommandType.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
            fail_workflow_execution_command_attributes=failed,
        )
    ]


def continue_as_new(
    argument: object, *, queue: str, type: str = "AccountClosure", cron: str = ""
) -> Commands:
    def answer(workflow_id: str) -> Sequence[Command]:
        again = ContinueAsNewWorkflowExecutionCommandAttributes(
            workflow_type=WorkflowType(name=type),
            task_queue=TaskQueue(name=queue),
            input=payloads(argument),
            cron_schedule=cron,
        )
        return [
            Command(
                command_type=CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
                continue_as_new_workflow_execution_command_attributes=again,
            )
        ]

    return answer


def schedule(queue: str, *calls: tuple[str, object]) -> Commands:
    """Has our activities do things, as if the closure's workflow had asked for them."""

    def answer(workflow_id: str) -> Sequence[Command]:
        return [
            Command(
                command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
                schedule_activity_task_command_attributes=ScheduleActivityTaskCommandAttributes(
                    activity_id=str(number),
                    activity_type=ActivityType(name=name),
                    task_queue=TaskQueue(name=queue),
                    input=payloads(argument),
                    start_to_close_timeout=duration(timedelta(minutes=1)),
                ),
            )
            for number, (name, argument) in enumerate(calls, start=1)
        ]

    return answer


def same_marker(event: HistoryEvent, result: object) -> Commands:
    """The marker of a local activity, as a history has it, with another result."""

    def answer(workflow_id: str) -> Sequence[Command]:
        marker = RecordMarkerCommandAttributes(marker_name=event.marker_recorded_event_attributes.marker_name)
        for name, detail in event.marker_recorded_event_attributes.details.items():
            marker.details[name].CopyFrom(detail)
        marker.details["result"].CopyFrom(payloads(result))
        return [
            Command(
                command_type=CommandType.COMMAND_TYPE_RECORD_MARKER, record_marker_command_attributes=marker
            )
        ]

    return answer


class ForeignWorker:
    """Takes tasks from our queue, one after another."""

    def __init__(self, stranger: Stranger) -> None:
        self._service = stranger.client.workflow_service
        self._namespace = stranger.client.namespace
        self._queue = TaskQueue(name=stranger.queue)

    async def answer_a_workflow_task(self, answer: Commands) -> str | None:
        """The id of the workflow whose task it took; None when none came, or it was too late for it."""
        request = PollWorkflowTaskQueueRequest(
            namespace=self._namespace, task_queue=self._queue, identity="stranger"
        )
        with suppress(RPCError):
            task = await self._service.poll_workflow_task_queue(request, timeout=POLL)
            if not task.task_token:
                return None
            workflow_id = task.workflow_execution.workflow_id
            await self._service.respond_workflow_task_completed(
                RespondWorkflowTaskCompletedRequest(
                    namespace=self._namespace,
                    task_token=task.task_token,
                    identity="stranger",
                    commands=answer(workflow_id),
                ),
                timeout=POLL,
            )
            return workflow_id
        return None

    async def answer_an_activity(self, result: Payload | object) -> str | None:
        """The type of the activity that it took."""
        request = PollActivityTaskQueueRequest(
            namespace=self._namespace, task_queue=self._queue, identity="stranger"
        )
        with suppress(RPCError):
            task = await self._service.poll_activity_task_queue(request, timeout=POLL)
            if not task.task_token:
                return None
            await self._service.respond_activity_task_completed(
                RespondActivityTaskCompletedRequest(
                    namespace=self._namespace,
                    task_token=task.task_token,
                    identity="stranger",
                    result=payloads(result),
                ),
                timeout=POLL,
            )
            return task.activity_type.name
        return None


@workflow.defn(name="AccountClosure")
class Intruder:
    """Under the name and id of a closure's workflow, on a queue of the stranger's: calls our activities."""

    @workflow.run
    async def run(self, queue: str, calls: dict[str, str]) -> dict[str, str]:
        """How each call ended: the type of its failure, or `done`. Arguments are JSON, by activity."""
        names = sorted(calls)
        answers = await asyncio.gather(*(self._call(queue, name, json.loads(calls[name])) for name in names))
        return dict(zip(names, answers, strict=True))

    async def _call(self, queue: str, name: str, argument: object) -> str:
        try:
            await workflow.execute_activity(
                name,
                argument,
                task_queue=queue,
                start_to_close_timeout=timedelta(seconds=20),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError as error:
            cause = error.cause
            return (cause.type or "no type") if isinstance(cause, ApplicationError) else type(cause).__name__
        return "done"


@workflow.defn(name="Parent")
class Parent:
    """Starts a closure's workflow as its child, and keeps it."""

    @workflow.run
    async def run(self, workflow_id: str, queue: str, argument: dict[str, str]) -> None:
        await workflow.start_child_workflow("AccountClosure", argument, id=workflow_id, task_queue=queue)
        await workflow.wait_condition(lambda: False)
