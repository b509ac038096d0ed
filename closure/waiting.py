"""What a closure waits for, when it isn't time or its customer."""

from enum import StrEnum

from closure.model import Instant, WireModel


class WaitingReason(StrEnum):
    """Why a closure that should go on doesn't. Each is looked at again later, and at once by a recheck."""

    LEGAL_HOLD = "legal_hold"
    MUST_RETAIN = "must_retain"
    """The account itself has to stay, as the platform has answered at its very end."""
    BRAKE = "brake"
    BILLING_UNREADABLE = "billing_unreadable"
    SOURCE_UNREADABLE = "source_unreadable"
    USAGE_NOT_BILLED = "usage_not_billed"
    """Metering has not reached the moment at which access stopped (A21)."""
    REFUND = "refund"
    REFUND_UNREADABLE = "refund_unreadable"
    REFUND_METERING = "refund_metering"
    """The refund is ordered when metering has reached the stop, or has had its time."""
    REFUND_FAILED = "refund_failed"
    """Part of the refund has no payment to go to: staff pay it another way."""
    SUBACCOUNTS = "subaccounts"
    FOUND_STOPPED = "found_stopped"
    """The account has stopped although no closure holds it: the record is older than the platform."""
    WITHDRAWAL = "withdrawal"
    """Somebody has asked to withdraw; nothing moves on before that is answered."""


WAITING_TEXTS: dict[WaitingReason, str] = {
    WaitingReason.LEGAL_HOLD: "the account is under legal hold",
    WaitingReason.MUST_RETAIN: "the law makes the provider keep the account",
    WaitingReason.BRAKE: "an operator has put the brake on",
    WaitingReason.BILLING_UNREADABLE: "billing could not be read",
    WaitingReason.SOURCE_UNREADABLE: "a source of the account could not be read",
    WaitingReason.USAGE_NOT_BILLED: "usage is not billed up to the moment access stopped",
    WaitingReason.REFUND: "the refund has not arrived",
    WaitingReason.REFUND_UNREADABLE: "the payment provider could not be asked about the refund",
    WaitingReason.REFUND_METERING: "the refund waits until usage is billed up to the moment access stopped",
    WaitingReason.REFUND_FAILED: "part of the refund can't go back to its payments: pay it another way",
    WaitingReason.SUBACCOUNTS: "not all subaccounts are deleted yet",
    WaitingReason.FOUND_STOPPED: "the account has stopped already, although the record knows of no confirm",
    WaitingReason.WITHDRAWAL: "a withdrawal has been asked for",
}


class Wait(WireModel):
    """One wait as Temporal may know it: since when is the closure's clock, UTC."""

    reason: WaitingReason
    since: Instant

    @property
    def text(self) -> str:
        """The reason as people read it."""
        return WAITING_TEXTS[self.reason]


class Waiting(WireModel):
    """One wait as the record has it, with what is known of it in a few words, such as an operator's."""

    reason: WaitingReason
    since: Instant
    detail: str | None = None

    @property
    def text(self) -> str:
        """The reason as people read it."""
        said = WAITING_TEXTS[self.reason]
        return f"{said}: {self.detail}" if self.detail else said
