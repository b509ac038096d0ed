"""What is owed, what there is, and what goes back."""

from datetime import datetime
from typing import Protocol

from closure.accounts import BillingStatement
from closure.dues import Due
from closure.model import WireModel
from closure.money import Money
from closure.refunds import Payment, RefundAttempt


class Forfeited(WireModel):
    """What was taken, by the first call with the key."""

    cash: Money
    promo: Money


class Billing(Protocol):
    """Balances, bills and credit notes."""

    async def statement(self, account_id: str) -> BillingStatement:
        """Money as of now; what was ordered as a refund is not among the cash."""
        ...

    async def forfeit(
        self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime
    ) -> Forfeited:
        """Takes up to these amounts (zero or above) out of the account for good; returns what it took.

        Never more than there is: of a debt nothing is taken.
        """
        ...

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> Money:
        """Writes off up to this (positive) debt; returns how much: the cash balance is higher by it."""
        ...

    async def hand_over(self, account_id: str, dues: tuple[Due, ...], *, key: str, time: datetime) -> None:
        """Billing looks after what stays due when the account goes: `dues` in place of what it had before.

        What becomes `taken_from_refund` is paid from the account's cash now. Each key is for one list.

        Raises:
            Refused: `THING_NOT_ALLOWED` when the cash is less than what is to be taken of it.
        """
        ...


class Refunds(Protocol):
    """Money on its way back to what it was paid with."""

    async def payments(self, account_id: str) -> tuple[Payment, ...]:
        """The payments that funded the account, each with what can still be refunded of it."""
        ...

    async def attempts(
        self, account_id: str, *, closure_id: str, time: datetime
    ) -> tuple[RefundAttempt, ...]:
        """All refunds ordered for this closure, as the payment provider has them at `time`.

        One that was accepted is there at once, with its key. How one stands may change for weeks: pending,
        then settled or failed for good.
        """
        ...

    async def order(
        self,
        account_id: str,
        payment_id: str | None,
        amount: Money,
        *,
        closure_id: str,
        key: str,
        time: datetime,
    ) -> None:
        """Orders a refund of at most the account's cash: to one payment, or (None) by the provider's means.

        The cash leaves the account now, and comes back if the refund fails; so does what `payments` says can
        still go back. Accepted also for an account that is closed, as long as it is known.

        Raises:
            Refused: `THING_NOT_ALLOWED` when the cash, or what of the payment can go back, is less;
                `THING_NOT_FOUND` for an unknown payment; `MALFORMED_INPUT` for nothing.
        """
        ...

    async def paid_otherwise(
        self,
        account_id: str,
        amount: Money,
        reference: str,
        *,
        closure_id: str,
        key: str,
        time: datetime,
    ) -> Money:
        """Staff have paid this past the payments: up to `amount` leaves the account's cash for good.

        Returns what has left it, by the first call with the key; `reference` is the staff's own.
        """
        ...
