"""Turns a rule's refusal into a Temporal failure, in one place."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from closure.errors import Refused


def as_application_error(refused: Refused) -> ApplicationError:
    """The failure keeps the refusal's type and message. Whether it is retried is the caller's choice."""
    return ApplicationError(
        refused.message,
        {"acknowledgements": list(refused.acknowledgements)},
        type=refused.type.value,
    )


class RefusalInterceptor(Interceptor):
    """Worker interceptor: `Refused` leaves every activity as an `ApplicationError` of its type."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _RefusalInbound(next)


class _RefusalInbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401 - the SDK's signature
        try:
            return await super().execute_activity(input)
        except Refused as refused:
            raise as_application_error(refused) from refused
