"""The chapters in which nothing has been changed yet: checking ⇄ blocked ⇄ ready, and a cool-off."""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.requests import SurveyResult
    from closure.lifecycle import UNCONFIRMED, Stage
    from closure.messages import ConfirmRequest
    from closure.notices import spoken_moment
    from records.entries import EventType
    from workflows.closure_run import ClosureRun
    from workflows.closure_state import stage_after


class ClosureDraft(ClosureRun):
    """Until the irrevocable part begins the customer can withdraw."""

    async def _prepare(self) -> None:
        """One turn of checking ⇄ blocked ⇄ ready: survey when asked to, else wait (A14, A15)."""
        if self._stage is Stage.CHECKING or self._recheck_requested:
            async with self._turn:
                if self._stage in UNCONFIRMED:
                    await self._take_survey()
        self._continue_as_new_if_suggested()
        remaining = self._state.draft_until - workflow.now()
        try:
            await workflow.wait_condition(
                lambda: self._recheck_requested or self._stage not in UNCONFIRMED,
                timeout=max(remaining, timedelta()),
                timeout_summary="the draft expires",
            )
        except TimeoutError:
            async with self._turn:
                if self._stage in UNCONFIRMED:
                    await self._step(
                        EventType.EXPIRED, Stage.EXPIRED, {"outcome_reason": "nobody confirmed in time"}
                    )

    async def _commit_to(self, survey: SurveyResult, request: ConfirmRequest) -> None:
        """From here on there is no way back, or only while the policy's cool-off lasts."""
        cool_off = self._state.policy.cool_off
        changes = {**self._survey_changes(survey), "confirmed_at": workflow.now()}
        if cool_off is not None:
            self._update({"cool_off_until": workflow.now() + cool_off.duration, "reminders_sent": 0})
        await self._step(
            EventType.CONFIRMED,
            Stage.ENTERING if cool_off is None else Stage.COOLING_OFF,
            changes,
            actor=request.actor,
            details={"plan_hash": survey.plan_hash, "reason": request.reason.strip()},
        )

    async def _cool_off(self) -> None:
        """Confirmed but revocable; every contact is reminded while it can still be stopped."""
        until = self._state.cool_off_until
        assert until is not None
        self._recheck_requested = False  # the survey at the end looks again
        self._continue_as_new_if_suggested()
        reminder = self._next_reminder(until)
        wake = until if reminder is None else reminder
        if workflow.now() < wake:
            try:
                await workflow.wait_condition(
                    lambda: self._stage is not Stage.COOLING_OFF,
                    timeout=wake - workflow.now(),
                    timeout_summary="The cool-off ends" if reminder is None else "Remind every contact",
                )
                return
            except TimeoutError:
                pass  # the moment has come
        if reminder is None:
            await self._end_cool_off()
        else:
            await self._remind(until)

    def _next_reminder(self, until: datetime) -> datetime | None:
        cool_off = self._state.policy.cool_off
        assert cool_off is not None
        moments = sorted(until - before for before in cool_off.reminders)
        return moments[self._state.reminders_sent] if self._state.reminders_sent < len(moments) else None

    async def _remind(self, until: datetime) -> None:
        number = self._state.reminders_sent + 1
        await self._notify(
            "closure_reminder",
            number=number,
            to_everyone=True,
            irrevocable_from=spoken_moment(until),
        )
        self._update({"reminders_sent": number})

    async def _end_cool_off(self) -> None:
        """The account must still be as it was confirmed; else the customer is asked again."""
        async with self._turn:
            if self._stage is not Stage.COOLING_OFF:
                return
            confirmed = self._document.plan_hash
            survey = await self._survey(previous_plan_hash=confirmed)
            stage = stage_after(survey.items)
            if survey.plan_hash == confirmed and stage is Stage.READY:
                await self._step(EventType.COOL_OFF_ENDED, Stage.ENTERING, self._survey_changes(survey))
                return
            self._update({"draft_until": workflow.now() + self._state.policy.draft_lifetime})
            await self._step(
                EventType.COOL_OFF_STOPPED,
                stage,
                {**self._survey_changes(survey), "confirmed_at": None},
                details={"changes": [*survey.changes]},
            )
            await self._notify(
                "confirm_again",
                number=self._state.entries,
                changes="; ".join(survey.changes) or "something blocks the closure again",
            )
