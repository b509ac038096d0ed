"""What is said of a closure to those who look at it.

Nothing here holds a name, an address, a code or a password; users are opaque ids.
"""

from enum import StrEnum
from typing import Final

from pydantic import Field

from closure.deadlines import Deadline
from closure.lifecycle import Mode, Outcome, Stage
from closure.long_lists import Long
from closure.model import Instant, WireModel
from closure.money import Money

IDENTIFIER = r"^[^\x00-\x1f\x7f]{1,200}$"
LONGEST_ITEM_ID = 3_000
"""Of a check's name, a thing's id and, with every character escaped, a subaccount's."""
ITEM_ID = rf"^[^\x00-\x1f\x7f]{{1,{LONGEST_ITEM_ID}}}$"


class IdentityMethod(StrEnum):
    """How a user proves who they are."""

    EMAIL_CODE = "email_code"
    SMS_CODE = "sms_code"
    PASSWORD = "password"
    TOTP = "totp"
    SESSION = "session"
    """The provider's own console has just verified them, and vouches for it."""


class ItemCategory(StrEnum):
    """What the customer can do about an item (A15)."""

    MANUAL = "manual"
    RENOUNCEABLE = "renounceable"
    UNKNOWN = "unknown"


class ItemText(StrEnum):
    """Where the texts of an item come from."""

    CHECK = "check"
    """The policy's check that yielded it."""
    FINAL = "final"
    """That check, as far as it fits what is found when nothing can be given up any more (A23)."""
    LEGAL_HOLD = "legal_hold"
    STOPPED = "stopped"
    UNREADABLE = "unreadable"
    RELEASE_ORDER = "release_order"
    OTHER_CURRENCY = "other_currency"


class ItemWording(WireModel):
    """What the texts of an item are made of, in any language.

    `values` fill the placeholders that the item's own id and amount don't.
    """

    text: ItemText
    values: tuple[tuple[str, str], ...] = ()
    subaccount: str | None = None


class ChecklistItem(WireModel):
    """One finding of a survey. `amount` is a decimal string in the currency's own decimals.

    `title` and `how_to` are in one language, and can be worded in others; documents have the texts alone.
    """

    item_id: str
    check: str
    category: ItemCategory
    title: str = ""
    how_to: str = ""
    resource_id: str | None = None
    amount: str | None = None
    currency: str | None = None
    renounced: bool = False
    wording: ItemWording | None = Field(default=None, exclude=True, repr=False)
    """None for an item that was found before its texts could be worded anew."""

    @property
    def blocks(self) -> bool:
        return not (self.category is ItemCategory.RENOUNCEABLE and self.renounced)


CHECKLIST: Final = Long(ChecklistItem)


class Becomes(StrEnum):
    """What a procedure makes of something that none of its checks asks about."""

    RELEASED = "released"
    REFUNDED = "refunded"
    FORFEITED = "forfeited"
    STAYS_DUE = "stays_due"
    """Still owed after the closure; billing is told."""
    TAKEN_FROM_REFUND = "taken_from_refund"
    """Paid from the balance before the rest goes back; where the balance is too small it stays due."""
    LEFT_BEHIND = "left_behind"
    """Stays where it is, and nobody looks after it any more."""


class OwedItem(WireModel):
    """Something owed or left, as an item of a checklist; `becomes` says what the closure makes of it.

    It is None for what the final check found: the account goes back, and its customer settles it.
    """

    item_id: str
    check: str
    category: ItemCategory | None = None
    title: str
    how_to: str = ""
    resource_id: str | None = None
    amount: str | None = None
    currency: str | None = None
    renounced: bool = False
    becomes: Becomes | None = None

    @classmethod
    def of(cls, item: ChecklistItem) -> "OwedItem":
        return cls.model_validate(item.model_dump())


class RefundState(StrEnum):
    PENDING = "pending"
    PARTLY_SETTLED = "partly_settled"
    SETTLED = "settled"
    FAILED = "failed"
    LATE = "late"


class RefundStatus(WireModel):
    """How a refund stands, in decimal amounts of `currency`.

    Of `amount`, `settled` has arrived, `paid_otherwise` was paid by staff past the payments, and `failed`
    could not be paid so far: it lies on the account until somebody pays it another way.
    """

    status: RefundState
    amount: str
    currency: str
    due_by: Instant
    settled: str | None = None
    failed: str | None = None
    paid_otherwise: str | None = None

    def money(self, amount: str | None) -> Money:
        """One of its amounts; what is not there is nothing."""
        return Money.parse(amount or "0", self.currency)


class MoneyParts(WireModel):
    """What a closure does with an account's money, in decimal amounts of `currency`; None where nothing is.

    Before it moves it is what the plan would do, and `refund` what would go back.
    """

    currency: str
    forfeited_cash: str | None = None
    forfeited_promo: str | None = None
    voided_debt: str | None = None
    refund: str | None = None

    @property
    def amounts(self) -> tuple[str, ...]:
        """All that is there."""
        parts = (self.forfeited_cash, self.forfeited_promo, self.voided_debt, self.refund)
        return tuple(each for each in parts if each is not None)


class Standing(StrEnum):
    """Whether anything carries a closure on."""

    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"
    """Open in the record, but no workflow runs."""
    UNANSWERED = "unanswered"
    """Asked for, but not admitted, and not refused either."""


class Action(StrEnum):
    """What may be done with a closure now."""

    RECHECK = "recheck"
    RENOUNCE = "renounce"
    CONFIRM = "confirm"
    APPROVE = "approve"
    WITHDRAW = "withdraw"


class WaitingFor(WireModel):
    """What a closure waits for beside time and its customer; `attempts` of a step that keeps failing."""

    reason: str
    since: Instant | None = None
    detail: str | None = None
    attempts: int = 0


class StatusDocument(WireModel):
    """The public state of a closure, as every face shows it.

    `checklist` is one page of it, of `pages` (at least 1); `item_count` counts all its items.
    """

    closure_id: str
    account_id: str
    provider: str
    policy: str
    policy_version: str
    mode: Mode
    stage: Stage
    outcome: Outcome | None = None
    outcome_reason: str | None = None
    checklist: tuple[ChecklistItem, ...] = ()
    page: int = 1
    pages: int = 1
    item_count: int = 0
    blocking: int = 0
    survey_number: int = 0
    advice: tuple[str, ...] = ()
    plan_hash: str | None = None
    opened_at: Instant | None = None
    draft_until: Instant | None = None
    confirmed_at: Instant | None = None
    cool_off_until: Instant | None = None
    silent_until: Instant | None = None
    delete_after: Instant | None = None
    deadline: Deadline | None = None
    remaining_seconds: int | None = None
    waiting_for: WaitingFor | None = None
    refund: RefundStatus | None = None
    money: MoneyParts | None = None
    owed: tuple[OwedItem, ...] = ()
    """What the final check found, or what stays due or is left behind when the account is closed."""
    unrecoverable: tuple[str, ...] = ()
    certificate_id: str | None = None
    opened_by: str | None = None
    """Who asked for it; None once that is erased."""
    restart_advice: str | None = None
    actions: tuple[Action, ...] = ()
    phrase: str | None = None
    """What must be typed to confirm, where the policy wants it."""
    standing: Standing = Standing.RUNNING
    workflow_id: str
    run_id: str = ""
    web_url: str | None = None
