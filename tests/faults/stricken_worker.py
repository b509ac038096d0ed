"""`worker.py` as it is, but for the ports, activities and commits that are watched by a fate.

Has `worker.py`'s settings, and ``FAULT_POINT`` (where to end by SIGKILL) and ``FAULT_JOURNAL`` (a file for
every moment that comes).
"""

import os
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.worker import Worker

import worker
from closure.policy import Policy
from connectors.embedded import EmbeddedPlatform
from tests.faults.fault_points import Fate, FaultPoint, WatchedActivities, watch_commits, watched
from tests.faults.hurry import hurried

POINT = "FAULT_POINT"
JOURNAL = "FAULT_JOURNAL"

_build_worker = worker.build_worker


def build_stricken_worker(
    client: Client, engine: AsyncEngine, policies: dict[str, Policy], task_queue: str
) -> Worker:
    """In the place of `worker.build_worker`."""
    point, journal = os.environ.get(POINT), os.environ.get(JOURNAL)
    fate = Fate(FaultPoint.parse(point) if point else None, Path(journal) if journal else None)
    watch_commits(engine, fate)
    platform = watched(EmbeddedPlatform.connect(engine), fate)
    return _build_worker(
        hurried(client, WatchedActivities(fate)), engine, policies, task_queue, platform=platform
    )


def work() -> None:
    """Runs `worker.py` until it is told to end, or struck."""
    worker.build_worker = build_stricken_worker  # type: ignore[assignment]
    worker.app()
