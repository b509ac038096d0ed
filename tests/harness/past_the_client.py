"""Acts and runs as whoever can reach Temporal and the record makes them, past `ClosureClient`."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.client import WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from closure.acts import ActKind, ActStatus, CloseWords, NewAct, Words
from closure.errors import RefusalType, Refused
from closure.start import ActUpdate, ClosureStart
from closure.state import ClosureView
from records.acts import end_act, write_act
from temporal.current_runs import CLOSURE_WORKFLOW_TYPE
from tests.harness.account_driver import AccountDriver
from tests.harness.waiting import PATIENCE


def close_words(closing: AccountDriver) -> CloseWords:
    """What a customer says who closes the account."""
    return CloseWords(provider=closing.provider, policy=closing.provider, agree=True)


async def written(
    closing: AccountDriver, kind: ActKind, words: Words, *, actor: str = "u-1", proof_id: str | None = None
) -> str:
    """Only writes the act down, as a client does that is gone then; its id."""
    new = NewAct(
        kind=kind,
        account_id=closing.account_id,
        closure_id=closing.closure_id,
        user_id=actor,
        proof_id=proof_id,
    )
    return await closing.installation.record.write(lambda each: write_act(each, new, words))


async def end(closing: AccountDriver, act_id: str) -> None:
    """Nobody will take the act up any more."""
    assert await closing.installation.record.write(lambda each: end_act(each, act_id, ActStatus.LAPSED))


async def act_status(closing: AccountDriver, act_id: str) -> ActStatus:
    """How the record has the act."""
    act = await closing.installation.records.act(act_id)
    assert act is not None
    return act.status


async def send(
    closing: AccountDriver, kind: ActKind, act_id: str, *, update_id: str | None = None
) -> ClosureView:
    """Delivers an act that is in the record, by an update. Raises `Refused`, which has the type alone."""
    with _refusals():
        view: ClosureView = await closing.handle.execute_update(
            kind.value,
            ActUpdate(act_id=act_id),
            id=update_id or act_id,
            result_type=ClosureView,
            rpc_timeout=PATIENCE,
        )
    return view


async def open_by(closing: AccountDriver, act_id: str) -> ClosureView:
    """As `send`, for a `close` whose run begins with it."""
    start: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
        CLOSURE_WORKFLOW_TYPE,
        start_of(closing),
        id=closing.workflow_id,
        task_queue=closing.installation.queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    with _refusals():
        view: ClosureView = await closing.installation.client.execute_update_with_start_workflow(
            ActKind.CLOSE.value,
            ActUpdate(act_id=act_id),
            start_workflow_operation=start,
            id=act_id,
            result_type=ClosureView,
            rpc_timeout=PATIENCE,
        )
    return view


async def start_run(
    closing: AccountDriver, conflict: WorkflowIDConflictPolicy = WorkflowIDConflictPolicy.FAIL
) -> WorkflowHandle[object, ClosureView | None]:
    """Another run of the closure; anybody can start one."""
    return await closing.installation.client.start_workflow(
        CLOSURE_WORKFLOW_TYPE,
        start_of(closing),
        id=closing.workflow_id,
        task_queue=closing.installation.queue,
        id_conflict_policy=conflict,
        result_type=ClosureView,
    )


def start_of(closing: AccountDriver) -> ClosureStart:
    """The argument of the closure's runs."""
    installation = closing.installation.record.installation
    return ClosureStart(installation=installation.installation_id, closure_id=closing.closure_id)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except WorkflowUpdateFailedError as failed:
        if not isinstance(failed.cause, ApplicationError):
            raise
        raise Refused(RefusalType(str(failed.cause.type)), str(failed.cause.message)) from failed
