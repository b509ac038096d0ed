"""How much CPU a command takes to start: importing is most of it."""

import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HELP_TARGET: Final = 0.35
STATUS_TARGET: Final = 0.5
_STARTER: Final = Path(__file__).parents[1] / "starter.py"


@dataclass(frozen=True)
class Starts:
    """Median seconds of CPU, user's and system's."""

    help: float
    status: float


def starts(account_id: str, repeats: int) -> Starts:
    """Of `--help`, and of the status of an account that has a closure."""
    return Starts(_median(("--help",), repeats), _median(("status", account_id), repeats))


def _median(words: Sequence[str], repeats: int) -> float:
    _seconds(words)  # the first start compiles
    return statistics.median(_seconds(words) for _ in range(repeats))


def _seconds(words: Sequence[str]) -> float:
    before = _of_children()
    subprocess.run([sys.executable, _STARTER, *words], check=True, capture_output=True, timeout=60)
    return _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
