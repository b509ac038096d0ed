"""What an account leaves: seen while its data is kept, handed to billing before anything is erased."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter
from temporalio import activity

from activities.gone import unless_gone
from activities.heartbeats import heartbeat
from activities.held import HeldClosure, MustWait, Writing
from activities.log_context import log_error
from activities.statements import read_statement
from closure.accounts import Inventory
from closure.dues import Due, money_due, things_left
from closure.identifiers import effect_key
from closure.model import WireModel
from closure.plan import Plan
from closure.settling import dues_handed_over, leaves_seen
from closure.steps import Step
from closure.waiting import WaitingReason
from connectors.ports import Platform
from records.plans import find_plan, save_plan
from records.steps import close_step

LOOK_AGAIN: Final = timedelta(hours=1)
"""When a source is asked again that could not be read."""
_DUES: Final = TypeAdapter(tuple[Due, ...])


class _HandedOver(WireModel):
    """What the step keeps: how often something was handed over, and the hash of what it was last."""

    times: int = 0
    content: str


class Dues:
    """Nothing is owed that nobody knows of any more when the account is gone."""

    def __init__(self, platform: Platform) -> None:
        self._billing = platform.billing
        self._inventory = platform.inventory
        self._directory = platform.directory

    async def note(self, closure: HeldClosure) -> None:
        """What stays due as the accounts stand, for those who look; what can't be read stays as it was."""
        plan = await closure.plan()
        seen = plan
        for account in plan.accounts:
            heartbeat(account.account_id)
            try:
                statement = await read_statement(self._billing, account.account_id)
            except Exception as error:  # noqa: BLE001 - only shown: the end of the closure waits for it
                activity.logger.warning("billing could not be read", extra=log_error(error))
                continue
            if statement is not None:
                dues = money_due(closure.policy, statement, refunds=account.refund_applies)
                seen = seen.with_left(account.account_id, dues, account.left_behind)
        if seen != plan:
            await closure.write(lambda writing: keep_left(writing, seen))

    async def hand_over(self, closure: HeldClosure, *, refunds: bool) -> None:
        """Reads the account's money and things again; billing gets what stays due, the audit says it.

        Comes before anything is erased, and again after every wait.

        Args:
            closure: of the account.
            refunds: whether its cash goes back; then it is no due.

        Raises:
            MustWait: a source can't be read, or a brake is on.
        """
        opened = await closure.open_step(Step.HAND_OVER)
        dues = await self._dues(closure, refunds=refunds)
        things = await self._things(closure)
        content = _hash(dues, things)
        before = _HandedOver.model_validate_json(opened.result) if opened.result else None
        if content == (before.content if before is not None else _hash((), ())):
            return await closure.write(lambda writing: _close(writing, opened.result))
        times = (before.times if before is not None else 0) + 1
        if dues or times > 1:
            await self._billing.hand_over(
                closure.account_id,
                dues,
                # Numbered, too: what was there before may come back.
                key=effect_key(
                    closure.closure_id, "hand-over", closure.account_id, f"{times}-{content[:16]}"
                ),
                time=closure.now,
            )

        def record(writing: Writing) -> None:
            plan = find_plan(writing.connection, writing.state.closure_id, writing.state.plan_hash)
            if plan is not None:
                keep_left(writing, plan.with_left(closure.account_id, dues, things))
            writing.apply(dues_handed_over(writing.state, dues, things))
            _close(writing, _HandedOver(times=times, content=content).model_dump_json())

        return await closure.write(record)

    async def _dues(self, closure: HeldClosure, *, refunds: bool) -> tuple[Due, ...]:
        try:
            statement = await read_statement(self._billing, closure.account_id)
        except Exception as error:
            raise _unread(WaitingReason.BILLING_UNREADABLE, error) from error
        return () if statement is None else money_due(closure.policy, statement, refunds=refunds)

    async def _things(self, closure: HeldClosure) -> tuple[Due, ...]:
        try:
            inventory, relationships = await asyncio.gather(
                unless_gone(self._inventory.inventory(closure.account_id), Inventory()),
                unless_gone(self._directory.relationships(closure.account_id), ()),
            )
        except Exception as error:
            raise _unread(WaitingReason.SOURCE_UNREADABLE, error) from error
        return things_left(inventory, relationships, closure.now)


def _unread(reason: WaitingReason, error: Exception) -> MustWait:
    activity.logger.warning("what the account leaves could not be read", extra=log_error(error))
    return MustWait(reason, LOOK_AGAIN)


def keep_left(writing: Writing, plan: Plan) -> None:
    """The plan has what is left as it was seen last: its hash doesn't cover that."""
    save_plan(writing.connection, writing.state.closure_id, plan)
    writing.apply(leaves_seen(writing.state, plan.leaves))


def _close(writing: Writing, result: str | None) -> None:
    close_step(writing.connection, writing.state.closure_id, Step.HAND_OVER, now=writing.now, result=result)


def _hash(dues: tuple[Due, ...], things: tuple[Due, ...]) -> str:
    return hashlib.sha256(_DUES.dump_json((*dues, *things))).hexdigest()
