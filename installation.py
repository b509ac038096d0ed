"""The composition root: from settings to database, record, platform and client. The worker: `bootstrap.py`.

Only entry points, tests and what tries the system on one machine know it. Commands start with it, so it
imports nothing that only a worker or a client needs.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from closure.brand import Brand
from closure.installation import InstallationKind
from closure.policy import Policy
from connectors.brand_file import load_brand
from connectors.chosen import chosen_platform, platform_migrations
from connectors.policy_files import load_policies
from connectors.ports import Platform
from connectors.sending import Sending
from database import BUSY_SECONDS, Database, MigrationSet, require_current
from records.anchors import Anchors
from records.deliveries import DeliveryRecords
from records.installation import installation_of
from records.record import Record
from records.schema import MIGRATIONS as RECORD_MIGRATIONS
from settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from client.client import ClosureClient


def migrations_of(settings: Settings) -> Sequence[MigrationSet]:
    """All tables that the installation has: the record's, and the embedded platform's where it is used."""
    return (RECORD_MIGRATIONS, *platform_migrations(settings))


@dataclass(frozen=True)
class Installation:
    """One open database and what is built on it. The client connects to Temporal when it is asked for."""

    settings: Settings
    database: Database
    record: Record
    platform: Platform
    sending: Sending
    """What `platform.messages` is."""

    @cached_property
    def policies(self) -> Mapping[str, Policy]:
        """By name. Who only reads the record needs none.

        Raises:
            PolicyFault: a policy file can't be used.
        """
        return load_policies(self.settings.policy_dir)

    @cached_property
    def brand(self) -> Brand:
        """How pages and mails look.

        Raises:
            BrandFault: the brand's file can't be used.
        """
        return load_brand(self.settings.brand_file)

    def client(self, temporal: "Client") -> "ClosureClient":
        """The way in, over a connected client of Temporal."""
        from client.client import ClosureClient

        policies = _WhenNeeded(self)
        return ClosureClient(temporal, self.record, self.platform, policies, self.settings.task_queue)


class _WhenNeeded(Mapping[str, Policy]):
    """An installation's policies, read when one is asked for: who follows a closure needs none."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def __getitem__(self, name: str) -> Policy:
        return self._installation.policies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._installation.policies)

    def __len__(self) -> int:
        return len(self._installation.policies)


@asynccontextmanager
async def open_installation(
    settings: Settings,
    *,
    anchors: Anchors | None = None,
    erasures: Anchors | None = None,
    patience: float = BUSY_SECONDS,
) -> AsyncIterator[Installation]:
    """Opens what an installation has; creates nothing. Messages go by the carrier that the settings name.

    `patience` are the seconds that SQLite's writers wait for each other.

    Raises:
        DatabaseUnreachable: the database can't be used.
        SchemaMismatch: the record's tables are not there, or another version's.
        InstallationMissing: nobody has created the installation.
        PlatformFault: the platform can't be used.
        ValueError: the database's URL can't be right.
    """
    database = Database(settings.database_url, patience)
    try:
        await require_current(database, RECORD_MIGRATIONS)
        record = Record(database, await installation_of(database), anchors, erasures)
        platform = await chosen_platform(settings, database)
        brand = partial(load_brand, settings.brand_file)
        is_production = record.installation.kind is InstallationKind.PRODUCTION
        must_choose = is_production and not database.is_sqlite
        sending = Sending(platform, settings, must_choose, brand, DeliveryRecords(database))
        try:
            yield Installation(settings, database, record, replace(platform, messages=sending), sending)
        finally:
            await sending.aclose()
            await platform.aclose()
    finally:
        await database.dispose()
