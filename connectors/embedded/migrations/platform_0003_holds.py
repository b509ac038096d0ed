"""Legal holds, and secrets of authenticator apps."""

import sqlalchemy as sa
from alembic import op

revision = "platform_0003"
down_revision = "platform_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("platform_logins", sa.Column("totp_secret", sa.String(length=200), nullable=True))
    op.add_column("platform_logins", sa.Column("totp_counter", sa.BigInteger(), nullable=True))
    op.create_table(
        "platform_holds",
        sa.Column("account_id", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["platform_accounts.id"], name="fk_platform_holds_account_id"
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_platform_holds"),
    )
