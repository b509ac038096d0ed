"""The embedded account platform as one bundle of ports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.embedded.access import EmbeddedAccessControl
from connectors.embedded.billing import EmbeddedBilling
from connectors.embedded.data_stores import EmbeddedDataStores
from connectors.embedded.directory import EmbeddedDirectory
from connectors.embedded.holds import EmbeddedLegalHolds
from connectors.embedded.inventory import EmbeddedInventory
from connectors.embedded.messages import EmbeddedMessages
from connectors.embedded.refunds import EmbeddedRefunds
from connectors.ports import (
    AccessControl,
    Billing,
    DataStores,
    Directory,
    InventorySource,
    LegalHolds,
    Messages,
    Refunds,
)
from database import MigrationSet

MIGRATIONS = MigrationSet(
    name="platform", directory=Path(__file__).parent / "migrations", version_table="platform_version"
)


@dataclass(frozen=True)
class EmbeddedPlatform:
    """Every port, over one database whose tables `database.prepare(engine, MIGRATIONS)` made ready."""

    directory: Directory
    billing: Billing
    inventory: InventorySource
    access: AccessControl
    data_stores: DataStores
    messages: Messages
    refunds: Refunds
    holds: LegalHolds

    @classmethod
    def connect(cls, engine: AsyncEngine) -> Self:
        return cls(
            directory=EmbeddedDirectory(engine),
            billing=EmbeddedBilling(engine),
            inventory=EmbeddedInventory(engine),
            access=EmbeddedAccessControl(engine),
            data_stores=EmbeddedDataStores(engine),
            messages=EmbeddedMessages(engine),
            refunds=EmbeddedRefunds(engine),
            holds=EmbeddedLegalHolds(engine),
        )
