"""The installation: what it is, its policies, its brakes, and what was looked through."""

from sqlalchemy import Boolean, CheckConstraint, Column, Integer, String, Table, Text, UniqueConstraint

from database.columns import UtcDateTime
from records.tables.base import metadata

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
