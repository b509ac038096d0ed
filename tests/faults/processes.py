"""Worker processes of an installation: the real `worker.py`, struck where a test says."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.fault_points import FaultPoint
from tests.faults.stricken_worker import BLOW, JOURNAL, POINT, work
from tests.harness.forked import Forked, take_over
from tests.harness.installation import TestInstallation, database_url

PROJECT = Path(__file__).resolve().parents[2]


class WorkerProcess:
    """One `worker.py` over an installation's database and task queue."""

    def __init__(self, process: Forked, log: Path) -> None:
        self._process = process
        self.log = log

    async def ended(self) -> int:
        """Waits for its end; the exit code, negative for a signal."""
        exit_code = await asyncio.to_thread(self._process.ended)
        assert exit_code is not None
        return exit_code

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL; nothing when it has ended already."""
        self._process.kill()


@asynccontextmanager
async def worker_process(
    installation: TestInstallation,
    *,
    point: FaultPoint | None = None,
    journal: Path | None = None,
    blow: signal.Signals = signal.SIGKILL,
) -> AsyncIterator[WorkerProcess]:
    """Starts one, to be struck at `point`; afterwards it is killed if it still runs."""
    log = installation.database_file.with_suffix(".log")
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("CLOSURE_", "TEMPORAL_"))
    }
    environment = {
        **inherited,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "TEMPORAL_ADDRESS": installation.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": installation.client.namespace,
        "CLOSURE_DATABASE_URL": database_url(installation.database_file),
        "CLOSURE_POLICY_DIR": str(PROJECT / "policies"),
        "CLOSURE_TASK_QUEUE": installation.task_queue,
        "CLOSURE_LOG_FORMAT": "json",
        "CLOSURE_SIGNING_KEY_FILE": str(installation.signing_key_file),
        "CLOSURE_ANCHOR_FILE": str(installation.anchor_file),
        "CLOSURE_ERASURES_FILE": str(installation.erasures_file),
        **({POINT: str(point), BLOW: blow.name} if point else {}),
        **({JOURNAL: str(journal)} if journal else {}),
    }
    worker = WorkerProcess(await asyncio.to_thread(Forked, _work, environment, log), log)
    try:
        yield worker
    finally:
        worker.kill()
        await worker.ended()


def _work(environment: Mapping[str, str], log: Path) -> None:
    """In the new process."""
    log.touch()
    take_over(environment, (os.devnull, str(log), str(log)))
    sys.argv = ["worker.py"]
    work()
