"""Starts a closure's workflow together with its first update, once an earlier one has ended."""

import asyncio
from datetime import timedelta

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateStage
from temporalio.common import (
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from closure.messages import CloseRequest, ClosureInput, StatusDocument
from commandline.delivery import ACCEPTANCE_DEADLINE, answer_to, answers_read
from commandline.next_step import STARTER
from commandline.standing import is_running
from commandline.terminal import Unreachable
from workflows.search_attributes import first_attributes

_ENDING_DEADLINE = timedelta(seconds=20)
CLOSURE_ID_MEMO = "closure_id"


def workflow_id_of(provider: str, account_id: str) -> str:
    """One workflow id for each account: Temporal itself refuses a second open closure."""
    return f"closure/{provider}/{account_id}"


async def start_closure(
    client: Client, task_queue: str, closure: ClosureInput, request: CloseRequest
) -> StatusDocument:
    """Starts the workflow and returns the first checklist.

    Raises:
        Refused: a rule said no, or the account has an open closure.
        Unreachable: started, but no worker answered in time.
    """
    start: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
        "AccountClosure",
        closure,
        id=workflow_id_of(closure.provider, closure.account_id),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        search_attributes=first_attributes(closure.provider, closure.account_id, Stage.OPENED),
        memo={CLOSURE_ID_MEMO: closure.closure_id},
        static_summary=f"Close account {closure.account_id}",
        static_details=(
            f"Closure `{closure.closure_id}` under policy `{closure.policy}`, mode {closure.mode.value}. "
            "Current details say where it stands; the signal `recheck` (no input) looks again."
        ),
    )
    try:
        with answers_read("the closure is started, but its first check has not been answered"):
            return await answer_to(
                await client.start_update_with_start_workflow(
                    "close",
                    request,
                    wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                    start_workflow_operation=start,
                    id=f"{closure.closure_id}/close",
                    result_type=StatusDocument,
                    rpc_timeout=ACCEPTANCE_DEADLINE,
                )
            )
    except WorkflowAlreadyStartedError as error:
        raise Refused(
            RefusalType.CLOSURE_ALREADY_OPEN,
            f"account {closure.account_id} already has an open closure; "
            f"see `{STARTER} status {closure.account_id}`",
        ) from error


async def until_earlier_run_has_ended(client: Client, last: StatusDocument | None) -> None:
    """A run that has its outcome still drains for a moment; the next closure has the same workflow id.

    Raises:
        Unreachable: it does not end.
    """
    if last is None or last.outcome is None:
        return
    try:
        async with asyncio.timeout(_ENDING_DEADLINE.total_seconds()):
            while await is_running(client, last.workflow_id):
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise Unreachable(
            f"closure {last.closure_id} has its outcome but its workflow has not ended; is a worker running?"
        ) from error
