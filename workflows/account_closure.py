"""The closure of one account, from the customer's click to its outcome."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.access import AccessActivities
    from activities.billing import BillingActivities
    from activities.identity import IdentityActivities
    from activities.requests import OpenClosure
    from activities.resources import ResourceActivities
    from closure.checks import check_reason, renounce
    from closure.errors import RefusalType, Refused
    from closure.lifecycle import REVOCABLE, Mode, Stage
    from closure.messages import (
        ApproveRequest,
        ChecklistItem,
        CloseRequest,
        ConfirmRequest,
        RenounceRequest,
        StatusDocument,
        WithdrawRequest,
    )
    from records.entries import EventType
    from workflows.aftermath import ClosureAftermath
    from workflows.calls import act, act_at_length, decide, decide_quickly, quickly
    from workflows.closure_state import NO_INPUT, stage_after
    from workflows.draft import ClosureDraft
    from workflows.progress import ClosureProgress
    from workflows.refusals import plan_refusal, refusal

_OWED_NAMED = 5
OPENING_TIME = timedelta(minutes=10)
"""A run that nobody sends the `close` update to ends after this."""


@workflow.defn(name="AccountClosure")
class AccountClosure(ClosureDraft, ClosureAftermath):
    """One closure. Customer actions arrive as updates, Web UI operators can only recheck and read."""

    @workflow.init
    def __init__(self, raw: RawValue = NO_INPUT) -> None:
        super().__init__(raw)

    @workflow.run
    async def run(self, raw: RawValue = NO_INPUT) -> StatusDocument | None:
        """Carries the closure to its outcome, whatever is cancelled on the way.

        Raises:
            ApplicationError: `MalformedInput`, or `StaleRun` when a resumed run has taken over.
        """
        self._input = self._decode_input()
        self._continue_from(self._input.progress)
        if self._progress is not None:
            self._show()
        story = asyncio.create_task(self._close_account())
        cancel_requests = 0
        while not story.done():
            try:
                await asyncio.shield(story)
            except asyncio.CancelledError:
                if story.done():
                    raise
                cancel_requests += 1
                await self._record_ignored_cancel(cancel_requests)
        await workflow.wait_condition(workflow.all_handlers_finished)
        await story
        return self.status()

    # The story, in order.

    async def _close_account(self) -> None:
        if self._progress is None and not await self._open():
            return
        while self._stage in REVOCABLE:
            await (self._cool_off() if self._stage is Stage.COOLING_OFF else self._prepare())
        if self._stage is Stage.ENTERING:
            await self._enter()
        if self._stage is Stage.SILENT:
            await self._keep_silent()
        if self._stage is Stage.FINAL_CHECK:
            await self._check_finally()
        if self._stage is Stage.RESTORING:
            await self._restore()
        if self._stage is Stage.RETAINED:
            await self._retain()
        if self._stage is Stage.DELETING:
            await self._delete()
        await self._certify()

    async def _open(self) -> bool:
        """Waits for the customer's `close`, then checks identity and consent (A11 to A13)."""
        try:
            await workflow.wait_condition(
                lambda: self._request is not None,
                timeout=OPENING_TIME,
                timeout_summary="waiting for the customer's close request",
            )
        except TimeoutError:
            return False
        closure_input = self._input
        assert self._request is not None
        assert closure_input is not None
        opened = await act(
            IdentityActivities.open_closure,
            OpenClosure(
                closure=closure_input,
                request=self._request,
                workflow_id=workflow.info().workflow_id,
                run_id=workflow.info().run_id,
                time=workflow.now(),
            ),
            summary="Check identity, role and consent; pin the policy",
        )
        if opened.policy is not None:
            self._progress = ClosureProgress(
                document=opened.document,
                policy=opened.policy,
                opened_by=self._request.actor,
                draft_until=workflow.now() + opened.policy.draft_lifetime,
            )
        self._opened = opened
        if opened.refusal is not None:
            self._show_refusal(opened)
        return opened.policy is not None

    async def _enter(self) -> None:
        """Everything stops at once, and what was given up goes (A16, A18, A19, A26, T4, T6)."""
        self._show()
        policy = self._state.policy
        keeps_data = self._document.mode is Mode.KEEP_DATA
        if not keeps_data:
            await self._stop()
        if self._state.releases:
            released = await self._unless_held(
                lambda: act_at_length(
                    ResourceActivities.release_resources,
                    self._effect("release"),
                    summary=f"Release {self._state.releases} resources, dependents first",
                )
            )
            await self._note(EventType.RESOURCES_RELEASED, released.model_dump())
        if self._state.writes_off:
            written = await self._unless_held(
                lambda: quickly(
                    BillingActivities.write_off,
                    self._effect("write-off"),
                    summary="Forfeit the balance, void the debt",
                )
            )
            await self._note(EventType.BALANCE_FORFEITED, written.model_dump())
        if keeps_data:
            await self._notify("account_dormant")
            await self._step(EventType.DORMANT, Stage.DORMANT, {"unrecoverable": self._state.unrecoverable})
            return
        entered_at = self._entering_since + policy.entering_duration
        await self._sleep_until(entered_at, "The irreversible part begins, shortly after confirm")
        if policy.silent_period > timedelta():
            await self._fall_silent()
        else:
            await self._begin_the_end(entered_at)

    async def _stop(self) -> None:
        """In one step the account and all its subaccounts stop; nothing half (A18, A19, T4)."""
        stopped = await quickly(
            AccessActivities.stop_access,
            self._effect("access"),
            summary="Stop access, end sessions, create the role",
        )
        self._update({"access_stopped_at": stopped.at, "subaccounts": stopped.subaccounts})
        if stopped.subaccounts:
            await self._note(EventType.SUBACCOUNTS_STOPPED, {"subaccounts": len(stopped.subaccounts)})
        if not stopped.as_planned:
            await self._plan_again()

    async def _fall_silent(self) -> None:
        policy = self._state.policy
        silent_until = workflow.now() + policy.silent_period
        assert self._state.access_stopped_at is not None
        await self._step(
            EventType.SILENCE_BEGAN,
            Stage.SILENT,
            {
                "silent_until": silent_until,
                "delete_after": silent_until + policy.retention,
                "unrecoverable": self._state.unrecoverable,
            },
            details={"access_stopped_at": self._state.access_stopped_at.isoformat()},
        )

    async def _keep_silent(self) -> None:
        """One durable timer. Nothing else happens (A20, A21)."""
        silent_until = self._document.silent_until
        assert silent_until is not None
        await self._sleep_until(silent_until, f"Silent period of {_days(self._state.policy.silent_period)}")
        await self._step(EventType.FINAL_CHECK_BEGAN, Stage.FINAL_CHECK)

    async def _check_finally(self) -> None:
        """Billing decides: delete, restore, or wait and look again (A21, A23)."""
        while True:
            self._recheck_requested = False
            verdict = await self._billing_verdict()
            if verdict.owed:
                return await self._step(
                    EventType.FINAL_CHECK_FAILED,
                    Stage.RESTORING,
                    {"checklist": verdict.owed, "outcome_reason": _owed_text(verdict.owed)},
                )
            if verdict.waiting_for is None:
                self._waiting_for = None
                await self._note(EventType.FINAL_CHECK_PASSED, {})
                silent_until = self._document.silent_until
                assert silent_until is not None
                return await self._begin_the_end(silent_until)
            await self._wait_to_look_again(verdict.waiting_for)

    async def _restore(self) -> None:
        """Back to normal use; what is gone stays gone, and the customer is told (A23, A24, A26)."""
        await quickly(
            AccessActivities.reopen_access,
            self._effect("restore"),
            summary="Give access back, remove the role",
        )
        await self._notify("closure_restored")
        await self._step(
            EventType.RESTORED, Stage.RESTORED, {"restart_advice": self._state.policy.restart_advice}
        )

    # Queries, signals and updates.

    @workflow.query
    def status(self) -> StatusDocument | None:
        """The public state. `remaining_seconds` is left to the reader, who has a clock."""
        if self._progress is not None:
            return self._progress.document
        return self._opened.document if self._opened else None

    @workflow.signal
    def recheck(self, *_ignored: object) -> None:
        """Please look again. Takes anything, since people send it from the Web UI; can't shorten any wait."""
        self._recheck_requested = True

    @workflow.update
    async def close(self, request: CloseRequest) -> StatusDocument:
        """The customer's click; answers with the first checklist, or with why it is refused."""
        if self._was_opened_in_an_earlier_run() and self._already_handled():
            return self._document
        if self._was_opened_in_an_earlier_run() or self._request not in (None, request):
            raise refusal(RefusalType.CLOSURE_ALREADY_OPEN, "this closure has been opened already")
        self._request = request
        await workflow.wait_condition(
            lambda: (
                self._opened is not None
                and (self._opened.refusal is not None or self._stage is not Stage.CHECKING)
            )
        )
        assert self._opened is not None
        if self._opened.refusal is not None:
            refused = self._opened.refusal
            raise ApplicationError(
                refused.message,
                {"acknowledgements": list(refused.acknowledgements)},
                type=refused.type,
                non_retryable=True,
            )
        return self._finish_update()

    @workflow.update(name="renounce")
    async def renounce_items(self, request: RenounceRequest) -> StatusDocument:
        """Gives up renounceable items after the risk prompt (A3, A4, A6, A16)."""
        async with self._turn:
            if self._already_handled():
                return self._document
            await decide(
                IdentityActivities.authorize,
                self._authorization(request.actor, request.proof_id),
                summary="Check who renounces",
            )
            self._require_revocable()
            self._require_unconfirmed()
            try:
                items = renounce(self._document.checklist, request)
            except Refused as refused:
                raise refusal(refused.type, refused.message) from refused
            await self._step(
                EventType.RENOUNCED,
                stage_after(items),
                {"checklist": items},
                actor=request.actor,
                details={"items": [item.item_id for item in items if item.renounced]},
            )
            return self._finish_update()

    @renounce_items.validator
    def _may_renounce(self, request: RenounceRequest) -> None:
        self._require_revocable()
        self._require_unconfirmed()

    @workflow.update
    async def confirm(self, request: ConfirmRequest) -> StatusDocument:
        """The last word: a fresh survey must find the plan that was seen, then there is no way back (A17)."""
        async with self._turn:
            if self._already_handled():
                return self._document
            self._require_ready()
            seen = request.plan_hash or self._document.plan_hash
            known = self._document.plan_hash
            survey = await self._survey(previous_plan_hash=seen)
            self._require_ready()
            await decide_quickly(
                IdentityActivities.authorize,
                self._authorization(request.actor, request.proof_id),
                summary="Check who confirms",
            )
            if survey.plan_hash != seen or stage_after(survey.items) is not Stage.READY:
                await self._keep_survey(survey)
                raise plan_refusal(survey, is_stale=seen != known)
            self._require_approval(survey, request.actor)
            await self._commit_to(survey, request)
            return self._finish_update()

    @confirm.validator
    def _may_confirm(self, request: ConfirmRequest) -> None:
        self._require_ready()
        try:
            check_reason(self._state.policy, request.reason)
            self._state.policy.require_phrase(self._document.account_id, request.phrase)
        except Refused as refused:
            raise refusal(refused.type, refused.message) from refused

    @workflow.update
    async def approve(self, request: ApproveRequest) -> StatusDocument:
        """The second person's yes to the plan as it stands; any change of it makes this void."""
        async with self._turn:
            if self._already_handled():
                return self._document
            await decide(
                IdentityActivities.authorize,
                self._authorization(request.actor, request.proof_id, approves=True),
                summary="Check who approves",
            )
            self._require_ready()
            self._require_current_plan(request.plan_hash)
            await self._note(EventType.APPROVED, {"plan_hash": request.plan_hash}, actor=request.actor)
            same = self._state.approved_plan == request.plan_hash
            approved_by = self._state.approved_by if same else ()
            self._update(
                {
                    "approved_plan": request.plan_hash,
                    "approved_by": tuple(sorted({*approved_by, request.actor})),
                }
            )
            return self._finish_update()

    @approve.validator
    def _may_approve(self, request: ApproveRequest) -> None:
        self._require_ready()
        self._require_current_plan(request.plan_hash)

    @workflow.update
    async def withdraw(self, request: WithdrawRequest) -> StatusDocument:
        """Ends a closure that has not been confirmed; nothing was changed."""
        async with self._turn:
            if self._already_handled():
                return self._document
            await decide(
                IdentityActivities.authorize,
                self._authorization(request.actor, request.proof_id),
                summary="Check who withdraws",
            )
            self._require_revocable()
            await self._step(EventType.WITHDRAWN, Stage.WITHDRAWN, actor=request.actor)
            return self._finish_update()

    @withdraw.validator
    def _may_withdraw(self, request: WithdrawRequest) -> None:
        self._require_revocable()


def _owed_text(owed: tuple[ChecklistItem, ...]) -> str:
    named = owed[:_OWED_NAMED]
    what = ", ".join(f"{item.item_id} {item.amount or ''} {item.currency or ''}".strip() for item in named)
    more = f" and {len(owed) - len(named)} more" if len(owed) > len(named) else ""
    return f"newly found at the final check: {what}{more}"


def _days(duration: timedelta) -> str:
    return f"{duration.days} days" if duration.days else str(duration)
