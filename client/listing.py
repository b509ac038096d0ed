"""Closures in lists: as the record has them, or as Temporal's visibility shows them."""

from collections.abc import Mapping
from typing import Final

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from client.delivery import server_answers
from client.standing import waiting_of
from closure.deadlines import DeadlineKind
from closure.lifecycle import Outcome, Stage
from closure.messages import RefundStatus, WaitingFor
from closure.model import Instant, WireModel
from records.listing import ClosureRow
from temporal.current_runs import CLOSURE_WORKFLOW_TYPE
from temporal.search_attributes import (
    CLOSURE_ACCOUNT,
    CLOSURE_DEADLINE,
    CLOSURE_OUTCOME,
    CLOSURE_PROVIDER,
    CLOSURE_STAGE,
)

_PAGE: Final = 100


class ListedClosure(WireModel):
    """One line of a list. Times are UTC; visibility knows little more of a closure than its stage.

    Stages, outcomes and reasons are words here: in visibility anybody may have written others.
    """

    closure_id: str | None
    account_id: str
    provider: str
    stage: str
    outcome: str | None = None
    since: Instant | None = None
    """When it came into its stage."""
    deadline: Instant | None = None
    deadline_what: DeadlineKind | None = None
    """What happens then."""
    opened_at: Instant | None = None
    waiting_for: WaitingFor | None = None
    blocking: int | None = None
    blocked_by: Mapping[str, int] = {}
    """How many items block, by check; empty unless it is blocked now."""
    refund: RefundStatus | None = None
    late: bool | None = None
    """Whether its refund should have arrived."""
    overdue: bool | None = None
    """Whether it is open past its deadline."""
    interrupted: bool | None = None
    """Whether the watchman found no workflow that carries it on."""
    unreadable: bool = False
    """Whether the record's state of it can't be read: what is shown is what stands beside it."""
    workflow_id: str
    run_id: str


def listed(row: ClosureRow) -> ListedClosure:
    """A closure as the record has it."""
    state = row.state
    deadline = state.deadline if state else None
    return ListedClosure(
        closure_id=row.closure_id,
        account_id=row.account_id,
        provider=row.provider,
        stage=row.stage,
        outcome=row.outcome,
        since=row.stage_since,
        deadline=row.deadline,
        deadline_what=deadline.what if deadline else None,
        opened_at=row.opened_at,
        waiting_for=_waiting_for(row),
        blocking=state.blocking if state else None,
        blocked_by=row.blocking,
        refund=state.refund if state else None,
        late=row.is_late,
        overdue=row.is_overdue,
        interrupted=row.is_interrupted,
        unreadable=state is None,
        workflow_id=row.workflow_id,
        run_id=row.run_id or "",
    )


def _waiting_for(row: ClosureRow) -> WaitingFor | None:
    if row.state is not None:
        return waiting_of(row.state)
    return None if row.waiting_for is None else WaitingFor(reason=row.waiting_for)


async def visible_closures(
    temporal: Client, *, stage: Stage | None, provider: str | None, outcome: Outcome | None, limit: int
) -> list[ListedClosure]:
    """At most `limit` that visibility shows, those started last first; its order decides which.

    SQLite's can filter by attributes, but not sort.

    Raises:
        TemporalFailed: the server can't be reached.
    """
    conditions = [f"WorkflowType = '{CLOSURE_WORKFLOW_TYPE}'"]
    wanted = {CLOSURE_STAGE: stage, CLOSURE_PROVIDER: provider, CLOSURE_OUTCOME: outcome}
    conditions += [f"{key.name} = {_quoted(value)}" for key, value in wanted.items() if value is not None]
    with server_answers():
        latest = []
        async for run in temporal.list_workflows(" AND ".join(conditions), page_size=min(limit + 1, _PAGE)):
            # A run that went on as a new one is the same closure.
            if run.status is not WorkflowExecutionStatus.CONTINUED_AS_NEW:
                latest.append(run)
            if len(latest) == limit:
                break
    latest.sort(key=lambda run: run.start_time, reverse=True)
    return [_visible(run) for run in latest]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _visible(run: WorkflowExecution) -> ListedClosure:
    attributes = run.typed_search_attributes
    return ListedClosure(
        closure_id=None,
        account_id=attributes.get(CLOSURE_ACCOUNT) or "",
        provider=attributes.get(CLOSURE_PROVIDER) or "",
        stage=attributes.get(CLOSURE_STAGE) or Stage.OPENED.value,
        outcome=attributes.get(CLOSURE_OUTCOME),
        deadline=attributes.get(CLOSURE_DEADLINE),
        opened_at=run.start_time,
        workflow_id=run.id,
        run_id=run.run_id,
    )
