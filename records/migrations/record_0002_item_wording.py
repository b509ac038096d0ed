"""What the texts of a checklist item are made of, so that they can be read in other languages."""

import sqlalchemy as sa
from alembic import op

revision = "record_0002"
down_revision = "record_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("record_items", sa.Column("wording", sa.Text()))
