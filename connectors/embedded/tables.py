"""The platform's tables. What is personal is in rows that `close` deletes or blanks; never in the ledger."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    column,
    false,
    func,
    table,
)

from closure.accounts import (
    Access,
    BillingMethod,
    BillStatus,
    Channel,
    CreditNoteStatus,
    RelationshipRole,
    RelationshipType,
)
from closure.policy import Inspects
from closure.refunds import AttemptState
from database.columns import UtcDateTime

ID_LENGTH = 200
KEY_LENGTH = 1_000
GROUND_LENGTH = 1_000

# SQLite counts up only a key declared INTEGER.
_Sequence = BigInteger().with_variant(Integer(), "sqlite")


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


class Effect(StrEnum):
    """Kinds of effects that happen once per idempotency key."""

    FORFEIT = "forfeit"
    VOID_DEBT = "void-debt"
    RELEASE_RESOURCE = "release-resource"
    CANCEL_SUBSCRIPTION = "cancel-subscription"
    STOP = "stop"
    REOPEN = "reopen"
    CREATE_SERVICE_ROLE = "create-service-role"
    DELETE_SERVICE_ROLE = "delete-service-role"
    DELETE_BINDINGS = "delete-bindings"
    CLOSE = "close"
    ERASE = "erase"
    ORDER_REFUND = "order-refund"
    PAY_OTHERWISE = "pay-otherwise"
    HAND_OVER = "hand-over"


class RefundAnswer(StrEnum):
    """What the payment provider answers when it is asked about refunds."""

    SETTLED = "settled"
    PARTIAL = "partial"
    FAILED = "failed"


metadata = MetaData(
    naming_convention={
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _enum(values: type[StrEnum], name: str) -> Enum:
    # Checked on the way in and out; a CHECK in the database would need a migration for each new word.
    return Enum(
        values,
        name=name,
        native_enum=False,
        length=30,
        values_callable=lambda members: [member.value for member in members],
    )


def _belongs_to_account() -> Column[str]:
    return Column("account_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), primary_key=True)


def _id() -> Column[str]:
    return Column("id", String(ID_LENGTH), primary_key=True)


def _kept_by_law() -> tuple[Column[str], Column[datetime]]:
    """Why the law makes the provider keep it, and until when; without a ground nothing does."""
    return (
        Column("must_retain_because", String(GROUND_LENGTH)),
        Column("must_retain_until", UtcDateTime),
    )


accounts = Table(
    "platform_accounts",
    metadata,
    _id(),
    Column("provider", String(ID_LENGTH), nullable=False),
    Column("kind", String(ID_LENGTH), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("parent_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), index=True),
    Column("access", _enum(Access, "access"), nullable=False),
    Column("stopped_at", UtcDateTime),
    # The account whose closure stopped this one: itself, or what owns it.
    Column("stopped_by", String(ID_LENGTH), index=True),
    Column("closed_at", UtcDateTime),
    Column("usage_final_until", UtcDateTime),
    # Of the account file's entry without passwords; gone with the account, since it covers contact details.
    Column("definition_hash", String(64)),
    # What the payment provider is told to answer; None: it settles in its own time.
    Column("refund_answer", _enum(RefundAnswer, "refund_answer")),
    # As a whole.
    *_kept_by_law(),
    CheckConstraint("(access = 'closed') = (closed_at IS NOT NULL)", name="closed_has_time"),
)

logins = Table(
    "platform_logins",
    metadata,
    Column("login", String(2 * ID_LENGTH + 1), primary_key=True),
    # One person's across accounts; else it is the account's and goes with it.
    Column("personal", Boolean, nullable=False),
    Column("password_hash", String(300)),
    # Of the person's authenticator app, base32; and the last time step that was used.
    Column("totp_secret", String(200)),
    Column("totp_counter", BigInteger),
)

users = Table(
    "platform_users",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("role", String(ID_LENGTH), nullable=False),
    Column(
        "login", String(2 * ID_LENGTH + 1), ForeignKey("platform_logins.login"), nullable=False, index=True
    ),
    Column("email", String(320)),
    Column("phone", String(40)),
    Column("language", String(40), nullable=False),
)

# How support finds an account by an address.
Index("ix_platform_users_email", func.lower(users.c.email))

ledger_accounts = Table(
    "platform_ledger_accounts",
    metadata,
    Column("id", _Sequence, primary_key=True),
    # The customer's; empty for the provider's own, since a unique index lets NULL repeat.
    Column("owner", String(ID_LENGTH), nullable=False),
    Column("kind", _enum(LedgerKind, "kind"), nullable=False),
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
    Column("id", _Sequence, primary_key=True),
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

bills = Table(
    "platform_bills",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("amount", BigInteger, nullable=False),
    Column("status", _enum(BillStatus, "status"), nullable=False),
    Column("product", String(ID_LENGTH)),
    CheckConstraint("amount > 0", name="amount_positive"),
)

credit_notes = Table(
    "platform_credit_notes",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("amount", BigInteger, nullable=False),
    Column("status", _enum(CreditNoteStatus, "status"), nullable=False),
    CheckConstraint("amount > 0", name="amount_positive"),
)

payments = Table(
    "platform_payments",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("amount", BigInteger, nullable=False),
    Column("paid_at", UtcDateTime, nullable=False),
    CheckConstraint("amount > 0", name="amount_positive"),
)

holds = Table(
    "platform_holds",
    metadata,
    Column("account_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), primary_key=True),
    Column("reason", String(500), nullable=False),
    Column("since", UtcDateTime, nullable=False),
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
    Column("state", _enum(AttemptState, "state"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("settles_at", UtcDateTime, nullable=False),
    CheckConstraint("amount > 0", name="amount_positive"),
    CheckConstraint("settled >= 0 AND settled <= amount", name="settled_within_amount"),
)

# What billing looks after once an account is gone; evidence, so it outlives the account.
dues = Table(
    "platform_dues",
    metadata,
    _belongs_to_account(),
    Column("kind", _enum(Inspects, "kind"), primary_key=True),
    # Of a bill or note; empty for a balance or debt.
    Column("id", String(ID_LENGTH), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("handed_over_at", UtcDateTime, nullable=False),
    CheckConstraint("amount > 0", name="amount_positive"),
)

resources = Table(
    "platform_resources",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("product", String(ID_LENGTH), nullable=False),
    Column("billing", _enum(BillingMethod, "billing"), nullable=False),
    Column("renounceable", Boolean, nullable=False),
)

resource_dependencies = Table(
    "platform_resource_dependencies",
    metadata,
    Column("account_id", String(ID_LENGTH), primary_key=True),
    Column("resource_id", String(ID_LENGTH), primary_key=True),
    Column("depends_on", String(ID_LENGTH), primary_key=True),
    ForeignKeyConstraint(
        ["account_id", "resource_id"],
        ["platform_resources.account_id", "platform_resources.id"],
        ondelete="CASCADE",
    ),
    # Nobody can delete what something living still needs.
    ForeignKeyConstraint(
        ["account_id", "depends_on"], ["platform_resources.account_id", "platform_resources.id"]
    ),
    Index("ix_platform_resource_dependencies_needed", "account_id", "depends_on"),
)

subscriptions = Table(
    "platform_subscriptions",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("product", String(ID_LENGTH), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("renounceable", Boolean, nullable=False),
)

domains = Table("platform_domains", metadata, _belongs_to_account(), _id())

icp_filings = Table("platform_icp_filings", metadata, _belongs_to_account(), _id())

relationships = Table(
    "platform_relationships",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("type", _enum(RelationshipType, "type"), nullable=False),
    Column("role", _enum(RelationshipRole, "role")),
)

bindings = Table(
    "platform_bindings",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("third_party", String(ID_LENGTH), nullable=False),
)

data_stores = Table(
    "platform_data_stores",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("store", String(ID_LENGTH), nullable=False),
    Column("objects", BigInteger, nullable=False),
    *_kept_by_law(),
    CheckConstraint("objects >= 0", name="objects_not_negative"),
)

api_keys = Table(
    "platform_api_keys",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("enabled", Boolean, nullable=False),
    # It worked until a closure stopped the account, and works again if that gives the account back.
    Column("disabled_by_stop", Boolean, nullable=False, server_default=false()),
)

sessions = Table(
    "platform_sessions",
    metadata,
    _belongs_to_account(),
    _id(),
    Column("user_id", String(ID_LENGTH)),
    Column("started_at", UtcDateTime, nullable=False),
)

service_roles = Table("platform_service_roles", metadata, _belongs_to_account(), _id())

effects = Table(
    "platform_effects",
    metadata,
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("account_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), nullable=False, index=True),
    Column("kind", _enum(Effect, "kind"), nullable=False),
    Column("result", JSON(none_as_null=True)),
    Column("time", UtcDateTime, nullable=False),
)

outbox = Table(
    "platform_outbox",
    metadata,
    Column("id", _Sequence, primary_key=True),
    Column("account_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), nullable=False, index=True),
    Column("key", String(KEY_LENGTH), nullable=False),
    Column("user_id", String(ID_LENGTH), nullable=False),
    Column("channel", _enum(Channel, "channel"), nullable=False),
    Column("template", String(ID_LENGTH), nullable=False),
    Column("language", String(40), nullable=False),
    Column("address", String(320), nullable=False),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("html", Text),
    Column("time", UtcDateTime, nullable=False),
    UniqueConstraint("key", "user_id"),
    sqlite_autoincrement=True,
)

# What a customer's account consists of besides money and messages; children first.
OWNED = (
    resource_dependencies,
    resources,
    subscriptions,
    domains,
    icp_filings,
    relationships,
    bindings,
    data_stores,
    api_keys,
    sessions,
    service_roles,
    bills,
    credit_notes,
    payments,
    users,
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
