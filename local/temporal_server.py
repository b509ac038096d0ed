"""A Temporal server on this computer: started detached, found again by its data folder, restarted in place.

`start_local_server` is idempotent: with a healthy server of that folder it only returns it. Tests get a
server of their own with a folder of their own.
"""

import asyncio
import json
import sqlite3
import time
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import ConnectConfig, RPCError, RPCStatusCode, ServiceClient

from local import background, processes
from local.choose_server import choose_installation
from local.installation import Report, ServerInstallation
from local.ports import HOST, ServerPorts, choose_ports, is_free
from local.processes import ProcessIdentity
from local.server_config import ServerFiles, server_command, ui_command, write_config
from temporal.registration import ensure_namespace, ensure_search_attributes

_POLL_SECONDS = 0.05
_START_ATTEMPTS = 3

# A server that was just killed may hold its sockets for a moment longer.
_PORT_PATIENCE_SECONDS = 2.0


class LocalServerFailed(Exception):
    """The server ended or did not answer in time; the message ends with its last log lines."""


@dataclass(frozen=True)
class _State:
    """What is kept beside the database: the ports, and the processes started last."""

    ports: ServerPorts
    server: ProcessIdentity | None = None
    ui: ProcessIdentity | None = None

    def to_document(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_document(cls, text: str) -> "_State":
        """Raises ValueError, KeyError or TypeError for a damaged document."""
        document = json.loads(text)
        server, ui = document["server"], document["ui"]
        return cls(
            ServerPorts.from_document(document["ports"]),
            None if server is None else ProcessIdentity(**server),
            None if ui is None else ProcessIdentity(**ui),
        )


class RunningServer:
    """A local server; `start_local_server` makes one."""

    def __init__(
        self, data_directory: Path, installation: ServerInstallation, namespace: str, *, with_ui: bool
    ) -> None:
        directory = data_directory.resolve()
        self._files = ServerFiles(directory / "temporal")
        self._server_log = directory / "logs" / "temporal.log"
        self._ui_log = directory / "logs" / "temporal-ui.log"
        self._installation = installation
        self._with_ui = with_ui
        self._state = _read_state(self._files) or _State(ServerPorts())
        self.namespace = namespace

    @property
    def address(self) -> str:
        """`host:port` of the gRPC frontend."""
        return f"{HOST}:{self._state.ports.frontend}"

    @property
    def ui_url(self) -> str:
        """The Web UI's address; empty without it."""
        return f"http://{HOST}:{self._state.ports.ui}" if self._with_ui else ""

    @property
    def ports(self) -> ServerPorts:
        return self._state.ports

    @property
    def process(self) -> ProcessIdentity | None:
        """The server's process, as it was started last."""
        return self._state.server

    async def start(self, *, prefer_default_ports: bool = False) -> None:
        """Starts what does not run and returns when everything answers. Raises LocalServerFailed."""
        for attempt in range(1, _START_ATTEMPTS + 1):
            fresh_ports = False
            if not _is_running(self._state.server):
                fresh_ports = await self._choose_ports(prefer_default_ports)
                self._launch_server()
            try:
                await self._wait_for_server()
                break
            except LocalServerFailed:
                # Another process may have taken a port between the choice and the start.
                if not fresh_ports or attempt == _START_ATTEMPTS or _is_running(self._state.server):
                    raise
        if self._with_ui:
            await self._start_ui()

    async def restart(self) -> None:
        """Starts the server again after `kill` or `stop`: same data, same ports. Raises LocalServerFailed."""
        await self.start()

    async def stop(self) -> None:
        """Ends Web UI and server in order; nothing when they have ended already."""
        for process in (self._state.ui, self._state.server):
            if process is not None:
                await asyncio.to_thread(processes.stop, process)

    def kill(self) -> None:
        """SIGKILL for the server alone, as a crash would end it; returns when it is gone."""
        if self._state.server is not None:
            processes.kill(self._state.server)

    async def _choose_ports(self, prefer_defaults: bool) -> bool:
        """Keeps the ports beside the database if they are free. Whether they are new."""
        ui_runs = _is_running(self._state.ui)
        held_by_ourselves = {self._state.ports.ui} if ui_runs else set()
        if self._files.state.exists():
            deadline = time.monotonic() + _PORT_PATIENCE_SECONDS
            while True:
                taken = [port for port in self._state.ports.all() if not is_free(port)]
                if set(taken) <= held_by_ourselves:
                    return False
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(_POLL_SECONDS)
        if ui_runs and self._state.ui is not None:
            await asyncio.to_thread(processes.stop, self._state.ui)
        self._keep(_State(choose_ports(prefer_defaults=prefer_defaults)))
        forget_members(self._files.database)
        return True

    def _launch_server(self) -> None:
        write_config(self._files, self._state.ports)
        command = server_command(self._installation, self._files, self._state.ports)
        self._keep(replace(self._state, server=processes.start_detached(command, log_file=self._server_log)))

    async def _start_ui(self) -> None:
        command = ui_command(self._installation, self._files)
        if command is not None and not _is_running(self._state.ui):
            self._keep(replace(self._state, ui=processes.start_detached(command, log_file=self._ui_log)))
        process = self._state.server if command is None else self._state.ui
        await _poll(lambda: _web_page_answers(f"{self.ui_url}/"), process, self._ui_log)

    async def _wait_for_server(self) -> None:
        server, log = self._state.server, self._server_log
        await _poll(lambda: _frontend_answers(self.address), server, log)
        service = await ServiceClient.connect(ConnectConfig(target_host=self.address))
        await ensure_namespace(service, self.namespace)
        await _poll(lambda: _all_services_answer(service, self.namespace), server, log)
        client = await Client.connect(self.address, namespace=self.namespace)
        await ensure_search_attributes(client)

    def _keep(self, state: _State) -> None:
        self._files.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._files.state.with_suffix(".unfinished")
        unfinished.write_text(state.to_document(), encoding="utf-8")
        unfinished.replace(self._files.state)
        self._state = state


async def start_local_server(
    data_directory: Path,
    *,
    with_ui: bool = False,
    prefer_default_ports: bool = False,
    namespace: str = "default",
    installation: ServerInstallation | None = None,
    report: Report = lambda _text, _share=None: None,
) -> RunningServer:
    """Starts (or finds, healthy) the server of this data folder, with namespace and search attributes.

    Getting the server's programs may take minutes the first time; `report` is told. Raises
    NoServerAvailable when they can't be had, LocalServerFailed when the server does not start.
    """
    if installation is None:
        installation = await asyncio.to_thread(choose_installation, report)
    server = RunningServer(data_directory, installation, namespace, with_ui=with_ui)
    await server.start(prefer_default_ports=prefer_default_ports)
    return server


def stop_local_server(data_directory: Path) -> bool:
    """Stops what was started for this data folder. Whether anything still ran."""
    state = _read_state(ServerFiles(data_directory.resolve() / "temporal"))
    running = [process for process in (state.ui, state.server) if _is_running(process)] if state else []
    for process in running:
        if process is not None:
            processes.stop(process)
    return bool(running)


def _read_state(files: ServerFiles) -> _State | None:
    try:
        return _State.from_document(files.state.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _is_running(process: ProcessIdentity | None) -> bool:
    return process is not None and processes.is_running(process)


def forget_members(database: Path) -> None:
    """Removes the addresses the stopped server has recorded as its own.

    On other ports it would try to reach them for most of a minute before it serves anything.
    """
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.OperationalError), connection:
        connection.execute("DELETE FROM cluster_membership")


async def _poll(answers: Callable[[], Awaitable[bool]], process: ProcessIdentity | None, log: Path) -> None:
    """Returns once `answers` is true. Raises LocalServerFailed when the process ends or time is up."""
    await background.until_ready(
        process, answers, log, failed=LocalServerFailed, name=log.stem, late="did not answer within"
    )


async def _frontend_answers(address: str) -> bool:
    try:
        service = await ServiceClient.connect(ConnectConfig(target_host=address))
        return await service.check_health(timeout=timedelta(seconds=2))
    except (RuntimeError, RPCError):
        return False


async def _all_services_answer(service: ServiceClient, namespace: str) -> bool:
    """The frontend is up before the services behind it are: asks matching, then history."""
    queue = DescribeTaskQueueRequest(
        namespace=namespace,
        task_queue=TaskQueue(name="readiness"),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    nothing = DescribeWorkflowExecutionRequest(
        namespace=namespace, execution=WorkflowExecution(workflow_id="readiness")
    )
    try:
        await service.workflow_service.describe_task_queue(queue, timeout=timedelta(seconds=2))
        await service.workflow_service.describe_workflow_execution(nothing, timeout=timedelta(seconds=2))
    except RPCError as error:
        # A fresh namespace is not known everywhere for about two seconds, which is "not found" as well.
        return error.status is RPCStatusCode.NOT_FOUND and "Namespace" not in error.message
    return True


async def _web_page_answers(url: str) -> bool:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except OSError:
            return False

    return await asyncio.to_thread(answers)
