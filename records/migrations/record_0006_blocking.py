"""Which checks block how many closures, counted at once."""

from alembic import op

revision: str = "record_0006"
down_revision: str | None = "record_0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_index(
        "record_items_blocking", "record_items", ["closure_id", "check_id", "category", "renounced"]
    )
