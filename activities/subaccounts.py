"""What an account owns goes with it: each subaccount has a closure of its own in the record (T4, T5)."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity

from activities.certificates import Certificates
from activities.closing import CloseAccount
from activities.dues import Dues, keep_left
from activities.erasure import Erasure, NotErased
from activities.gone import unless_gone
from activities.heartbeats import heartbeat
from activities.held import HeldClosure, MustWait, Writing
from activities.log_context import log_error
from activities.statements import read_statement
from activities.survey import Surveys
from closure.business_days import add_business_days
from closure.checks import is_billing_final
from closure.errors import RefusalType, Refused
from closure.identifiers import effect_key, subaccount_closure_id, workflow_id_of
from closure.lifecycle import Stage
from closure.plan import AccountPlan, Plan
from closure.planning import joined_plan
from closure.state import ClosureState
from closure.transitions import (
    deletion_began,
    subaccounts_deleted,
    subaccounts_held_up,
    subaccounts_joined,
)
from closure.waiting import WaitingReason
from connectors.ports import Platform
from records.claims import claim_accounts, claimed_by, claimed_by_others, give_up_claims
from records.closures import insert_closure
from records.lookups import closure_row
from records.plans import read_plan
from records.rows import state_of

AT_ONCE: Final = 25
"""Subaccounts that are deleted at the same time."""
PAGE: Final = 100
"""After so many it is recorded how many are done."""
LOOK_AGAIN: Final = timedelta(hours=1)
"""When a source is asked again of what goes along late."""


async def open_subaccounts(closure: HeldClosure, delete_after: datetime) -> None:
    """Opens a closure for each that stopped with the account, from the moment it can't come back (T5).

    What has an open closure of its own is left to that until its data is to be deleted.
    """
    left = await _left(closure)
    for start in range(0, len(left), PAGE):
        await _open_page(closure, left[start : start + PAGE], delete_after)


async def _open_page(closure: HeldClosure, account_ids: Sequence[str], delete_after: datetime) -> None:
    heartbeat(account_ids[0])
    opened = await closure.write(lambda writing: _open_each(writing, account_ids, delete_after))
    await closure.anchor(*opened)


def _open_each(writing: Writing, account_ids: Sequence[str], delete_after: datetime) -> list[str]:
    """The closures of those that have none of their own."""
    opened: list[str] = []
    for account_id in account_ids:
        try:
            opened.append(_opened(writing, account_id, delete_after).closure_id)
        except Refused as refused:  # before anything of it is written
            if refused.type is not RefusalType.CLOSURE_ALREADY_OPEN:
                raise
            activity.logger.warning("a subaccount has a closure of its own")
    return opened


class Subaccounts:
    """The end of each; whatever holds one up holds up nothing else."""

    def __init__(
        self,
        platform: Platform,
        surveys: Surveys,
        dues: Dues,
        erasure: Erasure,
        close_account: CloseAccount,
        certificates: Certificates,
    ) -> None:
        self._surveys = surveys
        self._billing = platform.billing
        self._directory = platform.directory
        self._access = platform.access
        self._dues = dues
        self._erasure = erasure
        self._close_account = close_account
        self._certificates = certificates

    async def delete(self, closure: HeldClosure, *, money_is_under_way: bool) -> int:
        """One round: each is tried once; what is held up is told in the audit and tried again later.

        Args:
            closure: of their owner.
            money_is_under_way: whether a refund has not arrived; accounts that it may be of stay until then.

        Returns:
            How many are held up by anything but that.
        """
        await closure.wake_owned()
        plan = await closure.plan()
        left = list(await _left(closure))
        held_up: dict[str, str] = {}
        for start in range(0, len(left), PAGE):
            held_up |= await self._delete_page(closure, plan, left[start : start + PAGE], money_is_under_way)
        held_up = {name: why for name, why in held_up.items() if why != WaitingReason.REFUND}
        if held_up and not closure.state.told_of_held_up:
            await closure.change(lambda state, now: subaccounts_held_up(state, held_up))
        return len(held_up)

    async def join(self, closure: HeldClosure) -> int:
        """What has no closure of its own any more goes along, too; how many have one, which comes first.

        Raises:
            MustWait: a source of what goes along can't be read, or its usage has not been billed.
        """
        owned = await unless_gone(self._directory.subaccounts(closure.account_id), ())
        others = await closure.read(lambda each: claimed_by_others(each, closure.closure_id, owned))
        known = await closure.read(lambda each: claimed_by(each, closure.closure_id))
        new = sorted({*owned} - {*others, *known})
        if new:
            await self._access.stop(
                closure.account_id,
                access=closure.policy.access_while_closing,
                key=effect_key(closure.closure_id, "join", *new),
                time=closure.now,
                spared=others,
            )
            joined = await self._joined(closure, new)
            await closure.write(lambda writing: _claim(writing, joined))
        await self._require_billed(closure)
        return len(others)

    async def _joined(self, closure: HeldClosure, account_ids: Sequence[str]) -> tuple[AccountPlan, ...]:
        """What becomes of each, as it stands once it has stopped (T10)."""
        with_payments = closure.policy.refund is not None
        facts = await self._surveys.accounts(account_ids, with_payments=with_payments)
        if facts is None or any(each.unreadable for each in facts):
            raise MustWait(WaitingReason.SOURCE_UNREADABLE, LOOK_AGAIN, "of a subaccount that goes along")
        owner = await closure.plan()
        return tuple(
            joined_plan(
                closure.policy, each, closure.now, currency=owner.currency, refunds=owner.refund_applies
            )
            for each in facts
        )

    async def _require_billed(self, closure: HeldClosure) -> None:
        """Usage up to the late stop is billed before money goes back and anything is erased (T10, A21).

        A policy that refunds waits for that as long as with any refund, others as at their final check.
        """
        rule = closure.policy.refund
        for joined in (await closure.plan()).joined:
            stopped_at = joined.stopped_at or closure.now
            if rule is not None:
                until = add_business_days(stopped_at, rule.wait_for_metering, rule.country)
                if closure.now >= until:
                    continue
            try:
                statement = await read_statement(self._billing, joined.account_id)
            except Exception as error:
                activity.logger.warning("billing could not be read: %s", type(error).__name__)
                raise MustWait(WaitingReason.BILLING_UNREADABLE, LOOK_AGAIN) from error
            if statement is not None and not is_billing_final(statement, stopped_at):
                raise MustWait(WaitingReason.USAGE_NOT_BILLED, LOOK_AGAIN)

    async def _delete_page(
        self, closure: HeldClosure, plan: Plan, page: list[str], money_is_under_way: bool
    ) -> dict[str, str]:
        """What is held up, and why."""
        places = asyncio.Semaphore(AT_ONCE)

        async def try_one(account_id: str) -> str | None:
            async with places:
                heartbeat(account_id)
                return await self._try(closure, plan, account_id, money_is_under_way)

        results = dict(zip(page, await asyncio.gather(*map(try_one, page)), strict=True))
        done = [account_id for account_id, reason in results.items() if reason is None]

        def record(writing: Writing) -> None:
            given_up = give_up_claims(writing.connection, closure.closure_id, done)
            if given_up:  # none where another attempt has counted them
                writing.apply(subaccounts_deleted(writing.state, given_up))

        await closure.write(record)
        return {account_id: reason for account_id, reason in results.items() if reason is not None}

    async def _try(
        self, closure: HeldClosure, plan: Plan, account_id: str, money_is_under_way: bool
    ) -> str | None:
        """Why it is held up; None when it is gone."""
        try:
            await self._delete(closure, plan, account_id, money_is_under_way)
        except MustWait as wait:
            return wait.reason.value
        except Refused as refused:
            if refused.type is RefusalType.STALE_RUN:
                raise
            return refused.type.value
        except NotErased as left:
            return left.why
        except Exception as error:  # noqa: BLE001 - whatever fails for one, the others go on
            activity.logger.warning("a subaccount is held up", extra=log_error(error))
            return type(error).__name__
        return None

    async def _delete(
        self, closure: HeldClosure, plan: Plan, account_id: str, money_is_under_way: bool
    ) -> None:
        owned = closure.owned(await _open(closure, account_id, closure.state.delete_after))
        if owned.state.stage is Stage.RETAINED:
            await closure.require_no_hold(account_id)
            await owned.change(lambda state, now: deletion_began(state))
        if owned.state.stage is Stage.DELETING:
            own = [each for each in plan.accounts if each.account_id == account_id]
            refunds = any(each.refund_applies for each in own)
            is_closing = await self._close_account.is_under_way(owned)
            if not is_closing:
                await self._dues.hand_over(owned, refunds=refunds)
            await self._erasure.erase(owned, own[0].erasures if own else ())
            if refunds and money_is_under_way and not is_closing:
                # Of an account that is gone nobody may know any more whether its money has arrived.
                raise MustWait(WaitingReason.REFUND, LOOK_AGAIN)
            await self._close_account.close(owned)
        await self._certificates.issue(owned)


def _claim(writing: Writing, joined: Iterable[AccountPlan]) -> None:
    """What another closure has claimed meanwhile stays with that one."""
    closure_id = writing.closure.closure_id
    before = claimed_by(writing.connection, closure_id)
    by_id = {each.account_id: each for each in joined}
    held = claim_accounts(writing.connection, closure_id, by_id, time=writing.now)
    new = [by_id[each] for each in held if each in by_id and each not in before]
    if new:
        writing.apply(subaccounts_joined(writing.state, len(new)))
        plan = read_plan(writing.connection, closure_id, writing.state.plan_hash)
        keep_left(writing, plan.model_copy(update={"joined": (*plan.joined, *new)}))


async def _left(closure: HeldClosure) -> tuple[str, ...]:
    claimed = await closure.read(lambda each: claimed_by(each, closure.closure_id))
    return tuple(each for each in claimed if each != closure.account_id)


async def _open(closure: HeldClosure, account_id: str, delete_after: datetime | None) -> ClosureState:
    """The closure of a subaccount, opened once; its head is anchored where it must be."""
    state = await closure.write(lambda writing: _opened(writing, account_id, delete_after))
    await closure.anchor(state.closure_id)
    return state


def _opened(writing: Writing, account_id: str, delete_after: datetime | None) -> ClosureState:
    owner = writing.state
    closure_id = subaccount_closure_id(owner.closure_id, account_id)
    row = closure_row(writing.connection, closure_id)
    if row is not None:
        return state_of(row)
    state = ClosureState(
        closure_id=closure_id,
        account_id=account_id,
        provider=owner.provider,
        policy=owner.policy,
        policy_version=owner.policy_version,
        mode=owner.mode,
        workflow_id=workflow_id_of(owner.provider, account_id),
        stage=Stage.RETAINED,
        opened_at=writing.now,
        draft_until=writing.now,
        confirmed_at=owner.confirmed_at,
        access_stopped_at=owner.access_stopped_at,
        silent_until=owner.silent_until,
        delete_after=delete_after,
    )
    opened = insert_closure(
        writing.connection,
        state,
        policy_hash=writing.closure.policy_hash,
        opened_by=None,
        owner=owner,
        run_id=None,
        time=writing.now,
    )
    return opened.state
