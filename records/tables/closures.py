"""A closure: how it stands, what it found, what was asked of it, and what it did."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from closure.messages import LONGEST_ITEM_ID
from database.columns import UtcDateTime
from records.tables.base import metadata

record_closures = Table(
    "record_closures",
    metadata,
    # The key, since SQLite counts up nothing else: the order of opening, whatever the clocks say.
    Column("opened_sequence", Integer, primary_key=True, autoincrement=True),
    Column("closure_id", String(200), nullable=False),
    Column("account_id", String(200), nullable=False),
    # Of what an owner took along: the owner's closure, whose run holds this one too.
    Column("owner_closure_id", String(200)),
    Column("provider", String(200), nullable=False),
    Column("mode", String(20), nullable=False),
    Column("workflow_id", String(500), nullable=False),
    # The Temporal run that holds the closure: every step compares it.
    Column("run_id", String(64)),
    Column("stage", String(20), nullable=False),
    Column("outcome", String(20)),
    Column("policy", String(200), nullable=False),
    Column("policy_version", String(200), nullable=False),
    Column("policy_hash", String(64), nullable=False),
    # A keyed hash of the user id (`records.personal`); the first event holds the id, sealed.
    Column("opened_by", String(64)),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # The next moment at which something happens by itself, by the closure's clock.
    Column("deadline", UtcDateTime),
    Column("waiting_for", String(40)),
    # Since when the watchman finds no run of it, by the database's clock.
    Column("interrupted_at", UtcDateTime),
    # The JSON of a ClosureState.
    Column("state", Text, nullable=False),
    # How long the chain is and where it ends: a cut tail shows.
    Column("event_count", Integer, nullable=False),
    Column("head_hash", String(64), nullable=False),
    # The last event whose head must stand in the anchors.
    Column("anchor_due", Integer),
    # What lists are filtered by; since when it is in its stage by the closure's clock.
    Column("stage_since", UtcDateTime),
    # How its refund stands, and while it is open by when it should have arrived.
    Column("refund", String(20)),
    Column("refund_due_by", UtcDateTime),
    UniqueConstraint("closure_id", name="record_closures_closure_id"),
    CheckConstraint("outcome IS NULL OR outcome = stage", name="record_closures_outcome_is_stage"),
    ForeignKeyConstraint(["policy_hash"], ["record_policies.policy_hash"], name="record_closures_policy"),
    sqlite_autoincrement=True,
)

Index(
    "record_closures_one_open",
    record_closures.c.account_id,
    unique=True,
    sqlite_where=text("outcome IS NULL"),
    postgresql_where=text("outcome IS NULL"),
)
Index("record_closures_account", record_closures.c.account_id, record_closures.c.opened_sequence)
Index("record_closures_stage", record_closures.c.stage, record_closures.c.opened_sequence)
Index("record_closures_owner", record_closures.c.owner_closure_id)
Index("record_closures_provider", record_closures.c.provider, record_closures.c.opened_sequence)
Index("record_closures_opened", record_closures.c.opened_at)
Index(
    "record_closures_deadline",
    record_closures.c.deadline,
    sqlite_where=text("outcome IS NULL"),
    postgresql_where=text("outcome IS NULL"),
)
Index(
    "record_closures_waiting",
    record_closures.c.opened_sequence,
    sqlite_where=text("waiting_for IS NOT NULL"),
    postgresql_where=text("waiting_for IS NOT NULL"),
)
Index(
    "record_closures_interrupted",
    record_closures.c.opened_sequence,
    sqlite_where=text("interrupted_at IS NOT NULL"),
    postgresql_where=text("interrupted_at IS NOT NULL"),
)
Index(
    "record_closures_refund",
    record_closures.c.refund_due_by,
    sqlite_where=text("refund_due_by IS NOT NULL"),
    postgresql_where=text("refund_due_by IS NOT NULL"),
)

# The checklist as the last survey left it.
record_items = Table(
    "record_items",
    metadata,
    Column("closure_id", String(200), nullable=False),
    Column("position", Integer, nullable=False),
    Column("item_id", String(LONGEST_ITEM_ID), nullable=False),
    Column("check_id", String(200), nullable=False),
    Column("category", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("how_to", Text, nullable=False),
    Column("resource_id", String(500)),
    Column("amount", String(60)),
    Column("currency", String(10)),
    Column("renounced", Boolean, nullable=False),
    Column("wording", Text),
    PrimaryKeyConstraint("closure_id", "position", name="record_items_pk"),
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_items_closure"),
)
Index("record_items_check", record_items.c.check_id, record_items.c.closure_id)
# How many closures each check blocks is counted within it.
Index(
    "record_items_blocking",
    record_items.c.closure_id,
    record_items.c.check_id,
    record_items.c.category,
    record_items.c.renounced,
)

# Ids of what is lost for good once the irrevocable part has begun (A26).
record_losses = Table(
    "record_losses",
    metadata,
    Column("closure_id", String(200), nullable=False),
    Column("position", Integer, nullable=False),
    Column("item_id", String(LONGEST_ITEM_ID), nullable=False),
    PrimaryKeyConstraint("closure_id", "position", name="record_losses_pk"),
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_losses_closure"),
)

# A customer's acts: each is carried out at most once. Times are the database's.
record_acts = Table(
    "record_acts",
    metadata,
    Column("act_id", String(32), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("account_id", String(200), nullable=False),
    Column("closure_id", String(200), nullable=False),
    Column("proof_id", String(32)),
    # Who said what: JSON under the key of the account; empty once it is deleted.
    Column("content", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    # A withdrawal does not lapse.
    Column("lapses_at", UtcDateTime),
    Column("run_id", String(64)),
    Column("ended_at", UtcDateTime),
    # JSON: why it was refused.
    Column("answer", Text),
)
Index("record_acts_account", record_acts.c.account_id, record_acts.c.written_at)
Index("record_acts_closure", record_acts.c.closure_id, record_acts.c.status)

# Effects: opened before, closed after. Times are the closure's clock.
record_steps = Table(
    "record_steps",
    metadata,
    Column("closure_id", String(200), nullable=False),
    Column("step", String(40), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    # JSON: what later steps need of it.
    Column("result", Text),
    PrimaryKeyConstraint("closure_id", "step", name="record_steps_pk"),
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_steps_closure"),
)

# Which closure holds an account that has stopped, or is about to.
record_claims = Table(
    "record_claims",
    metadata,
    Column("account_id", String(200), primary_key=True),
    Column("closure_id", String(200), nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_claims_closure"),
)
Index("record_claims_closure_id", record_claims.c.closure_id, record_claims.c.account_id)

# What staff have paid of a refund past its payments; the workflow takes it up. Times are the database's.
record_settlements = Table(
    "record_settlements",
    metadata,
    # SHA-256 of closure and reference: the same payment is told once.
    Column("settlement_id", String(64), primary_key=True),
    Column("closure_id", String(200), nullable=False),
    # The staff's own, which may name a person: gone once it is in the audit, sealed.
    Column("reference", String(200)),
    Column("amount", String(60), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    Column("taken_at", UtcDateTime),
    # As much of the amount as was still there to be paid.
    Column("taken", String(60)),
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_settlements_closure"),
)
Index("record_settlements_closure_id", record_settlements.c.closure_id)

record_plans = Table(
    "record_plans",
    metadata,
    Column("closure_id", String(200), nullable=False),
    Column("plan_hash", String(64), nullable=False),
    Column("content", Text, nullable=False),
    PrimaryKeyConstraint("closure_id", "plan_hash", name="record_plans_pk"),
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_plans_closure"),
)
