"""`python -m deploy.up`: local Temporal server, Web UI and worker in the background; `make up`.

With TEMPORAL_ADDRESS (or a Temporal profile) only the worker is started, against that server.
"""

import argparse
import asyncio
import fcntl
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError

from connectors.embedded import MIGRATIONS as PLATFORM_MIGRATIONS
from database.engine import SQLITE, DatabaseUnreachable, create_engine
from database.schema import SchemaMismatch, upgrade
from deploy.choose_server import NoServerAvailable, user_server
from deploy.local_address import LocalServer, write_local_server
from deploy.local_worker import LocalWorker, WorkerFailed
from deploy.progress import ProgressLine
from deploy.registration import NamespaceNotUsable, ensure_search_attributes
from deploy.temporal_server import LocalServerFailed, start_local_server
from records.schema import MIGRATIONS as RECORD_MIGRATIONS
from settings import Settings

PROJECT = Path(__file__).resolve().parent.parent
CONNECT_DEADLINE = timedelta(seconds=10)

Failure = (
    NoServerAvailable,
    LocalServerFailed,
    NamespaceNotUsable,
    WorkerFailed,
    DatabaseUnreachable,
    SchemaMismatch,
    RPCError,
    RuntimeError,
    OSError,
)


@dataclass(frozen=True)
class Started:
    """What answers now; `ui_url` is empty where we don't know it."""

    address: str
    ui_url: str
    worker: bool


async def up(data_directory: Path, *, with_worker: bool = True, project: Path = PROJECT) -> Started:
    """Starts what does not run yet; returns when everything answers and the worker polls.

    Raises one of `Failure`.
    """
    task_queue = Settings().task_queue
    configured = user_server()
    if configured is None:
        client, address, ui_url = await _start_server(data_directory)
    else:
        client, address, ui_url = await _connect(configured), configured["target_host"], ""
        for name in await ensure_search_attributes(client):
            sys.stderr.write(f"the search attribute {name} is missing and we may not register it\n")
    if with_worker:
        await _upgrade_local_database()
        await LocalWorker(data_directory, project).ensure(client, address, task_queue)
    return Started(address, ui_url, with_worker)


async def _upgrade_local_database() -> None:
    """What `make up` made itself it also upgrades; a production database is its operator's."""
    url = Settings().database_url
    if url.startswith(SQLITE):
        engine = create_engine(url)
        for migrations in (RECORD_MIGRATIONS, PLATFORM_MIGRATIONS):
            await upgrade(engine, migrations)
        await engine.dispose()


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
    parser = argparse.ArgumentParser(prog="python -m deploy.up", description=__doc__)
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
    print(f"Temporal  {started.address}")
    print(f"Web UI    {started.ui_url or 'as your server provides it'}")
    print("next      .venv/bin/python starter.py --help    (logs: .closure/logs, end: make down)")
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(status)
