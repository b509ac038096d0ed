"""Which API keys a stop has disabled, so that giving the account back enables those and no others."""

import sqlalchemy as sa
from alembic import op

revision = "platform_0004"
down_revision = "platform_0003"
branch_labels = None
depends_on = None

_STOPPED = "access IN ('closure-status-only', 'stopped')"


def upgrade() -> None:
    op.add_column(
        "platform_api_keys",
        sa.Column("disabled_by_stop", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    # Until now only a stop disabled keys, and an account without a name there had stopped by itself.
    op.execute(f"UPDATE platform_accounts SET stopped_by = id WHERE {_STOPPED} AND stopped_by IS NULL")
    op.execute(
        "UPDATE platform_api_keys SET disabled_by_stop = NOT enabled"
        f" WHERE account_id IN (SELECT id FROM platform_accounts WHERE {_STOPPED})"
    )
