"""A customer's acts on a closure that is open: giving up, approving, confirming, withdrawing.

Each reads the act from the record, decides with the rules as they stand now, and ends the act in the same
transaction in which it is carried out. An act that was used before changes nothing.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

from temporalio import activity

from activities.approvals import SecondPersons
from activities.authorization import Authorization
from activities.calling import ActCall, require_time
from activities.confirmation import confirm
from activities.held import HeldClosure, HeldClosures, Writing
from activities.messages import CustomerMessages
from activities.reopening import Reopening
from activities.survey import Surveys
from closure.acts import Act, ActKind, ApproveWords, ConfirmWords, RenounceWords, WithdrawWords, Words
from closure.errors import RefusalType, Refused
from closure.renouncing import renounce
from closure.rules import (
    require_current_plan,
    require_ready,
    require_revocable,
    require_unconfirmed,
    wanted_approval,
)
from closure.state import Approver, ClosureView
from closure.transitions import approved, renounced, withdrawn
from records.acts import ActDone, finish_act, refuse_act, take_act
from records.plans import mark_renounced, read_items

Said = TypeVar("Said", bound=Words)

NO_ANSWER: Final = frozenset({RefusalType.STALE_RUN, RefusalType.ACT_NOT_FOUND, RefusalType.TAKES_LONG})
"""What is refused to the caller and not to the customer: the act is none of it, or goes on elsewhere."""


class ActActivities:
    """One method for each kind of act but `close`."""

    def __init__(
        self,
        closures: HeldClosures,
        authorization: Authorization,
        surveys: Surveys,
        reopening: Reopening,
        messages: CustomerMessages,
    ) -> None:
        self._closures = closures
        self._authorization = authorization
        self._second_persons = SecondPersons(authorization)
        self._surveys = surveys
        self._reopening = reopening
        self._messages = messages

    @activity.defn
    async def renounce(self, call: ActCall) -> ClosureView:
        """Gives up renounceable items (A3, A4, A6, A16).

        Raises:
            Refused: why not; the act is refused with it. So do the other acts.
        """
        return await self._carry(call, ActKind.RENOUNCE, RenounceWords, self._renounce)

    @activity.defn
    async def approve(self, call: ActCall) -> ClosureView:
        """The second person's yes to the plan as it stands; any change of it makes this void."""
        return await self._carry(call, ActKind.APPROVE, ApproveWords, self._approve)

    @activity.defn
    async def confirm(self, call: ActCall) -> ClosureView:
        """The last word: a fresh survey must find the plan that was seen; then there is no way back (A17)."""
        return await self._carry(call, ActKind.CONFIRM, ConfirmWords, self._confirm)

    @activity.defn
    async def withdraw(self, call: ActCall) -> ClosureView:
        """Ends a closure that can still be stopped; nothing was changed."""
        return await self._carry(call, ActKind.WITHDRAW, WithdrawWords, self._withdraw)

    async def _carry(
        self,
        call: ActCall,
        kind: ActKind,
        words_type: type[Said],
        carry_out: Callable[[HeldClosure, Act, Said], Awaitable[None]],
    ) -> ClosureView:
        require_time(answers_at_once=self._surveys.answer_at_once)

        async def work(closure: HeldClosure) -> timedelta | None:
            try:
                act, words = await closure.write(
                    lambda writing: take_act(
                        writing.connection, call.act_id, kind, closure.caller.run_id, closure.closure_id
                    )
                )
                assert isinstance(words, words_type)
                await carry_out(closure, act, words)
            except ActDone:
                pass
            except Refused as refused:
                if refused.type in NO_ANSWER:
                    raise
                await _refuse(closure, call, refused)
                raise
            await self._messages.notify(closure)
            return None

        return await self._closures.carry(call, work)

    async def _renounce(self, closure: HeldClosure, act: Act, words: RenounceWords) -> None:
        require_revocable(closure.state, closure.now)
        require_unconfirmed(closure.state)
        await self._require_closer(closure, act)

        def give_up(writing: Writing) -> None:
            require_revocable(writing.state, writing.now)
            require_unconfirmed(writing.state)
            before = read_items(writing.connection, closure.closure_id)
            after = renounce(before, words)
            both = enumerate(zip(before, after, strict=True))
            given_up = {
                position: new.item_id for position, (old, new) in both if new.renounced and not old.renounced
            }
            mark_renounced(writing.connection, closure.closure_id, given_up)
            ids = tuple(given_up.values())
            writing.apply(renounced(writing.state, after, ids), actor=act.user_id)
            finish_act(writing.connection, act.act_id)

        await closure.write(give_up)

    async def _approve(self, closure: HeldClosure, act: Act, words: ApproveWords) -> None:
        require_ready(closure.state, closure.now)
        require_current_plan(closure.state, words.plan_hash)
        approval = wanted_approval(closure.policy)
        await self._authorization.require(closure.policy, approval.roles, act)
        approver = await self._second_persons.approver(closure, act)

        def agree(writing: Writing) -> None:
            require_ready(writing.state, writing.now)
            require_current_plan(writing.state, words.plan_hash)
            writing.apply(approved(writing.state, approver), actor=act.user_id)
            finish_act(writing.connection, act.act_id)

        await closure.write(agree)

    async def _confirm(self, closure: HeldClosure, act: Act, words: ConfirmWords) -> None:
        async def authorize() -> tuple[Approver, ...]:
            await self._require_closer(closure, act)
            return await self._second_persons.for_confirm(closure, act)

        await confirm(closure, act, words, self._surveys, authorize)

    async def _withdraw(self, closure: HeldClosure, act: Act, words: WithdrawWords) -> None:
        require_revocable(closure.state, closure.now)
        await self._require_closer(closure, act)
        await self._reopening.reopen_found_stopped(closure)

        def withdraw(writing: Writing) -> None:
            require_revocable(writing.state, writing.now)
            writing.apply(withdrawn(writing.state), actor=act.user_id)
            finish_act(writing.connection, act.act_id)

        await closure.write(withdraw)

    async def _require_closer(self, closure: HeldClosure, act: Act) -> None:
        await self._authorization.require(closure.policy, closure.policy.eligibility.roles, act)


async def _refuse(closure: HeldClosure, call: ActCall, refused: Refused) -> None:
    await closure.write(lambda writing: refuse_act(writing.connection, call.act_id, refused))
