"""Which closure of an account is the current or last one, and how it stands now.

The record is the truth on which closure is the last; the running workflow, when it answers, is fresher on how
it stands.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import RenderableType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from closure.messages import StatusDocument
from commandline.check_progress import check_progress
from commandline.connection import web_url
from commandline.countdown import deadline, remaining_seconds, seconds_until
from commandline.delivery import QUERY_DEADLINE, query_status
from commandline.rendering import status_text
from commandline.terminal import Answer
from deploy.fast_forward import closure_clock
from records.closures import ClosureRecords
from workflows.search_attributes import CLOSURE_DEADLINE

FROM_RECORD = "the record (no worker answered)"


@dataclass(frozen=True)
class Standing:
    """A closure's public state, complete with what only a reader with a clock can know."""

    document: StatusDocument
    note: str = ""
    progress: str = ""
    """Of the system check that is running (A14)."""

    def answer(self) -> Answer:
        return Answer(self.document.model_dump(mode="json"), self.text())

    def text(self) -> RenderableType:
        return status_text(self.document, note=self.note, progress=self.progress)


async def read_standing(
    client: Client, records: ClosureRecords, account_id: str, closure_id: str | None = None
) -> Standing:
    """How the account's last closure stands, or the one named.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`.
    """
    recorded = await recorded_document(records, account_id, closure_id)
    if recorded is None:
        raise Refused(RefusalType.CLOSURE_NOT_FOUND, closure_not_found(account_id, closure_id))
    document, answered = await _freshest(client, recorded, is_last=closure_id is None)
    standing = await completed(client, document)
    return standing if answered else Standing(standing.document, FROM_RECORD)


async def recorded_document(
    records: ClosureRecords, account_id: str, closure_id: str | None = None
) -> StatusDocument | None:
    """The record's state of the last closure, or of the one named if it is this account's."""
    if closure_id is None:
        last = await records.last(account_id)
        return last.document if last else None
    named = await records.get(closure_id)
    return named.document if named and named.document.account_id == account_id else None


async def completed(client: Client, document: StatusDocument) -> Standing:
    """Adds the remaining time, by the closure's own clock, and the Web UI's address."""
    remaining = None
    if document.stage is Stage.COOLING_OFF:
        remaining = await _until_cooled_off(client, document.workflow_id)
    elif deadline(document) is not None:
        remaining = remaining_seconds(document, await read_clock(client, document.workflow_id))
    additions = {
        "remaining_seconds": remaining,
        "web_url": web_url(client, document.workflow_id, document.run_id),
    }
    checking = document.stage is Stage.CHECKING
    return Standing(
        document.model_copy(update=additions),
        progress=await check_progress(client, document.workflow_id) if checking else "",
    )


async def _until_cooled_off(client: Client, workflow_id: str) -> int | None:
    """Only the search attributes know when a cool-off ends."""
    try:
        description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=QUERY_DEADLINE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    until = description.typed_search_attributes.get(CLOSURE_DEADLINE)
    if until is None:
        return None
    return seconds_until(until, await read_clock(client, workflow_id))


async def read_clock(client: Client, workflow_id: str) -> datetime:
    """The closure's own clock; the wall's for a closure that Temporal has forgotten."""
    try:
        return await closure_clock(client, workflow_id)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return datetime.now(UTC)
        raise


async def is_running(client: Client, workflow_id: str) -> bool:
    """Whether the server has an open run under this id."""
    try:
        description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=QUERY_DEADLINE)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return description.status is WorkflowExecutionStatus.RUNNING


def closure_not_found(account_id: str, closure_id: str | None) -> str:
    if closure_id is None:
        return f"account {account_id} has no closure"
    return f"account {account_id} has no closure {closure_id}"


async def _freshest(
    client: Client, recorded: StatusDocument, *, is_last: bool
) -> tuple[StatusDocument, bool]:
    """The workflow's answer if it is about the same closure; and whether an answer was to be had."""
    if recorded.outcome is not None and not (is_last and await is_running(client, recorded.workflow_id)):
        return recorded, True
    state = await query_status(client, recorded.workflow_id)
    if state is None:
        return recorded, recorded.outcome is not None
    found = state.document
    if found is None:
        return recorded, True
    if found.closure_id == recorded.closure_id:
        return found, True
    # A closure that was opened after the record was read is still going on; any other answer is older.
    newer = is_last and recorded.outcome is not None and found.outcome is None
    return (found if newer else recorded), True
