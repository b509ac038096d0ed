"""The machinery beneath the story: the record, effects, surveys, guards and what people see."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from activities.billing import BillingActivities
    from activities.notifications import NotificationActivities
    from activities.record import RecordActivities
    from activities.requests import (
        BillingCheck,
        BillingVerdict,
        Effect,
        Notice,
        OpenedClosure,
        PlanAgain,
        SurveyRequest,
        SurveyResult,
    )
    from activities.survey import SurveyActivities
    from closure.errors import RefusalType
    from closure.lifecycle import UNCONFIRMED, Stage
    from closure.messages import StatusDocument
    from records.entries import Entry, EventType
    from workflows.calls import act, act_at_length, quickly, refusal_type
    from workflows.closure_state import ClosureState, stage_after
    from workflows.presentation import current_details
    from workflows.search_attributes import CLOSURE_DEADLINE, CLOSURE_OUTCOME, CLOSURE_STAGE

_LOOK_AGAIN = timedelta(hours=1)
_HELD = "the account is under legal hold"
_HELD_FOR = timedelta(days=1)
"""When a legal hold is looked at again; a recheck looks at once."""
Result = TypeVar("Result")


class ClosureRun(ClosureState):
    """The steps that the story is made of."""

    # The record, and what people see.

    async def _step(
        self,
        event: EventType,
        stage: Stage,
        changes: Mapping[str, object] | None = None,
        *,
        actor: str | None = None,
        details: dict[str, JsonValue] | None = None,
    ) -> None:
        """Goes to `stage` (or stays in it): the record first, then the run, then the Web UI."""
        async with self._writing:
            after = self._document.model_copy(
                update={**(changes or {}), "stage": stage, "outcome": stage.outcome}
            )
            await self._write(event, after, actor, details)
            self._update({"document": after})
        self._log(event)
        self._show()

    def _log(self, event: EventType) -> None:
        document = self._document
        workflow.logger.info(
            event.value,
            extra={
                "closure_id": document.closure_id,
                "account": document.account_id,
                "stage": document.stage.value,
            },
        )

    async def _note(
        self, event: EventType, details: dict[str, JsonValue], *, actor: str | None = None
    ) -> None:
        """An audit event without a step."""
        async with self._writing:
            await self._write(event, None, actor, details)

    async def _write(
        self,
        event: EventType,
        after: StatusDocument | None,
        actor: str | None,
        details: dict[str, JsonValue] | None,
    ) -> None:
        number = self._state.entries + 1
        before = self._stage
        epoch = self._input.run_epoch if self._input else 0
        await quickly(
            RecordActivities.write_entry,
            Entry(
                closure_id=self._document.closure_id,
                run_epoch=epoch,
                key=f"{epoch}/{number}/{event.value}",
                event=event,
                time=workflow.now(),
                stage_from=before,
                stage_to=after.stage if after is not None and after.stage is not before else None,
                actor=actor,
                details=details or {},
                document=after,
            ),
            summary=f"Record: {event.value.replace('_', ' ')}",
        )
        self._update({"entries": number})

    def _show(self) -> None:
        """Current details (they live in the worker) and search attributes (they don't)."""
        document, deadline = self._document, self._deadline()
        workflow.set_current_details(current_details(document, deadline, self._waiting_for))
        if self._shown == (document.stage, deadline):
            return
        self._shown = (document.stage, deadline)
        updates: list[SearchAttributeUpdate[Any]] = [CLOSURE_STAGE.value_set(document.stage.value)]
        if deadline is not None:
            updates.append(CLOSURE_DEADLINE.value_set(deadline))
        if document.outcome is not None:
            updates.append(CLOSURE_OUTCOME.value_set(document.outcome.value))
        workflow.upsert_search_attributes(updates)

    def _show_refusal(self, opened: OpenedClosure) -> None:
        refused = Stage.REFUSED.value
        workflow.set_current_details(current_details(opened.document, None, None))
        workflow.upsert_search_attributes(
            [CLOSURE_STAGE.value_set(refused), CLOSURE_OUTCOME.value_set(refused)]
        )

    def _deadline(self) -> datetime | None:
        if self._stage in UNCONFIRMED:
            return self._state.draft_until
        if self._stage is Stage.COOLING_OFF:
            return self._state.cool_off_until
        if self._stage is Stage.ENTERING:
            return self._entering_since + self._state.policy.entering_duration
        if self._stage is Stage.SILENT:
            return self._document.silent_until
        if self._stage is Stage.RETAINED:
            return self._document.delete_after
        return None

    async def _record_ignored_cancel(self, number: int) -> None:
        workflow.logger.warning("cancel request %d is recorded and changes nothing", number)
        if self._progress is not None and self._document.outcome is None:
            await self._note(EventType.CANCEL_IGNORED, {"number": number})

    # Surveys.

    async def _survey(self, *, previous_plan_hash: str | None = None) -> SurveyResult:
        return await act_at_length(
            SurveyActivities.survey,
            SurveyRequest(
                closure_id=self._document.closure_id,
                account_id=self._document.account_id,
                previous_items=self._document.checklist,
                previous_plan_hash=previous_plan_hash,
                time=workflow.now(),
            ),
            summary=f"System check {self._document.survey_number + 1}",
        )

    async def _take_survey(self) -> None:
        self._recheck_requested = False
        if self._stage is not Stage.CHECKING:
            await self._step(EventType.CHECK_STARTED, Stage.CHECKING)
        await self._keep_survey(await self._survey())

    async def _keep_survey(self, survey: SurveyResult) -> None:
        await self._step(EventType.SURVEYED, stage_after(survey.items), self._survey_changes(survey))

    def _survey_changes(self, survey: SurveyResult) -> dict[str, object]:
        self._update(
            {
                "releases": survey.releases,
                "writes_off": survey.writes_off,
                "refunds": survey.refunds,
                "unrecoverable": survey.unrecoverable,
            }
        )
        return {
            "checklist": survey.items,
            "survey_number": self._document.survey_number + 1,
            "plan_hash": survey.plan_hash,
        }

    async def _plan_again(self) -> None:
        """Other subaccounts stopped than the customer saw: their money and things are in the plan now."""
        again = await act_at_length(
            SurveyActivities.plan_again,
            PlanAgain(
                closure_id=self._document.closure_id,
                account_id=self._document.account_id,
                subaccounts=self._state.subaccounts,
                time=workflow.now(),
            ),
            summary="Plan for the subaccounts that stopped",
        )
        self._survey_changes(again)
        await self._step(
            EventType.PLAN_ADAPTED,
            self._stage,
            {"plan_hash": again.plan_hash},
            details={"plan_hash": again.plan_hash, "subaccounts": len(self._state.subaccounts)},
        )

    # Effects.

    def _effect(self, step: str) -> Effect:
        return Effect(
            closure_id=self._document.closure_id,
            account_id=self._document.account_id,
            plan_hash=self._document.plan_hash,
            key=f"{self._document.closure_id}/{step}",
            time=workflow.now(),
        )

    async def _notify(
        self, template: str, *, number: int | None = None, to_everyone: bool = False, **values: str
    ) -> None:
        """Once per template, or per template and `number`."""
        once = template if number is None else f"{template}/{number}"
        await act(
            NotificationActivities.notify,
            Notice(
                closure_id=self._document.closure_id,
                account_id=self._document.account_id,
                template=template,
                unrecoverable=self._document.unrecoverable,
                reason=self._document.outcome_reason or "",
                to_everyone=to_everyone,
                values=values,
                key=f"{self._document.closure_id}/notify/{once}",
                time=workflow.now(),
            ),
            summary=f"Tell the customer: {template.replace('_', ' ')}",
        )

    async def _unless_held(self, step: Callable[[], Awaitable[Result]]) -> Result:
        """A destructive step; a legal hold puts it off until it is lifted."""
        while True:
            try:
                result = await step()
            except FailureError as error:
                if refusal_type(error) is not RefusalType.LEGAL_HOLD:
                    raise
                await self._wait_for_the_hold()
                continue
            if self._waiting_for == _HELD:
                self._waiting_for = None
                await self._note(EventType.LEGAL_HOLD_LIFTED, {})
                self._show()
            return result

    async def _wait_for_the_hold(self) -> None:
        if self._waiting_for != _HELD:
            self._waiting_for = _HELD
            await self._note(EventType.LEGAL_HOLD, {})
            self._show()
        self._recheck_requested = False
        await self._recheck_within(_HELD_FOR, "Is the legal hold lifted?")

    async def _billing_verdict(self) -> BillingVerdict:
        assert self._state.access_stopped_at is not None, "access was never stopped"
        return await act_at_length(
            BillingActivities.check_billing,
            BillingCheck(
                closure_id=self._document.closure_id,
                account_id=self._document.account_id,
                subaccounts=self._state.subaccounts,
                refunds=self._state.refunds,
                access_stopped_at=self._state.access_stopped_at,
                time=workflow.now(),
            ),
            summary="Final check: is billing final, is anything newly owed?",
        )

    async def _wait_to_look_again(self, reason: str) -> None:
        if reason != self._waiting_for:
            self._waiting_for = reason
            await self._note(EventType.FINAL_CHECK_WAITING, {"waiting_for": reason})
        self._show()
        self._continue_as_new_if_suggested()
        final_check = self._state.policy.final_check
        interval = final_check.retry_interval if final_check else _LOOK_AGAIN
        await self._recheck_within(interval, f"Look again: {reason}")

    async def _recheck_within(self, patience: timedelta, summary: str) -> bool:
        """Waits for somebody's recheck; False when nobody asked in time. The request itself stays."""
        try:
            await workflow.wait_condition(
                lambda: self._recheck_requested, timeout=patience, timeout_summary=summary
            )
        except TimeoutError:
            return False
        return True

    async def _sleep_until(self, moment: datetime, summary: str) -> None:
        remaining = moment - workflow.now()
        if remaining > timedelta():
            await workflow.sleep(remaining, summary=summary)

    def _continue_as_new_if_suggested(self) -> None:
        if workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished():
            assert self._input is not None
            waits = {"waiting_for": self._waiting_for, "recheck_requested": self._recheck_requested}
            progress = self._state.model_copy(update=waits)
            workflow.continue_as_new(self._input.model_copy(update={"progress": progress}))
