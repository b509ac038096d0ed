"""What the runs say: a closure as a multiple of the bare workflow."""

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.floor.run import Measured

Value = Callable[[Measured], float | None]
"""Of one run; None where it can't be told."""


@dataclass(frozen=True)
class Pair:
    """Two runs that followed each other."""

    floor: Measured
    closure: Measured


def _each(value: Callable[[Measured], float]) -> Value:
    return lambda run: value(run) / run.closures


def _cpu(*names: str) -> Value:
    return _each(lambda run: 1000 * sum(run.spent.cpu[name] for name in names))


def _syncs(name: str) -> Value:
    def value(run: Measured) -> float | None:
        syncs = run.spent.counts[name].syncs
        return None if syncs is None else syncs / run.closures

    return value


def _counted(name: str) -> dict[str, Value]:
    return {
        f"{name}: write transactions": _each(lambda run: run.spent.counts[name].writes),
        f"{name}: read transactions": _each(lambda run: run.spent.counts[name].reads),
        f"{name}: statements": _each(lambda run: run.spent.counts[name].statements),
        f"{name}: syncs": _syncs(name),
    }


VALUES: Final[dict[str, Value]] = {
    "closures a second": lambda run: run.rate,
    "CPU of server and worker, ms": _cpu("server", "worker"),
    "CPU of the server, ms": _cpu("server"),
    "CPU of the worker, ms": _cpu("worker"),
    "CPU of the client, ms": _cpu("client"),
    "history events": _each(lambda run: run.seen.events),
    "history bytes": _each(lambda run: run.seen.history_bytes),
    "bytes of databases": _each(lambda run: run.spent.database_bytes),
    **_counted("worker"),
    **_counted("client"),
}
"""All but the rate are for one closure."""


def report(pairs: Sequence[Pair]) -> bool:
    """Prints the table; whether every closure was deleted, audited and certified once."""
    table = Table("median of the pairs", "bare workflow", "closure", "ratio", "least to most")
    for name, value in VALUES.items():
        table.add_row(name, *_row([(value(pair.floor), value(pair.closure)) for pair in pairs]))
    Console(width=100 if not sys.stdout.isatty() else None).print(table)
    faults = [fault for pair in pairs for run in (pair.floor, pair.closure) for fault in run.seen.faults]
    for fault in faults:
        print(f"VOID: {fault}")
    return not faults


def _row(pairs: Sequence[tuple[float | None, float | None]]) -> Sequence[str]:
    told = [(floor, closure) for floor, closure in pairs if floor is not None and closure is not None]
    if not told:
        return ("?", "?", "", "")
    medians = [statistics.median(side) for side in zip(*told, strict=True)]
    shown = [f"{median:,.1f}" for median in medians]
    if not all(floor for floor, _ in told):
        return (*shown, "", "")
    ratios = [closure / floor for floor, closure in told]
    return (*shown, f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}")
