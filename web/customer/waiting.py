"""What a closure waits for, in words for its customer, who need not know our inside."""

from typing import Final

from client.standing import FAILING, NO_ANSWER
from closure.messages import Standing, StatusDocument
from closure.waiting import WaitingReason
from web.browser.languages import Reader

_EXPECTED: Final = frozenset(
    {WaitingReason.REFUND, WaitingReason.REFUND_METERING, WaitingReason.REFUND_FAILED}
)
"""The refund's own part of the page tells these."""


def waiting_sentence(status: StatusDocument, reader: Reader) -> str | None:
    """Why it takes longer than the plan says; None while everything goes its way."""
    text = reader.text
    if status.standing is Standing.INTERRUPTED:
        return text(
            "Something was interrupted on our side. Nothing is lost: we take it up again from where it was."
        )
    if status.waiting_for is None:
        return None
    reason = status.waiting_for.reason
    if reason == FAILING:
        return text(
            "One of our systems doesn't answer as it should. We keep trying; you need not do anything."
        )
    if reason == NO_ANSWER:
        return text("It is taking a little longer than usual to begin.")
    return _sentence(WaitingReason(reason), reader)


def _sentence(reason: WaitingReason, reader: Reader) -> str | None:
    text = reader.text
    match reason:
        case WaitingReason.LEGAL_HOLD:
            return text(
                "The account is under a legal hold, so nothing may be deleted. Contact support to learn more."
            )
        case WaitingReason.MUST_RETAIN:
            return text(
                "The law makes us keep the account itself for now. Support can tell you why and until when."
            )
        case WaitingReason.BRAKE:
            return text(
                "We have paused closures for now. Yours goes on when the pause is over; no date gets lost."
            )
        case WaitingReason.BILLING_UNREADABLE | WaitingReason.SOURCE_UNREADABLE:
            return text(
                "One of our systems can't be read at the moment. We look "
                "again, and delete nothing before that."
            )
        case WaitingReason.USAGE_NOT_BILLED:
            return text(
                "Your last usage isn't billed yet. We wait for the final bill, "
                "and delete nothing before that."
            )
        case WaitingReason.REFUND_UNREADABLE:
            return text("The payment provider can't be asked about your refund right now. We ask again soon.")
        case WaitingReason.SUBACCOUNTS:
            return text("Some of the subaccounts are still being closed.")
        case WaitingReason.FOUND_STOPPED:
            return text("The account has already stopped, for a reason that support can tell you.")
        case WaitingReason.WITHDRAWAL:
            return text("Your withdrawal is being carried out.")
        case _:
            assert reason in _EXPECTED, reason
            return None
