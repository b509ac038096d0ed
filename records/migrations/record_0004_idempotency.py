"""Answers to requests that came with an idempotency key."""

import sqlalchemy as sa
from alembic import op

revision: str = "record_0004"
down_revision: str | None = "record_0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "record_idempotency",
        sa.Column("key_hash", sa.String(length=64), primary_key=True),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.LargeBinary()),
    )
    op.create_index("record_idempotency_began", "record_idempotency", ["began_at"])
