"""The end of a closure: the final check, then restoration or deletion (A21 to A25, T5).

One activity goes on as far as it can: what must wait is recorded, and the next look goes on from there.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from temporalio import activity

from activities.calling import StageCall
from activities.certificates import Certificates, certified
from activities.deletion import Deletion
from activities.heartbeats import heartbeat
from activities.held import HeldClosure, HeldClosures, MustWait, Writing
from activities.log_context import log_error
from activities.messages import CustomerMessages
from activities.refunds import expected_refund, order_refund_by
from activities.reopening import Reopening
from activities.subaccounts import open_subaccounts
from activities.survey import NotReadable, Surveys, store_items
from closure.certificate import CERTIFIED
from closure.checks import is_billing_final, newly_owed, of_subaccount
from closure.findings import Findings
from closure.lifecycle import Stage
from closure.messages import CHECKLIST, ChecklistItem
from closure.policy import MessageTemplate
from closure.state import ClosureView
from closure.steps import Step
from closure.transitions import (
    deletion_began,
    final_check_began,
    final_check_failed,
    final_check_passed,
    restored,
    retention_began,
)
from closure.waiting import WaitingReason
from connectors.ports import Platform
from records.claims import claimed_by, give_up_claims
from records.steps import OpenedStep

LOOK_AGAIN: Final = timedelta(hours=1)
HELD_AT_THE_END: Final = timedelta(hours=1)


class EndingActivities:
    """Billing decides; contacts and the cleanup role go last."""

    def __init__(
        self,
        closures: HeldClosures,
        platform: Platform,
        deletion: Deletion,
        certificates: Certificates,
        messages: CustomerMessages,
        reopening: Reopening,
        surveys: Surveys,
    ) -> None:
        self._closures = closures
        self._billing = platform.billing
        self._holds = platform.holds
        self._reopening = reopening
        self._surveys = surveys
        self._deletion = deletion
        self._certificates = certificates
        self._messages = messages

    @activity.defn
    async def finish(self, call: StageCall) -> ClosureView:
        """Takes a closure whose time has come to its outcome, or to what it has to wait for."""
        view = await self._closures.carry(call, self._finish)
        return await self._closures.record.read(lambda each: certified(each, view))

    async def _finish(self, closure: HeldClosure) -> timedelta | None:
        rest = _rest(closure)
        if rest is not None:
            return rest
        if closure.state.stage is Stage.SILENT:
            await closure.change(lambda state, now: final_check_began(state))
        if closure.state.stage is Stage.FINAL_CHECK:
            await self._check_finally(closure)
        if closure.state.stage is Stage.RESTORING:
            await self._restore(closure)
        if closure.state.stage is Stage.RETAINED:
            rest = _rest(closure)
            if rest is not None:
                return rest
            await closure.change(lambda state, now: deletion_began(state))
        if closure.state.stage is Stage.DELETING:
            await self._deletion.delete(closure)
        if closure.state.outcome in CERTIFIED:
            await self._certificates.issue(closure)
        return None

    async def _check_finally(self, closure: HeldClosure) -> None:
        """Billing decides: delete, restore, or wait and look again (A21, A23)."""
        accounts = await closure.read(lambda each: claimed_by(each, closure.closure_id))
        owed = await self._newly_owed(closure, accounts)
        found = await self._list_again(closure, accounts)
        appeared = found.uncovered or ()
        if owed or appeared:
            known = {item.item_id for item in owed}
            items = CHECKLIST.of(chain(owed, (item for item in found.items if item.item_id not in known)))

            def fail(writing: Writing) -> None:
                store_items(writing, items)
                writing.apply(final_check_failed(writing.state, owed, appeared, items=items))

            return await closure.write(fail)
        if await self._holds.is_held(closure.account_id):
            raise MustWait(WaitingReason.LEGAL_HOLD, HELD_AT_THE_END)
        await closure.effect(Step.PASS, _nothing, _passed)
        since = closure.state.silent_until or closure.now
        return await begin_the_end(closure, self._messages, since=since)

    async def _list_again(self, closure: HeldClosure, accounts: Iterable[str]) -> Findings:
        """Everything there is, against what was consented to. Raises `MustWait` while it can't be read."""
        try:
            return await self._surveys.of_stopped(closure, frozenset(accounts) - {closure.account_id})
        except NotReadable as error:
            raise MustWait(WaitingReason.SOURCE_UNREADABLE, _interval(closure)) from error

    async def _newly_owed(self, closure: HeldClosure, accounts: Iterable[str]) -> tuple[ChecklistItem, ...]:
        """Raises `MustWait` while billing can't be read, or has not billed all usage (A21)."""
        policy, state = closure.policy, closure.state
        again = _interval(closure)
        refunds = state.plan is not None and state.plan.refund_applies
        stopped_at = state.access_stopped_at or closure.now
        owed: list[ChecklistItem] = []
        final = True
        for account_id in accounts:
            heartbeat(account_id)
            try:
                statement = await self._billing.statement(account_id)
            except Exception as error:
                activity.logger.warning("billing could not be read", extra=log_error(error))
                raise MustWait(WaitingReason.BILLING_UNREADABLE, again) from error
            found = newly_owed(policy, statement, closure.now, refunds=refunds)
            own = account_id == closure.account_id
            owed += found if own else [of_subaccount(policy, item, account_id) for item in found]
            final = final and is_billing_final(statement, stopped_at)
        if not owed and not final:
            raise MustWait(WaitingReason.USAGE_NOT_BILLED, again)
        return tuple(owed)

    async def _restore(self, closure: HeldClosure) -> None:
        """Back to normal use; what is gone stays gone, and the customer is told (A23, A24, A26)."""
        await closure.effect(
            Step.REOPEN, lambda opened: self._reopening.reopen(closure, opened.opened_at), _reopened
        )
        await self._messages.tell_restored(closure)
        await closure.change(lambda state, now: restored(state))


