"""The system check: every source read at the same time, one checklist and one plan (A14, A15)."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final

from temporalio import activity

from activities.calling import StageCall, require_time
from activities.heartbeats import heartbeat
from activities.held import HeldClosure, HeldClosures, Writing
from activities.owners import leave_to_owner
from activities.sources import SOURCE_TIME_LIMIT, SurveyProgress, read_accounts, read_facts
from closure.accounts import Access
from closure.checks import evaluate
from closure.consent import uncovered
from closure.findings import Findings
from closure.lifecycle import UNCONFIRMED, Stage
from closure.messages import ChecklistItem
from closure.plan_difference import difference
from closure.planning import make_plan
from closure.policy import Policy
from closure.renouncing import carry_renounced
from closure.state import ClosureView
from closure.survey import AccountFacts, SurveyFacts
from closure.transitions import check_started, found_stopped, surveyed
from connectors.ports import Platform
from records.claims import claim_of
from records.plans import find_plan, read_items, replace_items, save_plan

THINGS_AT_ONCE: Final = 5_000
"""A system check of more takes longer than a local activity should."""


class NotReadable(Exception):
    """A source can't be read that the plan needs. Retried."""


class Surveys:
    """Reads the account's sources and evaluates the closure's pinned policy."""

    def __init__(self, platform: Platform, source_time_limit: timedelta = SOURCE_TIME_LIMIT) -> None:
        self._platform = platform
        self._source_time_limit = source_time_limit

    @property
    def answer_at_once(self) -> bool:
        """Whether a survey is short enough for a local activity."""
        return self._platform.answers_at_once

    async def accounts(
        self, account_ids: Sequence[str], *, with_payments: bool
    ) -> tuple[AccountFacts, ...] | None:
        """The facts of each of the accounts; None when one of them could not even be found."""
        return await read_accounts(
            self._platform, account_ids, self._source_time_limit, with_payments=with_payments
        )

    async def survey(self, closure: HeldClosure, *, seen: str | None = None) -> Findings:
        """Runs all checks once; `seen` is the hash of the plan to compare with."""
        policy, state = closure.policy, closure.state
        # Who looks at a check that is done in place sees its end.
        facts = await self._facts(closure, report=None if activity.info().is_local else heartbeat)
        require_time(answers_at_once=_number_of_things(facts) <= THINGS_AT_ONCE)
        is_orphan = await self._has_stopped_unheld(closure, facts)
        found = _as_open(facts) if is_orphan else facts
        known, before = await closure.read(
            lambda each: (
                read_items(each, state.closure_id),
                find_plan(each, state.closure_id, seen),
            )
        )

        def compute() -> Findings:
            items = evaluate(policy, found, closure.now, state.mode)
            plan = make_plan(policy, found, items, state.mode)
            return Findings(
                items=carry_renounced(known, items),
                plan=plan,
                needs_approval=_needs_approval(policy, found),
                changes=difference(before, plan) if before is not None else (),
                uncovered=uncovered(before, plan) if before is not None else None,
                found_stopped=is_orphan,
            ).computed()

        return await asyncio.to_thread(compute)  # of very many things it takes seconds

    async def of_stopped(self, closure: HeldClosure, stopped: frozenset[str]) -> Findings:
        """What there is once these subaccounts have stopped, against what was consented to (T4, T10).

        What has merely gone since isn't named: it may be all there was.

        Raises:
            NotReadable: a source can't be read; nothing that it has may be lost.
        """
        facts = _as_open(await self._facts(closure))  # stopped by this very closure, which nothing blocks now
        if facts.unreadable or any(each.unreadable for each in facts.subaccounts or ()):
            raise NotReadable("a source of the account or of its subaccounts can't be read")
        state, policy, consented = closure.state, closure.policy, await closure.plan()

        def compute() -> Findings:
            items = evaluate(policy, facts, closure.now, state.mode)
            plan = make_plan(policy, facts, items, state.mode, stopped=stopped)
            return Findings(items=items, plan=plan, uncovered=uncovered(consented, plan)).computed()

        return await asyncio.to_thread(compute)

    async def _has_stopped_unheld(self, closure: HeldClosure, facts: SurveyFacts) -> bool:
        """Whether the account has stopped and no closure holds it: the record was restored to before that."""
        if facts.profile.access in (Access.OPEN, Access.CLOSED):
            return False
        return await closure.read(lambda each: claim_of(each, closure.account_id)) is None

    async def _facts(
        self, closure: HeldClosure, *, report: Callable[[SurveyProgress], None] | None = None
    ) -> SurveyFacts:
        return await read_facts(
            self._platform,
            closure.account_id,
            with_payments=closure.policy.refund is not None,
            time_limit=self._source_time_limit,
            report=report,
        )


class SurveyActivities:
    """The checks of a closure that nobody has confirmed."""

    def __init__(self, closures: HeldClosures, surveys: Surveys) -> None:
        self._closures = closures
        self._surveys = surveys

    @activity.defn
    async def survey(self, call: StageCall) -> ClosureView:
        """Looks at everything once; nothing for a closure that has been confirmed meanwhile."""
        require_time(answers_at_once=self._surveys.answer_at_once)
        return await self._closures.carry(call, self._survey)

    async def _survey(self, closure: HeldClosure) -> None:
        await leave_to_owner(closure)
        if closure.state.stage not in UNCONFIRMED:
            return
        if closure.state.stage is not Stage.CHECKING:
            await closure.change(lambda state, now: check_started(state))
        findings = await self._surveys.survey(closure)
        await closure.write(lambda writing: keep_findings(writing, findings))


def keep_findings(writing: Writing, findings: Findings) -> None:
    """The checklist and the plan of a survey, unless somebody has confirmed meanwhile."""
    if writing.state.stage in UNCONFIRMED:
        store_findings(writing, findings)
        writing.apply(surveyed(writing.state, findings))
        if findings.found_stopped and not writing.state.found_stopped:
            writing.apply(found_stopped(writing.state))


def _number_of_things(facts: SurveyFacts) -> int:
    """Resources, subscriptions and data stores of the account and of all that it owns."""
    number = 0
    for each in (facts, *(facts.subaccounts or ())):
        number += len(each.stores or ())
        if each.inventory is not None:
            number += len(each.inventory.resources) + len(each.inventory.subscriptions)
    return number


def _as_open(facts: SurveyFacts) -> SurveyFacts:
    profile = facts.profile.model_copy(update={"access": Access.OPEN})
    return facts.model_copy(update={"profile": profile})


def store_findings(writing: Writing, findings: Findings) -> None:
    """Items and plan, in their own places."""
    save_plan(writing.connection, writing.state.closure_id, findings.plan)
    store_items(writing, findings.items)


def store_items(writing: Writing, items: Iterable[ChecklistItem]) -> None:
    replace_items(writing.connection, writing.state.closure_id, items)


def _needs_approval(policy: Policy, facts: SurveyFacts) -> bool:
    """All counts that goes with the account; money that can't be read counts as much."""
    if policy.approval is None:
        return False
    if facts.subaccounts is None:
        return True
    return policy.approval.is_needed([facts.statement, *(each.statement for each in facts.subaccounts)])
