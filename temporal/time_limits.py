"""How long activities may take, as the operator has chosen for the workers of a queue.

Workflow code looks its limits up here, in what the worker registered before it polled, and never in settings.
That is no part of what a replay compares: a run goes on with the limits of the worker that it is on.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True)
class TimeLimit:
    """Of one attempt: `total` from its start to its end, `silence` between two signs of life."""

    total: timedelta
    silence: timedelta | None = None


@dataclass(frozen=True)
class TimeLimits:
    """By what is called, as in `workflows.calls.Call`."""

    act: TimeLimit = TimeLimit(timedelta(minutes=10), silence=timedelta(seconds=20))
    """A customer waits: a dead worker is noticed soon."""
    record: TimeLimit = TimeLimit(timedelta(seconds=30))
    check: TimeLimit = TimeLimit(timedelta(hours=1), silence=timedelta(seconds=60))
    effect: TimeLimit = TimeLimit(timedelta(hours=1), silence=timedelta(seconds=60))


_CHOSEN: Final[dict[str, TimeLimits]] = {}


def register_time_limits(task_queue: str, limits: TimeLimits) -> None:
    """From now on this process's workers on the queue have these limits."""
    _CHOSEN[task_queue] = limits


def time_limits(task_queue: str) -> TimeLimits:
    """The limits of the queue's workers in this process; the defaults where none are registered."""
    return _CHOSEN.get(task_queue, TimeLimits())
