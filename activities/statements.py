"""Where an account's money stands, once more."""

from activities.gone import unless_gone
from closure.accounts import BillingStatement
from connectors.ports import Billing


async def read_statement(billing: Billing, account_id: str) -> BillingStatement | None:
    """The statement of an account that is closing; None when it is gone for good, and its money with it.

    Raises whatever a source raises that can't be read.
    """
    return await unless_gone(billing.statement(account_id), None)
