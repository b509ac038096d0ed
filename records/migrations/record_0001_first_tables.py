"""The record's tables, and the triggers that keep as it was written what is never changed."""

import sqlalchemy as sa
from alembic import op

revision: str = "record_0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

INSTANT = sa.DateTime(timezone=True)

NEVER_CHANGED = {
    "record_events": (
        "audit events are never changed",
        "closure_id = NEW.closure_id AND sequence = NEW.sequence",
    ),
    "record_certificates": ("certificates are never changed", "closure_id = NEW.closure_id"),
    "record_installation": ("an installation is never changed", "1"),
}
"""What the refusal says, and (on SQLite) which row an insert would replace."""


def upgrade() -> None:
    _create_installation()
    _create_closures()
    _create_events()
    _create_steps()
    _create_settlements()
    _create_identity()
    for table, (message, same) in NEVER_CHANGED.items():
        if op.get_bind().dialect.name == "postgresql":
            _protect_on_postgresql(table, message)
        else:
            _protect_on_sqlite(table, message, same)
    if op.get_bind().dialect.name == "postgresql":
        # An old row version is a key that still exists: vacuum at the next opportunity.
        op.execute(
            "ALTER TABLE record_account_keys SET (autovacuum_vacuum_threshold = 0, "
            "autovacuum_vacuum_scale_factor = 0)"
        )


