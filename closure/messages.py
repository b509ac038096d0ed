"""Wire models: what travels between the starter, the workflow, its activities and the record.

Nothing here holds a name, an address, a code or a password; users are opaque ids.
"""

from enum import StrEnum

from pydantic import Field

from closure.lifecycle import Mode, Outcome, Stage
from closure.model import Instant, WireModel

IDENTIFIER = r"^[^\x00-\x1f\x7f]{1,200}$"


class IdentityMethod(StrEnum):
    """How a user proves who they are."""

    EMAIL_CODE = "email_code"
    SMS_CODE = "sms_code"
    PASSWORD = "password"
    TOTP = "totp"


class ItemCategory(StrEnum):
    """What the customer can do about an item (A15)."""

    MANUAL = "manual"
    RENOUNCEABLE = "renounceable"
    UNKNOWN = "unknown"


class ChecklistItem(WireModel):
    """One finding of a survey. `amount` is a decimal string in the currency's own decimals."""

    item_id: str
    check: str
    category: ItemCategory
    title: str
    how_to: str
    resource_id: str | None = None
    amount: str | None = None
    currency: str | None = None
    renounced: bool = False

    @property
    def blocks(self) -> bool:
        return not (self.category is ItemCategory.RENOUNCEABLE and self.renounced)


class RefundState(StrEnum):
    PENDING = "pending"
    PARTLY_SETTLED = "partly_settled"
    SETTLED = "settled"
    FAILED = "failed"
    LATE = "late"


class RefundStatus(WireModel):
    status: RefundState
    amount: str
    currency: str
    due_by: Instant


KEPT_AFTER_DELETION = frozenset(
    {
        "closure_id",
        "account_id",
        "provider",
        "policy",
        "policy_version",
        "mode",
        "stage",
        "outcome",
        "survey_number",
        "advice",
        "plan_hash",
        "confirmed_at",
        "silent_until",
        "delete_after",
        "refund",
        "workflow_id",
        "run_id",
    }
)
"""Fields of a `StatusDocument` that say nothing about a person. Item and resource ids may (domain names,
phone numbers); a new field does until somebody has thought about it."""


class StatusDocument(WireModel):
    """The public state of a closure: the query's answer, the record's row and the starter's ``--json``.

    `remaining_seconds` and `web_url` are filled in by the starter: a query's clock stands still.
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
    survey_number: int = 0
    advice: tuple[str, ...] = ()
    plan_hash: str | None = None
    confirmed_at: Instant | None = None
    silent_until: Instant | None = None
    delete_after: Instant | None = None
    remaining_seconds: int | None = None
    refund: RefundStatus | None = None
    unrecoverable: tuple[str, ...] = ()
    restart_advice: str | None = None
    workflow_id: str
    run_id: str
    web_url: str | None = None

    def without_personal_data(self) -> "StatusDocument":
        """What may stay of it when the account and its data are gone."""
        return StatusDocument.model_validate(self.model_dump(include=set(KEPT_AFTER_DELETION)))


class ClosureInput(WireModel):
    """The workflow's only argument. The worker pins the policy named here when it opens the closure."""

    closure_id: str = Field(pattern=IDENTIFIER)
    account_id: str = Field(pattern=IDENTIFIER)
    provider: str = Field(pattern=IDENTIFIER)
    policy: str = Field(pattern=IDENTIFIER)
    mode: Mode = Mode.DELETE
    run_epoch: int = 0


class CloseRequest(WireModel):
    """Update ``close``: who asks, with which single-use proof of identity, agreeing to what."""

    actor: str
    proof_id: str
    agree: bool = False
    acknowledgements: tuple[str, ...] = ()


class RenounceRequest(WireModel):
    """Update ``renounce``. `all` takes every renounceable item of the checklist."""

    actor: str
    item_ids: tuple[str, ...] = ()
    all: bool = False
    accept_risk: bool = False
    proof_id: str | None = None


class ConfirmRequest(WireModel):
    """Update ``confirm``: the customer's last word, bound to the plan they saw."""

    actor: str
    reason: str
    plan_hash: str | None = None
    phrase: str | None = None
    proof_id: str | None = None


class WithdrawRequest(WireModel):
    """Update ``withdraw``."""

    actor: str
    proof_id: str | None = None


class ApproveRequest(WireModel):
    """Update ``approve``: a second person agrees to the plan with this hash."""

    actor: str
    plan_hash: str
    proof_id: str | None = None
