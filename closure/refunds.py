"""Which payments a refund goes back to, and how the whole refund stands (T10)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Self

from closure.accounts import SourceAmount, SourceId
from closure.messages import RefundState, RefundStatus
from closure.model import Instant, WireModel
from closure.money import Money


class Payment(WireModel):
    """A payment that funded the account; `refundable` is its amount less all that went or is going back."""

    payment_id: SourceId
    paid_at: Instant
    refundable: SourceAmount


class AttemptState(StrEnum):
    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"


class RefundAttempt(WireModel):
    """One order to give money back, as the payment provider reports it.

    `payment_id` is None for money that no known payment covers. `settled` has arrived; of a pending attempt
    the rest is under way, of a failed one the rest is back on the account.
    """

    key: str
    payment_id: str | None
    amount: Money
    settled: Money
    state: AttemptState


class AccountRefund(WireModel):
    """What goes back of one account, and what was ordered for that. Ids of payments are the account's own.

    `target` is read, never remembered: what has arrived, what is under way and the cash that is there.
    """

    target: Money
    attempts: tuple[RefundAttempt, ...] = ()

    @classmethod
    def of(cls, cash: Money, attempts: tuple[RefundAttempt, ...]) -> Self:
        """The refund of an account with `cash` (zero or above) that still has to go back."""
        target = cash + _settled(cash, attempts) + _under_way(cash, attempts)
        return cls(target=target, attempts=attempts)

    @property
    def settled(self) -> Money:
        """What has arrived."""
        return _settled(self.target, self.attempts)

    @property
    def failed(self) -> Money:
        """What failed and has not gone another way: it is back on the account, or tried there again."""
        zero = Money.zero(self.target.currency)
        failed = _failed_payments(self.attempts)
        if not failed:
            return zero
        elsewhere = tuple(each for each in self.attempts if each.payment_id not in failed)
        return max(zero, self.target - self.settled - _under_way(self.target, elsewhere))

    @property
    def has_failed(self) -> bool:
        """Stays so while only payments are tried again that a refund failed on before."""
        return self.failed.minor > 0


class PlannedAttempt(WireModel):
    """An order to be given."""

    payment_id: str | None
    amount: Money


def next_attempts(
    target: Money,
    payments: Iterable[Payment],
    attempts: Iterable[RefundAttempt],
    *,
    try_again: bool = True,
) -> tuple[PlannedAttempt, ...]:
    """Orders for what has neither arrived nor is under way: newest payment first, up to what each can take.

    Payments that a refund failed on come after all others; what no payment can take is ordered without one.
    Unless failed ones are to be tried again, what only they could take stays where it is.
    """
    made = tuple(attempts)
    outstanding = target - _settled(target, made) - _under_way(target, made)
    failed = _failed_payments(made)
    # A payment that is listed twice can take no more than the smaller of both.
    by_id = {each.payment_id: each for each in sorted(payments, key=_by_refundable, reverse=True)}
    newest_first = sorted(by_id.values(), key=lambda each: (each.paid_at, each.payment_id), reverse=True)
    zero = Money.zero(target.currency)
    planned: list[PlannedAttempt] = []
    for payment in sorted(newest_first, key=lambda each: each.payment_id in failed):
        amount = min(outstanding, payment.refundable)
        if zero < amount:
            planned.append(PlannedAttempt(payment_id=payment.payment_id, amount=amount))
            outstanding -= amount
    if zero < outstanding:
        planned.append(PlannedAttempt(payment_id=None, amount=outstanding))
    return tuple(each for each in planned if try_again or each.payment_id not in failed)


def refund_status(
    made: Sequence[AccountRefund], paid_otherwise: Money, due_by: datetime, now: datetime
) -> RefundStatus:
    """How the refund of a closure's accounts stands at `now`, all in the currency of `paid_otherwise`."""
    zero = Money.zero(paid_otherwise.currency)
    settled = sum((each.settled for each in made), zero)
    failed = sum((each.failed for each in made), zero)
    return RefundStatus(
        status=refund_state(made, due_by, now),
        amount=str(sum((each.target for each in made), zero) + paid_otherwise),
        currency=zero.currency,
        due_by=due_by,
        settled=str(settled),
        failed=str(failed) if failed.minor else None,
        paid_otherwise=str(paid_otherwise) if paid_otherwise.minor else None,
    )


def refund_state(refunds: Iterable[AccountRefund], due_by: datetime, now: datetime) -> RefundState:
    """How the whole refund stands at `now`: it has failed if one account's has, and settled if all have.

    Late is whatever has not all arrived by `due_by`.
    """
    made = tuple(refunds)
    missing = [each for each in made if each.settled < each.target]
    if not missing:
        return RefundState.SETTLED
    if now > due_by:
        return RefundState.LATE
    if any(each.has_failed for each in missing):
        return RefundState.FAILED
    has_arrived = any(each.settled.minor > 0 for each in made)
    return RefundState.PARTLY_SETTLED if has_arrived else RefundState.PENDING


def _by_refundable(payment: Payment) -> Money:
    return payment.refundable


def _settled(target: Money, attempts: tuple[RefundAttempt, ...]) -> Money:
    return sum((each.settled for each in attempts), Money.zero(target.currency))


def _under_way(target: Money, attempts: tuple[RefundAttempt, ...]) -> Money:
    pending = (each for each in attempts if each.state is AttemptState.PENDING)
    return sum((each.amount - each.settled for each in pending), Money.zero(target.currency))


def _failed_payments(attempts: tuple[RefundAttempt, ...]) -> frozenset[str | None]:
    return frozenset(each.payment_id for each in attempts if each.state is AttemptState.FAILED)
