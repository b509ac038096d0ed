"""A server learns by time-outs that a worker is dead; in tests these are short."""

from dataclasses import replace
from datetime import timedelta

from temporalio.client import (
    Client,
    OutboundInterceptor,
    StartWorkflowUpdateWithStartInput,
    WorkflowUpdateHandle,
)
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    WorkerConfig,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

WORKFLOW_TASK = timedelta(seconds=3)
HEARTBEAT = timedelta(seconds=2)
STICKY = timedelta(seconds=1)
PAUSE = timedelta(milliseconds=300)


def hurried(client: Client, *interceptors: Interceptor) -> Client:
    """A client whose closures and workers are given up after seconds instead of minutes.

    `interceptors` join the client's workers.
    """
    plugin = _HurriedWorkers(
        "hurried workers", interceptors=[_HurriedStarts(), _HurriedActivities(), *interceptors]
    )
    config = client.config()
    config["plugins"] = [plugin]
    return Client(**config)


def with_worker_interceptors(client: Client, *interceptors: Interceptor) -> Client:
    """A client whose workers have these interceptors."""
    config = client.config()
    config["plugins"] = [SimplePlugin("interceptors", interceptors=interceptors)]
    return Client(**config)


class _HurriedWorkers(SimplePlugin):
    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        config = super().configure_worker(config)
        config["sticky_queue_schedule_to_start_timeout"] = STICKY
        return config


class _HurriedStarts(ClientInterceptor):
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _HurriedStart(next)


class _HurriedStart(OutboundInterceptor):
    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[object]:
        input.start_workflow_input.task_timeout = WORKFLOW_TASK
        return await super().start_update_with_start_workflow(input)


class _HurriedActivities(Interceptor):
    """Every normal activity has a short heartbeat time-out and short pauses: it is tried again soon."""

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return _HurriedInbound


class _HurriedInbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_HurriedOutbound(outbound))


class _HurriedOutbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> ActivityHandle[object]:
        input.heartbeat_timeout = HEARTBEAT
        if input.retry_policy is not None:
            input.retry_policy = replace(input.retry_policy, initial_interval=PAUSE, backoff_coefficient=1.0)
        return super().start_activity(input)
