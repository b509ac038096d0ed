"""Giving the prepaid balance back, as it is and not as it was planned, until all has arrived (T10 to T12)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity

from activities.calling import StageCall
from activities.dues import Dues
from activities.gone import is_gone
from activities.heartbeats import heartbeat
from activities.held import HeldClosure, HeldClosures, MustWait, Writing
from activities.log_context import log_error
from activities.messages import CustomerMessages
from activities.settlements import Settlements
from activities.statements import read_statement
from closure import events
from closure.business_days import add_business_days
from closure.checks import is_billing_final
from closure.dues import cash_to_refund
from closure.findings import Change
from closure.identifiers import effect_key
from closure.lifecycle import Stage
from closure.messages import RefundState, RefundStatus
from closure.money import Money
from closure.plan import Plan
from closure.policy import MessageTemplate, RefundRule
from closure.refunds import AccountRefund, AttemptState, RefundAttempt, next_attempts, refund_status
from closure.settling import refund_looked_at, refund_turned, refund_turns
from closure.state import ClosureView
from closure.steps import Step
from closure.transitions import LATE_MONEY_INTERVAL
from closure.waiting import WaitingReason
from closure.wording import iso_moment
from connectors.ports import Platform
from records.steps import close_step

_TOLD: Final[Mapping[type[events.RefundEvent], MessageTemplate]] = {
    events.RefundStarted: MessageTemplate.REFUND_STARTED,
    events.RefundChanged: MessageTemplate.REFUND_STARTED,
    events.RefundPartlySettled: MessageTemplate.REFUND_PARTLY_SETTLED,
    events.RefundSettled: MessageTemplate.REFUND_SETTLED,
    events.RefundFailed: MessageTemplate.REFUND_FAILED,
    events.RefundLate: MessageTemplate.REFUND_LATE,
}
"""Turns that the customer hears of."""
_OVER_WHEN_ASKED: Final = frozenset(
    {WaitingReason.BRAKE, WaitingReason.REFUND_UNREADABLE, WaitingReason.REFUND_METERING}
)
"""What a look at the refund had to wait for."""


async def expected_refund(closure: HeldClosure) -> RefundStatus | None:
    """How much goes back as far as is known, and by when: fixed before anything is ordered (T10, T12)."""
    rule, plan = closure.policy.refund, closure.state.plan
    if rule is None or plan is None or not plan.refunds:
        return None
    total = (await closure.plan()).refund_total
    if total is None:
        raise RuntimeError(f"the plan of closure {closure.closure_id} refunds nothing")
    return RefundStatus(
        status=RefundState.PENDING,
        amount=str(total),
        currency=total.currency,
        due_by=_due_by(rule, closure.state.entering_since or closure.now),
    )


def order_refund_by(closure: HeldClosure) -> datetime | None:
    """Until when the order waits for metering; None where nothing is refunded."""
    rule, plan = closure.policy.refund, closure.state.plan
    if rule is None or plan is None or not plan.refund_applies:
        return None
    stopped_at = closure.state.access_stopped_at or closure.now
    return add_business_days(stopped_at, rule.wait_for_metering, rule.country)


class RefundLooks:
    """Looks up what was ordered before ordering more: money never goes back twice."""

    def __init__(self, platform: Platform, settlements: Settlements, messages: CustomerMessages) -> None:
        self._billing = platform.billing
        self._refunds = platform.refunds
        self._settlements = settlements
        self._messages = messages

    async def look(self, closure: HeldClosure) -> MustWait | None:
        """Orders what has neither arrived nor is under way, and records how the whole refund stands.

        Returns what it waits for, None when nothing has to go back any more.

        Raises:
            MustWait: a brake is on.
        """
        rule, plan = closure.policy.refund, await closure.plan()
        names = [each.account_id for each in plan.accounts if each.refund_applies]
        if rule is None or not names:
            return None
        await closure.open_step(Step.REFUND)
        try:
            wait = await self._metering_wait(closure, rule, names)
            paid = await self._settlements.pay(closure, names) if wait is None else {}
            made = await self._follow_all(closure, names, plan.currency) if wait is None else []
        except Exception as error:  # noqa: BLE001 - whoever can't be asked is asked again later
            if is_gone(error) and not closure.state.refund_is_open:
                return None  # nothing is promised any more, and of what is gone nothing can come
            activity.logger.warning("the refund could not be looked at", extra=log_error(error))
            return await self._note_unreadable(closure, rule)
        if wait is not None:
            await _look_later(closure, wait.look_again)
            return wait
        if closure.state.waiting is not None and closure.state.waiting.reason in _OVER_WHEN_ASKED:
            await closure.goes_on()
        wait = await self._record(closure, rule, plan, made, paid)
        known = closure.state.waiting
        if known is not None and known.reason is WaitingReason.REFUND_FAILED and not _has_failed(wait):
            await closure.goes_on()
        return wait

    async def _metering_wait(
        self, closure: HeldClosure, rule: RefundRule, names: Sequence[str]
    ) -> MustWait | None:
        """Before the first order: usage up to the stop is billed first, if that doesn't take too long."""
        state, until = closure.state, closure.state.refund_order_by
        if state.refund_started or until is None or closure.now >= until:
            return None
        stopped_at = state.access_stopped_at or closure.now
        for account_id in names:
            heartbeat(account_id)
            statement = await read_statement(self._billing, account_id)
            if statement is not None and not is_billing_final(statement, stopped_at):
                return MustWait(
                    WaitingReason.REFUND_METERING,
                    min(rule.poll_interval, until - closure.now),
                    f"until {iso_moment(until)} at the latest",
                )
        return None

    async def _follow_all(
        self, closure: HeldClosure, names: Sequence[str], currency: str
    ) -> list[AccountRefund]:
        made: list[AccountRefund] = []
        failure: Exception | None = None
        for account_id in names:
            heartbeat(account_id)
            try:
                made.append(await self._follow(closure, account_id, currency))
            except Exception as error:  # noqa: BLE001 - whatever fails for one account, the others get theirs
                failure = failure or error
        if failure is not None:
            raise failure
        return made

    async def _follow(self, closure: HeldClosure, account_id: str, currency: str) -> AccountRefund:
        refund = await self._read(closure, account_id, currency)
        if refund.target == refund.settled:
            return refund
        payments = await self._refunds.payments(account_id)
        orders = next_attempts(refund.target, payments, refund.attempts, try_again=_is_asked_for(closure))
        # The number of an order is its key: ordered again after a lost answer, it is the same one.
        for number, order in enumerate(orders, start=len(refund.attempts) + 1):
            await self._refunds.order(
                account_id,
                order.payment_id,
                order.amount,
                closure_id=closure.closure_id,
                key=effect_key(closure.closure_id, "refund", account_id, str(number)),
                time=closure.now,
            )
        return await self._read(closure, account_id, currency) if orders else refund

    async def _read(self, closure: HeldClosure, account_id: str, currency: str) -> AccountRefund:
        """The cash and the attempts of one moment: what fails meanwhile would be in both."""
        attempts = await self._attempts(closure, account_id)
        while True:
            statement = await read_statement(self._billing, account_id)
            if all(each.state is not AttemptState.PENDING for each in attempts):
                break
            again = await self._attempts(closure, account_id)
            if again == attempts:
                break
            attempts = again
        cash = Money.zero(currency) if statement is None else cash_to_refund(closure.policy, statement)
        return AccountRefund.of(cash, attempts)

    async def _attempts(self, closure: HeldClosure, account_id: str) -> tuple[RefundAttempt, ...]:
        return await self._refunds.attempts(account_id, closure_id=closure.closure_id, time=closure.now)

    async def _record(
        self,
        closure: HeldClosure,
        rule: RefundRule,
        plan: Plan,
        made: Sequence[AccountRefund],
        paid: Mapping[str, Money],
    ) -> MustWait | None:
        before = closure.state.refund
        zero = Money.zero(plan.currency)
        paid_otherwise = zero if before is None else before.money(before.paid_otherwise)
        paid_otherwise = sum(paid.values(), paid_otherwise)
        due_by = _due_by(rule, closure.now) if before is None else before.due_by
        refund = refund_status(made, paid_otherwise, due_by, closure.now)
        if before is not None and before.status is RefundState.SETTLED is not refund.status:
            # What arrives once all has gone back has its own time to go back in.
            refund = refund_status(made, paid_otherwise, _due_by(rule, closure.now), closure.now)
        is_ordered = bool(paid_otherwise.minor) or any(each.attempts for each in made)
        await self._turn(closure, refund, paid, is_ordered=is_ordered, next_look=rule.poll_interval)
        if refund.status is RefundState.SETTLED:
            return None
        if refund.failed is not None:
            detail = f"{refund.failed} {refund.currency}"
            return MustWait(WaitingReason.REFUND_FAILED, rule.poll_interval, detail)
        return MustWait(WaitingReason.REFUND, rule.poll_interval)

    async def _turn(
        self,
        closure: HeldClosure,
        refund: RefundStatus,
        paid: Mapping[str, Money],
        *,
        is_ordered: bool,
        next_look: timedelta,
    ) -> None:
        """The audit and the status in one, and before that a message for each turn."""
        for event in refund_turns(closure.state, refund, is_ordered=is_ordered):
            await self._tell(closure, event)
        looked_by = _this_look()

        def turn(writing: Writing) -> None:
            self._settlements.record(writing, paid)
            changes = refund_turned(
                writing.state,
                refund,
                is_ordered=is_ordered,
                next_look=writing.now + next_look,
                looked_by=looked_by,
            )
            for change in changes:
                writing.apply(change)
            if refund.status is RefundState.SETTLED:
                close_step(writing.connection, closure.closure_id, Step.REFUND, now=writing.now)

        await closure.write(turn)

    async def _tell(self, closure: HeldClosure, event: events.RefundEvent) -> None:
        state, template = closure.state, _TOLD.get(type(event))
        is_change = isinstance(event, events.RefundChanged)
        if template is None or (is_change and not state.refund_started):
            return  # what is ordered first is told as it is by then
        zero = str(Money.zero(event.currency))
        amount, number = event.amount, None
        if isinstance(event, events.RefundFailed):
            amount = event.failed or event.amount
            number = amount
        elif isinstance(event, events.RefundPartlySettled):
            number = f"{event.settled}/{amount}"
        elif is_change or state.refund_changes:
            number = f"{state.refund_changes + is_change}/{amount}"
        await self._messages.tell(
            closure,
            template,
            number=number,
            amount=amount,
            currency=event.currency,
            settled=event.settled or zero,
            failed=event.failed or zero,
            due_by=event.due_by,
        )

    async def _note_unreadable(self, closure: HeldClosure, rule: RefundRule) -> MustWait:
        """Whoever can't be asked has not paid by then, as far as anybody knows."""
        refund = closure.state.refund
        if refund is not None and closure.state.refund_is_open and closure.now > refund.due_by:
            late = refund.model_copy(update={"status": RefundState.LATE})
            await self._turn(closure, late, {}, is_ordered=False, next_look=rule.poll_interval)
        else:
            await _look_later(closure, rule.poll_interval)
        return MustWait(WaitingReason.REFUND_UNREADABLE, rule.poll_interval)


