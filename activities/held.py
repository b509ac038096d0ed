"""A closure that the calling run holds, as one activity works on it: steps, waits and the way out of both."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import Connection
from temporalio import activity

from activities.calling import CurrentRuns, StageCall, calling_run
from activities.gone import is_gone
from activities.holds import refuse_held
from activities.log_context import log_stage
from closure.errors import RefusalType, Refused
from closure.findings import Change
from closure.lifecycle import Stage
from closure.plan import Plan
from closure.policy import Policy
from closure.state import ClosureState, ClosureView, view_of
from closure.steps import DESTROYING, Step
from closure.transitions import goes_on, waits
from closure.waiting import WaitingReason
from connectors.ports import LegalHolds
from records.anchors import ChainHead
from records.claims import claimed_by
from records.closures import LockedClosure, open_workflow_ids
from records.lookups import closure_row, policy_content
from records.plans import read_plan
from records.record import Record
from records.rows import state_of
from records.runs import Caller, hold
from records.steps import BrakeIsOn, OpenedStep, close_step, open_step, require_opened

Result = TypeVar("Result")

HELD_FOR: Final = timedelta(days=1)
"""When a legal hold is looked at again; a recheck looks at once."""
BRAKED_FOR: Final = timedelta(hours=1)
POLICIES_KEPT: Final = 64
WITHDRAWAL_STANDS_FOR: Final = timedelta(minutes=1)


class MustWait(Exception):
    """The closure can't go on before something has changed; it is looked at again after `look_again`."""

    def __init__(self, reason: WaitingReason, look_again: timedelta, detail: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.look_again = look_again
        self.detail = detail


@dataclass(frozen=True)
class Writing:
    """A write transaction on a closure that the run holds; `now` is the closure's clock, UTC."""

    connection: Connection
    closure: LockedClosure
    now: datetime

    def apply(self, change: Change, *, actor: str | None = None) -> None:
        self.closure.apply(change, time=self.now, actor=actor)

    def go_on(self) -> None:
        """What the closure waited for is over; the audit says so before it says what follows."""
        if self.state.waiting is not None:
            self.apply(goes_on(self.state))

    @property
    def state(self) -> ClosureState:
        return self.closure.state


class HeldClosure:
    """One closure in the hands of one activity."""

    def __init__(
        self,
        record: Record,
        holds: LegalHolds,
        caller: Caller,
        call: StageCall,
        state: ClosureState,
        policy: Policy,
        now: datetime,
        runs: CurrentRuns,
    ) -> None:
        self._record = record
        self._holds = holds
        self._runs = runs
        self.caller = caller
        self._call = call
        self.state = state
        self.policy = policy
        self.now = now
        """The closure's clock when the activity began, UTC."""
        self._plan: Plan | None = None
        """Until something is written."""

    @property
    def closure_id(self) -> str:
        return self.state.closure_id

    @property
    def account_id(self) -> str:
        return self.state.account_id

    def key(self, effect: str) -> str:
        """The idempotency key of an effect: the same on every attempt, in every run."""
        return f"{self.closure_id}/{effect}"

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        return await self._record.read(work)

    async def plan(self) -> Plan:
        """The plan that the customer has confirmed, as it was kept last. Raises `PlanMissing`."""
        if self._plan is None:
            self._plan = await self.read(lambda each: read_plan(each, self.closure_id, self.state.plan_hash))
        return self._plan

    async def write(self, work: Callable[[Writing], Result]) -> Result:
        """One write transaction with the closure locked, if the run still holds it.

        Raises:
            Refused: `STALE_RUN`, and what `work` refuses.
            AnchorNotWritten: it is written, but not anchored: to be tried again.
        """
        before = self.state.stage

        def transaction(connection: Connection) -> tuple[Result, ClosureState, ChainHead | None]:
            closure = hold(connection, self.closure_id, self.caller)
            writing = Writing(connection, closure, self._record.now(connection, self._call.time))
            result = work(writing)
            due = closure.anchor_due if closure.state.stage is not before else None
            return result, closure.state, self._record.head_due(connection, self.closure_id, due)

        try:
            result, self.state, head = await self._record.write(transaction)
        finally:
            self._plan = None
        await self._record.anchor_head(head)
        return result

    async def anchor(self, *closure_ids: str) -> None:
        """Anchors the heads of these closures that an earlier attempt may have left behind.

        Raises:
            AnchorNotWritten: not all of them are anchored; to be tried again.
        """
        await self._record.anchor(*closure_ids)

    async def overwrite_journal(self) -> None:
        """Sees that what was deleted can't be read in the database's journal, as far as it is ours."""
        await self._record.database.overwrite_journal()

    async def change(self, transition: Callable[[ClosureState, datetime], Change]) -> None:
        """One transition in a transaction of its own."""
        await self.write(lambda writing: writing.apply(transition(writing.state, writing.now)))

    async def effect(
        self,
        step: Step,
        act: Callable[[OpenedStep], Awaitable[Result]],
        done: Callable[[Writing, Result], str | None],
    ) -> None:
        """An effect between the opening and the closing of its step; nothing for one that is closed.

        Args:
            step: its place.
            act: does it, idempotent by key; the opened step's time is the same on every attempt.
            done: what the record takes of the result, in the transaction that closes the step; returns what
                later steps need of it.

        Raises:
            MustWait: a hold forbids it, a brake is on.
        """
        opened = await self.open_step(step)
        if opened.is_closed:
            return
        if step in DESTROYING:
            await self.require_no_hold()
        try:
            result = await act(opened)
        except Refused as refused:  # the platform looks, too, in the transaction that would destroy
            if refused.type is not RefusalType.LEGAL_HOLD:
                raise
            raise MustWait(WaitingReason.LEGAL_HOLD, HELD_FOR) from refused
        await self.close_step(step, lambda writing: done(writing, result))

    async def close_step(self, step: Step, done: Callable[[Writing], str | None]) -> None:
        """Closes an open step with what it brought; nothing when another attempt has closed it meanwhile."""

        def close(writing: Writing) -> None:
            if not require_opened(writing.connection, self.closure_id, step).is_closed:
                writing.go_on()
                needed = done(writing)
                close_step(writing.connection, self.closure_id, step, now=writing.now, result=needed)

        await self.write(close)

    async def open_step(self, step: Step) -> OpenedStep:
        """Raises `MustWait` while a brake is on."""
        try:
            return await self.write(
                lambda writing: open_step(
                    writing.connection, writing.closure, step, self.caller.run_id, now=writing.now
                )
            )
        except BrakeIsOn as brake:
            raise MustWait(WaitingReason.BRAKE, BRAKED_FOR, str(brake)) from brake

    async def require_no_hold(self, account_id: str | None = None) -> None:
        """The look that comes right before anything of the account, or of one it owns, is destroyed.

        Once the deletion has begun, an account that is not there any more is held by nobody.

        Raises:
            MustWait: it is under legal hold.
        """
        try:
            await refuse_held(self._holds, account_id or self.account_id)
        except Refused as refused:
            if is_gone(refused) and self.state.stage is Stage.DELETING:
                return
            if refused.type is not RefusalType.LEGAL_HOLD:
                raise
            raise MustWait(WaitingReason.LEGAL_HOLD, HELD_FOR) from refused

    async def waits(self, wait: MustWait) -> None:
        await self.change(lambda state, now: waits(state, wait.reason, now=now, detail=wait.detail))

    async def goes_on(self) -> None:
        if self.state.waiting is not None:
            await self.write(Writing.go_on)

    async def note_erasure(self) -> None:
        """The account is gone: the ledger outside the database says so first. Raises `AnchorNotWritten`."""
        await self._record.note_erasure(self.closure_id)

    def owned(self, state: ClosureState) -> "HeldClosure":
        """The closure of what this one took along: the same run holds it."""
        return HeldClosure(
            self._record, self._holds, self.caller, self._call, state, self.policy, self.now, self._runs
        )

    async def wake_owned(self) -> None:
        """Has closures that subaccounts have of their own look up that they go with this one."""
        for workflow_id in await self.read(self._of_owned):
            if not await self._runs.wake(workflow_id):
                activity.logger.warning("a subaccount's own closure could not be woken")

    def _of_owned(self, connection: Connection) -> tuple[str, ...]:
        owned = (each for each in claimed_by(connection, self.closure_id) if each != self.account_id)
        return open_workflow_ids(connection, owned)

    def view(self, look_again: timedelta | None = None) -> ClosureView:
        return closure_view(self.state, self.policy, look_again)


class HeldClosures:
    """Opens closures for the activities of the run that holds them."""

    def __init__(self, record: Record, holds: LegalHolds, runs: CurrentRuns) -> None:
        self.record = record
        self._holds = holds
        self._runs = runs
        self._policies: dict[str, Policy] = {}
        """Those that were read last, by their hash."""

    async def open(self, call: StageCall) -> HeldClosure:
        """The closure, for the run that holds it; its head is anchored where it must be.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`; `CLAIM_NEEDED` when Temporal's current run has not claimed it;
                `STALE_RUN` for any other that does not hold it; `WRONG_INSTALLATION`.
        """
        caller = calling_run()
        self.require_installation(call)

        def read(connection: Connection) -> tuple[ClosureState, Policy, datetime, ChainHead | None]:
            row = closure_row(connection, call.closure_id)
            if row is None:
                raise Refused(RefusalType.CLOSURE_NOT_FOUND, f"the record has no closure {call.closure_id}")
            if (row["workflow_id"], row["run_id"]) != (caller.workflow_id, caller.run_id):
                raise Refused(RefusalType.STALE_RUN, f"run {caller.run_id} does not hold the closure")
            policy = self._policy(connection, row["policy_hash"])
            head = self.record.head_due(connection, call.closure_id, row["anchor_due"])
            return state_of(row), policy, self.record.now(connection, call.time), head

        try:
            state, policy, now, head = await self.record.read(read)
        except Refused as refused:
            await self._require_claim(caller, refused)
            raise
        log_stage(state.stage)
        await self.record.anchor_head(head)
        return HeldClosure(self.record, self._holds, caller, call, state, policy, now, self._runs)

    def _policy(self, connection: Connection, policy_hash: str) -> Policy:
        """Whoever runs at the same time may read it, too: it is the same one."""
        policy = self._policies.get(policy_hash)
        if policy is None:
            policy = Policy.from_json(policy_content(connection, policy_hash))
            self._policies = (
                {**self._policies, policy_hash: policy} if len(self._policies) < POLICIES_KEPT else {}
            )
        return policy

    async def carry(
        self, call: StageCall, work: Callable[[HeldClosure], Awaitable[timedelta | None]]
    ) -> ClosureView:
        """Does `work` and says how the closure stands then; a wait is recorded and is no failure.

        `work` returns when to look again, where there is nothing to do but wait.
        """
        closure = await self.open(call)
        try:
            look_again = await work(closure)
        except MustWait as wait:
            await closure.waits(wait)
            return closure.view(wait.look_again)
        except Refused as refused:
            await self._require_claim(closure.caller, refused)
            raise
        return closure.view(look_again)

    def require_installation(self, call: StageCall) -> None:
        """Raises `Refused` (`WRONG_INSTALLATION`): another installation's closures are none of ours."""
        if call.installation != self.record.installation.installation_id:
            raise Refused(RefusalType.WRONG_INSTALLATION, "this closure belongs to another installation")

    async def is_current(self, caller: Caller) -> bool:
        """Whether Temporal says that the caller is what runs under its workflow id, and on our queue.

        On any other queue the workflow's code is not ours, whatever its type is called.
        """
        queue = activity.info().task_queue
        return await self._runs.current_run(caller.workflow_id, queue) == caller.run_id

    async def require_current(self, caller: Caller) -> None:
        """Raises `Refused` (`STALE_RUN`) for any run but the current one: nobody else may hold a closure."""
        if not await self.is_current(caller):
            raise Refused(RefusalType.STALE_RUN, f"run {caller.run_id} is not the current one")

    async def _require_claim(self, caller: Caller, refused: Refused) -> None:
        """A run without the claim that is the current one must claim first, such as after a reset.

        Raises:
            Refused: `CLAIM_NEEDED`.
        """
        if refused.type is RefusalType.STALE_RUN and await self.is_current(caller):
            raise Refused(RefusalType.CLAIM_NEEDED, "the run must claim the closure first") from refused


def closure_view(state: ClosureState, policy: Policy, look_again: timedelta | None = None) -> ClosureView:
    """How a closure stands, as the workflow's next decisions need it."""
    return view_of(state, remind_at=next_reminder(state, policy), look_again_in=look_again)


def next_reminder(state: ClosureState, policy: Policy) -> datetime | None:
    """When every contact is to be reminded next that the closure can still be stopped; None for no more."""
    if policy.cool_off is None or state.cool_off_until is None or state.outcome is not None:
        return None
    moments = sorted(state.cool_off_until - before for before in policy.cool_off.reminders)
    return moments[state.reminders_sent] if state.reminders_sent < len(moments) else None
