"""What the law makes the provider keep: a data store, or an account as a whole."""

import sqlalchemy as sa
from alembic import op

revision = "platform_0009"
down_revision = "platform_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("platform_accounts", "platform_data_stores"):
        op.add_column(table, sa.Column("must_retain_because", sa.String(length=1000)))
        op.add_column(table, sa.Column("must_retain_until", sa.DateTime(timezone=True)))
