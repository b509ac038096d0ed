"""How long a failed activity waits before it is tried again, where a system says so."""

from datetime import timedelta

import pytest

from activities.failures import LONGEST_PAUSE, pause_before_retry
from connectors.faults import Unavailable

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        (timedelta(), timedelta()),
        (30 * SECOND, 30 * SECOND),
        (LONGEST_PAUSE, LONGEST_PAUSE),
        (LONGEST_PAUSE + SECOND, LONGEST_PAUSE),
        (timedelta(days=400), LONGEST_PAUSE),
        (-SECOND, timedelta()),
    ],
)
def test_a_system_is_left_in_peace_as_long_as_it_asks_within_bounds(
    asked: timedelta, pause: timedelta
) -> None:
    assert pause_before_retry(Unavailable("busy", retry_after=asked)) == pause


@pytest.mark.parametrize("error", [Unavailable("busy"), TimeoutError("slow")])
def test_otherwise_pauses_grow_as_usual(error: Exception) -> None:
    assert pause_before_retry(error) is None
