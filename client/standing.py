"""How a closure stands: the record's word, and Temporal's on whether anything carries it on."""

import math
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from client.delivery import Delivery
from client.faults import TemporalFailed
from closure.acts import Act, ActStatus, CloseWords
from closure.certificate import CERTIFIED
from closure.dues import Due, owed_item
from closure.events import Event
from closure.item_texts import worded
from closure.languages import ENGLISH
from closure.lifecycle import IRREVOCABLE, REVOCABLE, Outcome, Stage
from closure.messages import (
    Action,
    MoneyParts,
    OwedItem,
    Standing,
    StatusDocument,
    WaitingFor,
)
from closure.money_parts import planned_parts, taken_parts
from closure.settling import handed_over
from closure.state import ClosureState
from closure.translations import in_language
from closure.waiting import WAITING_TEXTS, WaitingReason
from records.acts import ERASED_USER
from records.entries import RecordedClosure
from records.reading import ClosureRecords
from temporal.current_runs import RunningWorkflow

ITEMS_A_PAGE: Final = 200
"""So many items of a checklist a status holds."""
_LOOKS_AGAIN: Final = frozenset(
    {Stage.BLOCKED, Stage.READY, Stage.FINAL_CHECK, Stage.RETAINED, Stage.DELETING}
)
NO_ANSWER: Final = "no_answer"
"""The reason of one that was asked for and that no worker has taken up yet."""
LAPSED: Final = "no worker took it up in time: nothing came of it"
FAILING: Final = "failing"
"""The reason of a closure that waits for an activity which fails again and again."""


class ClosureStandings:
    """Composes status documents, in a language as far as the closure's policy has it."""

    def __init__(
        self,
        records: ClosureRecords,
        delivery: Delivery,
        *,
        believes_skipped_clocks: bool,
        language: str = ENGLISH,
    ) -> None:
        self._records = records
        self._delivery = delivery
        self._believes_skipped_clocks = believes_skipped_clocks
        self._language = language

    async def of_closure(self, closure: RecordedClosure, *, page: int = 1) -> StatusDocument:
        """How a recorded closure stands now, with one page of its checklist (from 1 on).

        Without Temporal, as far as the record knows.
        """
        state = closure.state
        running: RunningWorkflow | None = None
        standing = Standing.ENDED
        if state.outcome is None:
            try:
                running = await self._delivery.running(state.workflow_id)
                standing = self._standing(closure, running)
            except TemporalFailed:
                standing = Standing.RUNNING if closure.interrupted_at is None else Standing.INTERRUPTED
        return await self._document(closure, standing, running, page)

    async def of_act(self, act: Act, words: CloseWords | None, workflow_id: str) -> StatusDocument:
        """How a close stands that was not admitted: refused, lapsed, or not answered yet."""
        refused = act.status is ActStatus.REFUSED
        lapsed = not refused and _has_lapsed(act)
        reason = act.answer.message if act.answer else LAPSED if lapsed else None
        return StatusDocument(
            closure_id=act.closure_id,
            account_id=act.account_id,
            provider=words.provider if words else "",
            policy=words.policy if words else "",
            policy_version="",
            mode=words.mode if words else CloseWords.model_fields["mode"].default,
            stage=Stage.REFUSED if refused else Stage.OPENED,
            outcome=Outcome.REFUSED if refused else None,
            outcome_reason=reason,
            opened_at=act.written_at,
            waiting_for=None if refused or lapsed else WaitingFor(reason=NO_ANSWER, since=act.written_at),
            opened_by=act.user_id if act.user_id != ERASED_USER else None,
            standing=Standing.ENDED if refused else Standing.UNANSWERED,
            workflow_id=workflow_id,
        )

    def _standing(self, closure: RecordedClosure, running: RunningWorkflow | None) -> Standing:
        if closure.owner_closure_id is not None:
            return Standing.RUNNING  # its owner's run carries it on
        if running is None or not self._delivery.is_ours(running):
            return Standing.INTERRUPTED
        if closure.interrupted_at is not None and running.run_id != closure.run_id:
            return Standing.INTERRUPTED  # it only sits in the closure's place, as the watchman has seen
        return Standing.RUNNING

    async def _document(
        self, closure: RecordedClosure, standing: Standing, running: RunningWorkflow | None, page: int
    ) -> StatusDocument:
        state = closure.state
        policy = in_language(await self._records.policy(state.closure_id), self._language)
        items = await self._records.items(
            state.closure_id, limit=ITEMS_A_PAGE, offset=(page - 1) * ITEMS_A_PAGE
        )
        checklist = tuple(worded(items, policy))
        lost = (
            await self._records.losses(state.closure_id, limit=ITEMS_A_PAGE) if _is_past_return(state) else ()
        )
        left = await self._left(state)
        deadline = state.deadline
        now = running.now if running is not None and self._believes_skipped_clocks else datetime.now(UTC)
        return StatusDocument(
            closure_id=state.closure_id,
            account_id=state.account_id,
            provider=state.provider,
            policy=state.policy,
            policy_version=state.policy_version,
            mode=state.mode,
            stage=state.stage,
            outcome=state.outcome,
            outcome_reason=state.outcome_reason,
            checklist=checklist,
            page=page,
            pages=max(1, math.ceil(state.item_count / ITEMS_A_PAGE)),
            item_count=state.item_count,
            blocking=state.blocking,
            survey_number=state.survey_number,
            advice=policy.advice,
            plan_hash=state.plan_hash,
            opened_at=closure.opened_at,
            draft_until=state.draft_until,
            confirmed_at=state.confirmed_at,
            cool_off_until=state.cool_off_until,
            silent_until=state.silent_until,
            delete_after=None if _goes_back(state) else state.delete_after,
            deadline=deadline,
            remaining_seconds=None if deadline is None else seconds_until(deadline.at, now),
            waiting_for=await self._waiting_for(state, running),
            refund=state.refund,
            money=await self._money(state),
            owed=tuple(map(OwedItem.of, checklist)) if _goes_back(state) else left,
            unrecoverable=lost,
            certificate_id=await self._certificate_id(state),
            opened_by=closure.opened_by,
            restart_advice=policy.restart_advice if state.outcome is Outcome.RESTORED else None,
            actions=_actions(closure, can_renounce=await self._records.can_renounce(state.closure_id)),
            phrase=policy.phrase(state.account_id) if state.stage in REVOCABLE else None,
            standing=standing,
            workflow_id=state.workflow_id,
            run_id=closure.run_id or "",
        )

    async def _waiting_for(self, state: ClosureState, running: RunningWorkflow | None) -> WaitingFor | None:
        if running is None or running.failing is None:
            return waiting_of(state)
        failing, since = running.failing, None
        with suppress(TemporalFailed):  # the rest is known
            since = await self._delivery.failing_since(state.workflow_id, running.run_id, failing)
        return WaitingFor(
            reason=FAILING,
            since=since,
            detail=f"{failing.activity}: {failing.error}",
            attempts=failing.attempts,
        )

    async def _certificate_id(self, state: ClosureState) -> str | None:
        kept = await self._records.certificate(state.closure_id) if state.outcome in CERTIFIED else None
        return kept.certificate_id if kept is not None else None

    async def _money(self, state: ClosureState) -> MoneyParts | None:
        """What the plan makes of the money, and in the end what was made of it."""
        if _goes_back(state) or state.outcome in CERTIFIED:
            return taken_parts(await self._contents(state))
        if state.outcome is not None:
            return None
        plan = await self._records.plan(state.closure_id, state.plan_hash)
        return planned_parts(plan) if plan is not None else None

    async def _left(self, state: ClosureState) -> tuple[OwedItem, ...]:
        """What stays due when the account goes, then what is left behind, as it was seen last.

        Of a deleted account only the audit knows, and what is due by its kind alone.
        """
        if state.stage is Stage.DELETED:
            return await self._handed_over(state)
        if state.plan is None or not state.plan.leaves or state.outcome is not None or _goes_back(state):
            return ()
        plan = await self._records.plan(state.closure_id, state.plan_hash)
        dues: list[OwedItem] = []
        things: list[OwedItem] = []
        for account in plan.accounts if plan is not None else ():
            whose = "" if account is plan else account.account_id
            dues += [owed_item(each, whose, language=self._language) for each in account.dues]
            things += [owed_item(each, whose, language=self._language) for each in account.left_behind]
        return (*dues, *things)

    async def _handed_over(self, state: ClosureState) -> tuple[OwedItem, ...]:
        dues = handed_over(await self._contents(state))
        return tuple(
            owed_item(Due.model_validate(each.model_dump()), language=self._language) for each in dues
        )

    async def _contents(self, state: ClosureState) -> tuple[Event, ...]:
        """What the audit says; nothing where somebody made it unreadable, as verifying it will show."""
        try:
            return tuple(each.content for each in await self._records.events(state.closure_id))
        except ValueError:
            return ()


