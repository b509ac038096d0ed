"""One run: worker processes and a client process of one side, on a server that is there already."""

from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.floor.counts import CountFiles, Counts, added
from benchmarks.floor.customers import Seen, Task
from benchmarks.floor.installed import SHORT_ENTERING, SHORT_SILENCE, Installed, installed
from benchmarks.floor.processes import cpu_seconds, go_on, running, said
from local.temporal_server import RunningServer

SHORT: Final = (SHORT_ENTERING, SHORT_SILENCE)
WAIT_SECONDS: Final = 2
"""What a closure waits in all; the bare workflow's timer is as long."""
SERVER: Final = "server"
WORKER: Final = "worker"
CLIENT: Final = "client"


@dataclass(frozen=True)
class Spent:
    """Since the processes began, by role: seconds of CPU, what was asked of databases and disk; and sizes."""

    cpu: Mapping[str, float]
    counts: Mapping[str, Counts]
    database_bytes: int

    def since(self, before: "Spent") -> "Spent":
        """What has been added."""
        return Spent(
            {role: now - before.cpu[role] for role, now in self.cpu.items()},
            {role: now.since(before.counts[role]) for role, now in self.counts.items()},
            self.database_bytes - before.database_bytes,
        )


@dataclass(frozen=True)
class Measured:
    """One run, without its warm-up; `seconds` by the wall's clock."""

    closures: int
    seconds: float
    spent: Spent
    seen: Seen

    @property
    def rate(self) -> float:
        """Closures a second."""
        return self.closures / self.seconds


class Runs:
    """Runs on one server, each with a database, a queue and processes of its own.

    Args:
        server: with its data in `server_folder`.
        folder: of the runs.
        library: that counts syncs, if there is one.
        workers: so many processes.
        postgresql: see `installed`.
    """

    def __init__(
        self,
        server: RunningServer,
        server_folder: Path,
        folder: Path,
        library: Path | None,
        workers: int = 1,
        postgresql: str | None = None,
    ) -> None:
        self._server = server
        self._server_folder = server_folder
        self._folder = folder
        self._library = library
        self._workers = [f"{WORKER}-{number}" for number in range(workers)]
        self._postgresql = postgresql
        self._number = 0

    async def run(self, task: Task) -> Measured:
        """Raises RunFailed."""
        self._number += 1
        folder = self._folder / str(self._number)
        async with (
            installed(folder, self._server.address, SHORT, self._postgresql) as place,
            self._processes(folder, task, place) as (asking, working, look),
        ):
            await said(asking, working, folder)
            before, began = look(), perf_counter()
            go_on(asking)
            await said(asking, working, folder)
            seconds, spent = perf_counter() - began, look().since(before)
            go_on(asking)
            seen = Seen.model_validate_json(await said(asking, working, folder))
        return Measured(task.closures, seconds, spent, seen)

    @asynccontextmanager
    async def _processes(
        self, folder: Path, task: Task, place: Installed
    ) -> AsyncIterator[tuple[Process, Sequence[Process], Callable[[], Spent]]]:
        """The client, the workers, and what all have spent so far."""
        environment = {**place.environment, "CLOSURE_TASK_QUEUE": f"run-{self._number}"}
        module = "benchmarks.floor.bare_worker" if task.bare else "benchmarks.floor.closure_worker"
        customers = ("benchmarks.floor.customers", task.model_dump_json())
        counted = {name: CountFiles(folder, name, self._library) for name in (*self._workers, CLIENT)}

        async with AsyncExitStack() as stack:

            async def start(name: str, *command: str) -> Process:
                own = {**environment, **counted[name].environment}
                return await stack.enter_async_context(running(folder, name, command, own))

            working = [await start(name, module) for name in self._workers]
            asking = await start(CLIENT, *customers)
            server = self._server.process
            assert server is not None
            pids = {SERVER: [server.pid], WORKER: [each.pid for each in working], CLIENT: [asking.pid]}
            files = {WORKER: [counted[name] for name in self._workers], CLIENT: [counted[CLIENT]]}

            def look() -> Spent:
                return Spent(
                    cpu={role: sum(map(cpu_seconds, each)) for role, each in pids.items()},
                    counts={role: added(file.read() for file in each) for role, each in files.items()},
                    database_bytes=place.size() + server_bytes(self._server_folder),
                )

            yield asking, working, look


def server_bytes(server_folder: Path) -> int:
    """Of the server's database, journals included."""
    return sum(file.stat().st_size for file in server_folder.glob("temporal/temporal.db*"))
