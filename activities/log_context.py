"""Every log line inside an activity carries whose closure it is."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

_CARRIED = (("closure_id", "closure_id"), ("account_id", "account"))


class LogContextInterceptor(Interceptor):
    """Worker interceptor: binds closure_id, account, activity and attempt for the time of an activity."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _LogContextInbound(next)


class _LogContextInbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401 - the SDK's signature
        info = activity.info()
        fields: dict[str, str | int] = {"activity": info.activity_type, "attempt": info.attempt}
        for argument in input.args:
            for attribute, name in _CARRIED:
                value = getattr(argument, attribute, None)
                if isinstance(value, str):
                    fields[name] = value
        with structlog.contextvars.bound_contextvars(**fields):
            return await super().execute_activity(input)
