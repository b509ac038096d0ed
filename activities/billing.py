"""Money: what is given up at the start, and what is still owed at the end (A3, A4, A21, A23)."""

from datetime import datetime

from temporalio import activity

from activities.holds import refuse_held
from activities.plans import confirmed_plan, pinned_policy
from activities.requests import BillingCheck, BillingVerdict, Effect, WrittenOff
from closure.checks import is_billing_final, newly_owed, of_subaccount
from closure.messages import ChecklistItem
from closure.money import Money
from closure.plan import AccountPlan
from connectors.ports import Billing, LegalHolds
from records.closures import ClosureRecords


class BillingActivities:
    """Forfeits and voids by key; reads the biller, never a local copy, for the final check."""

    def __init__(self, billing: Billing, holds: LegalHolds, records: ClosureRecords) -> None:
        self._billing = billing
        self._holds = holds
        self._records = records

    @activity.defn
    async def write_off(self, effect: Effect) -> WrittenOff:
        """Forfeits balances and voids debts of the confirmed plan; never more than is there now.

        Raises:
            Refused: `LEGAL_HOLD`.
        """
        plan = await confirmed_plan(self._records, effect)
        forfeited_cash = forfeited_promo = voided = Money.zero(plan.currency)
        for account in plan.accounts:
            if not account.writes_off:
                continue
            await refuse_held(self._holds, account.account_id)
            key = f"{effect.key}/{account.account_id}"
            cash, promo, debt = await self._write_off(account, key, effect.time)
            forfeited_cash += cash
            forfeited_promo += promo
            voided += debt
        return WrittenOff(
            currency=plan.currency,
            forfeited_cash=str(forfeited_cash),
            forfeited_promo=str(forfeited_promo),
            voided_debt=str(voided),
        )

    async def _write_off(self, plan: AccountPlan, key: str, time: datetime) -> tuple[Money, Money, Money]:
        """What the first try with this key took: a retry finds the effect and counts the same."""
        zero = Money.zero(plan.currency)
        cash, promo, debt = (
            Money.parse(amount or "0", plan.currency)
            for amount in (plan.forfeited_cash, plan.forfeited_promo, plan.voided_debt)
        )
        if zero < cash or zero < promo:
            taken = await self._billing.forfeit(
                plan.account_id, cash=cash, promo=promo, key=f"{key}/forfeit", time=time
            )
            cash, promo = taken.cash, taken.promo
        if zero < debt:
            debt = await self._billing.void_debt(plan.account_id, debt=debt, key=f"{key}/void", time=time)
        return cash, promo, debt

    @activity.defn
    async def check_billing(self, check: BillingCheck) -> BillingVerdict:
        """The billing-latency recheck. Unreadable, not final or under legal hold is a wait, never a pass."""
        policy = await pinned_policy(self._records, check.closure_id)
        owed: list[ChecklistItem] = []
        final = True
        for account_id in (check.account_id, *check.subaccounts):
            activity.heartbeat(account_id)
            try:
                statement = await self._billing.statement(account_id)
            except Exception as error:  # noqa: BLE001 - any failure of the biller means: unknown
                activity.logger.warning("billing could not be read: %s", type(error).__name__)
                return BillingVerdict(waiting_for="billing could not be read")
            found = newly_owed(policy, statement, check.time, refunds=check.refunds)
            own = account_id == check.account_id
            owed += found if own else [of_subaccount(item, account_id) for item in found]
            final = final and is_billing_final(statement, check.access_stopped_at)
        if owed:
            return BillingVerdict(owed=tuple(owed))
        if not final:
            return BillingVerdict(waiting_for="usage is not billed up to the moment access stopped")
        if await self._holds.is_held(check.account_id):
            return BillingVerdict(waiting_for="the account is under legal hold")
        return BillingVerdict()
