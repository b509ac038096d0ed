"""A circuit breaker: who fails again and again is left in peace for a while, then tried by one call."""

import time
from collections.abc import Callable
from datetime import timedelta

from connectors.http.calling.faults import CircuitOpen


class CircuitBreaker:
    """Opens after so many failures in a row.

    Args:
        failures: how many.
        pause: for so long nothing is called; then one call may try, the next after another pause.
        clock: seconds, monotonic.
    """

    def __init__(self, failures: int, pause: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._pause = pause.total_seconds()
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None

    def enter(self) -> None:
        """Before each call.

        Raises:
            CircuitOpen: not now.
        """
        if self._open_until is None:
            return
        left = self._open_until - self._clock()
        if left > 0:
            raise CircuitOpen(
                f"the service has failed {self._failures} times in a row",
                retry_after=timedelta(seconds=left),
            )
        self._open_until = self._clock() + self._pause

    def succeeded(self) -> None:
        """It has answered, whatever it was."""
        self._failures = 0
        self._open_until = None

    def failed(self) -> None:
        """It has not answered, or with a status from 500 on."""
        self._failures += 1
        if self._failures >= self._limit:
            self._open_until = self._clock() + self._pause
