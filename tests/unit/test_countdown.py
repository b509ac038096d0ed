import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.lifecycle import Stage
from commandline.countdown import deadline, remaining_seconds, spoken, spoken_duration, spoken_time
from tests.unit.examples import status
from tests.unit.strategies import NOW, moments

LATER = NOW + timedelta(days=7)
WAITING = {Stage.SILENT: "silent_until", Stage.RETAINED: "delete_after"}


@pytest.mark.parametrize("stage", list(Stage))
def test_only_the_waits_for_time_have_a_deadline(stage: Stage) -> None:
    document = status(stage=stage, silent_until=NOW, delete_after=LATER)
    expected = {Stage.SILENT: NOW, Stage.RETAINED: LATER}.get(stage)
    assert deadline(document) == expected
    assert (remaining_seconds(document, NOW) is None) is (expected is None)


@pytest.mark.parametrize(
    ("before", "seconds"),
    [
        (timedelta(seconds=10), 10),
        (timedelta(milliseconds=1), 1),
        (timedelta(seconds=9, milliseconds=1), 10),
        (timedelta(0), 0),
        (timedelta(seconds=-1), 0),
        (timedelta(days=-400), 0),
    ],
)
@pytest.mark.parametrize("stage", list(WAITING))
def test_a20_the_remaining_time_is_rounded_up_and_never_negative(
    stage: Stage, before: timedelta, seconds: int
) -> None:
    document = status(stage=stage, **{WAITING[stage]: NOW})
    assert remaining_seconds(document, NOW - before) == seconds


@given(moments, moments)
def test_a20_it_is_zero_exactly_when_the_time_has_come(until: datetime, now: datetime) -> None:
    document = status(stage="silent", silent_until=until)
    assert (remaining_seconds(document, now) == 0) is (until <= now)


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
