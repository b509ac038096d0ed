"""`worker.py` as it is, but for the ports, activities and transactions that are watched by a fate.

Has `worker.py`'s settings, and ``FAULT_POINT`` (where it is struck), ``FAULT_BLOW`` (the signal, SIGKILL if
absent) and ``FAULT_JOURNAL`` (a file for every moment that comes).
"""

import os
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

import worker
from bootstrap import build_worker
from closure.policy import Policy
from connectors.ports import Platform
from keys.certificate_links import MailedLinks
from records.record import Record
from temporal.time_limits import TimeLimits
from tests.faults.fault_points import Fate, FatefulRecord, FaultPoint, watch_commits
from tests.harness.around import AroundActivities, around_ports
from tests.harness.hurry import hurried

POINT = "FAULT_POINT"
BLOW = "FAULT_BLOW"
JOURNAL = "FAULT_JOURNAL"


async def build_stricken_worker(
    temporal: Client,
    record: Record,
    platform: Platform,
    policies: Mapping[str, Policy],
    task_queue: str,
    *,
    signing_key_file: Path,
    time_limits: TimeLimits,
    source_time_limit: timedelta,
    mailed_links: MailedLinks | None,
    workflow_cache: int,
) -> Worker:
    """In the place of `worker.build_worker`."""
    point, journal = os.environ.get(POINT), os.environ.get(JOURNAL)
    fate = Fate(
        FaultPoint.parse(point) if point else None,
        Path(journal) if journal else None,
        signal.Signals[os.environ.get(BLOW, "SIGKILL")],
    )
    watch_commits(record.database, fate)
    return await build_worker(
        hurried(temporal, AroundActivities(fate.around_activity)),
        FatefulRecord(record.database, record.installation, record._anchors, fate),
        around_ports(platform, fate.around_port),
        policies,
        task_queue,
        signing_key_file=signing_key_file,
        time_limits=time_limits,
        source_time_limit=source_time_limit,
        mailed_links=mailed_links,
        workflow_cache=workflow_cache,
    )


async def _keep_no_schedule(temporal: Client, installation_id: str, task_queue: str) -> None:
    """The watchman would come at any time, and its activities count."""


def work() -> None:
    """Runs `worker.py` until it is told to end, or struck."""
    vars(worker).update(build_worker=build_stricken_worker, keep_schedule=_keep_no_schedule)
    worker.app()