def _interval(closure: HeldClosure) -> timedelta:
    """How often the final check looks again at what it waits for."""
    final_check = closure.policy.final_check
    return final_check.retry_interval if final_check else LOOK_AGAIN


async def _nothing(opened: OpenedStep) -> None:
    """A decision, not an effect: its step only asks whether it may be taken."""


def _passed(writing: Writing, nothing: None) -> None:
    writing.apply(final_check_passed(writing.state))


def _reopened(writing: Writing, nothing: None) -> None:
    give_up_claims(writing.connection, writing.state.closure_id)


def _rest(closure: HeldClosure) -> timedelta | None:
    """What is left to wait by the record's deadline and the closure's clock; early is no error.

    A resumed run of a skipped clock may be behind what has happened already.
    """
    state = closure.state
    until = {
        Stage.SILENT: state.silent_until,
        Stage.FINAL_CHECK: state.silent_until,
        Stage.RETAINED: state.delete_after,
        Stage.DELETING: state.delete_after,
    }.get(state.stage)
    return until - closure.now if until is not None and closure.now < until else None


async def begin_the_end(closure: HeldClosure, messages: CustomerMessages, *, since: datetime) -> None:
    """The account is closed; its data is kept for the policy's retention from `since` on (T5)."""
    refund = await expected_refund(closure)
    order_by = order_refund_by(closure)
    policy = closure.policy
    await open_subaccounts(closure, since + policy.retention)
    if policy.retention > timedelta():
        # Told first: after a crash between the two it would be forgotten.
        await messages.tell(closure, MessageTemplate.ACCOUNT_CLOSED, delete_after=since + policy.retention)
        await closure.change(
            lambda state, now: retention_began(
                state, policy, since=since, refund=refund, refund_order_by=order_by
            )
        )
    else:
        await closure.change(
            lambda state, now: deletion_began(state, refund=refund, refund_order_by=order_by)
        )
