"""Why a data store has to be kept, and until when, where the provider's system says so."""

import sqlalchemy as sa
from alembic import op

revision: str = "record_0010"
down_revision: str | None = "record_0009"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("record_erasures", sa.Column("ground", sa.Text()))
    op.add_column("record_erasures", sa.Column("until", sa.DateTime(timezone=True)))
