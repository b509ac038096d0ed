"""Who somebody is: codes, guesses, proofs, and the keys of what is personal."""

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, String, Table

from database.columns import UtcDateTime
from records.tables.base import metadata

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
