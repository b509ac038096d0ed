"""Closures and entries as the worker writes them, and a wall clock that tests move."""

from datetime import UTC, datetime, timedelta

from closure.lifecycle import Mode, Stage
from closure.messages import StatusDocument
from records.chain import text_hash
from records.closures import ClosureRecords
from records.entries import Entry, EventType, NewClosure

OPENED_AT = datetime(2026, 11, 20, 8, 30, 0, 123456, tzinfo=UTC)
SNAPSHOT = '{"name":"alibaba-cloud","version":"1"}'

CONFIRMED = {
    Stage.CHECKING: (EventType.CHECK_STARTED, Stage.OPENED),
    Stage.READY: (EventType.SURVEYED, Stage.CHECKING),
    Stage.ENTERING: (EventType.CONFIRMED, Stage.READY),
    Stage.SILENT: (EventType.SILENCE_BEGAN, Stage.ENTERING),
    Stage.FINAL_CHECK: (EventType.FINAL_CHECK_BEGAN, Stage.SILENT),
    Stage.DELETING: (EventType.DELETION_BEGAN, Stage.FINAL_CHECK),
    Stage.DELETED: (EventType.DELETED, Stage.DELETING),
}
"""The shortest way from open to deleted: each stage with its event and the stage before."""


class WallClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = OPENED_AT

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, span: timedelta) -> None:
        self.now += span


def document(closure_id: str = "c-1", account_id: str = "a-1", **changes: object) -> StatusDocument:
    first = StatusDocument(
        closure_id=closure_id,
        account_id=account_id,
        provider="alibaba-cloud",
        policy="alibaba-cloud",
        policy_version="1",
        mode=Mode.DELETE,
        stage=Stage.OPENED,
        workflow_id=f"closure/alibaba-cloud/{account_id}",
        run_id="run-1",
    )
    return first.model_copy(update=changes)


def new_closure(closure_id: str = "c-1", account_id: str = "a-1", **changes: object) -> NewClosure:
    first = NewClosure(
        document=document(closure_id, account_id),
        policy_hash=text_hash(SNAPSHOT),
        policy_snapshot=SNAPSHOT,
        opened_by="u-1",
        key="open",
        time=OPENED_AT,
        details={"mode": "delete"},
    )
    return first.model_copy(update=changes)


def entry(stage_to: Stage | None, **changes: object) -> Entry:
    """The step of `CONFIRMED` that leads to this stage; without one, a note on a closure that is opened."""
    event, stage_from = (
        CONFIRMED[stage_to] if stage_to is not None else (EventType.CANCEL_IGNORED, Stage.OPENED)
    )
    step = Entry(
        closure_id="c-1",
        key=f"to/{stage_to.value}" if stage_to else "note",
        event=event,
        time=OPENED_AT + timedelta(minutes=1),
        stage_from=stage_from,
        stage_to=stage_to,
    )
    return step.model_copy(update=changes)


async def carry_to(
    records: ClosureRecords, stage: Stage, closure_id: str = "c-1", account_id: str = "a-1"
) -> None:
    """Opens a closure and takes it to a stage of `CONFIRMED`."""
    await records.open(new_closure(closure_id, account_id))
    if stage is Stage.OPENED:
        return
    for step in CONFIRMED:
        await records.write(entry(step, closure_id=closure_id))
        if step is stage:
            return
    raise AssertionError(f"no way to {stage}")
