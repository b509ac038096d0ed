"""The act that a browser's session has asked for last, so that any process of the pages knows of it."""

import sqlalchemy as sa
from alembic import op

revision: str = "record_0009"
down_revision: str | None = "record_0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("record_web_sessions", sa.Column("act_id", sa.String(32)))
    op.add_column("record_web_sessions", sa.Column("act_name", sa.String(200)))
    op.add_column("record_web_sessions", sa.Column("act_asked_at", sa.DateTime(timezone=True)))
