"""The worker that `make up` runs in the background: started, recognised as polling, stopped."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from local import background, processes
from local.processes import ProcessIdentity
from private_files import replace_file


class WorkerFailed(Exception):
    """The worker ended or did not poll in time; the message ends with its last log lines."""


@dataclass(frozen=True)
class _Record:
    process: ProcessIdentity
    address: str
    task_queue: str
    pages: Mapping[str, str]


class LocalWorker:
    """One worker process per data folder."""

    def __init__(self, data_directory: Path, project: Path) -> None:
        """`project` holds `worker.py` and is its working directory."""
        directory = data_directory.resolve()
        self._record_file = directory / "worker.json"
        self._log = directory / "logs" / "worker.log"
        self._project = project

    async def ensure(self, client: Client, address: str, task_queue: str, pages: Mapping[str, str]) -> bool:
        """Starts the worker unless it polls already, and returns once it polls. Whether it was started.

        `pages` are settings: where its mails lead.

        Raises WorkerFailed.
        """
        recorded = self._read()
        if recorded is not None and processes.is_running(recorded.process):
            if (recorded.address, recorded.task_queue, recorded.pages) == (address, task_queue, pages):
                await self._wait_until_polling(client, recorded)
                return False
            await asyncio.to_thread(background.stop, recorded.process)
        started = _Record(
            processes.start_detached(
                [sys.executable, "worker.py"],
                log_file=self._log,
                environment=_environment(address, client.namespace, pages),
                working_directory=self._project,
            ),
            address,
            task_queue,
            pages,
        )
        self._record_file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._record_file, json.dumps(asdict(started), indent=2) + "\n")
        await self._wait_until_polling(client, started)
        return True

    def stop(self) -> bool:
        """Lets the worker drain, then ends it. Whether it still ran."""
        recorded = self._read()
        return background.stop(recorded.process if recorded is not None else None)

    async def _wait_until_polling(self, client: Client, worker: _Record) -> None:
        await background.until_ready(
            worker.process,
            partial(_polls, client, worker),
            self._log,
            failed=WorkerFailed,
            name="the worker",
            late="does not poll after",
        )

    def _read(self) -> _Record | None:
        try:
            document = json.loads(self._record_file.read_text(encoding="utf-8"))
            process = ProcessIdentity(**document["process"])
            return _Record(process, document["address"], document["task_queue"], document["pages"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def _environment(address: str, namespace: str, pages: Mapping[str, str]) -> Mapping[str, str]:
    return {**os.environ, **pages, "TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": namespace}


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
