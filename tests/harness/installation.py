"""An installation as tests drive it, from outside: the platform, the record, Temporal's API and a clock."""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Table, select
from temporalio.client import Client

from bootstrap import build_worker
from client import ClosureClient
from closure.policy import Policy
from connectors.embedded import embedded_platform, tables
from connectors.ports import Platform
from database import Database
from keys.certificate_links import MailedLinks
from records.anchors import AnchorFile
from records.installation import installation_of
from records.reading import ClosureRecords
from records.record import Record
from temporal.time_limits import TimeLimits
from tests.harness.account_driver import AccountDriver
from tests.harness.accounts import load_account
from tests.harness.databases import ServerDatabases

Platforms = Callable[[Platform], Platform]


@dataclass(frozen=True)
class TestInstallation:
    """One installation. `platform` is what the worker sees, fakes included."""

    __test__ = False

    client: Client
    database: Database
    database_file: Path
    record: Record
    client_record: Record
    """The record as who serves customers may use it."""
    platform: Platform
    policies: Mapping[str, Policy]
    task_queue: str
    """The base of the queue's name."""

    @property
    def records(self) -> ClosureRecords:
        return ClosureRecords(self.record)

    @property
    def closures(self) -> ClosureClient:
        """The only way in, as commands and pages use it."""
        return ClosureClient(self.client, self.client_record, self.platform, self.policies, self.task_queue)

    @property
    def operated(self) -> "TestInstallation":
        """The same, as operators come in: they own the record's tables."""
        return replace(self, client_record=self.record)

    @property
    def queue(self) -> str:
        """The name of the queue that the installation's workers poll."""
        return self.record.installation.task_queue(self.task_queue)

    @property
    def signing_key_file(self) -> Path:
        """Beside the database; the worker makes it."""
        return self.database_file.with_suffix(".pem")

    @property
    def anchor_file(self) -> Path:
        """As the signing key."""
        return self.database_file.with_suffix(".anchors.jsonl")

    @property
    def erasures_file(self) -> Path:
        """As the signing key."""
        return self.database_file.with_suffix(".erasures.jsonl")

    async def account(self, **account: object) -> AccountDriver:
        """Loads an account (the account file's keys; anything left out is empty) and returns its driver."""
        account_id = f"acct-{uuid4().hex[:10]}"
        loaded = {
            "id": account_id,
            "provider": "alibaba-cloud",
            "kind": "standard",
            "currency": "USD",
            "users": [
                {"id": "u-1", "role": "main", "email": f"owner@{account_id}.example", "phone": "+15550100"},
                {"id": "u-2", "role": "ram", "email": f"dev@{account_id}.example"},
            ],
            **account,
        }
        await load_account(self.database, loaded)
        return AccountDriver(self, str(loaded["id"]), str(loaded["provider"]))

    async def rows(self, table: Table, account_id: str) -> list[Mapping[str, object]]:
        """The platform's rows of one account."""
        owner = table.c.id if table is tables.accounts else table.c.account_id
        query = select(table).where(owner == account_id)
        return await self.database.read(
            lambda connection: [dict(row) for row in connection.execute(query).mappings()]
        )


class InstallationBuilder:
    """Opens installations in one folder on one server.

    Each has a database of its own: on the PostgreSQL `server`, where there is one, else in an SQLite file.
    """

    def __init__(
        self,
        client: Client,
        policies: Mapping[str, Policy],
        template: Path,
        folder: Path,
        *,
        server: ServerDatabases | None = None,
    ) -> None:
        self._client = client
        self._policies = policies
        self._template = template
        self._folder = folder
        self._server = server

    @asynccontextmanager
    async def open(
        self,
        *,
        client: Client | None = None,
        platforms: Platforms = lambda platform: platform,
        policies: Mapping[str, Policy] | None = None,
        with_worker: bool = True,
    ) -> AsyncIterator[TestInstallation]:
        """A fresh database, a task queue and (unless unwanted) a worker in this process."""
        file = self._folder / f"{uuid4().hex[:8]}.db"
        async with self._databases(file) as (database, as_client):
            installation = await self._installation(file, database, as_client, client, platforms, policies)
            if with_worker:
                async with running_worker(installation):
                    yield installation
            else:
                yield installation

    @asynccontextmanager
    async def _databases(self, file: Path) -> AsyncIterator[tuple[Database, Database]]:
        """One, as its owner and as who serves customers connects."""
        async with AsyncExitStack() as stack:
            if self._server is None:
                shutil.copy(self._template, file)
                database = as_client = Database(database_url(file))
            else:
                urls = await stack.enter_async_context(self._server.open())
                database, as_client = Database(urls.owner), Database(urls.client)
            stack.push_async_callback(database.dispose)
            stack.push_async_callback(as_client.dispose)
            yield database, as_client

    async def _installation(
        self,
        file: Path,
        database: Database,
        as_client: Database,
        client: Client | None,
        platforms: Platforms,
        policies: Mapping[str, Policy] | None,
    ) -> TestInstallation:
        anchors = AnchorFile(file.with_suffix(".anchors.jsonl"), file.with_suffix(".pem"))
        erasures = AnchorFile(file.with_suffix(".erasures.jsonl"), file.with_suffix(".pem"))
        named = await installation_of(database)
        return TestInstallation(
            client=client or self._client,
            database=database,
            database_file=file,
            record=Record(database, named, anchors, erasures),
            client_record=Record(as_client, named, anchors, erasures),
            platform=platforms(embedded_platform(database.beside())),
            policies=policies or self._policies,
            task_queue=f"test-{uuid4().hex[:10]}",
        )


@asynccontextmanager
async def running_worker(
    installation: TestInstallation,
    *,
    policies: Mapping[str, Policy] | None = None,
    time_limits: TimeLimits = TimeLimits(),  # noqa: B008 - frozen
    mailed_links: MailedLinks | None = None,
) -> AsyncIterator[None]:
    """A worker of the installation in this process."""
    async with await build_worker(
        installation.client,
        installation.record,
        installation.platform,
        policies or installation.policies,
        installation.task_queue,
        signing_key_file=installation.signing_key_file,
        time_limits=time_limits,
        mailed_links=mailed_links,
    ):
        yield


def database_url(database: Path) -> str:
    return f"sqlite+aiosqlite:///{database}"


def with_durations(policy: Policy, **changes: object) -> Policy:
    """The policy with other values; tests of policy changes only: all others run the real durations."""
    return policy.model_copy(update=changes)
