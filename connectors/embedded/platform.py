"""The embedded account platform as one bundle of ports."""

from pathlib import Path

from connectors.embedded.access import EmbeddedAccessControl
from connectors.embedded.account_reader import EmbeddedAccountReader
from connectors.embedded.billing import EmbeddedBilling
from connectors.embedded.data_stores import EmbeddedDataStores
from connectors.embedded.directory import EmbeddedDirectory
from connectors.embedded.holds import EmbeddedLegalHolds
from connectors.embedded.inventory import EmbeddedInventory
from connectors.embedded.messages import EmbeddedAddressBook, EmbeddedMessages
from connectors.embedded.refunds import EmbeddedRefunds
from connectors.ports import Platform
from database import Database, MigrationSet

MIGRATIONS = MigrationSet(
    name="platform", directory=Path(__file__).parent / "migrations", version_table="platform_version"
)


def embedded_platform(database: Database) -> Platform:
    """Every port over one database, whose tables `database.prepare(database, MIGRATIONS)` made ready.

    The database stays its owner's to dispose of.
    """
    return Platform(
        directory=EmbeddedDirectory(database),
        billing=EmbeddedBilling(database),
        inventory=EmbeddedInventory(database),
        access=EmbeddedAccessControl(database),
        data_stores=EmbeddedDataStores(database),
        messages=EmbeddedMessages(database),
        refunds=EmbeddedRefunds(database),
        holds=EmbeddedLegalHolds(database),
        addresses=EmbeddedAddressBook(database),
        accounts=EmbeddedAccountReader(database),
        answers_at_once=True,
    )
