"""A closure's own clock, which a local server can have moved ahead of the wall."""

from datetime import UTC, datetime

from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client, WorkflowExecutionDescription


async def closure_clock(client: Client, workflow_id: str) -> datetime:
    """The workflow's own time (UTC): ahead of the wall once it was fast-forwarded.

    Raises:
        temporalio.service.RPCError: `NOT_FOUND` for a workflow that the server doesn't know.
    """
    return clock_of(await client.get_workflow_handle(workflow_id).describe())


def clock_of(description: WorkflowExecutionDescription) -> datetime:
    """The described workflow's own time (UTC)."""
    return clock_in(description.raw_description)


def clock_in(described: DescribeWorkflowExecutionResponse) -> datetime:
    """As `clock_of`, of the server's own answer."""
    extended = described.workflow_extended_info
    if not extended.HasField("time_skipping_info"):
        return datetime.now(UTC)
    return extended.time_skipping_info.current_time.ToDatetime(tzinfo=UTC)
