"""A closure before anything is changed: claiming it, letting it expire, reminding while it cools off."""

from datetime import timedelta

from sqlalchemy import Connection
from temporalio import activity

from activities.calling import StageCall, calling_run
from activities.certificates import certified
from activities.confirmation import commit_account
from activities.held import (
    WITHDRAWAL_STANDS_FOR,
    HeldClosure,
    HeldClosures,
    MustWait,
    Writing,
    closure_view,
    next_reminder,
)
from activities.messages import CustomerMessages
from activities.owners import leave_to_owner
from activities.reopening import Reopening
from activities.survey import Surveys, store_findings
from closure.errors import RefusalType, Refused
from closure.events import CancelIgnored
from closure.findings import Change, Findings
from closure.lifecycle import UNCONFIRMED, Stage
from closure.model import WireModel
from closure.policy import MessageTemplate, Policy
from closure.reasons import why_asked_again
from closure.state import ClosureView
from closure.transitions import cool_off_ended, cool_off_stopped, expired, reminded
from closure.waiting import WaitingReason
from records.acts import standing_withdrawals, withdrawal_stands
from records.lookups import policy_content
from records.runs import claim_closure


class ClaimCall(StageCall):
    """`continues` is the run that the caller continued as new from."""

    continues: str | None = None


class Claimed(WireModel):
    """The closure as it stands, None for one that the record doesn't have; withdrawals that stand."""

    view: ClosureView | None = None
    withdrawals: tuple[str, ...] = ()


class DraftActivities:
    """What happens by itself until the irrevocable part begins."""

    def __init__(
        self,
        closures: HeldClosures,
        surveys: Surveys,
        messages: CustomerMessages,
        reopening: Reopening,
    ) -> None:
        self._closures = closures
        self._surveys = surveys
        self._messages = messages
        self._reopening = reopening

    @activity.defn
    async def claim(self, call: ClaimCall) -> Claimed:
        """Makes the calling run the one that holds the closure, and reads how it stands.

        Raises:
            Refused: `STALE_RUN` unless Temporal says that this is the current run, and for a workflow of
                another id than the closure's; `WRONG_INSTALLATION`.
        """
        caller = calling_run()
        self._closures.require_installation(call)
        record = self._closures.record
        await self._closures.require_current(caller)

        def work(connection: Connection) -> Claimed:
            now = record.now(connection, call.time)
            try:
                closure = claim_closure(
                    connection, call.closure_id, caller, continues=call.continues, time=now
                )
            except Refused as refused:
                if refused.type is RefusalType.CLOSURE_NOT_FOUND:
                    return Claimed()
                raise
            policy = Policy.from_json(policy_content(connection, closure.policy_hash))
            return Claimed(
                view=certified(connection, closure_view(closure.state, policy)),
                withdrawals=standing_withdrawals(connection, call.closure_id),
            )

        return await record.write(work)

    @activity.defn
    async def look(self, call: StageCall) -> Claimed:
        """How the closure stands in the record now, for a run that may be behind it."""
        closure = await self._closures.open(call)
        await leave_to_owner(closure)
        await self._messages.notify(closure)  # of a turn that the worker which took it didn't live to tell

        def work(connection: Connection) -> Claimed:
            return Claimed(
                view=certified(connection, closure.view()),
                withdrawals=standing_withdrawals(connection, call.closure_id),
            )

        return await closure.read(work)

    @activity.defn
    async def expire(self, call: StageCall) -> ClosureView:
        """Ends a closure that nobody confirmed in time."""
        return await self._closures.carry(call, self._expire)

    async def _expire(self, closure: HeldClosure) -> timedelta | None:
        if closure.state.has_expired(closure.now):
            await self._reopening.reopen_found_stopped(closure)

        def work(writing: Writing) -> timedelta | None:
            state = writing.state
            if state.stage not in UNCONFIRMED:
                return None
            if not state.has_expired(writing.now):
                return state.draft_until - writing.now
            writing.apply(expired(state))
            return None

        rest = await closure.write(work)
        await self._messages.notify(closure)
        return rest

    @activity.defn
    async def remind(self, call: StageCall) -> ClosureView:
        """Reminds every contact that the closure can still be stopped."""
        return await self._closures.carry(call, self._remind)

    async def _remind(self, closure: HeldClosure) -> timedelta | None:
        await leave_to_owner(closure)
        state, remind_at = closure.state, next_reminder(closure.state, closure.policy)
        if state.stage is not Stage.COOLING_OFF or state.cool_off_until is None:
            return None
        if remind_at is None or closure.now < remind_at:
            return None if remind_at is None else remind_at - closure.now
        sent = state.reminders_sent
        await self._messages.tell(
            closure,
            MessageTemplate.CLOSURE_REMINDER,
            number=f"{state.confirmations}/{sent + 1}",
            to_everyone=True,
            irrevocable_from=state.cool_off_until,
        )

        def count(writing: Writing) -> None:
            if writing.state.reminders_sent == sent:
                writing.apply(reminded(writing.state))

        await closure.write(count)
        return None

    @activity.defn
    async def end_cool_off(self, call: StageCall) -> ClosureView:
        """The account must still be as it was confirmed; else the customer is asked again."""
        return await self._closures.carry(call, self._end_cool_off)

    async def _end_cool_off(self, closure: HeldClosure) -> timedelta | None:
        await leave_to_owner(closure)
        state = closure.state
        if state.stage is not Stage.COOLING_OFF or state.cool_off_until is None:
            return None
        if closure.now < state.cool_off_until:
            return state.cool_off_until - closure.now
        confirmed_plan = state.plan_hash
        findings = await self._surveys.survey(closure, seen=confirmed_plan)
        unchanged = findings.uncovered == () and findings.stage is Stage.READY

        def end(writing: Writing) -> None:
            if writing.state.stage is not Stage.COOLING_OFF:
                return
            if withdrawal_stands(writing.connection, closure.closure_id):
                raise MustWait(WaitingReason.WITHDRAWAL, WITHDRAWAL_STANDS_FOR)
            store_findings(writing, findings)
            if unchanged:
                commit_account(writing, findings)
                writing.apply(cool_off_ended(writing.state, closure.policy, findings))
            else:
                writing.apply(cool_off_stopped(writing.state, closure.policy, findings, now=writing.now))

        if not unchanged:
            # Told first: after a crash between the two it would be forgotten.
            await self._ask_again(closure, findings)
        await closure.write(end)
        return None

    async def _ask_again(self, closure: HeldClosure, findings: Findings) -> None:
        await self._messages.tell(
            closure,
            MessageTemplate.CONFIRM_AGAIN,
            number=str(closure.state.confirmations),
            changes=lambda policy: why_asked_again(policy, findings.items),
        )

    @activity.defn
    async def note_cancel(self, call: StageCall) -> None:
        """Somebody asked Temporal to cancel: recorded, changes nothing."""
        closure = await self._closures.open(call)
        if closure.state.outcome is None:
            await closure.change(lambda state, now: Change(state, CancelIgnored()))
