"""Moves one closure's own clock on a local server; nothing else uses the SDK's experimental time skipping."""

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import TimeSkippingConfig as ServerSkipping
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from temporal.closure_clock import clock_of

STANDSTILL: Final = timedelta(seconds=15)
"""A clock that has not moved for so long (wall clock) is held by something else than time."""
DEADLINE: Final = timedelta(minutes=5)
"""Of the wall clock: an activity that keeps failing has its pauses skipped one by one, for ever."""
_LOOK_INTERVAL: Final = 0.5
_NOTICEABLE: Final = timedelta(seconds=0.5)
# The server's default stops a session silently at 200 skips; children would race ahead without the bound.
_SKIPPING: Final = TimeSkippingConfig(enabled=True, disable_propagation=True, max_session_skip_count=100_000)


class Arrival(StrEnum):
    """How a fast-forward ended."""

    ARRIVED = "arrived"
    ENDED = "ended"
    HELD = "held"
    """An activity or a child under way holds the clock, or keeps failing; it moves no further."""
    NO_WORKER = "no_worker"
    """A workflow task waits that nobody takes."""


class NotSupported(Exception):
    """The server doesn't skip time."""


class Overtaken(Exception):
    """A later fast-forward of the same closure took over."""


async def fast_forward(client: Client, workflow_id: str, duration: timedelta) -> Arrival:
    """Moves the workflow's clock on by `duration` and returns once it is there, or can't get there.

    Without a run id, so that it follows the closure through continue-as-new. Timers that lie on the way fire
    in their order; running activities hold the clock until they are done.

    Raises:
        NotSupported: time skipping is off or unknown there.
        Overtaken: another fast-forward began meanwhile.
        temporalio.service.RPCError: `NOT_FOUND` when nothing ever ran under this id, or the server failed.
    """
    handle = client.get_workflow_handle(workflow_id)
    if _has_ended(await handle.describe()):
        return Arrival.ENDED
    skipper = TimeSkipper(client, config=_SKIPPING)
    moving = asyncio.ensure_future(skipper.fast_forward(handle, duration))
    try:
        ahead, since = timedelta(), datetime.now(UTC)
        began = since
        while not (await asyncio.wait({moving}, timeout=_LOOK_INTERVAL))[0]:
            description = await handle.describe()
            now = datetime.now(UTC)
            if (lead := clock_of(description) - now) > ahead + _NOTICEABLE:
                ahead, since = lead, now
            elif now - since > STANDSTILL or now - began > DEADLINE:
                await _stop_skipping(client, workflow_id)
                waits = description.raw_description.HasField("pending_workflow_task")
                return Arrival.NO_WORKER if waits else Arrival.HELD
        return Arrival.ARRIVED if moving.result() else Arrival.ENDED
    except RPCError as error:
        return await _after_failure(client, workflow_id, error)
    except RuntimeError as error:
        raise Overtaken(f"another fast-forward of {workflow_id} took over") from error
    finally:
        moving.cancel()


async def _after_failure(client: Client, workflow_id: str, error: RPCError) -> Arrival:
    if error.status is RPCStatusCode.UNIMPLEMENTED:
        raise NotSupported("this server doesn't skip time: use the one that `make up` starts") from error
    description = await client.get_workflow_handle(workflow_id).describe()
    if _has_ended(description):
        return Arrival.ENDED
    raise error


async def _stop_skipping(client: Client, workflow_id: str) -> None:
    """What could not arrive must not jump later, when nobody looks."""
    await client.workflow_service.update_workflow_execution_options(
        UpdateWorkflowExecutionOptionsRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            workflow_execution_options=WorkflowExecutionOptions(time_skipping_config=ServerSkipping()),
            update_mask=FieldMask(paths=["time_skipping_config"]),
        ),
        retry=True,
    )


def _has_ended(description: WorkflowExecutionDescription) -> bool:
    return description.status is not WorkflowExecutionStatus.RUNNING
