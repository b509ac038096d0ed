"""The worker: composition root from settings to connectors, activities and the Temporal worker."""

import asyncio
import gc
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import structlog
import typer
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.access import AccessActivities
from activities.billing import BillingActivities
from activities.certificates import CertificateActivities
from activities.erasure import ErasureActivities
from activities.identity import IdentityActivities
from activities.log_context import LogContextInterceptor
from activities.notifications import NotificationActivities
from activities.record import RecordActivities
from activities.refunds import RefundActivities
from activities.refusals import RefusalInterceptor
from activities.resources import ResourceActivities
from activities.subaccounts import SubaccountActivities
from activities.survey import SurveyActivities
from closure.policy import Policy
from commandline.connection import DEFAULT_ADDRESS, connect, connect_config
from commandline.connection_faults import call_failed
from commandline.terminal import BadInput, Unreachable, leave
from connectors.embedded import MIGRATIONS as PLATFORM_MIGRATIONS
from connectors.embedded import EmbeddedPlatform
from connectors.policy_files import PolicyFault, load_policies
from database.engine import DatabaseUnreachable, create_engine
from database.schema import SchemaOutdated, prepare, upgrade
from deploy.registration import NamespaceNotUsable, ensure_search_attributes, missing_search_attributes
from log_output import configure_logging
from records.anchors import AnchorFile, AnchorNotWritten, Anchors
from records.certificates import CertificateRecords
from records.closures import ClosureRecords
from records.identity import IdentityRecords
from records.schema import MIGRATIONS as RECORD_MIGRATIONS
from settings import Settings
from workflows.account_closure import AccountClosure
from workflows.subaccount_deletion import SubaccountDeletion

GRACEFUL_SHUTDOWN = timedelta(seconds=20)
"""How long running activities may finish after SIGTERM; the container's grace period is longer."""
PROGRESS_INTERVAL = timedelta(seconds=2)
"""How often the server hears of an activity's progress; the SDK's default would be most of a minute (A14)."""
SIGN_OF_LIFE_INTERVAL = timedelta(seconds=5)
SIGN_OF_LIFE_AGE = timedelta(seconds=30)
SEARCH_ATTRIBUTES_DEADLINE = timedelta(seconds=10)
# More at once on two busy cores would trip the SDK's two-second deadlock detector.
WORKFLOW_TASKS = 20
PASSED_THROUGH = (
    *("pydantic", "pycountry", "cryptography"),
    *("closure", "records", "connectors", "activities", "keys"),
)

STARTING_FAULTS = (
    BadInput,
    Unreachable,
    DatabaseUnreachable,
    SchemaOutdated,
    PolicyFault,
    NamespaceNotUsable,
    AnchorNotWritten,
)

