"""`python -m benchmarks.open_closures`: what closures in silence cost, beside bare workflows that wait.

For each number of them: a worker's memory and the bytes of the databases for each one that waits, what an
idle worker does, how long one that is started anew takes to answer for the first, and then for all of them.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.floor.customers import Task, Until, Woken
from benchmarks.floor.installed import SHORT_ENTERING, installed
from benchmarks.floor.processes import RunFailed, cpu_seconds, go_on, memory_bytes, running, said
from benchmarks.floor.run import server_bytes
from local.temporal_server import RunningServer, start_local_server, stop_local_server

COUNTS: Final = (500, 2_000, 5_000)
WARM_UPS: Final = 20
AT_ONCE: Final = 50
IDLE_SECONDS: Final = 20.0
LONG_WAIT_SECONDS: Final = 7 * 24 * 3600
_KIB: Final = 1024


@dataclass(frozen=True)
class Waiting:
    """So many that wait; bytes are of each, `idle` is the share of a CPU that the worker uses."""

    count: int
    memory: float
    databases: float
    idle: float
    woken: Woken


async def measure(
    server: RunningServer, server_folder: Path, folder: Path, count: int, *, bare: bool
) -> Waiting:
    """Raises RunFailed."""
    task = Task(
        bare=bare,
        until=Until.WAITING,
        closures=count,
        warm_ups=WARM_UPS,
        at_once=AT_ONCE,
        wait_seconds=LONG_WAIT_SECONDS,
    )
    worker = ("benchmarks.floor.bare_worker" if bare else "benchmarks.floor.closure_worker",)
    customers = ("benchmarks.floor.customers", task.model_dump_json())
    async with installed(folder, server.address, (SHORT_ENTERING,), None) as place:
        environment = {**place.environment, "CLOSURE_TASK_QUEUE": folder.name}
        async with running(folder, "client", customers, environment) as asking:
            async with running(folder, "worker", worker, environment) as working:
                await said(asking, [working], folder)
                memory, size = memory_bytes(working.pid), place.size() + server_bytes(server_folder)
                go_on(asking)
                await said(asking, [working], folder)
                idle = await _idle(working.pid)
                memory = memory_bytes(working.pid) - memory
                size = place.size() + server_bytes(server_folder) - size
            began = perf_counter()
            async with running(folder, "worker again", worker, environment) as again:
                go_on(asking)
                woken = Woken.model_validate_json(await said(asking, [again], folder))
                print(f"{folder.name}: {perf_counter() - began:.1f} s to wake", file=sys.stderr)
    return Waiting(count, memory / count, size / count, idle, woken)


async def _idle(pid: int) -> float:
    """After what was still to be done."""
    await asyncio.sleep(IDLE_SECONDS / 4)
    began, spent = perf_counter(), cpu_seconds(pid)
    await asyncio.sleep(IDLE_SECONDS)
    return (cpu_seconds(pid) - spent) / (perf_counter() - began)


async def measure_all(counts: Sequence[int], folder: Path) -> Sequence[tuple[Waiting, Waiting]]:
    """The bare workflow and the closure, for each number; each number has a server of its own."""
    pairs = []
    for count in counts:
        server_folder = folder / f"server-{count}"
        server = await start_local_server(server_folder)
        try:
            bare = await measure(server, server_folder, folder / f"bare-{count}", count, bare=True)
            closure = await measure(server, server_folder, folder / f"closures-{count}", count, bare=False)
            pairs.append((bare, closure))
        finally:
            await asyncio.to_thread(stop_local_server, server_folder)
    return pairs


def report(pairs: Sequence[tuple[Waiting, Waiting]]) -> None:
    """Prints the table."""
    table = Table("that wait", "", "bare workflow", "closure", "ratio")
    for bare, closure in pairs:
        for name, left, right, form in (
            ("worker's memory of each, KiB", bare.memory / _KIB, closure.memory / _KIB, ",.1f"),
            ("databases' bytes of each", bare.databases, closure.databases, ",.0f"),
            ("worker, idle: CPU %", 100 * bare.idle, 100 * closure.idle, ".2f"),
            ("worker anew, first answer, s", bare.woken.first, closure.woken.first, ".2f"),
            ("all answers, s", bare.woken.all, closure.woken.all, ".1f"),
        ):
            ratio = f"{right / left:.2f}" if left > 0 else ""
            table.add_row(f"{bare.count:,}", name, format(left, form), format(right, form), ratio)
    Console(width=100 if not sys.stdout.isatty() else None).print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_closures", description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=COUNTS, help="how many wait")
    counts = parser.parse_args().counts
    with tempfile.TemporaryDirectory(prefix="closure-open-") as folder:
        try:
            pairs = asyncio.run(measure_all(counts, Path(folder)))
        except RunFailed as failed:
            print(f"a run failed: {failed}", file=sys.stderr)
            return 1
    report(pairs)
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(status)
