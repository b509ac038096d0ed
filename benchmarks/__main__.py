"""`python -m benchmarks`: how long a closure takes of its own, its history, many at once, and a large one.

Own work is everything but the policy's waits, which the local server skips. Ends 0 when the targets are met,
else 1.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from temporalio.api.enums.v1 import EventType

from benchmarks.installation import TWILIO, Benchmarked, benchmarked
from benchmarks.starting import HELP_TARGET, STATUS_TARGET, Starts, starts
from closure.lifecycle import Outcome, Stage
from local.fast_forward import fast_forward
from temporal.closure_clock import closure_clock

OWN_WORK_TARGET = 2.0
EVENTS_TARGET = 40
LARGE_EVENTS_TARGET = 5_120
"""A tenth of what a history may have."""
# Well beyond a timer: a server whose clock is stopped in the very milliseconds in which a closure starts its
# next timer skips that one as well.
BEYOND = timedelta(seconds=30)
ENTERING = timedelta(minutes=5) + BEYOND
# Written by the fast-forward, not by the closure.
FAST_FORWARD_EVENTS = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
    }
)


WARMING_UP = "first"
EVENTS_OF_A_WAIT = 5
"""A timer that starts and fires, and the workflow task that follows: scheduled, started, completed."""


@dataclass(frozen=True)
class Measured:
    """Wall seconds of one closure's parts, and its history's events when silent, the wait's own aside."""

    close: float
    confirm: float
    enter: float
    events: int

    @property
    def own_work(self) -> float:
        return self.close + self.confirm + self.enter


async def closure_to_silence(installation: Benchmarked, account_id: str) -> Measured:
    """Close → ready → confirm → entering → silent."""
    proof = await installation.proof(account_id)
    began = time.perf_counter()
    ready = await installation.close(account_id, proof)
    closed = time.perf_counter()
    await installation.confirm(account_id, ready)
    confirmed = time.perf_counter()
    await fast_forward(installation.temporal, installation.workflow_id(account_id), ENTERING)
    while (await installation.status(account_id)).stage is Stage.ENTERING:
        await asyncio.sleep(0.01)
    silent = time.perf_counter()
    status = await installation.status(account_id)
    if status.stage is not Stage.SILENT:
        raise RuntimeError(f"{account_id} should be silent but is {status.stage.value}")
    history = await installation.handle(account_id).fetch_history()
    counted = sum(event.event_type not in FAST_FORWARD_EVENTS for event in history.events)
    events = counted - EVENTS_OF_A_WAIT
    return Measured(closed - began, confirmed - closed, silent - confirmed, events)


async def one_by_one(installation: Benchmarked, repeats: int) -> list[Measured]:
    account_ids = [WARMING_UP, *(f"single-{number}" for number in range(repeats))]
    await installation.load([installation.procedure.account(account_id) for account_id in account_ids])
    await closure_to_silence(installation, WARMING_UP)  # the worker's first closure also imports and compiles
    return [await closure_to_silence(installation, account_id) for account_id in account_ids[1:]]


async def all_at_once(installation: Benchmarked, count: int) -> tuple[float, list[Measured]]:
    account_ids = [f"many-{number}" for number in range(count)]
    await installation.load([installation.procedure.account(account_id) for account_id in account_ids])
    began = time.perf_counter()
    measured = await asyncio.gather(
        *(closure_to_silence(installation, account_id) for account_id in account_ids)
    )
    return time.perf_counter() - began, list(measured)


@dataclass(frozen=True)
class Large:
    """One closure that owns many subaccounts: wall seconds, and the events of its longest history."""

    subaccounts: int
    stop: float
    delete: float
    events: int
    runs: int