logger = structlog.stdlib.get_logger("worker")
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def workflow_runner() -> WorkflowRunner:
    """The sandbox in which workflow code runs, in replays too."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    )


def build_worker(
    client: Client,
    engine: AsyncEngine,
    policies: dict[str, Policy],
    task_queue: str,
    *,
    signing_key_file: Path,
    anchors: Anchors | None = None,
    platform: EmbeddedPlatform | None = None,
) -> Worker:
    """Connects ports to activities; the only place that knows which connectors are in use.

    `platform` replaces the embedded one over `engine`: ports to another account platform.
    """
    platform = platform or EmbeddedPlatform.connect(engine)
    records = ClosureRecords(engine, anchors)
    identity = IdentityActivities(
        platform.directory, platform.holds, IdentityRecords(engine), records, policies
    )
    survey = SurveyActivities(
        platform.directory,
        platform.billing,
        platform.inventory,
        platform.data_stores,
        platform.holds,
        records,
    )
    billing = BillingActivities(platform.billing, platform.holds, records)
    resources = ResourceActivities(platform.inventory, platform.holds, records)
    access = AccessActivities(platform.access, platform.holds, records)
    erasure = ErasureActivities(platform.data_stores, platform.holds, records)
    notifications = NotificationActivities(platform.messages, records)
    refunds = RefundActivities(platform.refunds, records)
    subaccounts = SubaccountActivities(platform.access, platform.holds, records)
    certificates = CertificateActivities(records, CertificateRecords(engine), signing_key_file)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[AccountClosure, SubaccountDeletion],
        activities=[
            RecordActivities(records).write_entry,
            identity.open_closure,
            identity.authorize,
            survey.survey,
            survey.plan_again,
            billing.write_off,
            billing.check_billing,
            resources.release_resources,
            access.stop_access,
            access.reopen_access,
            access.delete_bindings,
            access.close_account,
            erasure.erase_data,
            notifications.notify,
            refunds.expect_refund,
            refunds.look_after_refund,
            subaccounts.open_subaccounts,
            subaccounts.begin_subaccount_deletion,
            subaccounts.note_subaccount_erasure,
            subaccounts.finish_subaccount_deletion,
            certificates.issue_certificate,
        ],
        interceptors=[LogContextInterceptor(), RefusalInterceptor()],
        workflow_runner=workflow_runner(),
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
        max_heartbeat_throttle_interval=PROGRESS_INTERVAL,
    )


@app.command()
def main(
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring the database's tables up to date, then end.")
    ] = False,
    register: Annotated[
        bool,
        typer.Option("--register-search-attributes", help="Register them on the server, then end."),
    ] = False,
    healthcheck: Annotated[
        bool,
        typer.Option("--healthcheck", help="End 0 if the worker that writes CLOSURE_HEALTH_FILE is alive."),
    ] = False,
) -> None:
    """Runs closures until SIGTERM or SIGINT, then drains and ends 0."""
    try:
        settings = Settings()
        if healthcheck:
            leave(0 if _is_alive(settings) else 1)
        configure_logging(settings.log_format)
        if migrate:
            asyncio.run(_migrate(settings))
        elif register:
            asyncio.run(_register())
        else:
            asyncio.run(_serve(settings))
    except STARTING_FAULTS as error:
        _refuse_to_start(str(error))
    except RPCError as error:
        # It let us connect, but not look: a key without rights, say.
        address = connect_config().get("target_host", DEFAULT_ADDRESS)
        _refuse_to_start(str(call_failed(error, address)))
    except ValidationError as error:
        fault = error.errors()[0]
        name = "CLOSURE_" + "_".join(str(part) for part in fault["loc"]).upper()
        _refuse_to_start(f"setting {name}: {fault['msg']}")
    leave(0)


def _refuse_to_start(reason: str) -> None:
    sys.stderr.write(f"error: {reason}\n")
    leave(2)


async def _migrate(settings: Settings) -> None:
    engine = _engine(settings)
    for migrations in (RECORD_MIGRATIONS, PLATFORM_MIGRATIONS):
        await upgrade(engine, migrations)
    await engine.dispose()
    logger.info("database is up to date")


async def _register() -> None:
    refused = await ensure_search_attributes(await connect())
    if refused:
        raise BadInput(f"the server does not let us register {', '.join(refused)}; ask its operator to")
    logger.info("search attributes are registered")


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    policies = load_policies(settings.policy_dir)
    engine = _engine(settings)
    for migrations in (RECORD_MIGRATIONS, PLATFORM_MIGRATIONS):
        await prepare(engine, migrations)
    client = await connect()
    await _require_search_attributes(client)
    anchors = AnchorFile(settings.anchor_file, settings.signing_key_file)
    await anchors.require_writable()
    worker = build_worker(
        client,
        engine,
        policies,
        settings.task_queue,
        signing_key_file=settings.signing_key_file,
        anchors=anchors,
    )
    # What has been imported stays: the collector need not look at it again and again (a fifth less CPU).
    gc.collect()
    gc.freeze()
    logger.info("worker is polling", task_queue=settings.task_queue, policies=sorted(policies))
    async with worker:
        await _until(stop, settings)
        logger.info("draining")
    await engine.dispose()
    logger.info("worker has ended")


async def _require_search_attributes(client: Client) -> None:
    """New ones are usable about 1.5 s after their registration."""
    deadline = asyncio.get_running_loop().time() + SEARCH_ATTRIBUTES_DEADLINE.total_seconds()
    while missing := await missing_search_attributes(client):
        if asyncio.get_running_loop().time() > deadline:
            raise BadInput(
                f"the server lacks the search attributes {', '.join(missing)}: "
                "run python worker.py --register-search-attributes"
            )
        await asyncio.sleep(0.2)


async def _until(stop: asyncio.Event, settings: Settings) -> None:
    while not stop.is_set():
        if settings.health_file is not None:
            settings.health_file.touch()
        try:
            await asyncio.wait_for(stop.wait(), SIGN_OF_LIFE_INTERVAL.total_seconds())
        except TimeoutError:
            continue


def _is_alive(settings: Settings) -> bool:
    if settings.health_file is None or not settings.health_file.exists():
        return False
    return time.time() - settings.health_file.stat().st_mtime < SIGN_OF_LIFE_AGE.total_seconds()


def _engine(settings: Settings) -> AsyncEngine:
    try:
        return create_engine(settings.database_url)
    except ValueError as error:
        raise BadInput(f"CLOSURE_DATABASE_URL: {error}") from error


if __name__ == "__main__":
    app()
