"""`python -m benchmarks.floor`: closures beside a bare workflow that does nothing, on the same server.

Runs of both sides take turns (ABBA), each with fresh databases and processes of its own. Nobody's clock is
skipped: a benchmark policy waits for one second twice. It prints what a closure costs as a multiple of the
bare workflow: the median of the pairs, the least and the most. Ends 1 when a run is void: a closure that is
not deleted, audited and certified once.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.floor.counts import sync_counter
from benchmarks.floor.customers import Task
from benchmarks.floor.processes import RunFailed
from benchmarks.floor.report import Pair, report
from benchmarks.floor.run import WAIT_SECONDS, Runs
from local.temporal_server import start_local_server, stop_local_server

CLOSURES: Final = 100
PAIRS: Final = 5
WARM_UPS: Final = 20
AT_ONCE: Final = 50


@dataclass(frozen=True)
class Chosen:
    """How much to measure."""

    closures: int
    pairs: int
    warm_ups: int
    at_once: int
    workers: int
    postgresql: str | None

    def task(self, *, bare: bool) -> Task:
        return Task(
            bare=bare,
            closures=self.closures,
            warm_ups=self.warm_ups,
            at_once=self.at_once,
            wait_seconds=WAIT_SECONDS,
        )


async def measure(chosen: Chosen, folder: Path) -> Sequence[Pair]:
    """Floor, closure, closure, floor, and so on."""
    server_folder = folder / "server"
    server = await start_local_server(server_folder)
    try:
        counter = sync_counter(folder)
        runs = Runs(server, server_folder, folder / "runs", counter, chosen.workers, chosen.postgresql)
        pairs = []
        for number in range(chosen.pairs):
            measured = {}
            for bare in (True, False) if number % 2 == 0 else (False, True):
                measured[bare] = await runs.run(chosen.task(bare=bare))
                name = "bare workflow" if bare else "closure"
                print(f"pair {number + 1}, {name}: {measured[bare].rate:.2f}/s", file=sys.stderr)
            pairs.append(Pair(floor=measured[True], closure=measured[False]))
        return pairs
    finally:
        await asyncio.to_thread(stop_local_server, server_folder)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=__doc__)
    parser.add_argument("--closures", type=_positive, default=CLOSURES, help="of each run")
    parser.add_argument("--pairs", type=_positive, default=PAIRS, help="of runs")
    parser.add_argument("--warm-ups", type=_positive, default=WARM_UPS, help="before each run's closures")
    parser.add_argument("--at-once", type=_positive, default=AT_ONCE, help="so many closures run at a time")
    parser.add_argument("--workers", type=_positive, default=1, help="so many worker processes")
    parser.add_argument("--postgresql", metavar="URL", help="a server where it may create a database")
    chosen = Chosen(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="closure-floor-") as folder:
        try:
            pairs = asyncio.run(measure(chosen, Path(folder)))
        except RunFailed as failed:
            print(f"a run failed: {failed}", file=sys.stderr)
            return 1
    return 0 if report(pairs) else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(status)
