from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from closure.duration import Duration, format_duration, parse_duration

NUMBERS = st.integers(0, 999_999)
UNITS = st.sampled_from("smhd")


class Period(BaseModel):
    length: Duration


@given(NUMBERS, UNITS)
def test_what_is_formatted_is_read_back(number: int, unit: str) -> None:
    duration = parse_duration(f"{number}{unit}")
    text = format_duration(duration)
    assert parse_duration(text) == duration
    assert len(text) <= len(f"{number}{unit}")


@given(NUMBERS, UNITS)
def test_a_field_keeps_its_value_through_json(number: int, unit: str) -> None:
    period = Period.model_validate({"length": f"{number}{unit}"})
    assert Period.model_validate_json(period.model_dump_json()) == period


@given(st.integers(0, 10**6))
def test_equal_durations_have_equal_texts(minutes: int) -> None:
    assert format_duration(timedelta(minutes=minutes)) == format_duration(timedelta(seconds=60 * minutes))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0s", timedelta()),
        ("0d", timedelta()),
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("168h", timedelta(days=7)),
    ],
)
def test_a_whole_number_with_a_unit_is_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=36), "36h"),
        (timedelta(hours=48), "2d"),
    ],
)
def test_the_largest_unit_that_fits_is_used(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize(
    "text",
    ["", "7", "d", "7 d", " 7d", "7d ", "7d\n", "07d", "00s", "-1d", "+1d", "1.5h", "7D", "1w", "1y", "1d2h",
     "1000000s", "\uff17d", "P7D", 7, 7.0, True, None, b"7d"],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match='such as "30m" or "7d"'):
        parse_duration(text)


@pytest.mark.parametrize("value", [7, "7", timedelta(milliseconds=1), timedelta(seconds=-1)])
def test_a_field_takes_whole_seconds_from_zero_on(value: object) -> None:
    with pytest.raises(ValidationError):
        Period.model_validate({"length": value})
