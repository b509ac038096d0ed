"""The worker that `make up` runs in the background: started, recognised as polling, stopped."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from deploy import processes
from deploy.go_build import last_lines
from deploy.processes import ProcessIdentity

START_SECONDS = 60.0
_POLL_SECONDS = 0.1


class WorkerFailed(Exception):
    """The worker ended or did not poll in time; the message ends with its last log lines."""


@dataclass(frozen=True)
class _Record:
    process: ProcessIdentity
    address: str
    task_queue: str


class LocalWorker:
    """One worker process per data folder."""

    def __init__(self, data_directory: Path, project: Path) -> None:
        """`project` holds `worker.py` and is its working directory."""
        directory = data_directory.resolve()
        self._record_file = directory / "worker.json"
        self._log = directory / "logs" / "worker.log"
        self._project = project

    async def ensure(self, client: Client, address: str, task_queue: str) -> bool:
        """Starts the worker unless it polls already, and returns once it polls. Whether it was started.

        Raises WorkerFailed.
        """
        recorded = self._read()
        if recorded is not None and processes.is_running(recorded.process):
            if (recorded.address, recorded.task_queue) == (address, task_queue):
                await self._wait_until_polling(client, recorded)
                return False
            await asyncio.to_thread(processes.stop, recorded.process, grace_seconds=30)
        started = _Record(
            processes.start_detached(
                [sys.executable, "worker.py"],
                log_file=self._log,
                environment=self._environment(address, client.namespace),
                working_directory=self._project,
            ),
            address,
            task_queue,
        )
        self._write(started)
        await self._wait_until_polling(client, started)
        return True

    def stop(self) -> bool:
        """Lets the worker drain, then ends it. Whether it still ran."""
        recorded = self._read()
        if recorded is None or not processes.is_running(recorded.process):
            return False
        processes.stop(recorded.process, grace_seconds=30)
        return True

    def _environment(self, address: str, namespace: str) -> Mapping[str, str]:
        return {**os.environ, "TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": namespace}

    async def _wait_until_polling(self, client: Client, worker: _Record) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await _polls(client, worker):
                    if not processes.is_running(worker.process):
                        raise WorkerFailed(f"the worker ended: {last_lines(self._log, 5)}")
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            message = f"the worker does not poll after {START_SECONDS:.0f} s: {last_lines(self._log, 5)}"
            raise WorkerFailed(message) from error

    def _read(self) -> _Record | None:
        try:
            document = json.loads(self._record_file.read_text(encoding="utf-8"))
            process = ProcessIdentity(**document["process"])
            return _Record(process, document["address"], document["task_queue"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _write(self, worker: _Record) -> None:
        self._record_file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._record_file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(worker), indent=2) + "\n", encoding="utf-8")
        unfinished.replace(self._record_file)


async def _polls(client: Client, worker: _Record) -> bool:
    """Whether a poller of the task queue carries this process's pid in its identity (`pid@host`)."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=worker.task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        described = await client.workflow_service.describe_task_queue(request, timeout=timedelta(seconds=2))
    except RPCError:
        return False
    return any(str(worker.process.pid) in re.findall(r"\d+", poller.identity) for poller in described.pollers)
