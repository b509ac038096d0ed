"""Databases for tests: SQLite files and a throw-away PostgreSQL server; each test has one of its own.

A `conftest.py` imports the fixtures it needs. `database_url` runs a test on an empty SQLite and an empty
PostgreSQL database (skipped with the reason where there is none), `prepared_database_url` on ones with all
tables; `postgresql_url` is for tests of what only PostgreSQL has.
"""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from closure.installation import InstallationKind
from connectors.embedded import MIGRATIONS as PLATFORM
from database import Database, upgrade
from records.installation import create_installation
from records.roles import CLIENT_ROLE, grant_client_role
from records.schema import MIGRATIONS as RECORD

INSTALL_SECONDS = 300
START_SECONDS = 30


class Backend(StrEnum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class Cluster:
    """A running server on 127.0.0.1 that trusts everybody."""

    port: int
    user: str = "postgres"

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{self.user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: SQL, *names: str) -> None:
        """Runs a statement on identifiers, such as CREATE DATABASE."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user=self.user, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.format(*map(Identifier, names)))


@dataclass(frozen=True)
class Unavailable:
    """Why there is no server."""

    reason: str


@contextmanager
def start_postgresql() -> Iterator[Cluster | Unavailable]:
    """A server in a temporary folder on a free port, gone at the end."""
    programs = _programs() or _install()
    if isinstance(programs, Unavailable):
        yield programs
        return
    user = _unprivileged_user()
    if isinstance(user, Unavailable):
        yield user
        return
    folder = Path(tempfile.mkdtemp(prefix="closure-postgresql-"))
    if user is not None:
        shutil.chown(folder, user)
    try:
        yield from _running(programs, folder, user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _running(programs: Path, folder: Path, user: str | None) -> Iterator[Cluster | Unavailable]:
    initialised = subprocess.run(
        [
            *(programs / "initdb", "-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"),
            # Text sorts as people read it, not by bytes: nothing may depend on the database's order.
            *("--locale-provider", "icu", "--icu-locale", "en-US"),
        ],
        capture_output=True,
        text=True,
        user=user,
        cwd="/",
        check=False,
    )
    if initialised.returncode:
        yield Unavailable(f"initdb failed: {initialised.stderr.strip()[-300:]}")
        return
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "off",
        "max_connections": "200",
    }
    command = [str(programs / "postgres"), "-D", str(folder)]
    command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    if shutil.which("setpriv"):
        # The server goes with the test run, however that ends.
        command = ["setpriv", "--pdeathsig", "INT", *command]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd="/")
    try:
        yield _wait_until_ready(server, Cluster(port), folder / "log")
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(5)
        server.kill()
        server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], cluster: Cluster, log: Path) -> Cluster | Unavailable:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(
                host="127.0.0.1", port=cluster.port, user=cluster.user, dbname="postgres", connect_timeout=2
            ).close()
            return cluster
        time.sleep(0.05)
    return Unavailable(f"PostgreSQL did not start: {log.read_text(errors='replace')[-300:]}")


def _programs() -> Path | None:
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    if found:
        candidates.append(Path(found).resolve().parent)
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


def _install() -> Path | Unavailable:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return Unavailable("PostgreSQL is not installed (on Debian: apt-get install postgresql)")
    deadline = time.monotonic() + INSTALL_SECONDS
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "postgresql"]):
        try:
            subprocess.run(
                command,
                check=True,
                capture_output=True,
                timeout=max(1.0, deadline - time.monotonic()),
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            )
        except (subprocess.SubprocessError, OSError) as error:
            return Unavailable(f"PostgreSQL is not installed and could not be: {error}")
    return _programs() or Unavailable("the package postgresql has no server programs")


def _unprivileged_user() -> str | Unavailable | None:
    """Whom to run the server as, which refuses root; None: as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return Unavailable("PostgreSQL does not run as root and there is no user postgres or nobody")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class PostgresqlTemplate:
    """A database with all tables and no rows, made when the first test needs a copy."""

    name: str | None = None

    async def on(self, cluster: Cluster) -> str:
        """Its name."""
        if self.name is None:
            name = f"template_{uuid4().hex}"
            cluster.execute(SQL("CREATE DATABASE {}"), name)
            await prepare_database(cluster.url(name))
            await _let_clients_in(cluster, name)
            self.name = name
        return self.name


@dataclass(frozen=True)
class DatabaseUrls:
    """One database, as its owner (worker and operators) and as who serves customers connects."""

    owner: str
    client: str


@dataclass(frozen=True)
class ServerDatabases:
    """Where installations have their databases on a PostgreSQL server, with the roles of production."""

    cluster: Cluster
    template: PostgresqlTemplate

    @asynccontextmanager
    async def open(self) -> AsyncIterator[DatabaseUrls]:
        """A database of one's own with all tables and no rows."""
        template = await self.template.on(self.cluster)
        as_client = replace(self.cluster, user=CLIENT_ROLE)
        name = f"test_{uuid4().hex}"
        await asyncio.to_thread(self.cluster.execute, SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)
        try:
            yield DatabaseUrls(self.cluster.url(name), as_client.url(name))
        finally:
            await asyncio.to_thread(self.cluster.execute, SQL("DROP DATABASE {} WITH (FORCE)"), name)


async def prepare_template(file: Path, kind: InstallationKind = InstallationKind.LOCAL) -> Path:
    """A file with all tables, complete without a journal beside it.

    A local installation's closures can be fast-forwarded.
    """
    url = f"sqlite+aiosqlite:///{file}"
    await prepare_database(url, kind)
    database = Database(url)
    assert await database.overwrite_journal()
    await database.dispose()
    return file


async def prepare_database(url: str, kind: InstallationKind = InstallationKind.LOCAL) -> None:
    """Gives a database all tables and its installation."""
    database = Database(url)
    for migrations in (RECORD, PLATFORM):
        await upgrade(database, migrations)
    await create_installation(database, kind)
    await database.dispose()


async def _let_clients_in(cluster: Cluster, name: str) -> None:
    with suppress(psycopg.errors.DuplicateObject):
        cluster.execute(SQL("CREATE ROLE {} LOGIN"), CLIENT_ROLE)
    database = Database(cluster.url(name))
    assert await grant_client_role(database)
    await database.dispose()


@pytest.fixture(scope="session")
def server_databases(request: pytest.FixtureRequest) -> Iterator[ServerDatabases | None]:
    """Where `--database postgresql` has installations keep their records; None: in SQLite files."""
    if request.config.getoption("database") is Backend.SQLITE:
        yield None
        return
    with start_postgresql() as cluster:
        yield ServerDatabases(_usable(cluster), PostgresqlTemplate())


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[Cluster | Unavailable]:
    with start_postgresql() as cluster:
        yield cluster


@pytest.fixture(scope="session")
async def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables and no rows, to be copied."""
    return await prepare_template(tmp_path_factory.mktemp("template") / "accounts.db")


@pytest.fixture(scope="session")
def postgresql_template() -> PostgresqlTemplate:
    return PostgresqlTemplate()


@pytest.fixture(params=list(Backend))
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database of this test's own."""
    if request.param is Backend.SQLITE:
        yield f"sqlite+aiosqlite:///{tmp_path}/accounts.db"
        return
    with _database(request.getfixturevalue("postgresql_cluster")) as url:
        yield url


@pytest.fixture(params=list(Backend))
async def prepared_database_url(
    request: pytest.FixtureRequest,
    template_database: Path,
    postgresql_template: PostgresqlTemplate,
    tmp_path: Path,
) -> AsyncIterator[str]:
    """The URL of a database of this test's own with all tables and no rows."""
    if request.param is Backend.SQLITE:
        copy = shutil.copy(template_database, tmp_path / "accounts.db")
        yield f"sqlite+aiosqlite:///{copy}"
        return
    cluster = _usable(request.getfixturevalue("postgresql_cluster"))
    with _database(cluster, await postgresql_template.on(cluster)) as url:
        yield url


@pytest.fixture
async def database(prepared_database_url: str) -> AsyncIterator[Database]:
    """One of this test's own with all tables and no rows."""
    database = Database(prepared_database_url)
    yield database
    await database.dispose()


@pytest.fixture
def postgresql_url(postgresql_cluster: Cluster | Unavailable) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    with _database(postgresql_cluster) as url:
        yield url


def _usable(cluster: Cluster | Unavailable) -> Cluster:
    if isinstance(cluster, Unavailable):
        pytest.skip(cluster.reason)
    return cluster


@contextmanager
def _database(cluster: Cluster | Unavailable, template: str = "template1") -> Iterator[str]:
    usable = _usable(cluster)
    name = f"test_{uuid4().hex}"
    usable.execute(SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)
    yield usable.url(name)
    usable.execute(SQL("DROP DATABASE {} WITH (FORCE)"), name)
