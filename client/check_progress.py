"""How far the running system check is (A14), as its activity's heartbeat tells; no worker is asked."""

from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from activities.sources import SurveyProgress
from temporal.current_runs import ASKING_DEADLINE

SURVEYING: Final = frozenset({"survey", "open_closure", "confirm"})
"""The activities in which a system check runs."""


async def check_progress(client: Client, workflow_id: str) -> SurveyProgress | None:
    """What has been read and what is awaited; None when no check runs or none has told yet."""
    try:
        description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=ASKING_DEADLINE)
    except RPCError:
        return None
    for pending in description.raw_description.pending_activities:
        if pending.activity_type.name in SURVEYING and pending.HasField("heartbeat_details"):
            payloads = list(pending.heartbeat_details.payloads)
            (progress,) = await client.data_converter.decode(payloads, [SurveyProgress])
            return SurveyProgress.model_validate(progress)
    return None
