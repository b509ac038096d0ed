"""What follows once the account has stopped for good: retention, the refund, deletion with all it owns."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from activities.access import AccessActivities
    from activities.certificates import CertificateActivities
    from activities.erasure import ErasureActivities
    from activities.refunds import RefundActivities
    from activities.requests import (
        CertificateRequest,
        RefundReport,
        RefundRequest,
        RefundToExpect,
        SubaccountResult,
        SubaccountStep,
        SubaccountsToOpen,
    )
    from activities.subaccounts import SubaccountActivities
    from closure.certificate import CERTIFIED
    from closure.lifecycle import Stage
    from closure.messages import KEPT_AFTER_DELETION, RefundState, RefundStatus
    from closure.notices import spoken_moment
    from records.entries import EventType
    from workflows.calls import act, act_at_length, attempt, quickly
    from workflows.closure_run import ClosureRun
    from workflows.search_attributes import first_attributes
    from workflows.subaccount_deletion import SubaccountDeletion

SUBACCOUNTS_AT_ONCE = 10
"""Child workflows that delete subaccounts at the same time."""
SUBACCOUNTS_PER_TURN = 100
"""After so many the run may continue as new."""
LOOK_AGAIN = timedelta(hours=1)
"""When what is held up is tried again."""
_NAMED = 50
"""Subaccounts that one audit event names."""
_UNREADABLE = "the payment provider could not be asked about the refund"

_REFUND_EVENTS: Mapping[RefundState, EventType] = {
    RefundState.PENDING: EventType.REFUND_STARTED,
    RefundState.PARTLY_SETTLED: EventType.REFUND_PARTLY_SETTLED,
    RefundState.SETTLED: EventType.REFUND_SETTLED,
    RefundState.FAILED: EventType.REFUND_FAILED,
    RefundState.LATE: EventType.REFUND_LATE,
}


class ClosureAftermath(ClosureRun):
    """The last chapters of the story; `AccountClosure` tells the first ones."""

    async def _begin_the_end(self, stopped_until: datetime) -> None:
        """The account is closed; its data is kept for the policy's retention from `stopped_until` on (T5)."""
        policy = self._state.policy
        stopped_at = self._state.access_stopped_at
        details: dict[str, JsonValue] = {
            "subaccounts": len(self._state.subaccounts),
            "access_stopped_at": stopped_at.isoformat() if stopped_at else None,
        }
        changes: dict[str, object] = {
            "unrecoverable": self._state.unrecoverable,
            "refund": await self._expected_refund(),
        }
        if policy.retention > timedelta():
            delete_after = stopped_until + policy.retention
            changes["delete_after"] = delete_after
            await self._step(EventType.RETENTION_BEGAN, Stage.RETAINED, changes, details=details)
            await self._notify("account_closed", delete_after=spoken_moment(delete_after))
        else:
            await self._step(EventType.DELETION_BEGAN, Stage.DELETING, changes, details=details)

    async def _retain(self) -> None:
        """Waits for the end of the retention; the refund is looked after meanwhile (T5, T10)."""
        await self._open_subaccounts()
        delete_after = self._document.delete_after
        assert delete_after is not None
        while workflow.now() < delete_after:
            await self._look_after_refund()
            await self._wait(delete_after, f"Data is kept until {spoken_moment(delete_after)}")
        await self._step(EventType.DELETION_BEGAN, Stage.DELETING)

    async def _delete(self) -> None:
        """Erase and verify; contacts and the cleanup role go last (A19, A22, A24, A25, T5)."""
        await self._open_subaccounts()
        await self._delete_subaccounts()
        if not self._state.erased:
            erased = await self._unless_held(
                lambda: act_at_length(
                    ErasureActivities.erase_data,
                    self._effect("erase"),
                    summary="Erase data stores and verify",
                )
            )
            await self._note(EventType.DATA_ERASED, erased.evidence(self._document.closure_id))
            retained = tuple(store.store_id for store in erased.retained)
            self._update({"erased": True, "retained_stores": retained})
        await self._await_what_is_held_up()
        await self._unless_held(
            lambda: quickly(
                AccessActivities.delete_bindings,
                self._effect("bindings"),
                summary="Delete third-party bindings",
            )
        )
        await self._notify("closure_deleted")
        await self._unless_held(
            lambda: quickly(
                AccessActivities.close_account,
                self._effect("close").model_copy(update={"retained_stores": self._state.retained_stores}),
                summary="Remove the role, contacts and the account",
            )
        )
        # The record forgets the person in this step; the closure's last answer says no more than the record.
        forgetting = {
            name: value
            for name, value in self._document.without_personal_data()
            if name not in KEPT_AFTER_DELETION
        }
        await self._step(EventType.DELETED, Stage.DELETED, forgetting)

    async def _certify(self) -> None:
        """Evidence for the customer, after the last audit event; tried until it is signed."""
        if self._document.outcome not in CERTIFIED:
            return
        self._waiting_for = "the certificate is being signed"
        self._show()
        await act(
            CertificateActivities.issue_certificate,
            CertificateRequest(closure_id=self._document.closure_id, time=workflow.now()),
            summary="Issue the certificate",
        )
        self._waiting_for = None
        self._show()

    async def _await_what_is_held_up(self) -> None:
        """Complete only when the refund has arrived and every subaccount is gone, too (T5, T10)."""
        while True:
            await self._look_after_refund()
            if not self._refund_is_open() and not self._state.subaccounts:
                return self._wait_for(None)
            self._wait_for(self._held_up_by())
            await self._wait(self._next_try(), self._held_up_by())
            await self._delete_subaccounts()

    def _next_try(self) -> datetime:
        """Hourly while a subaccount is held up; for the refund alone at its own interval."""
        hourly = workflow.now() + LOOK_AGAIN
        return hourly if self._state.subaccounts else self._state.next_refund_look or hourly

    def _held_up_by(self) -> str:
        reasons = []
        if self._refund_is_open():
            unreadable = self._waiting_for is not None and self._waiting_for.startswith(_UNREADABLE)
            reasons.append(_UNREADABLE if unreadable else "the refund has not arrived")
        if left := self._state.subaccounts:
            reasons.append(f"{len(left)} subaccount(s) not deleted yet, first {left[0]}")
        return "; ".join(reasons)

    def _wait_for(self, what: str | None) -> None:
        if what != self._waiting_for:
            self._waiting_for = what
            self._show()

    async def _wait(self, until: datetime, summary: str) -> None:
        """Until then, the refund's next look, or somebody's recheck, whichever comes first."""
        self._continue_as_new_if_suggested()
        if self._refund_is_open() and self._state.next_refund_look is not None:
            until = min(until, self._state.next_refund_look)
        remaining = until - workflow.now()
        if remaining > timedelta() and await self._recheck_within(remaining, summary):
            self._recheck_requested = False
            self._update({"next_refund_look": workflow.now()})

    # The refund.

    def _refund_is_open(self) -> bool:
        refund = self._document.refund
        return refund is not None and refund.status is not RefundState.SETTLED

    async def _expected_refund(self) -> RefundStatus | None:
        """How much goes back and by when, fixed once (T10, T12)."""
        if not self._state.refunds:
            return None
        assert self._document.plan_hash is not None
        return await quickly(
            RefundActivities.expect_refund,
            RefundToExpect(
                closure_id=self._document.closure_id,
                plan_hash=self._document.plan_hash,
                confirmed_at=self._entering_since,
            ),
            summary="Compute the refund and the day it is due by",
        )

    async def _look_after_refund(self) -> None:
        """Orders it the first time, then asks how it stands, at the policy's interval (T10)."""
        rule, refund = self._state.policy.refund, self._document.refund
        due = self._state.next_refund_look or workflow.now()
        if rule is None or refund is None or not self._refund_is_open() or workflow.now() < due:
            return
        report = await self._ask_about(refund)
        self._update({"next_refund_look": workflow.now() + rule.poll_interval})
        if report is not None:
            self._wait_for(None)
            await self._tell_of_refund(report)
            return
        self._wait_for(_UNREADABLE)
        if workflow.now() > refund.due_by and refund.status is not RefundState.LATE:
            # Whoever can't be asked has not paid by then, as far as anybody knows.
            late = refund.model_copy(update={"status": RefundState.LATE})
            await self._turn_of_refund(EventType.REFUND_LATE, late, settled=None)

    async def _ask_about(self, refund: RefundStatus) -> RefundReport | None:
        """None when the payment provider could not be asked."""
        assert self._document.plan_hash is not None
        try:
            return await attempt(
                RefundActivities.look_after_refund,
                RefundRequest(
                    closure_id=self._document.closure_id,
                    account_id=self._document.account_id,
                    plan_hash=self._document.plan_hash,
                    due_by=refund.due_by,
                    key=f"{self._document.closure_id}/refund",
                    time=workflow.now(),
                ),
                summary="Refund: order it, or ask how it stands",
                at_length=True,
            )
        except ActivityError:
            workflow.logger.warning("the payment provider could not be asked, to be tried again later")
            return None

    async def _tell_of_refund(self, report: RefundReport) -> None:
        """Once for every turn: the audit, the status and a message."""
        if not self._state.refund_started:
            known = self._document.refund
            assert known is not None
            await self._turn_of_refund(EventType.REFUND_STARTED, known, settled=None)
            self._update({"refund_started": True})
        known, refund = self._document.refund, report.status
        if known is not None and known.status is not refund.status:
            await self._turn_of_refund(_REFUND_EVENTS[refund.status], refund, settled=report.settled)

    async def _turn_of_refund(self, event: EventType, refund: RefundStatus, *, settled: str | None) -> None:
        await self._step(
            event,
            self._stage,
            {"refund": refund},
            details={"amount": refund.amount, "currency": refund.currency, "settled": settled},
        )
        if event is not EventType.REFUND_PARTLY_SETTLED:
            await self._notify(
                event.value,
                amount=refund.amount,
                currency=refund.currency,
                due_by=spoken_moment(refund.due_by),
            )

    # What the account owns.

    async def _open_subaccounts(self) -> None:
        """Each subaccount has a record of its own from the moment it can't come back (T5)."""
        subaccounts = self._state.subaccounts
        if not subaccounts or self._state.subaccounts_opened:
            return
        await act_at_length(
            SubaccountActivities.open_subaccounts,
            SubaccountsToOpen(
                closure_id=self._document.closure_id, subaccounts=subaccounts, time=workflow.now()
            ),
            summary=f"Record {len(subaccounts)} subaccounts",
        )
        self._update({"subaccounts_opened": True})

    async def _delete_subaccounts(self) -> None:
        """One round: each is tried once; what is held up stays for the next round (T5)."""
        while turn := self._state.subaccounts[self._state.subaccounts_tried :][:SUBACCOUNTS_PER_TURN]:
            places = asyncio.Semaphore(SUBACCOUNTS_AT_ONCE)
            await self._keep_results(
                await asyncio.gather(*(self._delete_subaccount(places, each) for each in turn))
            )
            self._continue_as_new_if_suggested()
        self._update({"subaccounts_tried": 0})

    async def _keep_results(self, results: Sequence[SubaccountResult]) -> None:
        done = frozenset(each.account_id for each in results if each.held_up_by is None)
        held_up = {each.account_id: each.held_up_by for each in results if each.held_up_by is not None}
        if done:
            await self._note(EventType.SUBACCOUNTS_DELETED, {"subaccounts": len(done)})
        known = frozenset(self._state.subaccounts_held_up)
        if not held_up.keys() <= known:
            reasons: list[JsonValue] = [*sorted(set(held_up.values()) - {None}, key=str)]
            await self._note(
                EventType.SUBACCOUNTS_HELD_UP,
                {"subaccounts": [*sorted(held_up)[:_NAMED]], "count": len(held_up), "reasons": reasons},
            )
        state = self._state
        self._update(
            {
                "subaccounts": tuple(each for each in state.subaccounts if each not in done),
                "subaccounts_held_up": tuple(sorted((known | held_up.keys()) - done)),
                "subaccounts_tried": state.subaccounts_tried + len(held_up),
            }
        )

    async def _delete_subaccount(self, places: asyncio.Semaphore, account_id: str) -> SubaccountResult:
        """One short child workflow."""
        async with places:
            provider = self._document.provider
            try:
                return await workflow.execute_child_workflow(
                    SubaccountDeletion.run,
                    SubaccountStep(
                        owner_closure_id=self._document.closure_id,
                        plan_hash=self._document.plan_hash,
                        account_id=account_id,
                        time=workflow.now(),
                    ),
                    id=f"closure/{provider}/{account_id}",
                    search_attributes=first_attributes(provider, account_id, Stage.DELETING),
                    static_summary=f"Delete subaccount {account_id}",
                )
            except WorkflowAlreadyStartedError:
                return SubaccountResult(account_id=account_id, held_up_by="a closure of its own")
            except ChildWorkflowError:
                return SubaccountResult(account_id=account_id, held_up_by="a failure")