def _create_installation() -> None:
    op.create_table(
        "record_installation",
        sa.Column("installation_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("is_the_one", sa.Boolean, nullable=False),
        sa.CheckConstraint("is_the_one", name="record_installation_the_one"),
        sa.PrimaryKeyConstraint("installation_id"),
        sa.UniqueConstraint("is_the_one", name="record_installation_only_one"),
    )
    op.create_table(
        "record_lookbacks",
        sa.Column("anchor_lines", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("looked_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("anchor_lines"),
    )
    op.create_table(
        "record_policies",
        sa.Column("policy_hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("policy_hash"),
        sa.UniqueConstraint("name", "version", name="record_policies_version"),
    )


def _create_closures() -> None:
    op.create_table(
        "record_closures",
        sa.Column("opened_sequence", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("owner_closure_id", sa.String(200)),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("workflow_id", sa.String(500), nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20)),
        sa.Column("policy", sa.String(200), nullable=False),
        sa.Column("policy_version", sa.String(200), nullable=False),
        sa.Column("policy_hash", sa.String(64), nullable=False),
        sa.Column("opened_by", sa.String(64)),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("deadline", INSTANT),
        sa.Column("waiting_for", sa.String(40)),
        sa.Column("interrupted_at", INSTANT),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("event_count", sa.Integer, nullable=False),
        sa.Column("head_hash", sa.String(64), nullable=False),
        sa.Column("anchor_due", sa.Integer),
        sa.CheckConstraint("outcome IS NULL OR outcome = stage", name="record_closures_outcome_is_stage"),
        sa.ForeignKeyConstraint(
            ["policy_hash"], ["record_policies.policy_hash"], name="record_closures_policy"
        ),
        sa.PrimaryKeyConstraint("opened_sequence"),
        sa.UniqueConstraint("closure_id", name="record_closures_closure_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("record_closures_account", "record_closures", ["account_id", "opened_sequence"])
    op.create_index(
        "record_closures_one_open",
        "record_closures",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index("record_closures_owner", "record_closures", ["owner_closure_id"])
    op.create_index("record_closures_stage", "record_closures", ["stage", "opened_sequence"])
    op.create_table(
        "record_items",
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("item_id", sa.String(3_000), nullable=False),
        sa.Column("check_id", sa.String(200), nullable=False),
        sa.Column("category", sa.String(20), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("how_to", sa.Text, nullable=False),
        sa.Column("resource_id", sa.String(500)),
        sa.Column("amount", sa.String(60)),
        sa.Column("currency", sa.String(10)),
        sa.Column("renounced", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_items_closure"),
        sa.PrimaryKeyConstraint("closure_id", "position", name="record_items_pk"),
    )
    op.create_table(
        "record_losses",
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("item_id", sa.String(3_000), nullable=False),
        sa.ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_losses_closure"),
        sa.PrimaryKeyConstraint("closure_id", "position", name="record_losses_pk"),
    )


def _create_events() -> None:
    op.create_table(
        "record_events",
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("time", sa.String(40), nullable=False),
        sa.Column("stage_from", sa.String(20)),
        sa.Column("stage_to", sa.String(20)),
        sa.Column("actor", sa.String(200)),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_events_closure"),
        sa.PrimaryKeyConstraint("closure_id", "sequence", name="record_events_pk"),
    )
    op.create_table(
        "record_plans",
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("plan_hash", sa.String(64), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_plans_closure"),
        sa.PrimaryKeyConstraint("closure_id", "plan_hash", name="record_plans_pk"),
    )
    op.create_table(
        "record_erasures",
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("reference", sa.String(16), nullable=False),
        sa.Column("store", sa.String(200), nullable=False),
        sa.Column("objects", sa.BigInteger, nullable=False),
        sa.Column("retained_as", sa.String(200)),
        sa.PrimaryKeyConstraint("closure_id", "reference", name="record_erasures_pk"),
        sa.ForeignKeyConstraint(
            ["closure_id"], ["record_closures.closure_id"], name="record_erasures_closure"
        ),
    )
    op.create_table(
        "record_certificates",
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("owner_closure_id", sa.String(200)),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("certificate_id", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["closure_id"], ["record_closures.closure_id"], name="record_certificates_closure"
        ),
        sa.PrimaryKeyConstraint("closure_id"),
    )
    op.create_index("record_certificates_owner", "record_certificates", ["owner_closure_id"])


def _create_steps() -> None:
    op.create_table(
        "record_acts",
        sa.Column("act_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("proof_id", sa.String(32)),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("lapses_at", INSTANT),
        sa.Column("run_id", sa.String(64)),
        sa.Column("ended_at", INSTANT),
        sa.Column("answer", sa.Text),
        sa.PrimaryKeyConstraint("act_id"),
    )
    op.create_index("record_acts_account", "record_acts", ["account_id", "written_at"])
    op.create_index("record_acts_closure", "record_acts", ["closure_id", "status"])
    op.create_table(
        "record_steps",
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.Column("result", sa.Text),
        sa.ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_steps_closure"),
        sa.PrimaryKeyConstraint("closure_id", "step", name="record_steps_pk"),
    )
    op.create_table(
        "record_claims",
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_claims_closure"),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_index("record_claims_closure_id", "record_claims", ["closure_id", "account_id"])
    op.create_table(
        "record_brakes",
        sa.Column("brake_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_at", INSTANT, nullable=False),
        sa.Column("lifted_at", INSTANT),
        sa.Column("lifted_because", sa.Text),
        sa.PrimaryKeyConstraint("brake_id"),
        sqlite_autoincrement=True,
    )


def _create_settlements() -> None:
    op.create_table(
        "record_settlements",
        sa.Column("settlement_id", sa.String(64), nullable=False),
        sa.Column("closure_id", sa.String(200), nullable=False),
        sa.Column("reference", sa.String(200)),
        sa.Column("amount", sa.String(60), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("taken_at", INSTANT),
        sa.Column("taken", sa.String(60)),
        sa.PrimaryKeyConstraint("settlement_id"),
        sa.ForeignKeyConstraint(
            ["closure_id"], ["record_closures.closure_id"], name="record_settlements_closure"
        ),
    )
    op.create_index("record_settlements_closure_id", "record_settlements", ["closure_id"])


def _create_identity() -> None:
    op.create_table(
        "record_account_keys",
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("key", sa.String(64)),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("destroyed_at", INSTANT),
        sa.CheckConstraint(
            "(key IS NULL) = (destroyed_at IS NOT NULL)", name="record_account_keys_destroyed"
        ),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "record_challenges",
        sa.Column("challenge_id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("code_hash", sa.String(200), nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        sa.PrimaryKeyConstraint("challenge_id"),
    )
    op.create_index("record_challenges_user", "record_challenges", ["account_id", "user_id", "expires_at"])
    op.create_table(
        "record_guesses",
        sa.Column("guess_id", sa.String(32), nullable=False),
        sa.Column("challenge_id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("asker", sa.String(64), nullable=False),
        sa.Column("guessed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("guess_id", "challenge_id", name="record_guesses_pk"),
    )
    op.create_index("record_guesses_asker", "record_guesses", ["account_id", "asker", "guessed_at"])
    op.create_table(
        "record_proofs",
        sa.Column("proof_id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("door", sa.String(20), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closure_id", sa.String(200)),
        sa.PrimaryKeyConstraint("proof_id"),
    )
    op.create_index("record_proofs_closure", "record_proofs", ["closure_id", "user_id"])


def _protect_on_sqlite(table: str, message: str, same: str) -> None:
    for name, action in (("no_update", "UPDATE"), ("no_delete", "DELETE")):
        op.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE {action} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
    # INSERT OR REPLACE deletes without firing a delete trigger.
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _protect_on_postgresql(table: str, message: str) -> None:
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '23001'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )
