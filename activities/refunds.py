"""Giving the prepaid balance back: ordered once, followed until all of it has arrived (T10, T11, T12)."""

from datetime import datetime

from temporalio import activity

from activities.plans import pinned_policy, plan_of
from activities.requests import RefundReport, RefundRequest, RefundToExpect
from closure.business_days import add_business_days
from closure.messages import RefundState, RefundStatus
from closure.money import Money
from closure.plan import Plan
from closure.policy import RefundRule
from closure.refunds import AccountRefund, next_attempts, refund_state
from connectors.ports import Refunds
from records.closures import ClosureRecords


class RefundActivities:
    """Looks up what was ordered before ordering more: money never goes back twice."""

    def __init__(self, refunds: Refunds, records: ClosureRecords) -> None:
        self._refunds = refunds
        self._records = records

    @activity.defn
    async def expect_refund(self, expected: RefundToExpect) -> RefundStatus:
        """How much goes back and by when, before anything is ordered (T10).

        Raises:
            RuntimeError: the confirmed plan refunds nothing.
        """
        policy = await pinned_policy(self._records, expected.closure_id)
        plan = await plan_of(self._records, expected.closure_id, expected.plan_hash)
        total = _total(plan)
        if policy.refund is None:
            raise RuntimeError(f"the policy of closure {expected.closure_id} refunds nothing")
        return RefundStatus(
            status=RefundState.PENDING,
            amount=str(total),
            currency=total.currency,
            due_by=_due_by(policy.refund, expected.confirmed_at),
        )

    @activity.defn
    async def look_after_refund(self, request: RefundRequest) -> RefundReport:
        """Orders what has neither arrived nor is under way, and reports how the whole refund stands.

        Raises:
            RuntimeError: the confirmed plan refunds nothing.
        """
        plan = await plan_of(self._records, request.closure_id, request.plan_hash)
        total, due_by = _total(plan), request.due_by
        refunds: list[AccountRefund] = []
        failure: Exception | None = None
        for account in plan.accounts:
            if account.refund is None:
                continue
            activity.heartbeat(account.account_id)
            target = Money.parse(account.refund, plan.currency)
            try:
                refunds.append(await self._follow(account.account_id, target, request))
            except Exception as error:  # noqa: BLE001 - whatever fails for one account, the others get theirs
                failure = failure or error
        if failure is not None:
            raise failure
        return RefundReport(
            status=RefundStatus(
                status=refund_state(refunds, due_by, request.time),
                amount=str(total),
                currency=total.currency,
                due_by=due_by,
            ),
            settled=str(sum((each.settled for each in refunds), Money.zero(total.currency))),
        )

    async def _follow(self, account_id: str, target: Money, request: RefundRequest) -> AccountRefund:
        closure_id = request.closure_id
        made = await self._refunds.attempts(account_id, closure_id=closure_id, time=request.time)
        orders = next_attempts(target, await self._refunds.payments(account_id), made)
        # The number of an order is its key: ordered again after a lost answer, it is the same one.
        for number, order in enumerate(orders, start=len(made) + 1):
            await self._refunds.order(
                account_id,
                order.payment_id,
                order.amount,
                closure_id=closure_id,
                key=f"{request.key}/{account_id}/{number}",
                time=request.time,
            )
        if orders:
            made = await self._refunds.attempts(account_id, closure_id=closure_id, time=request.time)
        return AccountRefund(target=target, attempts=made)


def _total(plan: Plan) -> Money:
    total = plan.refund_total
    if total is None:
        raise RuntimeError(f"the plan of account {plan.account_id} refunds nothing")
    return total


def _due_by(rule: RefundRule, confirmed_at: datetime) -> datetime:
    return add_business_days(confirmed_at, rule.business_days, rule.country)
