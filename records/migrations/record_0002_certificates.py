"""Certificates of ended closures, which stay as they were issued."""

import sqlalchemy as sa
from alembic import op

revision: str = "record_0002"
down_revision: str | None = "record_0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "record_certificates",
        sa.Column("closure_id", sa.String(200), primary_key=True),
        sa.Column("owner_closure_id", sa.String(200)),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("certificate_id", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["closure_id"], ["record_closures.closure_id"], name="record_certificates_closure"
        ),
    )
    op.create_index("record_certificates_owner", "record_certificates", ["owner_closure_id"])
    if op.get_bind().dialect.name == "postgresql":
        _protect_on_postgresql()
    else:
        _protect_on_sqlite()


def _protect_on_sqlite() -> None:
    for name, action in (("no_update", "UPDATE"), ("no_delete", "DELETE")):
        op.execute(
            f"CREATE TRIGGER record_certificates_{name} BEFORE {action} ON record_certificates "
            "BEGIN SELECT RAISE(ABORT, 'certificates are never changed'); END"
        )
    # INSERT OR REPLACE deletes without firing a delete trigger. Only what would replace is refused here: a
    # second one in its own right meets the primary key.
    op.execute(
        "CREATE TRIGGER record_certificates_no_replace BEFORE INSERT ON record_certificates "
        "WHEN EXISTS (SELECT 1 FROM record_certificates WHERE closure_id = NEW.closure_id) "
        "BEGIN SELECT RAISE(ABORT, 'certificates are never changed'); END"
    )


def _protect_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION record_certificates_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'certificates are never changed' USING ERRCODE = '23001'; END $$"
    )
    op.execute(
        "CREATE TRIGGER record_certificates_no_change BEFORE UPDATE OR DELETE ON record_certificates "
        "FOR EACH ROW EXECUTE FUNCTION record_certificates_refuse()"
    )
    op.execute(
        "CREATE TRIGGER record_certificates_no_truncate BEFORE TRUNCATE ON record_certificates "
        "FOR EACH STATEMENT EXECUTE FUNCTION record_certificates_refuse()"
    )
