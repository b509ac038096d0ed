"""Pauses that grow: how long whoever has tried in vain waits before the next try."""

from datetime import datetime, timedelta
from typing import Final

AT_ONCE: Final = 5
"""So many tries need no pause."""
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=15)
COUNTED_FOR: Final = timedelta(hours=24)
"""How long a try counts."""


def pause_after(tries: int) -> timedelta:
    """The pause after so many tries: none at first, then each twice the one before, up to the longest."""
    if tries < AT_ONCE:
        return timedelta()
    pause = FIRST_PAUSE
    for _ in range(tries - AT_ONCE):
        if pause >= LONGEST_PAUSE:
            break
        pause *= 2
    return min(pause, LONGEST_PAUSE)


def left_to_wait(tries: int, last: datetime | None, now: datetime) -> timedelta:
    """What is left of the pause that began with the last try; zero when the next may come."""
    if last is None:
        return timedelta()
    return max(timedelta(), last + pause_after(tries) - now)
