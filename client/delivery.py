"""Brings acts to the closure's workflow, starts it again, and reads every way in which that goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from client.faults import TemporalFailed
from client.targets import ClosureTarget
from closure.acts import ActKind
from closure.errors import RefusalType, Refused
from closure.installation import Installation
from closure.start import ActUpdate, ClosureStart
from closure.state import ClosureView
from closure.visible_text import printable
from temporal.current_runs import (
    CLOSURE_WORKFLOW_TYPE,
    FailingActivity,
    Hastened,
    RunningWorkflow,
    TemporalRuns,
)
from temporal.search_attributes import first_attributes
from workflows.presentation import escaped

ACCEPTANCE_DEADLINE: Final = timedelta(seconds=20)
"""How long a worker may take to accept an act; with no worker the call would hang."""
ANSWER_DEADLINE: Final = timedelta(minutes=6)
"""How long an accepted act may take: it may contain a system check of minutes (A14)."""
SIGNAL_DEADLINE: Final = timedelta(seconds=10)

_CLAIM_ATTEMPTS: Final = 20
_PAUSE: Final = 0.1


class Late(Exception):
    """Nobody took the act up in time."""


class Delivery:
    """Workflow id, queue, search attributes and summary are made here and nowhere else."""

    def __init__(self, temporal: Client, installation: Installation, task_queue: str) -> None:
        self._temporal = temporal
        self._installation = installation
        self._task_queue = installation.task_queue(task_queue)
        self.runs = TemporalRuns(temporal)

    async def running(self, workflow_id: str) -> RunningWorkflow | None:
        """See `TemporalRuns.running`. Raises `TemporalFailed`."""
        with server_answers():
            return await self.runs.running(workflow_id)

    async def failing_since(self, workflow_id: str, run_id: str, failing: FailingActivity) -> datetime | None:
        """When the run first asked for it, UTC by its clock; None where that can't be seen."""
        with server_answers():
            return await self.runs.scheduled_at(workflow_id, run_id, failing.activity_id)

    async def hasten(self, workflow_id: str) -> Hastened:
        """See `TemporalRuns.hasten`. Raises `TemporalFailed`."""
        with server_answers():
            return await self.runs.hasten(workflow_id)

    def is_ours(self, running: RunningWorkflow) -> bool:
        """Whether a worker of ours carries a closure on in it; anything else blocks the workflow id."""
        return running.carries_on(self._task_queue)

    async def end_stranger(self, running: RunningWorkflow, workflow_id: str) -> None:
        """Ends a run that holds no closure but occupies its workflow id. The record is untouched by it.

        Raises:
            TemporalFailed: the server can't be reached.
        """
        with server_answers():
            handle = self._temporal.get_workflow_handle(workflow_id, run_id=running.run_id)
            try:
                await handle.terminate("it holds no closure of this record", rpc_timeout=SIGNAL_DEADLINE)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

    async def send_act(self, target: ClosureTarget, kind: ActKind, act_id: str) -> None:
        """Delivers an act, to a run that is started for it where none is; what became of it is in the record.

        Raises:
            Late: nobody took it up in time, or it takes too long.
            TemporalFailed: the server can't be reached.
            Refused: `CLOSURE_ALREADY_OPEN` when a close meets a run of the account.
        """
        for _ in range(_CLAIM_ATTEMPTS):
            try:
                return await self._send(target, kind, act_id)
            except WorkflowUpdateFailedError as error:
                if not _needs_claim(error):
                    return None
                # The run has to claim the closure first, such as after a reset: it does so in a moment.
                await asyncio.sleep(_PAUSE)
        raise Late

    async def _send(self, target: ClosureTarget, kind: ActKind, act_id: str) -> None:
        is_close = kind is ActKind.CLOSE
        policy = WorkflowIDConflictPolicy.FAIL if is_close else WorkflowIDConflictPolicy.USE_EXISTING
        start = self._start(target, policy)
        try:
            with answers_read():
                async with _start_looked_at(start):
                    update = await self._temporal.start_update_with_start_workflow(
                        kind.value,
                        ActUpdate(act_id=act_id),
                        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                        start_workflow_operation=start,
                        id=act_id,
                        result_type=ClosureView,
                        rpc_timeout=ACCEPTANCE_DEADLINE,
                    )
                async with asyncio.timeout(ANSWER_DEADLINE.total_seconds()):
                    with _cancelled_as_such():
                        await update.result()
        except WorkflowAlreadyStartedError as error:
            raise Refused(
                RefusalType.CLOSURE_ALREADY_OPEN,
                f"account {target.account_id} already has an open closure",
                facts={"account_id": target.account_id},
            ) from error
        except TimeoutError as error:
            raise Late from error

    async def start_again(self, target: ClosureTarget) -> None:
        """Starts a run that claims the closure and goes on from the record; a running one is left alone.

        Raises:
            TemporalFailed: the server can't be reached.
        """
        await self._begin(target, signal=None)

    async def send_recheck(self, target: ClosureTarget) -> None:
        """Sends the `recheck` signal, to a run that is started for it where none is.

        Raises:
            TemporalFailed: the server can't be reached.
        """
        await self._begin(target, signal="recheck")

    async def _begin(self, target: ClosureTarget, *, signal: str | None) -> None:
        with server_answers():
            await self._temporal.start_workflow(
                CLOSURE_WORKFLOW_TYPE,
                self._argument(target),
                id=target.workflow_id,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                search_attributes=first_attributes(target.provider, target.account_id, target.stage),
                static_summary=_summary(target),
                static_details=_details(target),
                start_signal=signal,
                rpc_timeout=SIGNAL_DEADLINE,
            )

    def _start(
        self, target: ClosureTarget, policy: WorkflowIDConflictPolicy
    ) -> WithStartWorkflowOperation[object, object]:
        return WithStartWorkflowOperation(
            CLOSURE_WORKFLOW_TYPE,
            self._argument(target),
            id=target.workflow_id,
            task_queue=self._task_queue,
            id_conflict_policy=policy,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            search_attributes=first_attributes(target.provider, target.account_id, target.stage),
            static_summary=_summary(target),
            static_details=_details(target),
        )

    def _argument(self, target: ClosureTarget) -> ClosureStart:
        return ClosureStart(installation=self._installation.installation_id, closure_id=target.closure_id)