class RefundActivities:
    """Follows the money of a closed account while its data is kept (T5, T10)."""

    def __init__(self, closures: HeldClosures, looks: RefundLooks, dues: Dues) -> None:
        self._closures = closures
        self._looks = looks
        self._dues = dues

    @activity.defn
    async def look_after_refund(self, call: StageCall) -> ClosureView:
        """Orders the refund the first time, then asks how it stands; sees what stays due by now.

        Money that arrives when all has gone back goes back, too, in a refund that is open again.
        """
        return await self._closures.carry(call, self._look)

    async def _look(self, closure: HeldClosure) -> None:
        if closure.state.stage is not Stage.RETAINED:
            return
        await self._dues.note(closure)
        try:
            wait = await self._looks.look(closure)
        except MustWait as braked:
            await _look_later(closure, braked.look_again)
            raise
        if not closure.state.refund_is_open:
            await _look_later(closure, LATE_MONEY_INTERVAL)
        # That it is under way is what a refund does: the closure waits for the end of its retention.
        if wait is not None and wait.reason is not WaitingReason.REFUND:
            raise wait


def _has_failed(wait: MustWait | None) -> bool:
    return wait is not None and wait.reason is WaitingReason.REFUND_FAILED


async def _look_later(closure: HeldClosure, after: timedelta) -> None:
    looked_by = _this_look()
    await closure.change(
        lambda state, now: Change(refund_looked_at(state, next_look=now + after, looked_by=looked_by))
    )


def _this_look() -> str:
    """The same on every attempt."""
    info = activity.info()
    return f"{info.workflow_run_id}/{info.activity_id}"


def _is_asked_for(closure: HeldClosure) -> bool:
    """A look before its time is one that somebody asked for, or the one with which the end begins."""
    state = closure.state
    if state.refund_look_at is None:
        return True
    return closure.now < state.refund_look_at and state.refund_looked_by != _this_look()


def _due_by(rule: RefundRule, since: datetime) -> datetime:
    return add_business_days(since, rule.business_days, rule.country)
