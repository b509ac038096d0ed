"""The worker: carries closures on until it is told to stop. `python worker.py --help` shows the options."""

from own_packages import ensure_packages

ensure_packages(__file__)

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
import uvloop
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from temporalio.client import Client
from temporalio.service import RPCError

from bootstrap import build_worker, chosen_time_limits
from closure.installation import InstallationKind
from closure.policy import Policy
from closure.policy_text import PolicyFault
from connectors.setting_faults import BrandFault, PlatformFault, SendingFault
from database import Database, DatabaseUnreachable, SchemaMismatch, prepare, upgrade
from installation import Installation, migrations_of, open_installation
from keys.certificate_links import MailedLinks, load_or_create_links
from keys.secret_file import SecretFault
from log_output import configure_logging
from program_exit import leave, refuse_to_start
from program_version import VERSION
from records.anchor_check import AnchorsUnreadable, readable_lines
from records.anchors import AnchorFile, AnchorNotWritten
from records.installation import InstallationMissing, create_installation, installation_of
from records.lookbacks import RecordIsOlder, require_not_older
from records.policies import PolicyVersionTaken
from records.roles import grant_client_role
from settings import Settings, setting_fault
from temporal.connection import DEFAULT_ADDRESS, connect, connect_config
from temporal.connection_faults import call_failed
from temporal.faults import ConnectionFault, ServerUnreachable
from temporal.registration import NamespaceNotUsable, ensure_search_attributes, missing_search_attributes
from temporal.watch_schedule import keep_schedule

SIGN_OF_LIFE_INTERVAL: Final = timedelta(seconds=5)
SIGN_OF_LIFE_AGE: Final = timedelta(seconds=30)
ANSWERS_WITHIN: Final = timedelta(seconds=10)
WATCH_KEPT_EVERY: Final = timedelta(minutes=10)
SEARCH_ATTRIBUTES_DEADLINE: Final = timedelta(seconds=10)
GARBAGE_THRESHOLD: Final = 20_000
"""Objects that have come and not gone before the collector looks: it finds little, and each look costs."""


class CannotStart(Exception):
    """Something that the operator has to see to first; the message says what."""


STARTING_FAULTS: Final = (
    CannotStart,
    ConnectionFault,
    ServerUnreachable,
    DatabaseUnreachable,
    SchemaMismatch,
    InstallationMissing,
    PolicyFault,
    BrandFault,
    PlatformFault,
    SendingFault,
    PolicyVersionTaken,
    NamespaceNotUsable,
    AnchorNotWritten,
    AnchorsUnreadable,
    RecordIsOlder,
    SecretFault,
)

logger = structlog.stdlib.get_logger("worker")
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    migrate: Annotated[
        bool,
        typer.Option("--migrate", help="Create the database's tables or bring them up to date, then end."),
    ] = False,
    register: Annotated[
        bool,
        typer.Option("--register-search-attributes", help="Register them on the server, then end."),
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Say which version this is, then end.")] = False,
    healthcheck: Annotated[
        bool,
        typer.Option("--healthcheck", help="End 0 if the worker that writes CLOSURE_HEALTH_FILE can work."),
    ] = False,
) -> None:
    """Runs closures until SIGTERM or SIGINT, then drains and ends 0."""
    if version:
        sys.stdout.write(f"{VERSION}\n")
        leave(0)
    try:
        settings = Settings()
        if healthcheck:
            leave(0 if _is_alive(settings) else 1)
        configure_logging(settings.log_format)
        uvloop.run(_chosen(settings, migrate=migrate, register=register))
    except STARTING_FAULTS as error:
        refuse_to_start(str(error))
    except RPCError as error:
        # It let us connect, but not look: a key without rights, say.
        address = connect_config().get("target_host", DEFAULT_ADDRESS)
        refuse_to_start(str(call_failed(error, address)))
    except ValidationError as error:
        refuse_to_start(setting_fault(error))
    leave(0)


def _chosen(settings: Settings, *, migrate: bool, register: bool) -> Coroutine[None, None, None]:
    if migrate:
        return _migrate(settings)
    return _register(settings) if register else _serve(settings)


async def _migrate(settings: Settings) -> None:
    database = _database(settings)
    for migrations in migrations_of(settings):
        await upgrade(database, migrations)
    await create_installation(database, InstallationKind.PRODUCTION)
    await grant_client_role(database)
    await database.dispose()
    logger.info("database is up to date")


async def _register(settings: Settings) -> None:
    refused = await ensure_search_attributes(await connect(settings))
    if refused:
        raise CannotStart(f"the server does not let us register {', '.join(refused)}; ask its operator to")
    logger.info("search attributes are registered")


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await _prepare(settings)
    anchors = AnchorFile(settings.anchor_file, settings.signing_key_file)
    erasures = AnchorFile(settings.erasures_file, settings.signing_key_file)
    async with open_installation(settings, anchors=anchors, erasures=erasures) as installation:
        await _require_not_older(installation)
        policies = installation.policies  # what is wrong with them is said without a server, too
        links = _mailed_links(settings)
        temporal = await connect(settings)
        await _require_search_attributes(temporal)
        await anchors.require_writable()
        await erasures.require_writable()
        installation.sending.require()
        if (
            installation.record.installation.kind is InstallationKind.PRODUCTION
            and installation.sending.stays_unsent
        ):
            logger.warning("messages stay in the embedded platform's outbox: choose CLOSURE_MESSAGES")
        await _work(installation, policies, temporal, links, stop)
    logger.info("worker has ended")


