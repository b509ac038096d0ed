"""What an account consists of."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
)

from closure.accounts import BillingMethod, RelationshipRole, RelationshipType
from connectors.embedded.tables.base import (
    ID_LENGTH,
    belongs_to_account,
    kept_by_law,
    metadata,
    own_id,
    word_of,
)
from database.columns import UtcDateTime

resources = Table(
    "platform_resources",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("product", String(ID_LENGTH), nullable=False),
    Column("billing", word_of(BillingMethod, "billing"), nullable=False),
    Column("renounceable", Boolean, nullable=False),
)

resource_dependencies = Table(
    "platform_resource_dependencies",
    metadata,
    Column("account_id", String(ID_LENGTH), primary_key=True),
    Column("resource_id", String(ID_LENGTH), primary_key=True),
    Column("depends_on", String(ID_LENGTH), primary_key=True),
    ForeignKeyConstraint(
        ["account_id", "resource_id"],
        ["platform_resources.account_id", "platform_resources.id"],
        ondelete="CASCADE",
    ),
    # Nobody can delete what something living still needs.
    ForeignKeyConstraint(
        ["account_id", "depends_on"], ["platform_resources.account_id", "platform_resources.id"]
    ),
    Index("ix_platform_resource_dependencies_needed", "account_id", "depends_on"),
)

subscriptions = Table(
    "platform_subscriptions",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("product", String(ID_LENGTH), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("renounceable", Boolean, nullable=False),
)

domains = Table("platform_domains", metadata, belongs_to_account(), own_id())

icp_filings = Table("platform_icp_filings", metadata, belongs_to_account(), own_id())

relationships = Table(
    "platform_relationships",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("type", word_of(RelationshipType, "type"), nullable=False),
    Column("role", word_of(RelationshipRole, "role")),
)

bindings = Table(
    "platform_bindings",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("third_party", String(ID_LENGTH), nullable=False),
)

data_stores = Table(
    "platform_data_stores",
    metadata,
    belongs_to_account(),
    own_id(),
    Column("store", String(ID_LENGTH), nullable=False),
    Column("objects", BigInteger, nullable=False),
    *kept_by_law(),
    CheckConstraint("objects >= 0", name="objects_not_negative"),
)
