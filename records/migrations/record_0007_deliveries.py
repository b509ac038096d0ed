"""E-mails that the mail server has taken or refused for good."""

import sqlalchemy as sa
from alembic import op

revision: str = "record_0007"
down_revision: str | None = "record_0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "record_deliveries",
        sa.Column("delivery", sa.String(length=64), primary_key=True),
        sa.Column("refusal", sa.String(length=40)),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("record_deliveries_time", "record_deliveries", ["time"])
