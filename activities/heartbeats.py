"""Signs of life of activities that take long: while a port is slow, the server still hears of the worker."""

import asyncio
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

INTERVAL: Final = timedelta(seconds=5)

_told: ContextVar[list[object] | None] = ContextVar("told", default=None)


def heartbeat(*details: object) -> None:
    """Says that the activity is alive and how far it is; a local one has nobody to tell."""
    told = _told.get()
    if told is not None:
        told[:] = details
    if not activity.info().is_local:
        activity.heartbeat(*details)


class HeartbeatInterceptor(Interceptor):
    """Worker interceptor: repeats an activity's last heartbeat while it runs.

    A call that hangs for ever is ended by the activity's own time limit.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _HeartbeatInbound(next)


class _HeartbeatInbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401 - the SDK's signature
        if activity.info().heartbeat_timeout is None or activity.info().is_local:
            return await super().execute_activity(input)
        told: list[object] = []
        _told.set(told)
        pulse = asyncio.create_task(_beat(told))
        try:
            return await super().execute_activity(input)
        finally:
            pulse.cancel()


async def _beat(told: list[object]) -> None:
    while True:
        await asyncio.sleep(INTERVAL.total_seconds())
        activity.heartbeat(*told)
