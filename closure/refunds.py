"""Which payments a refund goes back to, and how the whole refund stands (T10)."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from closure.messages import RefundState
from closure.model import Instant, WireModel
from closure.money import Money


class Payment(WireModel):
    """A payment that funded the account; `refundable` is its amount less all that went or is going back."""

    payment_id: str
    paid_at: Instant
    refundable: Money


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
    """What goes back of one account, and what was ordered for that. Ids of payments are the account's own."""

    target: Money
    attempts: tuple[RefundAttempt, ...] = ()

    @property
    def settled(self) -> Money:
        """What has arrived."""
        return _settled(self.target, self.attempts)

    @property
    def has_failed(self) -> bool:
        """Stays so while only payments are tried again that a refund failed on before."""
        failed = _failed_payments(self.attempts)
        pending = (each for each in self.attempts if each.state is AttemptState.PENDING)
        return bool(failed) and all(each.payment_id in failed for each in pending)


class PlannedAttempt(WireModel):
    """An order to be given."""

    payment_id: str | None
    amount: Money


def next_attempts(
    target: Money, payments: Iterable[Payment], attempts: Iterable[RefundAttempt]
) -> tuple[PlannedAttempt, ...]:
    """Orders for what has neither arrived nor is under way: newest payment first, up to what each can take.

    Payments that a refund failed on come after all others; what no payment can take is ordered without one.
    """
    made = tuple(attempts)
    outstanding = target - _settled(target, made) - _under_way(target, made)
    failed = _failed_payments(made)
    # A payment that is listed twice can take no more than the smaller of both.
    by_id = {each.payment_id: each for each in sorted(payments, key=_by_refundable, reverse=True)}
    newest_first = sorted(by_id.values(), key=lambda each: (each.paid_at, each.payment_id), reverse=True)
    planned: list[PlannedAttempt] = []
    zero = Money.zero(target.currency)
    for payment in sorted(newest_first, key=lambda each: each.payment_id in failed):
        amount = min(outstanding, payment.refundable)
        if zero < amount:
            planned.append(PlannedAttempt(payment_id=payment.payment_id, amount=amount))
            outstanding -= amount
    if zero < outstanding:
        planned.append(PlannedAttempt(payment_id=None, amount=outstanding))
    return tuple(planned)


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
