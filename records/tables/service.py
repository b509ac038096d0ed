"""What the ways in and out remember: requests, links, sessions, mails."""

from sqlalchemy import Boolean, Column, Index, LargeBinary, String, Table, Text
from sqlalchemy.schema import SchemaItem

from database.columns import UtcDateTime
from records.tables.base import metadata

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
