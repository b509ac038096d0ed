"""How long a closure still waits, by its own clock, and how that is said."""

import math
from datetime import datetime, timedelta

from closure.lifecycle import Stage
from closure.messages import StatusDocument


def deadline(document: StatusDocument) -> datetime | None:
    """When the wait that the closure is in ends; None in stages that don't wait for time."""
    match document.stage:
        case Stage.SILENT:
            return document.silent_until
        case Stage.RETAINED:
            return document.delete_after
        case _:
            return None


def remaining_seconds(document: StatusDocument, now: datetime) -> int | None:
    """Whole seconds until the deadline, rounded up and never below 0; None in stages without one."""
    until = deadline(document)
    return None if until is None else seconds_until(until, now)


def seconds_until(moment: datetime, now: datetime) -> int:
    """Whole seconds, rounded up and never below 0."""
    return max(0, math.ceil((moment - now).total_seconds()))


def spoken(seconds: int) -> str:
    """``6 days 3 h 5 min``, ``4 min 2 s``: the two or three units that matter."""
    days, rest = divmod(max(0, seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    if days:
        parts = [f"{days} day" if days == 1 else f"{days} days", f"{hours} h", f"{minutes} min"]
    elif hours:
        parts = [f"{hours} h", f"{minutes} min"]
    elif minutes:
        parts = [f"{minutes} min", f"{seconds} s"]
    else:
        return f"{seconds} s"
    return " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"


def spoken_duration(duration: timedelta) -> str:
    return spoken(int(duration.total_seconds()))


def spoken_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
