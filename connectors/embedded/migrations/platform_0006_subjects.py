"""The subject of an e-mail in the outbox; a text message has none."""

import sqlalchemy as sa
from alembic import op

revision = "platform_0006"
down_revision = "platform_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("platform_outbox", sa.Column("subject", sa.Text()))
