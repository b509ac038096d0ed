"""Accounts, who uses them, and what holds them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    false,
    func,
)

from closure.accounts import Access
from connectors.embedded.tables.base import (
    ID_LENGTH,
    belongs_to_account,
    kept_by_law,
    metadata,
    own_id,
    word_of,
)
from connectors.embedded.tables.money import RefundAnswer
from database.columns import UtcDateTime

accounts = Table(
    "platform_accounts",
    metadata,
    own_id(),
    Column("provider", String(ID_LENGTH), nullable=False),
    Column("kind", String(ID_LENGTH), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("parent_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), index=True),
    Column("access", word_of(Access, "access"), nullable=False),
    Column("stopped_at", UtcDateTime),
    # The account whose closure stopped this one: itself, or what owns it.
    Column("stopped_by", String(ID_LENGTH), index=True),
    Column("closed_at", UtcDateTime),
    Column("usage_final_until", UtcDateTime),
    # Of the account file's entry without passwords; gone with the account, since it covers contact details.
    Column("definition_hash", String(64)),
    # What the payment provider is told to answer; None: it settles in its own time.
    Column("refund_answer", word_of(RefundAnswer, "refund_answer")),
    # As a whole.
    *kept_by_law(),
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
    belongs_to_account(),
    own_id(),
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

holds = Table(
    "platform_holds",
    metadata,
    Column("account_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), primary_key=True),
    Column("reason", String(500), nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

api_keys = Table(
    "platform_api_keys",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("enabled", Boolean, nullable=False),
    # It worked until a closure stopped the account, and works again if that gives the account back.
    Column("disabled_by_stop", Boolean, nullable=False, server_default=false()),
)

sessions = Table(
    "platform_sessions",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("user_id", String(ID_LENGTH)),
    Column("started_at", UtcDateTime, nullable=False),
)

service_roles = Table("platform_service_roles", metadata, belongs_to_account(), own_id())
