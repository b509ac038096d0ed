"""Indexes for what was stopped and for addresses; the provider's ledger accounts before who needs them."""

import sqlalchemy as sa
from alembic import op

revision = "platform_0008"
down_revision = "platform_0007"
branch_labels = None
depends_on = None

KINDS = (
    *("external-payments", "promotions-granted", "revenue"),
    *("forfeited", "voided-debt", "refunds"),
)


def upgrade() -> None:
    op.create_index("ix_platform_accounts_stopped_by", "platform_accounts", ["stopped_by"])
    op.create_index("ix_platform_users_email", "platform_users", [sa.text("lower(email)")])
    for kind in KINDS:
        op.execute(
            sa.text(
                "INSERT INTO platform_ledger_accounts (owner, kind, currency) "
                "SELECT DISTINCT '', CAST(:kind AS varchar), currency FROM platform_accounts "
                "WHERE currency NOT IN ("
                "SELECT currency FROM platform_ledger_accounts WHERE owner = '' AND kind = :kind)"
            ).bindparams(kind=kind)
        )
