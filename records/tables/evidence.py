"""What stays when a closure is over: events, erasures, certificates."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from database.columns import UtcDateTime
from records.tables.base import metadata

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
