"""How far the running system check is (A14), as its activity's heartbeat tells."""

from temporalio.client import Client
from temporalio.service import RPCError

from activities.requests import SurveyProgress
from commandline.delivery import QUERY_DEADLINE


async def check_progress(client: Client, workflow_id: str) -> str:
    """What has been read and what is awaited; empty when no check runs or none has told yet."""
    try:
        description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=QUERY_DEADLINE)
    except RPCError:
        return ""
    for pending in description.raw_description.pending_activities:
        if pending.activity_type.name == "survey" and pending.HasField("heartbeat_details"):
            payloads = list(pending.heartbeat_details.payloads)
            (progress,) = await client.data_converter.decode(payloads, [SurveyProgress])
            return _said(progress)
    return ""


def _said(progress: SurveyProgress) -> str:
    read = ", ".join(_plain(source) for source in progress.done) or "nothing"
    parts = [f"read: {read}"]
    if progress.running:
        parts.append("waiting for: " + ", ".join(_plain(source) for source in progress.running))
    if progress.subaccounts:
        parts.append(f"{progress.subaccounts_read} of {progress.subaccounts} subaccounts")
    return "; ".join(parts)


def _plain(source: str) -> str:
    return source.replace("_", " ")