async def _require_not_older(installation: Installation) -> None:
    """Raises `RecordIsOlder`, `AnchorsUnreadable`."""
    settings, record = installation.settings, installation.record
    lines = await asyncio.to_thread(readable_lines, settings.anchor_file)
    record_id = record.installation.installation_id
    try:
        await record.read(lambda each: require_not_older(each, lines, record_id))
    except RecordIsOlder as fault:
        raise RecordIsOlder(f"{fault}; after a restored backup run `starter.py erase-again` first") from fault


async def _prepare(settings: Settings) -> None:
    """Sets an empty SQLite file up; PostgreSQL's tables are made by `--migrate` alone."""
    database = _database(settings)
    for migrations in migrations_of(settings):
        await prepare(database, migrations)
    if database.is_sqlite:
        await create_installation(database, InstallationKind.PRODUCTION)
    await database.dispose()


async def _work(
    installation: Installation,
    policies: Mapping[str, Policy],
    temporal: Client,
    links: MailedLinks | None,
    stop: asyncio.Event,
) -> None:
    settings, record = installation.settings, installation.record
    worker = await build_worker(
        temporal,
        record,
        installation.platform,
        policies,
        settings.task_queue,
        signing_key_file=settings.signing_key_file,
        time_limits=chosen_time_limits(settings),
        source_time_limit=settings.source_time_limit,
        mailed_links=links,
        workflow_cache=settings.workflow_cache,
    )
    queue = record.installation.task_queue(settings.task_queue)
    installation_id = record.installation.installation_id
    await keep_schedule(temporal, installation_id, queue)
    # What has been imported stays: the collector need not look at it again and again (a fifth less CPU).
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    logger.info("worker is polling", task_queue=queue, policies=sorted(policies))
    beside = [asyncio.create_task(_keep_watch(temporal, installation_id, queue))]
    if settings.health_file is not None:
        life = _show_life(settings.health_file, record.database, temporal)
        beside.append(asyncio.create_task(life))
    async with worker:
        await stop.wait()
        logger.info("draining")
    for task in beside:
        task.cancel()


def _mailed_links(settings: Settings) -> MailedLinks | None:
    """None without an address, or without the key that the web service has: it would refuse another's links.

    Raises:
        SecretFault: the key can't be used.
    """
    if settings.web_url is None or settings.web_secret_file is None:
        return None
    return MailedLinks(load_or_create_links(settings.web_secret_file), str(settings.web_url))


async def _require_search_attributes(client: Client) -> None:
    """New ones are usable about 1.5 s after their registration."""
    deadline = asyncio.get_running_loop().time() + SEARCH_ATTRIBUTES_DEADLINE.total_seconds()
    while missing := await missing_search_attributes(client):
        if asyncio.get_running_loop().time() > deadline:
            raise CannotStart(
                f"the server lacks the search attributes {', '.join(missing)}: "
                "run python worker.py --register-search-attributes"
            )
        await asyncio.sleep(0.2)


async def _keep_watch(temporal: Client, installation_id: str, queue: str) -> None:
    """Puts the schedule back where somebody has changed or deleted it; the worker works without it, too."""
    while True:
        await asyncio.sleep(WATCH_KEPT_EVERY.total_seconds())
        try:
            await keep_schedule(temporal, installation_id, queue)
        except RPCError as error:
            logger.warning("the watchman's schedule could not be kept", error=error.status.name)


async def _show_life(file: Path, database: Database, temporal: Client) -> None:
    while True:
        await give_sign_of_life(file, database, temporal)
        await asyncio.sleep(SIGN_OF_LIFE_INTERVAL.total_seconds())


async def give_sign_of_life(file: Path, database: Database, temporal: Client) -> None:
    """Touches the file, unless the database or the server is away: a worker is of no use without them."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN.total_seconds()):
            await installation_of(database)
            is_served = await temporal.service_client.check_health(timeout=ANSWERS_WITHIN)
    except (DatabaseUnreachable, DBAPIError, RPCError, TimeoutError) as error:
        logger.warning("database or server is away", error=type(error).__name__)
        return
    if is_served:
        await asyncio.to_thread(file.touch)


def _is_alive(settings: Settings) -> bool:
    if settings.health_file is None or not settings.health_file.exists():
        return False
    return time.time() - settings.health_file.stat().st_mtime < SIGN_OF_LIFE_AGE.total_seconds()


def _database(settings: Settings) -> Database:
    try:
        return Database(settings.database_url)
    except ValueError as error:
        raise CannotStart(f"CLOSURE_DATABASE_URL: {error}") from error


if __name__ == "__main__":
    app()
