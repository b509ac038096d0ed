"""The tables of the closure record. Migrations build them; `make test` compares the two."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from database.columns import UtcDateTime

metadata = MetaData()

record_closures = Table(
    "record_closures",
    metadata,
    # The key, since SQLite counts up nothing else: the order of opening, whatever the clocks say.
    Column("opened_sequence", Integer, primary_key=True, autoincrement=True),
    Column("closure_id", String(200), nullable=False),
    Column("account_id", String(200), nullable=False),
    Column("provider", String(200), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("outcome", String(20)),
    Column("run_epoch", Integer, nullable=False),
    Column("policy", String(200), nullable=False),
    Column("policy_version", String(200), nullable=False),
    Column("policy_hash", String(64), nullable=False),
    Column("policy_snapshot", Text, nullable=False),
    # A keyed hash of the user id (`records.personal`); the first event holds the id, sealed.
    Column("opened_by", String(200), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # The JSON of a StatusDocument.
    Column("document", Text, nullable=False),
    # How long the chain is and where it ends: a cut tail shows.
    Column("event_count", Integer, nullable=False),
    Column("head_hash", String(64), nullable=False),
    UniqueConstraint("closure_id", name="record_closures_closure_id"),
    CheckConstraint("outcome IS NULL OR outcome = stage", name="record_closures_outcome_is_stage"),
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
Index("record_closures_stage", record_closures.c.stage)

record_events = Table(
    "record_events",
    metadata,
    Column("closure_id", String(200), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("key", String(500), nullable=False),
    Column("event", String(40), nullable=False),
    # Text, spelled exactly as it was hashed (RFC 3339, UTC, six decimals).
    Column("time", String(40), nullable=False),
    Column("stage_from", String(20)),
    Column("stage_to", String(20)),
    Column("actor", String(200)),
    # Canonical JSON, as it was hashed.
    Column("details", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    PrimaryKeyConstraint("closure_id", "sequence", name="record_events_pk"),
    UniqueConstraint("closure_id", "key", name="record_events_key"),
    # Also keeps a closure that has events from being deleted.
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_events_closure"),
)

record_plans = Table(
    "record_plans",
    metadata,
    Column("closure_id", String(200), nullable=False),
    Column("plan_hash", String(64), nullable=False),
    Column("content", Text, nullable=False),
    PrimaryKeyConstraint("closure_id", "plan_hash", name="record_plans_pk"),
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_plans_closure"),
)

record_certificates = Table(
    "record_certificates",
    metadata,
    Column("closure_id", String(200), primary_key=True),
    # Of a subaccount: the closure of the account that owns it.
    Column("owner_closure_id", String(200)),
    Column("account_id", String(200), nullable=False),
    # SHA-256 of what was signed, in hex.
    Column("certificate_id", String(64), nullable=False),
    Column("key_id", String(16), nullable=False),
    # PEM.
    Column("public_key", Text, nullable=False),
    # The file as it was issued, to the byte.
    Column("content", Text, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_certificates_closure"),
)
Index("record_certificates_owner", record_certificates.c.owner_closure_id)

record_challenges = Table(
    "record_challenges",
    metadata,
    Column("challenge_id", String(32), primary_key=True),
    Column("account_id", String(200), nullable=False),
    Column("user_id", String(200), nullable=False),
    Column("method", String(20), nullable=False),
    # Hex. The live challenges of one user share it, so that one slow hash compares a guess with all of them.
    Column("salt", String(64), nullable=False),
    Column("code_hash", String(200), nullable=False),
    Column("guesses", Integer, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)
Index(
    "record_challenges_user",
    record_challenges.c.account_id,
    record_challenges.c.user_id,
    record_challenges.c.expires_at,
)

# One row for every guess that was not (yet) right: what the caps across challenges count.
record_guesses = Table(
    "record_guesses",
    metadata,
    Column("guess_id", String(32), primary_key=True),
    Column("account_id", String(200), nullable=False),
    Column("user_id", String(200), nullable=False),
    Column("guessed_at", UtcDateTime, nullable=False),
)
Index("record_guesses_account", record_guesses.c.account_id, record_guesses.c.guessed_at)

record_proofs = Table(
    "record_proofs",
    metadata,
    Column("proof_id", String(32), primary_key=True),
    Column("account_id", String(200), nullable=False),
    Column("user_id", String(200), nullable=False),
    Column("method", String(20), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("closure_id", String(200)),
)
Index("record_proofs_closure", record_proofs.c.closure_id, record_proofs.c.user_id)

# The key of an account's personal data in its audit events. A row without a key is a deleted account's: what
# is written about it later is sealed under a key that is kept nowhere.
record_account_keys = Table(
    "record_account_keys",
    metadata,
    Column("account_id", String(200), primary_key=True),
    # 32 bytes in hex.
    Column("key", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("destroyed_at", UtcDateTime),
    CheckConstraint("(key IS NULL) = (destroyed_at IS NOT NULL)", name="record_account_keys_destroyed"),
)

# One row: what this record is called in files that outlive it.
record_names = Table("record_names", metadata, Column("record_id", String(32), primary_key=True))