def _has_lapsed(act: Act) -> bool:
    over = act.lapses_at is not None and act.lapses_at < datetime.now(UTC)
    return act.status is ActStatus.LAPSED or over


def seconds_until(moment: datetime, now: datetime) -> int:
    """Whole seconds, rounded up and never below 0."""
    return max(0, math.ceil((moment - now).total_seconds()))


def _goes_back(state: ClosureState) -> bool:
    return state.stage in (Stage.RESTORING, Stage.RESTORED)


def _is_past_return(state: ClosureState) -> bool:
    return state.stage in IRREVOCABLE or state.outcome in (Outcome.RESTORED, Outcome.DORMANT)


def waiting_of(state: ClosureState) -> WaitingFor | None:
    """What the record says that a closure waits for, beside time and its customer."""
    waiting = state.waiting
    if waiting is not None:
        return WaitingFor(reason=waiting.reason.value, since=waiting.since, detail=waiting.detail)
    if not state.found_stopped or state.stage not in REVOCABLE:
        return None
    reason = WaitingReason.FOUND_STOPPED
    return WaitingFor(reason=reason.value, detail=WAITING_TEXTS[reason])


def _actions(closure: RecordedClosure, *, can_renounce: bool) -> tuple[Action, ...]:
    if closure.owner_closure_id is not None:
        return ()  # it goes with its owner's
    state, actions = closure.state, []
    if state.stage in _LOOKS_AGAIN or (state.stage is Stage.ENTERING and state.waiting is not None):
        actions.append(Action.RECHECK)
    if state.stage is Stage.BLOCKED and can_renounce:
        actions.append(Action.RENOUNCE)
    if state.stage is Stage.READY:
        actions.append(Action.APPROVE if _lacks_approval(state) else Action.CONFIRM)
    if state.stage in REVOCABLE:
        actions.append(Action.WITHDRAW)
    return tuple(actions)


def _lacks_approval(state: ClosureState) -> bool:
    plan = state.plan
    return plan is not None and plan.needs_approval and state.approved_plan != plan.plan_hash
