"""The platform's first tables, and a ledger that the database itself keeps balanced and final."""

import sqlalchemy as sa
from alembic import op

revision = "platform_0001"
down_revision = None
branch_labels = None
depends_on = None

_POSTINGS = """
CREATE VIEW platform_ledger_postings AS
SELECT id AS movement_id, debit_account AS ledger_account, -amount AS amount, currency, time
FROM platform_ledger_movements
UNION ALL
SELECT id, credit_account, amount, currency, time FROM platform_ledger_movements
"""

_FINAL_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the ledger is final: write a movement that corrects'); END
"""

# REPLACE would delete without a DELETE trigger.
_NO_REPLACE_SQLITE = """
CREATE TRIGGER platform_ledger_movements_no_replace BEFORE INSERT ON platform_ledger_movements
WHEN EXISTS (
    SELECT 1 FROM platform_ledger_movements
    WHERE id = NEW.id OR (reason = NEW.reason AND reference = NEW.reference)
)
BEGIN SELECT RAISE(ABORT, 'this movement is in the ledger already'); END
"""

_FINAL_FUNCTION_POSTGRESQL = """
CREATE FUNCTION platform_ledger_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is final: write a movement that corrects'
        USING ERRCODE = 'integrity_constraint_violation';
END $$
"""

_FINAL_POSTGRESQL = """
CREATE TRIGGER {table}_final BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION platform_ledger_is_final()
"""

_LEDGER = ("platform_ledger_accounts", "platform_ledger_movements")


def upgrade() -> None:
    # SQLite counts up only a key declared INTEGER.
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "platform_accounts",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("provider", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("parent_id", sa.String(length=200), nullable=True),
        sa.Column("access", sa.String(length=30), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("usage_final_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("definition_hash", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(access = 'closed') = (closed_at IS NOT NULL)", name="ck_platform_accounts_closed_has_time"
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["platform_accounts.id"], name="fk_platform_accounts_parent_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_platform_accounts"),
    )
    op.create_index("ix_platform_accounts_parent_id", "platform_accounts", ["parent_id"], unique=False)
    op.create_table(
        "platform_ledger_accounts",
        sa.Column("id", sequence, nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.CheckConstraint(
            "(kind IN ('cash', 'promo')) = (owner <> '')",
            name="ck_platform_ledger_accounts_customers_have_owner",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_platform_ledger_accounts"),
        sa.UniqueConstraint("id", "currency", name="uq_platform_ledger_accounts_id_currency"),
        sa.UniqueConstraint(
            "owner", "kind", "currency", name="uq_platform_ledger_accounts_owner_kind_currency"
        ),
    )
    op.create_table(
        "platform_logins",
        sa.Column("login", sa.String(length=401), nullable=False),
        sa.Column("personal", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("login", name="pk_platform_logins"),
    )
    op.create_table(
        "platform_api_keys",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_api_keys_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_api_keys"),
    )
    op.create_table(
        "platform_bills",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("product", sa.String(length=200), nullable=True),
        sa.CheckConstraint("amount > 0", name="ck_platform_bills_amount_positive"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_bills_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_bills"),
    )
    op.create_table(
        "platform_bindings",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("third_party", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_bindings_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_bindings"),
    )
    op.create_table(
        "platform_credit_notes",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_platform_credit_notes_amount_positive"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_credit_notes_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_credit_notes"),
    )
    op.create_table(
        "platform_data_stores",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("store", sa.String(length=200), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("objects >= 0", name="ck_platform_data_stores_objects_not_negative"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_data_stores_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_data_stores"),
    )
    op.create_table(
        "platform_domains",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_domains_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_domains"),
    )
    op.create_table(
        "platform_effects",
        sa.Column("key", sa.String(length=1000), nullable=False),
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_effects_account_id"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_platform_effects"),
    )
    op.create_index("ix_platform_effects_account_id", "platform_effects", ["account_id"], unique=False)
    op.create_table(
        "platform_icp_filings",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_icp_filings_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_icp_filings"),
    )
    op.create_table(
        "platform_ledger_movements",
        sa.Column("id", sequence, nullable=False),
        sa.Column("debit_account", sa.BigInteger(), nullable=False),
        sa.Column("credit_account", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=1000), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_platform_ledger_movements_amount_positive"),
        sa.CheckConstraint(
            "debit_account <> credit_account", name="ck_platform_ledger_movements_two_accounts"
        ),
        sa.ForeignKeyConstraint(
            ["credit_account", "currency"],
            ["platform_ledger_accounts.id", "platform_ledger_accounts.currency"],
            name="fk_platform_ledger_movements_credit_account_currency",
        ),
        sa.ForeignKeyConstraint(
            ["debit_account", "currency"],
            ["platform_ledger_accounts.id", "platform_ledger_accounts.currency"],
            name="fk_platform_ledger_movements_debit_account_currency",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_platform_ledger_movements"),
        sa.UniqueConstraint("reason", "reference", name="uq_platform_ledger_movements_reason_reference"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_platform_ledger_movements_credit", "platform_ledger_movements", ["credit_account"], unique=False
    )
    op.create_index(
        "ix_platform_ledger_movements_debit", "platform_ledger_movements", ["debit_account"], unique=False
    )
    op.create_table(
        "platform_outbox",
        sa.Column("id", sequence, nullable=False),
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=1000), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=30), nullable=False),
        sa.Column("template", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_outbox_account_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_platform_outbox"),
        sa.UniqueConstraint("key", "user_id", name="uq_platform_outbox_key_user_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_platform_outbox_account_id", "platform_outbox", ["account_id"], unique=False)
    op.create_table(
        "platform_payments",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_platform_payments_amount_positive"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_payments_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_payments"),
    )
    op.create_table(
        "platform_relationships",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_relationships_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_relationships"),
    )
    op.create_table(
        "platform_resources",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("product", sa.String(length=200), nullable=False),
        sa.Column("billing", sa.String(length=30), nullable=False),
        sa.Column("renounceable", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_resources_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_resources"),
    )
    op.create_table(
        "platform_service_roles",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_service_roles_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_service_roles"),
    )
    op.create_table(
        "platform_sessions",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_sessions_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_sessions"),
    )
    op.create_table(
        "platform_subscriptions",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("product", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renounceable", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_subscriptions_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_subscriptions"),
    )
    op.create_table(
        "platform_users",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=200), nullable=False),
        sa.Column("login", sa.String(length=401), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("language", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_users_account_id"
        ),
        sa.ForeignKeyConstraint(["login"], ["platform_logins.login"], name="fk_platform_users_login"),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_platform_users"),
    )
    op.create_index("ix_platform_users_login", "platform_users", ["login"], unique=False)
    op.create_table(
        "platform_resource_dependencies",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("resource_id", sa.String(length=200), nullable=False),
        sa.Column("depends_on", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "depends_on"],
            ["platform_resources.account_id", "platform_resources.id"],
            name="fk_platform_resource_dependencies_account_id_depends_on",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "resource_id"],
            ["platform_resources.account_id", "platform_resources.id"],
            name="fk_platform_resource_dependencies_account_id_resource_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "resource_id", "depends_on", name="pk_platform_resource_dependencies"
        ),
    )
    op.create_index(
        "ix_platform_resource_dependencies_needed",
        "platform_resource_dependencies",
        ["account_id", "depends_on"],
        unique=False,
    )

    op.execute(_POSTINGS)
    if op.get_bind().dialect.name == "sqlite":
        for table in _LEDGER:
            op.execute(_FINAL_SQLITE.format(table=table, verb="UPDATE"))
            op.execute(_FINAL_SQLITE.format(table=table, verb="DELETE"))
        op.execute(_NO_REPLACE_SQLITE)
    else:
        op.execute(_FINAL_FUNCTION_POSTGRESQL)
        for table in _LEDGER:
            op.execute(_FINAL_POSTGRESQL.format(table=table))