async def with_subaccounts(installation: Benchmarked, count: int) -> Large:
    """Everything stops, and after the retention everything is deleted."""
    owner, owned = "large", [f"large-{number}" for number in range(count)]
    account = installation.procedure.account
    await installation.load([account(owner, owned), *(account(each) for each in owned)])
    began = time.perf_counter()
    await installation.confirm(owner, await installation.close(owner, await installation.proof(owner)))
    while (retained := await installation.status(owner)).stage is not Stage.RETAINED:
        await asyncio.sleep(0.05)
    stopped = time.perf_counter()
    assert retained.delete_after is not None
    first = await installation.handle(owner).describe()
    until = retained.delete_after - await closure_clock(
        installation.temporal, installation.workflow_id(owner)
    )
    await fast_forward(installation.temporal, installation.workflow_id(owner), until + BEYOND)
    await installation.handle(owner).result()
    if (await installation.status(owner)).outcome is not Outcome.DELETED:
        raise RuntimeError(f"{owner} should be deleted")
    deleted = time.perf_counter()
    lengths = []
    run_id: str | None = first.run_id
    while run_id:
        events = (await installation.handle(owner, run_id).fetch_history()).events
        lengths.append(len(events))
        run_id = events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return Large(count, stopped - began, deleted - stopped, max(lengths), len(lengths))


def report(
    single: Sequence[Measured], started: Starts, total: float, many: Sequence[Measured], large: Large
) -> bool:
    """Prints the table; whether the targets are met."""
    own_work = statistics.median(each.own_work for each in single)
    events = max(each.events for each in (*single, *many))
    table = Table("measured", "result", "target", "met")
    for name, value in (
        ("close, until the checklist", statistics.median(each.close for each in single)),
        ("confirm", statistics.median(each.confirm for each in single)),
        ("enter, until silent", statistics.median(each.enter for each in single)),
    ):
        table.add_row(f"  {name}", f"{value:.2f} s")
    is_fast, is_short = own_work < OWN_WORK_TARGET, events <= EVENTS_TARGET
    table.add_row(
        f"close to silent, own work (median of {len(single)})",
        f"{own_work:.2f} s",
        f"< {OWN_WORK_TARGET:.0f} s",
        _verdict(is_fast),
    )
    table.add_row(
        "history events, the 5 minutes aside", str(events), f"≤ {EVENTS_TARGET}", _verdict(is_short)
    )
    starts_fast = True
    for name, seconds, target in (
        ("starter.py --help", started.help, HELP_TARGET),
        ("starter.py status", started.status, STATUS_TARGET),
    ):
        starts_fast &= seconds <= target
        table.add_row(f"{name}, CPU", f"{seconds:.2f} s", f"≤ {target} s", _verdict(seconds <= target))
    table.add_row(f"{len(many)} closures at once, all silent", f"{total:.1f} s")
    table.add_row("  closures per second", f"{len(many) / total:.1f}")
    table.add_row("  slowest", f"{max(each.own_work for each in many):.1f} s")
    is_bounded = large.events <= LARGE_EVENTS_TARGET
    table.add_row(
        f"a closure with {large.subaccounts} subaccounts, events",
        f"{large.events:,}",
        f"≤ {LARGE_EVENTS_TARGET:,}",
        _verdict(is_bounded),
    )
    table.add_row("  histories (continued as new)", str(large.runs))
    table.add_row("  until all have stopped", f"{large.stop:.1f} s")
    table.add_row("  until all are deleted, each certified", f"{large.delete:.1f} s")
    Console(width=100 if not sys.stdout.isatty() else None).print(table)
    return is_fast and is_short and starts_fast and is_bounded


def _verdict(met: bool) -> str:
    return "yes" if met else "NO"


async def measure(repeats: int, count: int, subaccounts: int) -> bool:
    async with benchmarked() as installation:
        single = await one_by_one(installation, repeats)
        started = await asyncio.to_thread(starts, WARMING_UP, repeats)
        total, many = await all_at_once(installation, count)
        large = await with_subaccounts(replace(installation, procedure=TWILIO), subaccounts)
    return report(single, started, total, many, large)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="closures measured one by one")
    parser.add_argument("--at-once", type=int, default=50, help="closures measured at once")
    parser.add_argument("--subaccounts", type=int, default=500, help="subaccounts of the large closure")
    arguments = parser.parse_args()
    met = asyncio.run(measure(arguments.repeats, arguments.at_once, arguments.subaccounts))
    return 0 if met else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The SDK's threads may abort a process that ends normally.
    os._exit(status)
