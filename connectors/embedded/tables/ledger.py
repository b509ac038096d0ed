"""The books: every movement of money as one row."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
    UniqueConstraint,
    column,
    table,
)

from connectors.embedded.tables.base import COUNTED_UP, ID_LENGTH, KEY_LENGTH, metadata, word_of
from database.columns import UtcDateTime


class LedgerKind(StrEnum):
    """What a ledger account stands for; the first two belong to a customer, the others to the provider."""

    CASH = "cash"
    PROMO = "promo"
    EXTERNAL_PAYMENTS = "external-payments"
    PROMOTIONS_GRANTED = "promotions-granted"
    REVENUE = "revenue"
    FORFEITED = "forfeited"
    VOIDED_DEBT = "voided-debt"
    REFUNDS = "refunds"


ledger_accounts = Table(
    "platform_ledger_accounts",
    metadata,
    Column("id", COUNTED_UP, primary_key=True),
    # The customer's; empty for the provider's own, since a unique index lets NULL repeat.
    Column("owner", String(ID_LENGTH), nullable=False),
    Column("kind", word_of(LedgerKind, "kind"), nullable=False),
    Column("currency", String(3), nullable=False),
    UniqueConstraint("owner", "kind", "currency"),
    UniqueConstraint("id", "currency"),
    CheckConstraint("(kind IN ('cash', 'promo')) = (owner <> '')", name="customers_have_owner"),
)

# One row is a whole movement out of one account into another, so that no unbalanced one can be written;
# triggers refuse changing or deleting it.
ledger_movements = Table(
    "platform_ledger_movements",
    metadata,
    Column("id", COUNTED_UP, primary_key=True),
    Column("debit_account", BigInteger, nullable=False),
    Column("credit_account", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("reference", String(KEY_LENGTH), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    UniqueConstraint("reason", "reference"),
    ForeignKeyConstraint(
        ["debit_account", "currency"], ["platform_ledger_accounts.id", "platform_ledger_accounts.currency"]
    ),
    ForeignKeyConstraint(
        ["credit_account", "currency"], ["platform_ledger_accounts.id", "platform_ledger_accounts.currency"]
    ),
    CheckConstraint("amount > 0", name="amount_positive"),
    CheckConstraint("debit_account <> credit_account", name="two_accounts"),
    Index("ix_platform_ledger_movements_debit", "debit_account"),
    Index("ix_platform_ledger_movements_credit", "credit_account"),
    sqlite_autoincrement=True,
)

# A view: each movement as its two postings, which add up to zero.
ledger_postings = table(
    "platform_ledger_postings",
    column("movement_id", BigInteger),
    column("ledger_account", BigInteger),
    column("amount", BigInteger),
    column("currency", String),
    column("time", UtcDateTime),
)
