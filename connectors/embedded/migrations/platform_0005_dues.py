"""What billing looks after once an account is gone."""

import sqlalchemy as sa
from alembic import op

revision = "platform_0005"
down_revision = "platform_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "platform_dues",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name="ck_platform_dues_amount_positive"),
        sa.ForeignKeyConstraint(["account_id"], ["platform_accounts.id"], name="fk_platform_dues_account_id"),
        sa.PrimaryKeyConstraint("account_id", "kind", "id", name="pk_platform_dues"),
    )
