"""Entering: everything stops at once, what was given up goes, silence begins (A16, A18, A19, A26, T4, T6)."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection
from temporalio import activity

from activities.calling import StageCall
from activities.ending import begin_the_end
from activities.held import HeldClosure, HeldClosures, Writing
from activities.messages import CustomerMessages
from activities.releases import Releases
from activities.survey import Surveys, store_items
from activities.write_offs import WriteOffs
from closure.findings import Findings
from closure.lifecycle import Mode, Stage
from closure.plan_difference import difference
from closure.policy import AppearsLater, MessageTemplate
from closure.state import ClosureView
from closure.steps import Step
from closure.transitions import (
    access_stopped,
    appeared_later,
    ends_without_silence,
    fell_asleep,
    plan_adapted,
    silence_began,
)
from connectors.ports import Platform, StoppedAccounts
from records.claims import claim_accounts, claimed_by, claimed_by_others, give_up_claims
from records.plans import clear_losses, replace_losses, save_plan
from records.steps import OpenedStep, find_step, require_closed


class EnteringActivities:
    """Effects in their order; each is done once, whatever happens between any two."""

    def __init__(
        self,
        closures: HeldClosures,
        platform: Platform,
        surveys: Surveys,
        releases: Releases,
        write_offs: WriteOffs,
        messages: CustomerMessages,
    ) -> None:
        self._closures = closures
        self._access = platform.access
        self._directory = platform.directory
        self._surveys = surveys
        self._releases = releases
        self._write_offs = write_offs
        self._messages = messages

    @activity.defn
    async def enter(self, call: StageCall) -> ClosureView:
        """Stops access, releases, forfeits and voids; without a silent period the end begins at once."""
        return await self._closures.carry(call, self._enter)

    async def _enter(self, closure: HeldClosure) -> None:
        if closure.state.stage is not Stage.ENTERING:
            return
        await self._messages.notify(closure)  # again, where confirm could not
        if closure.state.mode is Mode.DELETE:
            await closure.effect(
                Step.STOP, lambda opened: self._stop_access(closure, opened), self._record_stop
            )
            await closure.wake_owned()
        if not await self._look_again(closure):
            return
        plan = closure.state.plan
        if plan is not None and plan.releases:
            await self._releases.release(closure)
        if plan is not None and plan.writes_off:
            await self._write_offs.write_off(closure)
        if closure.state.mode is Mode.KEEP_DATA:
            await self._messages.tell(closure, MessageTemplate.ACCOUNT_DORMANT)
            await closure.write(_fall_asleep)
        elif ends_without_silence(closure.state, closure.policy):
            await begin_the_end(closure, self._messages, since=closure.state.entering_until or closure.now)

    async def _look_again(self, closure: HeldClosure) -> bool:
        """Everything is listed again once nothing can be added; whether the closure goes on to take it.

        What is beyond consent goes with the rest or has the account given back, as the policy says: in either
        case before anything is lost.
        """
        claimed, has_begun = await closure.read(
            lambda each: (
                claimed_by(each, closure.closure_id),
                _has_begun_to_take(each, closure.closure_id),
            )
        )
        if has_begun:
            return True  # what is under way goes by the plan that it was begun with
        plan = closure.state.plan
        if plan is not None and (plan.releases or plan.writes_off):
            # What is added while a hold has it wait must be listed, too: so the look comes after the hold.
            await closure.require_no_hold()
        findings = await self._surveys.of_stopped(closure, frozenset(claimed) - {closure.account_id})
        if findings.uncovered and closure.policy.appears_later is AppearsLater.RESTORE:
            await closure.write(lambda writing: _give_back(writing, findings))
            return False
        if findings.plan_hash != closure.state.plan_hash:
            findings = replace(findings, changes=difference(await closure.plan(), findings.plan))
            await closure.write(lambda writing: _adapt(writing, findings))
        return True

    async def _stop_access(self, closure: HeldClosure, opened: OpenedStep) -> StoppedAccounts:
        owned = await self._directory.subaccounts(closure.account_id)
        spared = await closure.read(lambda each: claimed_by_others(each, closure.closure_id, owned))
        stopped = await self._access.stop(
            closure.account_id,
            access=closure.policy.access_while_closing,
            key=closure.key("access/stop"),
            time=opened.opened_at,
            spared=spared,
        )
        role = closure.policy.service_role
        if role is not None:
            await self._access.create_service_role(closure.account_id, role, key=closure.key("access/role"))
        return stopped

    def _record_stop(self, writing: Writing, stopped: StoppedAccounts) -> None:
        """The claims are what has stopped: some came, some went since confirm."""
        closure_id, account_id = writing.state.closure_id, writing.state.account_id
        before = set(claimed_by(writing.connection, closure_id))
        gone = before - {account_id, *stopped.subaccounts}
        give_up_claims(writing.connection, closure_id, gone)
        held = claim_accounts(
            writing.connection, closure_id, [account_id, *stopped.subaccounts], time=writing.now
        )
        writing.apply(access_stopped(writing.state, at=stopped.at, subaccounts=len(held) - 1))

    @activity.defn
    async def fall_silent(self, call: StageCall) -> ClosureView:
        """The irreversible silent period begins, once it is time (A18, A20, A21)."""
        return await self._closures.carry(call, self._fall_silent)

    async def _fall_silent(self, closure: HeldClosure) -> timedelta | None:
        def work(writing: Writing) -> timedelta | None:
            state = writing.state
            if state.stage is not Stage.ENTERING:
                return None
            if state.entering_until is not None and writing.now < state.entering_until:
                return state.entering_until - writing.now
            require_entered(writing)
            writing.apply(silence_began(state, closure.policy, now=writing.now))
            return None

        rest = await closure.write(work)
        await self._messages.notify(closure)
        return rest


def _has_begun_to_take(connection: Connection, closure_id: str) -> bool:
    taking = (find_step(connection, closure_id, step) for step in (Step.RELEASE, Step.WRITE_OFF))
    return any(step is not None for step in taking)


def _adapt(writing: Writing, findings: Findings) -> None:
    """The plan has what there is now: less than was confirmed, or what the policy includes."""
    if writing.state.plan_hash != findings.plan_hash:
        save_plan(writing.connection, writing.state.closure_id, findings.plan)
        replace_losses(writing.connection, writing.state.closure_id, findings.plan)
        writing.apply(plan_adapted(writing.state, findings))


def _give_back(writing: Writing, findings: Findings) -> None:
    """Nothing has been lost yet, so nothing is listed as lost."""
    store_items(writing, findings.items)
    clear_losses(writing.connection, writing.state.closure_id)
    writing.apply(appeared_later(writing.state, findings))


def _fall_asleep(writing: Writing) -> None:
    """Nothing has stopped: the account belongs to nobody's closure any more (T6)."""
    writing.apply(fell_asleep(writing.state))
    give_up_claims(writing.connection, writing.state.closure_id)


def require_entered(writing: Writing) -> None:
    """Silence must not begin over an account that has not stopped, or that keeps what was given up.

    Raises:
        Refused: `STAGE_CONFLICT`.
    """
    plan = writing.state.plan
    needed = [Step.STOP]
    needed += [Step.RELEASE] if plan is not None and plan.releases else []
    needed += [Step.WRITE_OFF] if plan is not None and plan.writes_off else []
    require_closed(writing.connection, writing.state.closure_id, needed)
