"""Pauses grow with every try that was in vain."""

from datetime import UTC, datetime, timedelta

import pytest

from closure.pauses import AT_ONCE, LONGEST_PAUSE, left_to_wait, pause_after

NOW = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tries", "seconds"),
    [(0, 0), (AT_ONCE - 1, 0), (5, 30), (6, 60), (7, 120), (8, 240), (9, 480), (10, 900), (10**9, 900)],
)
def test_the_first_tries_need_no_pause_and_each_later_one_twice_as_long(tries: int, seconds: int) -> None:
    assert pause_after(tries) == timedelta(seconds=seconds)


def test_a_pause_begins_with_the_last_try() -> None:
    assert left_to_wait(10**9, NOW - timedelta(minutes=5), NOW) == LONGEST_PAUSE - timedelta(minutes=5)
    assert left_to_wait(10**9, NOW - LONGEST_PAUSE, NOW) == timedelta()
    assert left_to_wait(0, None, NOW) == timedelta()
