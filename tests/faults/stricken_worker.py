"""`worker.py` as it is, but for the ports, activities and commits that are watched by a fate.

Has `worker.py`'s settings, and ``FAULT_POINT`` (where it is struck), ``FAULT_BLOW`` (the signal, SIGKILL if
absent) and ``FAULT_JOURNAL`` (a file for every moment that comes).
"""

import os
import signal
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.worker import Worker

import worker
from closure.policy import Policy
from connectors.embedded import EmbeddedPlatform
from records.anchors import Anchors
from tests.faults.around import AroundActivities, around_ports
from tests.faults.fault_points import Fate, FaultPoint, watch_commits
from tests.faults.hurry import hurried

POINT = "FAULT_POINT"
BLOW = "FAULT_BLOW"
JOURNAL = "FAULT_JOURNAL"

_build_worker = worker.build_worker


def build_stricken_worker(
    client: Client,
    engine: AsyncEngine,
    policies: dict[str, Policy],
    task_queue: str,
    *,
    signing_key_file: Path,
    anchors: Anchors | None = None,
) -> Worker:
    """In the place of `worker.build_worker`."""
    point, journal = os.environ.get(POINT), os.environ.get(JOURNAL)
    fate = Fate(
        FaultPoint.parse(point) if point else None,
        Path(journal) if journal else None,
        signal.Signals[os.environ.get(BLOW, "SIGKILL")],
    )
    watch_commits(engine, fate)
    return _build_worker(
        hurried(client, AroundActivities(fate.around_activity)),
        engine,
        policies,
        task_queue,
        signing_key_file=signing_key_file,
        anchors=anchors,
        platform=around_ports(EmbeddedPlatform.connect(engine), fate.around_port),
    )


def work() -> None:
    """Runs `worker.py` until it is told to end, or struck."""
    worker.build_worker = build_stricken_worker  # type: ignore[assignment]
    worker.app()
