"""Delivers a customer's words to the closure's workflow, and reads every way in which that can go wrong."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel, JsonValue
from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from closure.errors import RefusalType, Refused
from closure.messages import StatusDocument
from commandline.terminal import Unreachable

ACCEPTANCE_DEADLINE = timedelta(seconds=20)
"""How long a worker may take to accept an act; with no worker the call would hang."""
ANSWER_DEADLINE = timedelta(minutes=6)
"""How long an accepted act may take: it may contain a system check of minutes (A14)."""
QUERY_DEADLINE = timedelta(seconds=6)
SIGNAL_DEADLINE = timedelta(seconds=10)

_ENDED_UNDERWAY = ("AcceptedUpdateCompletedWorkflow", "AdmittedUpdateCompletedWorkflow")


class NoWorkflow(Exception):
    """Temporal has no running workflow with this id: it ended, or is forgotten, or never was."""


@dataclass(frozen=True)
class WorkflowState:
    """What a query found. `document` is None before the closure has been opened."""

    document: StatusDocument | None


async def query_status(client: Client, workflow_id: str) -> WorkflowState | None:
    """The workflow's own answer; None when nobody answers: no worker, or Temporal has forgotten it."""
    handle = client.get_workflow_handle(workflow_id)
    try:
        content: JsonValue = await handle.query("status", rpc_timeout=QUERY_DEADLINE)
    except (WorkflowQueryFailedError, WorkflowQueryRejectedError, RPCTimeoutOrCancelledError):
        return None
    except RPCError as error:
        if error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.UNAUTHENTICATED):
            raise
        return None
    return WorkflowState(None if content is None else StatusDocument.model_validate(content))


async def send_update(
    client: Client, workflow_id: str, update: str, request: BaseModel, *, update_id: str
) -> StatusDocument:
    """Sends an update and waits for what became of it.

    Raises:
        Refused: the workflow said no.
        NoWorkflow: nothing runs under this id.
        Unreachable: no worker answered in time.
    """
    handle = client.get_workflow_handle(workflow_id)
    with answers_read(f"the closure did not take `{update}` in time"):
        return await answer_to(
            await handle.start_update(
                update,
                request,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                id=update_id,
                result_type=StatusDocument,
                rpc_timeout=ACCEPTANCE_DEADLINE,
            )
        )


async def answer_to(update: WorkflowUpdateHandle[StatusDocument]) -> StatusDocument:
    """Waits for what became of an accepted update.

    Raises:
        Unreachable: it goes on and on.
    """
    try:
        async with asyncio.timeout(ANSWER_DEADLINE.total_seconds()):
            return await update.result()
    except TimeoutError as error:
        raise Unreachable(
            "it was accepted and goes on, but is not done yet; look with `starter.py status`"
        ) from error


async def send_recheck(client: Client, workflow_id: str) -> None:
    """Sends the `recheck` signal.

    Raises:
        NoWorkflow: nothing runs under this id.
    """
    with answers_read("the signal was not accepted in time"):
        await client.get_workflow_handle(workflow_id).signal("recheck", rpc_timeout=SIGNAL_DEADLINE)


@contextmanager
def answers_read(late: str) -> Iterator[None]:
    """Turns the SDK's exceptions into the command line's; `late` says what was not answered."""
    try:
        yield
    except WorkflowUpdateFailedError as error:
        raise refusal_of(error.cause) from error
    except RPCTimeoutOrCancelledError as error:
        raise Unreachable(no_worker(late)) from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NoWorkflow(error.message) from error
        if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
            raise Unreachable(no_worker(late)) from error
        raise Unreachable(f"the Temporal server failed: {error.message}; try again") from error


def no_worker(late: str) -> str:
    return (
        f"{late}: no worker answered. Start one with `make up` or `python worker.py`, "
        "then look with `starter.py status`"
    )


def refusal_of(cause: BaseException) -> Refused | Unreachable | NoWorkflow:
    """What a failed update means to the person who sent it."""
    if not isinstance(cause, ApplicationError):
        return Unreachable(f"the closure could not answer: {cause}; look with `starter.py status`")
    if cause.type in _ENDED_UNDERWAY:
        return NoWorkflow(cause.message)
    try:
        rule = RefusalType(cause.type or "")
    except ValueError:
        # A worker of another version: its rule has no name here, its sentence still says why.
        rule = RefusalType.MALFORMED_INPUT
    return Refused(rule, cause.message, acknowledgements=_acknowledgements(cause))


def _acknowledgements(cause: ApplicationError) -> tuple[str, ...]:
    details = cause.details[0] if cause.details else None
    texts = details.get("acknowledgements") if isinstance(details, Mapping) else None
    return tuple(str(text) for text in texts) if isinstance(texts, list) else ()
