"""The tables of the closure record. Migrations build them; `make test` compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

from closure.messages import LONGEST_ITEM_ID
from database.columns import UtcDateTime

metadata = MetaData()

# One row, never changed: which installation this record is, and of which kind (`closure.installation`).
record_installation = Table(
    "record_installation",
    metadata,
    Column("installation_id", String(32), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # Always true, and unique: two that create it at once make one.
    Column("is_the_one", Boolean, nullable=False),
    CheckConstraint("is_the_one", name="record_installation_the_one"),
    UniqueConstraint("is_the_one", name="record_installation_only_one"),
)

# Up to which line of the anchors a restored record was looked at by `erase-again`. Times are the database's.
record_lookbacks = Table(
    "record_lookbacks",
    metadata,
    Column("anchor_lines", Integer, primary_key=True, autoincrement=False),
    Column("looked_at", UtcDateTime, nullable=False),
)

# The content of every policy that a worker has brought: closures are pinned to one by its hash.
record_policies = Table(
    "record_policies",
    metadata,
    Column("policy_hash", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("version", String(200), nullable=False),
    # Canonical JSON.
    Column("content", Text, nullable=False),
    UniqueConstraint("name", "version", name="record_policies_version"),
)

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

# Operators' brakes. `target` is a provider or a closure, empty for the whole installation.
record_brakes = Table(
    "record_brakes",
    metadata,
    Column("brake_id", Integer, primary_key=True, autoincrement=True),
    Column("scope", String(20), nullable=False),
    Column("target", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("lifted_at", UtcDateTime),
    Column("lifted_because", Text),
    sqlite_autoincrement=True,
)

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

record_events = Table(
    "record_events",
    metadata,
    Column("closure_id", String(200), nullable=False),
    Column("sequence", Integer, nullable=False),
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
    # Also keeps a closure that has events from being deleted.
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_events_closure"),
)

# What became of each data store, without its id: the evidence that the audit's event has the hash of.
record_erasures = Table(
    "record_erasures",
    metadata,
    Column("closure_id", String(200), nullable=False),
    # See `closure.certificate.store_reference`.
    Column("reference", String(16), nullable=False),
    Column("store", String(200), nullable=False),
    Column("objects", BigInteger, nullable=False),
    # The retention class of one that the law keeps; or the ground that the provider's system has answered.
    Column("retained_as", String(200)),
    Column("ground", Text),
    Column("until", UtcDateTime),
    PrimaryKeyConstraint("closure_id", "reference", name="record_erasures_pk"),
    ForeignKeyConstraint(["closure_id"], ["record_closures.closure_id"], name="record_erasures_closure"),
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
    # Whose pauses it counts for: a hash (`records.guesses`).
    Column("asked_by", String(64), nullable=False),
    # Hex. The live challenges of one user share it, so that one slow hash compares a guess with all of them.
    Column("salt", String(64), nullable=False),
    Column("code_hash", String(200), nullable=False),
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

# One row for every guess that was not (yet) right, and for each code that it was compared with.
record_guesses = Table(
    "record_guesses",
    metadata,
    Column("guess_id", String(32), nullable=False),
    # Empty for a guess at a password or at an authenticator's code.
    Column("challenge_id", String(32), nullable=False),
    Column("account_id", String(200), nullable=False),
    # Who guesses: a hash (`records.guesses`).
    Column("asker", String(64), nullable=False),
    Column("guessed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("guess_id", "challenge_id", name="record_guesses_pk"),
)
Index(
    "record_guesses_asker", record_guesses.c.account_id, record_guesses.c.asker, record_guesses.c.guessed_at
)

record_proofs = Table(
    "record_proofs",
    metadata,
    Column("proof_id", String(32), primary_key=True),
    Column("account_id", String(200), nullable=False),
    Column("user_id", String(200), nullable=False),
    Column("method", String(20), nullable=False),
    # The act that it was given for.
    Column("door", String(20), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("closure_id", String(200)),
)
Index("record_proofs_account", record_proofs.c.account_id)
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

# Answers to requests over HTTP that came with an idempotency key. Who asked has hashed and sealed them: from
# here they can't be read.
record_idempotency = Table(
    "record_idempotency",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    # None while the request is carried out.
    Column("answer", LargeBinary),
)
Index("record_idempotency_began", record_idempotency.c.began_at)


def _of_whom() -> tuple[SchemaItem, ...]:
    """Whom a link or a session lets in, and what is known of them: of a customer, or of staff."""
    return (
        Column("audience", String(20), nullable=False),
        Column("account_id", String(200)),
        Column("user_id", String(200)),
        # The API token by which staff came in.
        Column("token_name", String(64)),
        # Staff of one provider see its accounts only.
        Column("provider", String(200)),
        Column("is_operator", Boolean, nullable=False),
        Column("language", String(40)),
        Column("return_url", Text),
        # When the provider's own sign-in has verified the person (method `session`).
        Column("verified_at", UtcDateTime),
    )


# Links that open a page once. Kept are hashes: from here nobody can make a link or a session.
record_web_links = Table(
    "record_web_links",
    metadata,
    Column("link_hash", String(64), primary_key=True),
    *_of_whom(),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)
Index("record_web_links_expires", record_web_links.c.expires_at)

record_web_sessions = Table(
    "record_web_sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    *_of_whom(),
    # The closure that a customer has opened or looks at.
    Column("closure_id", String(200)),
    # What proves who they are, until the closure is opened.
    Column("proof_id", String(32)),
    # After confirm nothing can be done any more (A18).
    Column("is_view_only", Boolean, nullable=False),
    # The act that was asked for last, until its person has been told what became of it.
    Column("act_id", String(32)),
    Column("act_name", String(200)),
    Column("act_asked_at", UtcDateTime),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)
Index("record_web_sessions_began", record_web_sessions.c.began_at)
Index("record_web_sessions_account", record_web_sessions.c.account_id)
# E-mails that the mail server has taken or refused for good, by a hash that tells nobody whom they were for.
record_deliveries = Table(
    "record_deliveries",
    metadata,
    Column("delivery", String(64), primary_key=True),
    # None: it was taken.
    Column("refusal", String(40)),
    Column("time", UtcDateTime, nullable=False),
)
Index("record_deliveries_time", record_deliveries.c.time)
