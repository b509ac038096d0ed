"""The record's first tables, and the triggers that keep audit events as they were written."""

import sqlalchemy as sa
from alembic import op

revision: str = "record_0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_closures()
    _create_events()
    _create_plans()
    _create_identity()
    if op.get_bind().dialect.name == "postgresql":
        _protect_events_on_postgresql()
    else:
        _protect_events_on_sqlite()


def _create_closures() -> None:
    op.create_table(
        "record_closures",
        sa.Column("opened_sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20)),
        sa.Column("run_epoch", sa.Integer, nullable=False),
        sa.Column("policy", sa.String(200), nullable=False),
        sa.Column("policy_version", sa.String(200), nullable=False),
        sa.Column("policy_hash", sa.String(64), nullable=False),
        sa.Column("policy_snapshot", sa.Text, nullable=False),
        sa.Column("opened_by", sa.String(200), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("event_count", sa.Integer, nullable=False),
        sa.Column("head_hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("closure_id", name="record_closures_closure_id"),
        sa.CheckConstraint("outcome IS NULL OR outcome = stage", name="record_closures_outcome_is_stage"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "record_closures_one_open",
        "record_closures",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index("record_closures_account", "record_closures", ["account_id", "opened_sequence"])
    op.create_index("record_closures_stage", "record_closures", ["stage"])


def _create_events() -> None:
    op.create_table(
        "record_events",
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("key", sa.String(500), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("time", sa.String(40), nullable=False),
        sa.Column("stage_from", sa.String(20)),
        sa.Column("stage_to", sa.String(20)),
        sa.Column("actor", sa.String(200)),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("closure_id", "sequence", name="record_events_pk"),
        sa.UniqueConstraint("closure_id", "key", name="record_events_key"),
        sa.ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_events_closure"),
    )


def _create_plans() -> None:
    op.create_table(
        "record_plans",
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("plan_hash", sa.String(64), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("closure_id", "plan_hash", name="record_plans_pk"),
        sa.ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_plans_closure"),
    )


def _create_identity() -> None:
    op.create_table(
        "record_challenges",
        sa.Column("challenge_id", sa.String(32), primary_key=True),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("code_hash", sa.String(200), nullable=False),
        sa.Column("guesses", sa.Integer, nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
    )
    op.create_index("record_challenges_user", "record_challenges", ["account_id", "user_id", "expires_at"])
    op.create_table(
        "record_guesses",
        sa.Column("guess_id", sa.String(32), primary_key=True),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("guessed_at", INSTANT, nullable=False),
    )
    op.create_index("record_guesses_account", "record_guesses", ["account_id", "guessed_at"])
    op.create_table(
        "record_proofs",
        sa.Column("proof_id", sa.String(32), primary_key=True),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closure_id", sa.String(200)),
    )
    op.create_index("record_proofs_closure", "record_proofs", ["closure_id", "user_id"])


def _protect_events_on_sqlite() -> None:
    for name, action in (("no_update", "UPDATE"), ("no_delete", "DELETE")):
        op.execute(
            f"CREATE TRIGGER record_events_{name} BEFORE {action} ON record_events "
            "BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END"
        )
    # INSERT OR REPLACE deletes without firing a delete trigger.
    op.execute(
        "CREATE TRIGGER record_events_no_replace BEFORE INSERT ON record_events "
        "WHEN EXISTS (SELECT 1 FROM record_events WHERE closure_id = NEW.closure_id "
        "AND (sequence = NEW.sequence OR key = NEW.key)) "
        "BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END"
    )


def _protect_events_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION record_events_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'audit events are never changed' USING ERRCODE = '23001'; END $$"
    )
    op.execute(
        "CREATE TRIGGER record_events_no_change BEFORE UPDATE OR DELETE ON record_events "
        "FOR EACH ROW EXECUTE FUNCTION record_events_refuse()"
    )
    op.execute(
        "CREATE TRIGGER record_events_no_truncate BEFORE TRUNCATE ON record_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION record_events_refuse()"
    )
