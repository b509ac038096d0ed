"""`python -m local.up`: local Temporal server, Web UI, worker and web service in the background; `make up`.

With TEMPORAL_ADDRESS (or a Temporal profile) only worker and web service are started, against that server.
"""

import argparse
import asyncio
import fcntl
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError

from closure.installation import Installation, InstallationKind
from connectors.chosen import is_embedded
from database import Database, DatabaseUnreachable, SchemaMismatch, upgrade
from installation import migrations_of
from local.choose_server import NoServerAvailable, user_server
from local.local_web import LocalWeb, WebFailed
from local.local_worker import LocalWorker, WorkerFailed
from local.progress import ProgressLine
from local.staff_link import staff_link
from local.temporal_server import LocalServerFailed, start_local_server
from records.installation import InstallationMissing, create_installation, installation_of
from settings import OWN_WEB_SECRET_FILE, Settings
from temporal.local_address import LocalServer, write_local_server
from temporal.registration import NamespaceNotUsable, ensure_search_attributes

PROJECT = Path(__file__).resolve().parent.parent
CONNECT_DEADLINE = timedelta(seconds=10)

Failure = (
    NoServerAvailable,
    LocalServerFailed,
    NamespaceNotUsable,
    WorkerFailed,
    WebFailed,
    DatabaseUnreachable,
    SchemaMismatch,
    InstallationMissing,
    RPCError,
    RuntimeError,
    OSError,
)


@dataclass(frozen=True)
class Started:
    """What answers now; `ui_url` is empty where we don't know it, `web_url` where there is no web service."""

    address: str
    ui_url: str
    worker: bool
    web_url: str = ""
    staff_url: str = ""
    """Opens the staff pages once, on a local installation."""


async def up(data_directory: Path, *, with_worker: bool = True, project: Path = PROJECT) -> Started:
    """Starts what does not run yet; returns when everything answers and the worker polls.

    Raises one of `Failure`.
    """
    settings = Settings()
    configured = user_server()
    if configured is None:
        client, address, ui_url = await _start_server(data_directory)
    else:
        client, address, ui_url = await _connect(configured), configured["target_host"], ""
        for name in await ensure_search_attributes(client):
            sys.stderr.write(f"the search attribute {name} is missing and we may not register it\n")
    web_url, staff_url = "", ""
    if with_worker:
        installation = await prepared_installation(settings, on_loopback=is_on_loopback(address))
        if installation.kind is InstallationKind.PRODUCTION:
            sys.stderr.write("this is a production installation: no closure's clock can be fast-forwarded\n")
        queue = installation.task_queue(settings.task_queue)
        web_url = await LocalWeb(data_directory, project).ensure(address, client.namespace)
        pages = _pages(settings, web_url)
        await LocalWorker(data_directory, project).ensure(client, address, queue, pages)
        if installation.kind is InstallationKind.LOCAL:
            staff_url = await _staff_url(settings, web_url)
    return Started(address, ui_url, with_worker, web_url, staff_url)


def _pages(settings: Settings, web_url: str) -> Mapping[str, str]:
    """The worker's settings for where mails lead: to the pages started with it, or the user's own."""
    return {
        "CLOSURE_WEB_URL": str(settings.web_url or web_url),
        "CLOSURE_WEB_SECRET_FILE": str(settings.web_secret_file or OWN_WEB_SECRET_FILE),
    }


async def _staff_url(settings: Settings, web_url: str) -> str:
    database = Database(settings.database_url)
    try:
        return await staff_link(database, web_url)
    finally:
        await database.dispose()


async def prepared_installation(settings: Settings, *, on_loopback: bool) -> Installation:
    """The installation, which is made here on SQLite; on PostgreSQL that is its operator's.

    A new one is a local one, which believes skipped clocks, if its Temporal server is on this computer.
    """
    database = Database(settings.database_url)
    try:
        if not database.is_sqlite:
            return await installation_of(database)
        for migrations in migrations_of(settings):
            await upgrade(database, migrations)
        kind = InstallationKind.LOCAL if on_loopback else InstallationKind.PRODUCTION
        return await create_installation(database, kind)
    finally:
        await database.dispose()


def is_on_loopback(address: str) -> bool:
    """Whether a server's address (host:port) can be nowhere but on this computer."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _start_server(data_directory: Path) -> tuple[Client, str, str]:
    progress = ProgressLine()
    try:
        server = await start_local_server(
            data_directory, with_ui=True, prefer_default_ports=True, report=progress
        )
    finally:
        progress.finish()
    write_local_server(LocalServer(server.address, server.namespace, server.ui_url), data_directory)
    client = await Client.connect(server.address, namespace=server.namespace)
    return client, server.address, server.ui_url


async def _connect(configured: ClientConnectConfig) -> Client:
    """A wrong token makes the connection hang, so it has a deadline."""
    try:
        async with asyncio.timeout(CONNECT_DEADLINE.total_seconds()):
            return await Client.connect(**configured)
    except TimeoutError as error:
        raise RuntimeError(f"{configured['target_host']} did not answer within {CONNECT_DEADLINE}") from error


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.up", description=__doc__)
    parser.add_argument("--no-worker", action="store_true", help="start server and Web UI only")
    arguments = parser.parse_args()
    data_directory = Path(".closure").resolve()
    data_directory.mkdir(parents=True, exist_ok=True)
    with (data_directory / "up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second `make up` waits, then finds everything running
        try:
            started = asyncio.run(up(data_directory, with_worker=not arguments.no_worker))
        except ValidationError as error:
            sys.stderr.write(f"make up failed: a setting is not valid: {error}\n")
            return 2
        except Failure as error:
            sys.stderr.write(f"make up failed: {error}\n")
            return 3
    if started.staff_url and is_embedded(Settings()):
        print(f"Play      {started.web_url}/play    (close sample accounts, see their mails, move clocks)")
    if started.staff_url:
        print(f"Staff     {started.staff_url}    (good once, for 10 minutes)")
    print(f"Temporal  {started.address}")
    print(f"Web UI    {started.ui_url or 'as your server provides it'}")
    if started.web_url:
        print(f"API       {started.web_url}/api/docs    (tokens: .venv/bin/python -m web.tokens new --help)")
    print("next      .venv/bin/python starter.py --help    (logs: .closure/logs, end: make down)")
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(status)
