"""Keys of accounts' personal data, and the record's own name, which its anchors bear."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision: str = "record_0003"
down_revision: str | None = "record_0002"
branch_labels: str | None = None
depends_on: str | None = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "record_account_keys",
        sa.Column("account_id", sa.String(200), primary_key=True),
        sa.Column("key", sa.String(64)),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("destroyed_at", INSTANT),
        sa.CheckConstraint(
            "(key IS NULL) = (destroyed_at IS NOT NULL)", name="record_account_keys_destroyed"
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        # An old row version is a key that still exists: vacuum at the next opportunity.
        op.execute(
            "ALTER TABLE record_account_keys SET (autovacuum_vacuum_threshold = 0, "
            "autovacuum_vacuum_scale_factor = 0)"
        )
    names = op.create_table("record_names", sa.Column("record_id", sa.String(32), primary_key=True))
    op.bulk_insert(names, [{"record_id": uuid4().hex}])
