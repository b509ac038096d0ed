"""Closures as the activities write them, and the shortest way through their lives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, Executable, Table, select

from closure.acts import ActKind, ConfirmWords, NewAct, Words
from closure.findings import Change, Findings
from closure.identifiers import workflow_id_of
from closure.lifecycle import Mode, Stage
from closure.plan import Plan
from closure.planning import make_plan
from closure.policy import Policy
from closure.state import ClosureState
from closure.survey import SurveyFacts
from closure.transitions import (
    check_started,
    confirmed,
    deleted,
    deletion_began,
    final_check_began,
    silence_began,
    surveyed,
)
from database import Database
from records.acts import write_act
from records.closures import LockedClosure, insert_closure, lock_closure
from records.plans import save_plan
from records.policies import register_policies
from records.record import Record
from records.runs import Caller
from tests.unit.examples import account, alibaba_cloud, checklist

OPENED_AT = datetime(2026, 11, 20, 8, 30, 0, 123456, tzinfo=UTC)
LATER = OPENED_AT + timedelta(minutes=1)
OWNER = "u-1"


def findings(found: SurveyFacts | None = None) -> Findings:
    """Of a survey; by default of an account that has nothing."""
    facts = found or account()
    items = checklist(facts)
    return Findings(items=items, plan=make_plan(alibaba_cloud(), facts, items, Mode.DELETE))


FINDINGS = findings()
PLAN_HASH = FINDINGS.plan.plan_hash

Result = TypeVar("Result")
Transition = Callable[[ClosureState], Change]


def confirm(state: ClosureState) -> Change:
    return confirmed(state, alibaba_cloud(), FINDINGS, reason="moving", now=LATER)


WAY: Mapping[Stage, Transition] = {
    Stage.CHECKING: check_started,
    Stage.READY: lambda state: surveyed(state, FINDINGS),
    Stage.ENTERING: confirm,
    Stage.SILENT: lambda state: silence_began(state, alibaba_cloud(), now=LATER),
    Stage.FINAL_CHECK: final_check_began,
    Stage.DELETING: deletion_began,
    Stage.DELETED: deleted,
}
"""The shortest way from open to deleted: each stage with the step that leads to it."""


def new_state(closure_id: str = "c-1", account_id: str = "a-1", **changes: object) -> ClosureState:
    values: dict[str, object] = {
        "closure_id": closure_id,
        "account_id": account_id,
        "provider": alibaba_cloud().provider,
        "policy": alibaba_cloud().name,
        "policy_version": alibaba_cloud().version,
        "mode": Mode.DELETE,
        "workflow_id": workflow_id_of(alibaba_cloud().provider, account_id),
        "stage": Stage.OPENED,
        "opened_at": OPENED_AT,
        "draft_until": OPENED_AT + alibaba_cloud().draft_lifetime,
    }
    return ClosureState(**{**values, **changes})  # type: ignore[arg-type] # a test names the fields it means


def caller(account_id: str = "a-1", run_id: str = "run-1") -> Caller:
    return Caller(workflow_id=workflow_id_of(alibaba_cloud().provider, account_id), run_id=run_id)


@dataclass(frozen=True)
class Closures:
    """Opens closures and takes them on, each step in a transaction of its own."""

    record: Record

    async def open(
        self,
        state: ClosureState | None = None,
        *,
        policy: Policy | None = None,
        opened_by: str | None = OWNER,
        owner: ClosureState | None = None,
        run_id: str | None = "run-1",
        time: datetime = OPENED_AT,
    ) -> ClosureState:
        pinned = policy or alibaba_cloud()

        def work(connection: Connection) -> ClosureState:
            register_policies(connection, [pinned])
            opened = insert_closure(
                connection,
                state or new_state(),
                policy_hash=pinned.content_hash,
                opened_by=opened_by,
                owner=owner,
                run_id=run_id,
                time=time,
            )
            return opened.state

        return await self.record.write(work)

    async def take(
        self,
        transition: Transition,
        closure_id: str = "c-1",
        *,
        actor: str | None = None,
        time: datetime = LATER,
    ) -> ClosureState:
        """One step; anchored where it must be."""

        def work(connection: Connection) -> ClosureState:
            closure = lock_closure(connection, closure_id)
            closure.apply(transition(closure.state), time=time, actor=actor)
            return closure.state

        state = await self.record.write(work)
        await self.record.anchor(closure_id)
        return state

    async def go_on_to(self, stage: Stage, closure_id: str = "c-1") -> ClosureState:
        """From where it stands along `WAY`."""
        state = await self.locked(closure_id, lambda connection, closure: closure.state)
        stages = [Stage.OPENED, *WAY]
        for each in stages[stages.index(state.stage) + 1 : stages.index(stage) + 1]:
            state = await self.take(WAY[each], closure_id)
        return state

    async def carry_to(self, stage: Stage, closure_id: str = "c-1", account_id: str = "a-1") -> ClosureState:
        """A new closure that has come to a stage of `WAY`."""
        await self.open(new_state(closure_id, account_id))
        return await self.go_on_to(stage, closure_id)

    async def locked(self, closure_id: str, work: Callable[[Connection, LockedClosure], Result]) -> Result:
        """A write transaction on the closure."""
        return await self.record.write(
            lambda connection: work(connection, lock_closure(connection, closure_id))
        )

    async def save(self, plan: Plan, closure_id: str = "c-1") -> None:
        await self.record.write(lambda connection: save_plan(connection, closure_id, plan))

    async def act(
        self,
        kind: ActKind = ActKind.CONFIRM,
        words: Words | None = None,
        *,
        closure_id: str = "c-1",
        account_id: str = "a-1",
        user_id: str = OWNER,
        proof_id: str | None = None,
    ) -> str:
        """An act that somebody wrote down; its id."""
        new = NewAct(
            kind=kind, account_id=account_id, closure_id=closure_id, user_id=user_id, proof_id=proof_id
        )
        said = ConfirmWords(reason="moving") if words is None else words
        return await self.record.write(lambda connection: write_act(connection, new, said))


async def rows(database: Database, table: Table) -> list[dict[str, object]]:
    return await database.read(
        lambda connection: [dict(row) for row in connection.execute(select(table)).mappings()]
    )


async def execute(database: Database, statement: Executable) -> None:
    """An administrator's hand."""
    await database.write(lambda connection: connection.execute(statement))
