"""The closure of one account, from the customer's click to its outcome."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.acts import ActActivities
    from activities.calling import ActCall
    from activities.drafts import DraftActivities
    from activities.ending import EndingActivities
    from activities.entering import EnteringActivities
    from activities.opening import OpeningActivities
    from activities.refunds import RefundActivities
    from activities.survey import SurveyActivities
    from closure.certificate import CERTIFIED
    from closure.errors import RefusalType
    from closure.lifecycle import REVOCABLE, UNCONFIRMED, Stage
    from closure.messages import RefundState
    from closure.state import ClosureView
    from workflows.calls import Activity, Call
    from workflows.received import NO_INPUT, act_of, require_plain_start, start_of
    from workflows.run import ClosureRun

OPENING_TIME: Final = timedelta(seconds=10)
"""A run whose closure the record doesn't know, and that nobody's `close` reaches, ends after this."""


@workflow.defn(name="AccountClosure")
class AccountClosure:
    """One closure. The record decides; this run waits, and has the next thing done."""

    @workflow.init
    def __init__(self, raw: RawValue = NO_INPUT) -> None:
        # Decoding here would fail the workflow task for ever; `run` decodes and can fail the workflow.
        self._raw = raw
        self._run = ClosureRun()
        self._is_asked_to_close = False
        self._was_refused = False
        self._is_certified = False
        self._story: asyncio.Task[None] | None = None

    @workflow.run
    async def run(self, raw: RawValue = NO_INPUT) -> ClosureView | None:
        """Carries the closure to its outcome, whatever is cancelled on the way.

        Raises:
            ApplicationError: `MalformedInput`, or `StaleRun` when another run holds the closure.
        """
        self._run.start = start_of(self._raw)
        require_plain_start()
        story = self._story = asyncio.create_task(self._close_account())
        while not story.done():
            try:
                await workflow.wait([story])
            except asyncio.CancelledError:
                await self._run.note_cancel()
        await workflow.wait_condition(workflow.all_handlers_finished)
        await story
        return self._run.current

    # The story, in order.

    async def _close_account(self) -> None:
        if not await self._open():
            return
        while True:
            await self._run.renew_if_full()
            if self._run.needs_claim:
                await self._run.claim()
            elif self._run.is_behind:
                await self._run.look()
            elif self._run.view.outcome is not None:
                if await self._has_ended():
                    return
            elif self._run.stage in REVOCABLE and self._run.withdrawals:
                await self._withdraw_late()
            elif self._run.stage in UNCONFIRMED:
                await self._prepare()
            elif self._run.stage is Stage.COOLING_OFF:
                await self._cool_off()
            elif self._run.stage is Stage.ENTERING:
                await self._enter()
            elif self._run.stage is Stage.SILENT:
                await self._keep_silent()
            elif self._run.stage is Stage.RETAINED:
                await self._retain()
            else:
                await self._finish("Go on to the outcome")

    async def _open(self) -> bool:
        """Waits for the customer's `close`; a run that goes on claims the closure first (A11 to A13)."""
        await asyncio.sleep(0)  # an update that came with the start has its turn
        if not self._is_asked_to_close:
            await self._run.claim()
        if self._run.current is None and not self._is_asked_to_close:
            await self._run.wait_for(OPENING_TIME, "Waiting for the customer's close")
        if self._is_asked_to_close:
            await workflow.wait_condition(lambda: self._run.current is not None or self._was_refused)
        return self._run.current is not None

    async def _prepare(self) -> None:
        """One turn of checking ⇄ blocked ⇄ ready: survey when asked to, else wait (A14, A15)."""
        if self._run.stage is Stage.CHECKING or self._run.recheck_requested:
            async with self._run.turn:
                self._run.recheck_requested = False
                number = self._run.view.survey_number + 1
                await self._run.do(SurveyActivities.survey, Call.CHECK, summary=f"System check {number}")
        elif await self._run.wait_until(self._run.view.draft_until, "The draft expires", heeds_recheck=True):
            async with self._run.turn:
                await self._run.do(DraftActivities.expire, Call.RECORD, summary="Nobody confirmed in time")
            await self._wait_the_rest()

    async def _cool_off(self) -> None:
        """Confirmed but revocable; every contact is reminded while it can still be stopped."""
        self._run.recheck_requested = False  # the survey at the end looks again
        remind_at = self._run.view.remind_at
        if remind_at is not None:
            if await self._run.wait_until(remind_at, "Remind every contact"):
                async with self._run.turn:
                    await self._run.do(DraftActivities.remind, Call.EFFECT, summary="Remind every contact")
        elif await self._run.wait_until(self._run.view.cool_off_until, "The cool-off ends"):
            async with self._run.turn:
                await self._run.do(
                    DraftActivities.end_cool_off, Call.CHECK, summary="Is the account as it was confirmed?"
                )
            if self._run.view.waiting is not None:
                await self._run.look()
            await self._wait_the_rest()

    async def _enter(self) -> None:
        """Everything stops at once, and what was given up goes (A16, A18, A19, A26, T4, T6)."""
        self._run.recheck_requested = False
        releases = self._run.view.releases
        things = "1 thing" if releases == 1 else f"{releases} things"
        await self._run.do(
            EnteringActivities.enter,
            Call.EFFECT,
            summary=f"Stop the account, release {things}, forfeit and void what was given up",
        )
        if self._run.stage is not Stage.ENTERING or self._run.is_behind:
            return
        if self._run.view.look_again_in is not None:
            await self._run.wait_to_look_again()
        elif await self._run.wait_until(
            self._run.view.entering_until, "The irreversible part begins, shortly after confirm"
        ):
            await self._run.do(EnteringActivities.fall_silent, Call.RECORD, summary="Silence begins")
            await self._wait_the_rest()

    async def _keep_silent(self) -> None:
        """One durable timer. Nothing else happens (A20, A21)."""
        self._run.recheck_requested = False
        if await self._run.wait_until(self._run.view.silent_until, "The irrevocable silent period"):
            await self._finish("Final check: is billing final, is anything newly owed?")

    async def _retain(self) -> None:
        """Waits for the end of the retention; refund and late money are looked after meanwhile (T5, T10)."""
        view = self._run.view
        delete_after = view.delete_after
        if delete_after is None or workflow.now() >= delete_after:
            return await self._finish("Erase the data and close the account")
        is_open = view.refund not in (None, RefundState.SETTLED)
        # A run that began before late money was looked for has no time for that.
        look_at = view.refund_look_at if is_open else view.money_look_at
        is_due = workflow.now() >= look_at if look_at is not None else is_open
        if is_due or self._run.recheck_requested:
            self._run.recheck_requested = False
            await self._run.do(
                RefundActivities.look_after_refund,
                Call.EFFECT,
                summary="Refund: order it, or ask how it stands",
            )
            return await self._wait_the_rest(at_most=delete_after)
        until = delete_after if look_at is None else min(delete_after, look_at)
        await self._run.wait_until(
            until, f"Data is kept until {delete_after:%Y-%m-%d %H:%M} UTC", heeds_recheck=True
        )
        return None

    async def _finish(self, summary: str) -> None:
        """Final check, restoration, deletion, certificate: as far as it goes, then wait and look again."""
        self._run.recheck_requested = False
        await self._run.do(EndingActivities.finish, Call.EFFECT, summary=summary)
        self._is_certified = self._run.view.outcome is not None and not self._run.is_behind
        await self._wait_the_rest()

    async def _has_ended(self) -> bool:
        """Whether the record says so, too: whoever can complete activities can invent an outcome."""
        if self._run.view.outcome in CERTIFIED and not self._is_certified:
            await self._finish("Issue the certificate")
        await self._run.look()
        return self._run.view.outcome is not None

    async def _wait_the_rest(self, *, at_most: datetime | None = None) -> None:
        if self._run.view.outcome is None and self._run.view.look_again_in is not None:
            await self._run.wait_to_look_again(at_most=at_most)

    async def _withdraw_late(self) -> None:
        """Withdrawals that were asked for while nobody listened come before anything else."""
        async with self._run.turn:
            for act_id in self._run.withdrawals:
                await self._try_to_withdraw(act_id)
            self._run.withdrawals = ()
            self._run.is_behind = True

    async def _try_to_withdraw(self, act_id: str) -> None:
        try:
            await self._run.carry_out(ActActivities.withdraw, act_id, summary="Withdraw, as was asked for")
        except ApplicationError as error:
            facts = {"closure_id": self._run.view.closure_id, "error": error.type}
            workflow.logger.warning("a withdrawal was refused", extra=facts)

    # Queries, signals and updates.

    @workflow.query
    def status(self) -> ClosureView | None:
        """What history holds of the closure. How much time is left is the reader's to compute."""
        return self._run.current

    @workflow.signal
    def recheck(self, *_ignored: object) -> None:
        """Please look again. Takes anything, since people send it from the Web UI; can't shorten any wait."""
        self._run.count_message()
        self._run.recheck_requested = True

    @workflow.signal
    def catch_up(self, *_ignored: object) -> None:
        """The watchman found the record ahead of this run."""
        self._run.count_message()
        self._run.is_behind = True

    @workflow.update
    async def close(self, *said: object) -> ClosureView:
        """The customer's click; answers with what the first check found, or refuses."""
        self._is_asked_to_close = True
        try:
            return await self._carry_out(
                OpeningActivities.open_closure, said, "Who closes it, whether they may, and the first check"
            )
        except ApplicationError:
            if self._run.current is None:
                self._was_refused = True
                self._run.show_refusal()
            raise

    @close.validator
    def _may_close(self, *said: object) -> None:
        act_of(said)

    @workflow.update
    async def renounce(self, *said: object) -> ClosureView:
        """Gives up renounceable items (A3, A4, A6, A16)."""
        return await self._act(ActActivities.renounce, said, "Give up what the customer chose")

    @renounce.validator
    def _may_renounce(self, *said: object) -> None:
        act_of(said)

    @workflow.update
    async def confirm(self, *said: object) -> ClosureView:
        """The last word: a fresh check must find the plan that was seen; then there is no way back (A17)."""
        return await self._act(ActActivities.confirm, said, "Confirm: check again, then no way back")

    @confirm.validator
    def _may_confirm(self, *said: object) -> None:
        act_of(said)

    @workflow.update
    async def approve(self, *said: object) -> ClosureView:
        """The second person's yes to the plan as it stands."""
        return await self._act(ActActivities.approve, said, "The second person approves")

    @approve.validator
    def _may_approve(self, *said: object) -> None:
        act_of(said)

    @workflow.update
    async def withdraw(self, *said: object) -> ClosureView:
        """Ends a closure that can still be stopped."""
        return await self._act(ActActivities.withdraw, said, "Withdraw")

    @withdraw.validator
    def _may_withdraw(self, *said: object) -> None:
        act_of(said)

    async def _act(
        self, activity: Activity[ActCall, ClosureView], said: tuple[object, ...], summary: str
    ) -> ClosureView:
        """An act on an open closure, once the run holds it: the answer to an act is given once in a run."""
        await workflow.wait_condition(lambda: self._run.current is not None or self._is_over)
        if self._run.current is None:
            raise ApplicationError(
                RefusalType.CLOSURE_NOT_FOUND.value, type=RefusalType.CLOSURE_NOT_FOUND.value
            )
        return await self._carry_out(activity, said, summary)

    @property
    def _is_over(self) -> bool:
        return self._story is not None and self._story.done()

    async def _carry_out(
        self, activity: Activity[ActCall, ClosureView], said: tuple[object, ...], summary: str
    ) -> ClosureView:
        self._run.count_message()
        await workflow.wait_condition(lambda: self._run.start is not None)
        async with self._run.turn:
            return await self._run.carry_out(activity, act_of(said), summary=summary)
