"""Worker processes of a house: the real `worker.py`, struck where a test says.

They are forked from one process that has imported the program already: a start costs milliseconds.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from tests.faults.fault_points import FaultPoint
from tests.faults.stricken_worker import BLOW, JOURNAL, POINT, work
from tests.workflows.house import House, database_url

PROJECT = Path(__file__).resolve().parents[2]


class WorkerProcess:
    """One `worker.py` over a house's database and task queue."""

    def __init__(self, process: ForkServerProcess, log: Path) -> None:
        self._process = process
        self.log = log

    async def ended(self) -> int:
        """Waits for its end; the exit code, negative for a signal."""
        await asyncio.to_thread(self._process.join)
        assert self._process.exitcode is not None
        return self._process.exitcode

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL; nothing when it has ended already."""
        self._process.kill()


@asynccontextmanager
async def worker_process(
    house: House,
    *,
    point: FaultPoint | None = None,
    journal: Path | None = None,
    blow: signal.Signals = signal.SIGKILL,
) -> AsyncIterator[WorkerProcess]:
    """Starts one, to be struck at `point`; afterwards it is killed if it still runs."""
    log = house.database.with_suffix(".log")
    environment = {
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "TEMPORAL_ADDRESS": house.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": house.client.namespace,
        "CLOSURE_DATABASE_URL": database_url(house.database),
        "CLOSURE_POLICY_DIR": str(PROJECT / "policies"),
        "CLOSURE_TASK_QUEUE": house.task_queue,
        "CLOSURE_LOG_FORMAT": "json",
        "CLOSURE_SIGNING_KEY_FILE": str(house.signing_key_file),
        "CLOSURE_ANCHOR_FILE": str(house.anchor_file),
        **({POINT: str(point), BLOW: blow.name} if point else {}),
        **({JOURNAL: str(journal)} if journal else {}),
    }
    process = _context().Process(target=_work, args=(environment, log), daemon=True)
    await asyncio.to_thread(process.start)
    worker = WorkerProcess(process, log)
    try:
        yield worker
    finally:
        worker.kill()
        await worker.ended()


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.stricken_worker"])
    return context


def _work(environment: Mapping[str, str], log: Path) -> None:
    """In the new process."""
    for name in [name for name in os.environ if name.startswith(("CLOSURE_", "TEMPORAL_"))]:
        del os.environ[name]
    os.environ.update(environment)
    with log.open("ab") as output:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(output.fileno(), stream.fileno())
    sys.argv = ["worker.py"]
    work()
