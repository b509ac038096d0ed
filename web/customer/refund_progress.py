"""How far a refund has come, for its customer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from closure.messages import RefundState, RefundStatus
from web.browser.languages import Reader
from web.customer.facts import Fact


@dataclass(frozen=True)
class RefundProgress:
    """`percent` of it has arrived; `tone` is a badge's: good, warn, bad or nothing.

    `needs_help`: part of it goes nowhere until the customer gets in touch, late or not.
    """

    is_settled: bool
    needs_help: bool
    badge: str
    tone: str
    sentence: str
    percent: int
    facts: tuple[Fact, ...]
    due_by: datetime


def refund_progress(refund: RefundStatus, reader: Reader) -> RefundProgress:
    """A refund as the page shows it."""
    needs_help = refund.status is RefundState.FAILED or refund.money(refund.failed).minor > 0
    shown_as = RefundState.FAILED if needs_help else refund.status
    badge, sentence = _words(shown_as, reader)
    whole, arrived = refund.money(refund.amount), _arrived(refund)
    named = (
        (reader.text("Refund"), refund.amount),
        (reader.text("Arrived"), refund.settled),
        (reader.text("Paid another way"), refund.paid_otherwise),
        (reader.text("Could not be paid"), refund.failed),
    )
    is_settled = refund.status is RefundState.SETTLED
    return RefundProgress(
        is_settled=is_settled,
        needs_help=needs_help,
        badge=badge,
        tone=_TONES[shown_as],
        sentence=sentence,
        percent=100 if is_settled or not whole.minor else min(100, 100 * arrived // whole.minor),
        facts=tuple(
            Fact(name, reader.money(amount, refund.currency))
            for name, amount in named
            if amount is not None and refund.money(amount).minor
        ),
        due_by=refund.due_by,
    )


def _arrived(refund: RefundStatus) -> int:
    return (refund.money(refund.settled) + refund.money(refund.paid_otherwise)).minor


def _words(state: RefundState, reader: Reader) -> tuple[str, str]:
    text = reader.text
    match state:
        case RefundState.PENDING:
            return text("On its way"), text("It goes back to the payment methods that you paid with.")
        case RefundState.PARTLY_SETTLED:
            return text("Partly arrived"), text(
                "The rest goes back to the payment methods that you paid with."
            )
        case RefundState.SETTLED:
            return text("Arrived"), text("All of it has arrived.")
        case RefundState.LATE:
            return text("Late"), text(
                "It should have arrived by now. We follow up until it does; your data is not deleted before."
            )
        case RefundState.FAILED:
            return text("Needs your help"), text(
                "It could not be paid to the payment methods that it came "
                "from. Contact support so that we can "
                "pay it another way."
            )


_TONES: Final = {
    RefundState.PENDING: "",
    RefundState.PARTLY_SETTLED: "",
    RefundState.SETTLED: "good",
    RefundState.LATE: "warn",
    RefundState.FAILED: "bad",
}
