"""Every log line of an activity carries whose closure it is."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.calling import StageCall
from closure.identifiers import account_of_workflow, provider_of_workflow
from closure.lifecycle import Stage


class LogContextInterceptor(Interceptor):
    """Worker interceptor: an activity's lines say whose closure it is, in which run and attempt."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _LogContextInbound(next)


def log_stage(stage: Stage) -> None:
    """From here on the activity's log lines carry the closure's stage."""
    structlog.contextvars.bind_contextvars(stage=stage.value)


def log_error(error: Exception) -> dict[str, str]:
    """The field `error` of a line about what is no failure of the activity."""
    return {"error": type(error).__name__}


class _LogContextInbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401 - the SDK's signature
        info = activity.info()
        workflow_id = info.workflow_id or ""
        closure_ids = [each.closure_id for each in input.args if isinstance(each, StageCall)]
        fields = {
            "closure_id": closure_ids[0] if closure_ids else None,
            "account": account_of_workflow(workflow_id),
            "provider": provider_of_workflow(workflow_id),
            "run": info.workflow_run_id,
            "activity": info.activity_type,
            "attempt": info.attempt,
        }
        # Never unbound: an activity has a task of its own, in which the SDK tells of its failure afterwards.
        structlog.contextvars.bind_contextvars(**{name: value for name, value in fields.items() if value})
        return await super().execute_activity(input)
