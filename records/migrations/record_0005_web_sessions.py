"""Links that open a page once, and the sessions of browsers."""

import sqlalchemy as sa
from alembic import op

revision: str = "record_0005"
down_revision: str | None = "record_0004"
branch_labels: str | None = None
depends_on: str | None = None


def _of_whom() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("audience", sa.String(length=20), nullable=False),
        sa.Column("account_id", sa.String(length=200)),
        sa.Column("user_id", sa.String(length=200)),
        sa.Column("token_name", sa.String(length=64)),
        sa.Column("provider", sa.String(length=200)),
        sa.Column("is_operator", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=40)),
        sa.Column("return_url", sa.Text()),
        sa.Column("verified_at", sa.DateTime(timezone=True)),
    )


def upgrade() -> None:
    op.create_table(
        "record_web_links",
        sa.Column("link_hash", sa.String(length=64), primary_key=True),
        *_of_whom(),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
    )
    op.create_index("record_web_links_expires", "record_web_links", ["expires_at"])
    op.create_table(
        "record_web_sessions",
        sa.Column("session_hash", sa.String(length=64), primary_key=True),
        *_of_whom(),
        sa.Column("closure_id", sa.String(length=200)),
        sa.Column("proof_id", sa.String(length=32)),
        sa.Column("is_view_only", sa.Boolean(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("record_web_sessions_began", "record_web_sessions", ["began_at"])
    op.create_index("record_web_sessions_account", "record_web_sessions", ["account_id"])
