"""What was done and what was said, once for its key."""

from enum import StrEnum

from sqlalchemy import JSON, Column, ForeignKey, String, Table, Text, UniqueConstraint

from closure.accounts import Channel
from connectors.embedded.tables.base import COUNTED_UP, ID_LENGTH, KEY_LENGTH, metadata, word_of
from database.columns import UtcDateTime


class Effect(StrEnum):
    """Kinds of effects that happen once per idempotency key."""

    FORFEIT = "forfeit"
    VOID_DEBT = "void-debt"
    RELEASE_RESOURCE = "release-resource"
    CANCEL_SUBSCRIPTION = "cancel-subscription"
    STOP = "stop"
    REOPEN = "reopen"
    CREATE_SERVICE_ROLE = "create-service-role"
    DELETE_SERVICE_ROLE = "delete-service-role"
    DELETE_BINDINGS = "delete-bindings"
    CLOSE = "close"
    ERASE = "erase"
    ORDER_REFUND = "order-refund"
    PAY_OTHERWISE = "pay-otherwise"
    HAND_OVER = "hand-over"


effects = Table(
    "platform_effects",
    metadata,
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("account_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), nullable=False, index=True),
    Column("kind", word_of(Effect, "kind"), nullable=False),
    Column("result", JSON(none_as_null=True)),
    Column("time", UtcDateTime, nullable=False),
)

outbox = Table(
    "platform_outbox",
    metadata,
    Column("id", COUNTED_UP, primary_key=True),
    Column("account_id", String(ID_LENGTH), ForeignKey("platform_accounts.id"), nullable=False, index=True),
    Column("key", String(KEY_LENGTH), nullable=False),
    Column("user_id", String(ID_LENGTH), nullable=False),
    Column("channel", word_of(Channel, "channel"), nullable=False),
    Column("template", String(ID_LENGTH), nullable=False),
    Column("language", String(40), nullable=False),
    Column("address", String(320), nullable=False),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("html", Text),
    Column("time", UtcDateTime, nullable=False),
    UniqueConstraint("key", "user_id"),
    sqlite_autoincrement=True,
)
