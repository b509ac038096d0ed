"""An account's proofs of identity, found without reading everybody's."""

from alembic import op

revision: str = "record_0008"
down_revision: str | None = "record_0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_index("record_proofs_account", "record_proofs", ["account_id"])
