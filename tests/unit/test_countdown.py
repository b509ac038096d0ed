import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandline.countdown import spoken, spoken_duration, spoken_time
from tests.harness.strategies import NOW


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (242, "4 min 2 s"),
        (3_600, "1 h"),
        (3_661, "1 h 1 min"),
        (86_400, "1 day"),
        (86_400 + 300, "1 day 5 min"),
        (6 * 86_400 + 3 * 3_600 + 5 * 60 + 9, "6 days 3 h 5 min"),
        (10 * 86_400 + 10 * 3_600, "10 days 10 h"),
        (-5, "0 s"),
    ],
)
def test_a_length_of_time_is_spoken_in_the_units_that_matter(seconds: int, text: str) -> None:
    assert spoken(seconds) == text
    assert spoken_duration(timedelta(seconds=seconds)) == text


@given(st.integers(0, 10**8))
def test_no_unit_is_spoken_that_there_is_none_of(seconds: int) -> None:
    parts = re.findall(r"([0-9]+) (days?|h|min|s)", spoken(seconds))
    assert parts
    assert seconds == 0 or all(number != "0" for number, _ in parts)


def test_a_time_is_spoken_in_utc() -> None:
    assert spoken_time(NOW) == "2026-11-24 12:00:00 UTC"
