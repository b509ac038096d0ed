"""Money: what is given up at the start, and what is still owed at the end (A3, A4, A21, A23)."""

from temporalio import activity

from activities.plans import confirmed_plan
from activities.requests import BillingCheck, BillingVerdict, Effect, WrittenOff
from closure.checks import is_billing_final, newly_owed
from closure.money import Money
from closure.policy import Policy
from connectors.ports import Billing
from records.closures import ClosureRecords


class BillingActivities:
    """Forfeits and voids by key; reads the biller, never a local copy, for the final check."""

    def __init__(self, billing: Billing, records: ClosureRecords) -> None:
        self._billing = billing
        self._records = records

    @activity.defn
    async def write_off(self, effect: Effect) -> WrittenOff:
        """Forfeits the balance and voids the debt of the confirmed plan; never more than is there now."""
        plan = await confirmed_plan(self._records, effect)
        statement = await self._billing.statement(effect.account_id)
        currency = statement.cash.currency
        zero = Money.zero(currency)
        cash, promo, debt = (
            Money.parse(amount or "0", currency)
            for amount in (plan.forfeited_cash, plan.forfeited_promo, plan.voided_debt)
        )
        if zero < cash or zero < promo:
            await self._billing.forfeit(
                effect.account_id,
                cash=_at_most(cash, statement.cash),
                promo=_at_most(promo, statement.promo),
                key=f"{effect.key}/forfeit",
                time=effect.time,
            )
        if zero < debt:
            await self._billing.void_debt(
                effect.account_id, debt=debt, key=f"{effect.key}/void", time=effect.time
            )
        return WrittenOff(
            currency=currency, forfeited_cash=str(cash), forfeited_promo=str(promo), voided_debt=str(debt)
        )

    @activity.defn
    async def check_billing(self, check: BillingCheck) -> BillingVerdict:
        """The billing-latency recheck. Unreadable or not final is a wait, never a pass."""
        policy = Policy.model_validate_json(await self._records.policy_snapshot(check.closure_id))
        try:
            statement = await self._billing.statement(check.account_id)
        except Exception as error:  # noqa: BLE001 - any failure of the biller means: unknown
            activity.logger.warning("billing could not be read: %s", type(error).__name__)
            return BillingVerdict(waiting_for="billing could not be read")
        owed = newly_owed(policy, statement, check.time)
        if owed:
            return BillingVerdict(owed=owed)
        if not is_billing_final(statement, check.access_stopped_at):
            return BillingVerdict(waiting_for="usage is not billed up to the moment access stopped")
        return BillingVerdict()


def _at_most(amount: Money, available: Money) -> Money:
    return min(amount, max(available, Money.zero(amount.currency)))
