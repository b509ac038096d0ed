"""Refunds, and which closure stopped an account."""

import sqlalchemy as sa
from alembic import op

revision = "platform_0002"
down_revision = "platform_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("platform_accounts", sa.Column("stopped_by", sa.String(length=200), nullable=True))
    op.add_column("platform_accounts", sa.Column("refund_answer", sa.String(length=30), nullable=True))
    op.create_table(
        "platform_refunds",
        sa.Column("key", sa.String(length=1000), nullable=False),
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("closure_id", sa.String(length=200), nullable=False),
        sa.Column("payment_id", sa.String(length=200), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settles_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_platform_refunds_amount_positive"),
        sa.CheckConstraint(
            "settled >= 0 AND settled <= amount", name="ck_platform_refunds_settled_within_amount"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["platform_accounts.id"],
            name="fk_platform_refunds_account_id",
        ),
        sa.PrimaryKeyConstraint("key", name="pk_platform_refunds"),
    )
    op.create_index("ix_platform_refunds_account_id", "platform_refunds", ["account_id"])
