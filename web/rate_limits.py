"""How many requests somebody may send: so many at once, and so many a second after that."""

import time
from collections.abc import Callable
from typing import Final

_REMEMBERED: Final = 10_000


class RateLimit:
    """A bucket for each name that fills by itself. In this process only: each one counts its own.

    Args:
        at_once: what a full bucket holds.
        per_second: how fast it fills again.
        clock: seconds, monotonic.
    """

    def __init__(
        self, *, at_once: int, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> float:
        """Takes one from the bucket of this name; 0, or the seconds until there is one again."""
        now = self._clock()
        left, since = self._left.get(name, (float(self._at_once), now))
        left = min(self._at_once, left + (now - since) * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._left[name] = (left if wait else left - 1, now)
        if len(self._left) > _REMEMBERED:
            self._forget_full(now)
        return wait

    def _forget_full(self, now: float) -> None:
        """A bucket that has filled again says nothing."""
        fill_time = self._at_once / self._per_second
        self._left = {name: each for name, each in self._left.items() if now - each[1] < fill_time}
