"""One run of a closure: what it knows, how it has things done, waits, and hands over to the next run."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.calling import ActCall, StageCall
    from activities.drafts import ClaimCall, Claimed, DraftActivities
    from closure.errors import RefusalType
    from closure.lifecycle import Stage
    from closure.start import ClosureStart
    from closure.state import ClosureView
    from temporal.search_attributes import CLOSURE_DEADLINE, CLOSURE_OUTCOME, CLOSURE_STAGE
    from workflows.calls import Activity, Call, execute, is_too_large, refusal_type
    from workflows.presentation import REFUSED, current_details

_LONGEST_TIMER: Final = timedelta(days=366)
"""Whoever wakes too early waits again; a moment that was invented may be too far for a timer."""
_AFTER_REFUSAL: Final = timedelta(seconds=10)
"""A step that is refused again and again must not keep the worker busy."""
MESSAGES_A_RUN: Final = 500
"""After so many updates and signals a new run goes on, long before the server's limits."""


class ClosureRun:
    """The mutable state of one run, shared by the story and its chapters; what it knows is the record's."""

    def __init__(self) -> None:
        self.start: ClosureStart | None = None
        self.current: ClosureView | None = None
        self.withdrawals: tuple[str, ...] = ()
        self.recheck_requested = False
        self.is_behind = False
        """The record may be ahead: how the closure stands is to be looked up there."""
        self.needs_claim = False
        """Another run held the closure, such as before a reset: it is to be claimed again."""
        self.turn = asyncio.Lock()
        """Held by the one act or survey that is under way."""
        self._messages = 0
        self._shown: tuple[Stage, datetime | None] | None = None

    @property
    def view(self) -> ClosureView:
        assert self.current is not None, "the closure has not been opened"
        return self.current

    @property
    def stage(self) -> Stage:
        return self.view.stage

    @property
    def is_full(self) -> bool:
        """Whether it is time for a new run."""
        return self._messages >= MESSAGES_A_RUN or workflow.info().is_continue_as_new_suggested()

    def count_message(self) -> None:
        """An update or a signal has arrived."""
        self._messages += 1

    # Having things done.

    async def do(self, activity: Activity[StageCall, ClosureView], call: Call, *, summary: str) -> None:
        """Has a step done and takes what the closure is like after it; a run that is behind looks first.

        Raises:
            ApplicationError: `PayloadTooLarge`.
        """
        try:
            self.take(await execute(activity, self._stage_call(), call, summary=summary))
        except ApplicationError as error:
            if self._must_claim(error):
                return
            if is_too_large(error):
                raise
            # The record has the last word on any refusal, for whoever reaches Temporal can invent one.
            self.is_behind = True
            await workflow.sleep(_AFTER_REFUSAL, summary="It was refused: a pause before looking again")

    async def carry_out(
        self, activity: Activity[ActCall, ClosureView], act_id: str, *, summary: str
    ) -> ClosureView:
        """Has a customer's act carried out.

        Raises:
            ApplicationError: why it was refused.
        """
        call = ActCall(**dict(self._stage_call()), act_id=act_id)
        try:
            try:
                view = await execute(activity, call, Call.ACT, summary=summary)
            except ApplicationError as error:
                if not self._must_claim(error):
                    raise
                await self.claim()
                view = await execute(activity, call, Call.ACT, summary=summary)
        except ApplicationError as error:
            # A withdrawal that stands in the way was written while nobody listened.
            self.is_behind |= refusal_type(error) is RefusalType.WITHDRAWAL_STANDS
            raise
        self.take(view)
        return view

    async def claim(self) -> None:
        """Makes this the run that holds the closure, and learns from the record how it stands.

        Raises:
            ApplicationError: another run holds it.
        """
        self.needs_claim = False
        continues = workflow.info().continued_run_id
        call = ClaimCall(**dict(self._stage_call()), continues=continues)
        self._learn(
            await execute(DraftActivities.claim, call, Call.RECORD, summary="Claim the closure in the record")
        )

    async def look(self) -> None:
        """Learns from the record how the closure stands, where it may be ahead of this run."""
        self.is_behind = False
        call, summary = self._stage_call(), "Look the closure up in the record"
        try:
            self._learn(await execute(DraftActivities.look, call, Call.RECORD, summary=summary))
        except ApplicationError as error:
            if not self._must_claim(error):
                raise

    async def note_cancel(self) -> None:
        """Somebody asked Temporal to cancel: recorded, changes nothing."""
        closure_id = self.start.closure_id if self.start else None
        workflow.logger.warning(
            "a cancel request is recorded and changes nothing", extra={"closure_id": closure_id}
        )
        if self.current is not None and self.current.outcome is None:
            call, summary = self._stage_call(), "A cancel request changes nothing"
            try:
                await execute(DraftActivities.note_cancel, call, Call.RECORD, summary=summary)
            except ApplicationError as error:
                self.is_behind |= not self._must_claim(error)

    def _must_claim(self, refused: ApplicationError) -> bool:
        """Whether it was refused for want of a claim, which is then made before anything else."""
        is_missing = refusal_type(refused) is RefusalType.CLAIM_NEEDED
        self.needs_claim |= is_missing
        return is_missing

    def _learn(self, claimed: Claimed) -> None:
        self.withdrawals = claimed.withdrawals
        if claimed.view is not None:
            self.take(claimed.view)

    def _stage_call(self) -> StageCall:
        assert self.start is not None, "the input has not been read"
        return StageCall(
            installation=self.start.installation, closure_id=self.start.closure_id, time=workflow.now()
        )

    # What people see.

    def show_refusal(self) -> None:
        """A closure that never came to be."""
        refused = Stage.REFUSED.value
        workflow.set_current_details(REFUSED)
        workflow.upsert_search_attributes(
            [CLOSURE_STAGE.value_set(refused), CLOSURE_OUTCOME.value_set(refused)]
        )

    def take(self, view: ClosureView) -> None:
        """From now on this is how the closure stands. Current details live in the worker alone."""
        is_new_stage = self.current is None or self.current.stage is not view.stage
        self.current = view
        workflow.set_current_details(current_details(view))
        if is_new_stage:
            facts = {"closure_id": view.closure_id, "stage": view.stage.value}
            workflow.logger.info("a closure reached a stage", extra=facts)
        deadline = view.deadline.at if view.deadline else None
        if self._shown == (view.stage, deadline):
            return
        self._shown = (view.stage, deadline)
        updates: list[SearchAttributeUpdate[Any]] = [CLOSURE_STAGE.value_set(view.stage.value)]
        if deadline is not None:
            updates.append(CLOSURE_DEADLINE.value_set(deadline))
        if view.outcome is not None:
            updates.append(CLOSURE_OUTCOME.value_set(view.outcome.value))
        workflow.upsert_search_attributes(updates)

    # Waiting.

    async def wait_until(self, moment: datetime | None, summary: str, *, heeds_recheck: bool = False) -> bool:
        """Waits for a moment, or for something that happens before it. Whether the moment has come."""
        rest = None if moment is None else moment - workflow.now()
        return await self.wait_for(rest, summary, heeds_recheck=heeds_recheck)

    async def wait_for(self, rest: timedelta | None, summary: str, *, heeds_recheck: bool = False) -> bool:
        """As `wait_until`, for so long."""
        if rest is not None and rest <= timedelta():
            return True
        rest = None if rest is None else min(rest, _LONGEST_TIMER)
        seen = self.current

        def something_happened() -> bool:
            asked = heeds_recheck and self.recheck_requested
            is_wrong = self.is_behind or self.needs_claim
            return asked or self.current is not seen or is_wrong or self.is_full

        try:
            await workflow.wait_condition(something_happened, timeout=rest, timeout_summary=summary)
        except TimeoutError:
            return True
        return False

    async def wait_to_look_again(self, *, at_most: datetime | None = None) -> None:
        """Waits as long as the record says that there is nothing to do, or for somebody's recheck."""
        waiting = self.view.waiting
        reason = waiting.text if waiting else "it is not time yet"
        rest = timedelta(seconds=self.view.look_again_in or 0.0)
        if at_most is not None:
            rest = min(rest, at_most - workflow.now())
        await self.wait_for(rest, f"Look again: {reason}", heeds_recheck=True)

    # The next run.

    async def renew_if_full(self) -> None:
        """Goes on in a new run when this one has had enough; the recheck that was asked for is done first."""
        is_flooded = self._messages >= 2 * MESSAGES_A_RUN
        if self.is_full and (is_flooded or not self.recheck_requested):
            await workflow.wait_condition(workflow.all_handlers_finished)
            self.hand_over()

    def hand_over(self) -> None:
        """The next run claims the closure and reads how it stands: nothing is handed over but ids."""
        workflow.continue_as_new(self.start)