@contextmanager
def answers_read() -> Iterator[None]:
    """Turns the SDK's ways of saying that nobody answers into ours."""
    try:
        yield
    except RPCTimeoutOrCancelledError as error:
        raise Late from error
    except RPCError as error:
        if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
            raise Late from error
        raise TemporalFailed(f"the Temporal server failed: {error.message}") from error


@asynccontextmanager
async def _start_looked_at(start: WithStartWorkflowOperation[object, object]) -> AsyncIterator[None]:
    """The SDK leaves a failed start's error in a future, too; asyncio would log that nobody looks at it.

    It is looked at afterwards, by no task of its own: that one would be cancelled with all others when the
    loop ends, and the future with it, before the SDK puts the error there.
    """
    try:
        with _cancelled_as_such():
            yield
    except BaseException:
        with suppress(Exception, asyncio.CancelledError):
            async with asyncio.timeout(0):
                await start.workflow_handle()
        raise


@contextmanager
def _cancelled_as_such() -> Iterator[None]:
    """The SDK says of a task that is cancelled that the server was late."""
    try:
        yield
    except RPCTimeoutOrCancelledError as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None
        raise


@contextmanager
def server_answers() -> Iterator[None]:
    """As `answers_read`, where no worker has a part in the answer: who is late is the server."""
    try:
        with answers_read():
            yield
    except Late as late:
        raise TemporalFailed("the Temporal server did not answer in time") from late


def _needs_claim(error: WorkflowUpdateFailedError) -> bool:
    cause = error.cause
    return isinstance(cause, ApplicationError) and cause.type == RefusalType.CLAIM_NEEDED.value


def _summary(target: ClosureTarget) -> str:
    """One line in the Web UI, which shows it as Markdown."""
    return f"Close account {escaped(target.account_id)}"


def _details(target: ClosureTarget) -> str:
    return (
        f"Closure {escaped(target.closure_id)} under policy {escaped(printable(target.policy))}, "
        f"mode {target.mode.value}. Current details say where it stands; "
        "the signal `recheck` (no input) looks again."
    )
