"""Bills, payments and what goes back."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, String, Table

from closure.accounts import BillStatus, CreditNoteStatus
from closure.policy_checks import Inspects
from closure.refunds import AttemptState
from connectors.embedded.tables.base import (
    ID_LENGTH,
    KEY_LENGTH,
    belongs_to_account,
    metadata,
    own_id,
    word_of,
)
from database.columns import UtcDateTime


class RefundAnswer(StrEnum):
    """What the payment provider answers when it is asked about refunds."""

    SETTLED = "settled"
    PARTIAL = "partial"
    FAILED = "failed"


bills = Table(
    "platform_bills",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("amount", BigInteger, nullable=False),
    Column("status", word_of(BillStatus, "status"), nullable=False),
    Column("product", String(ID_LENGTH)),
    CheckConstraint("amount > 0", name="amount_positive"),
)

credit_notes = Table(
    "platform_credit_notes",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("amount", BigInteger, nullable=False),
    Column("status", word_of(CreditNoteStatus, "status"), nullable=False),
    CheckConstraint("amount > 0", name="amount_positive"),
)

payments = Table(
    "platform_payments",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("amount", BigInteger, nullable=False),
    Column("paid_at", UtcDateTime, nullable=False),
    CheckConstraint("amount > 0", name="amount_positive"),
)

# Orders to the payment provider; evidence, so they outlive the account.
refunds = Table(
    "platform_refunds",
    metadata,
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("account_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), nullable=False, index=True),
    Column("closure_id", String(ID_LENGTH), nullable=False),
    Column("payment_id", String(ID_LENGTH)),
    Column("amount", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("state", word_of(AttemptState, "state"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("settles_at", UtcDateTime, nullable=False),
    CheckConstraint("amount > 0", name="amount_positive"),
    CheckConstraint("settled >= 0 AND settled <= amount", name="settled_within_amount"),
)

# What billing looks after once an account is gone; evidence, so it outlives the account.
dues = Table(
    "platform_dues",
    metadata,
    belongs_to_account(),
    Column("kind", word_of(Inspects, "kind"), primary_key=True),
    # Of a bill or note; empty for a balance or debt.
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("handed_over_at", UtcDateTime, nullable=False),
    CheckConstraint("amount > 0", name="amount_positive"),
)
