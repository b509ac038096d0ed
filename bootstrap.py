"""The composition root's other half: from an open installation to the worker and its activities.

Only entry points, tests and what tries the system on one machine know it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio.client import Client
from temporalio.worker import Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.acts import ActActivities
from activities.authorization import Authorization
from activities.certificates import Certificates
from activities.closing import CloseAccount
from activities.deletion import Deletion
from activities.drafts import DraftActivities
from activities.dues import Dues
from activities.ending import EndingActivities
from activities.entering import EnteringActivities
from activities.erasure import Erasure
from activities.failures import FailureInterceptor
from activities.heartbeats import HeartbeatInterceptor
from activities.held import HeldClosures
from activities.log_context import LogContextInterceptor
from activities.messages import CustomerMessages
from activities.opening import OpeningActivities
from activities.refunds import RefundActivities, RefundLooks
from activities.releases import Releases
from activities.reopening import Reopening
from activities.settlements import Settlements
from activities.sources import SOURCE_TIME_LIMIT
from activities.subaccounts import Subaccounts
from activities.survey import SurveyActivities, Surveys
from activities.watching import WatchActivities
from activities.write_offs import WriteOffs
from closure.policy import Policy
from connectors.ports import Platform
from keys.certificate_links import MailedLinks
from records.identity import IdentityRecords
from records.policies import register_policies
from records.record import Record
from settings import WORKFLOW_CACHE, Settings
from temporal.current_runs import TemporalRuns
from temporal.time_limits import TimeLimit, TimeLimits, register_time_limits
from temporal.workflow_runner import PlacingRunner
from workflows.account_closure import AccountClosure
from workflows.watch import WatchClosures

GRACEFUL_SHUTDOWN: Final = timedelta(seconds=20)
"""How long running activities may finish after SIGTERM; the container's grace period is longer."""
PROGRESS_INTERVAL: Final = timedelta(seconds=2)
"""How often the server hears of an activity's progress; the SDK's default would be most of a minute (A14)."""
# More at once on two busy cores would trip the SDK's two-second deadlock detector.
WORKFLOW_TASKS: Final = 20
# The workflows, too: importing them anew for each run took a fifteenth of the worker's time. What the sandbox
# would find in their own lines, a test does (`tests/unit/test_workflow_code.py`).
PASSED_THROUGH: Final = (
    *("pydantic", "pydantic_core", "pycountry", "cryptography", "sqlalchemy", "psycopg"),
    *("closure", "records", "connectors", "activities", "keys", "database", "temporal", "private_files"),
    "workflows",
)


def workflow_runner() -> WorkflowRunner:
    """The sandbox in which workflow code runs, in replays too."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return PlacingRunner(SandboxedWorkflowRunner(restrictions=restrictions))


def chosen_time_limits(settings: Settings) -> TimeLimits:
    """How long activities may take, as the operator has chosen."""
    return TimeLimits(
        act=TimeLimit(settings.act_time_limit, settings.act_silence_limit),
        record=TimeLimit(settings.record_time_limit),
        check=TimeLimit(settings.check_time_limit, settings.check_silence_limit),
        effect=TimeLimit(settings.effect_time_limit, settings.effect_silence_limit),
    )


async def build_worker(
    temporal: Client,
    record: Record,
    platform: Platform,
    policies: Mapping[str, Policy],
    task_queue: str,
    *,
    signing_key_file: Path,
    time_limits: TimeLimits = TimeLimits(),  # noqa: B008 - frozen
    source_time_limit: timedelta = SOURCE_TIME_LIMIT,
    mailed_links: MailedLinks | None = None,
    workflow_cache: int = WORKFLOW_CACHE,
) -> Worker:
    """Connects ports to activities, and makes the worker's policies known to the record.

    Args:
        temporal: a connected client.
        record: of the installation.
        platform: the adopter's systems.
        policies: by name.
        task_queue: the base of the queue's name.
        signing_key_file: for certificates; made on first use.
        time_limits: of activities, for every run that goes on here.
        source_time_limit: so long a source may take to answer a system check.
        mailed_links: makes the links to certificates in mails; None: they have none.
        workflow_cache: so many closures it keeps in memory.

    Raises:
        PolicyVersionTaken: another worker has brought another content under one of these versions.
    """
    await record.write(lambda connection: register_policies(connection, policies.values()))
    queue = record.installation.task_queue(task_queue)
    register_time_limits(queue, time_limits)
    return Worker(
        temporal,
        task_queue=queue,
        workflows=[AccountClosure, WatchClosures],
        activities=_activities(
            temporal,
            record,
            platform,
            policies,
            signing_key_file,
            Surveys(platform, source_time_limit),
            mailed_links,
        ),
        interceptors=[LogContextInterceptor(), FailureInterceptor(), HeartbeatInterceptor()],
        workflow_runner=workflow_runner(),
        max_cached_workflows=workflow_cache,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
        max_heartbeat_throttle_interval=PROGRESS_INTERVAL,
    )


def _activities(
    temporal: Client,
    record: Record,
    platform: Platform,
    policies: Mapping[str, Policy],
    signing_key_file: Path,
    surveys: Surveys,
    mailed_links: MailedLinks | None,
) -> Sequence[Callable[..., Any]]:
    closures = HeldClosures(record, platform.holds, TemporalRuns(temporal))
    authorization = Authorization(platform.directory, IdentityRecords(record.database))
    messages = CustomerMessages(platform.messages)
    erasure, close_account = Erasure(platform.data_stores), CloseAccount(platform.access)
    certificates = Certificates(record.installation.kind, signing_key_file)
    dues = Dues(platform)
    refunds = RefundLooks(platform, Settlements(platform.refunds), messages)
    subaccounts = Subaccounts(platform, surveys, dues, erasure, close_account, certificates)
    deletion = Deletion(subaccounts, erasure, refunds, dues, close_account, messages, mailed_links)
    opening = OpeningActivities(closures, platform, authorization, surveys, policies, messages)
    reopening = Reopening(platform.access)
    acts = ActActivities(closures, authorization, surveys, reopening, messages)
    drafts = DraftActivities(closures, surveys, messages, reopening)
    entering = EnteringActivities(
        closures, platform, surveys, Releases(platform.inventory), WriteOffs(platform.billing), messages
    )
    ending = EndingActivities(closures, platform, deletion, certificates, messages, reopening, surveys)
    watching = WatchActivities(record, temporal)
    return [
        opening.open_closure,
        SurveyActivities(closures, surveys).survey,
        *(acts.renounce, acts.approve, acts.confirm, acts.withdraw),
        *(drafts.claim, drafts.look, drafts.expire, drafts.remind, drafts.end_cool_off, drafts.note_cancel),
        *(entering.enter, entering.fall_silent),
        RefundActivities(closures, refunds, dues).look_after_refund,
        ending.finish,
        watching.watch,
    ]
