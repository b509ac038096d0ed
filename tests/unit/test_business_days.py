"""Business days by real calendars (T10)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closure.business_days import add_business_days, is_country


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


@pytest.mark.parametrize(
    ("start", "days", "country", "end"),
    [
        ("2026-06-01", 4, "US", "2026-06-05"),  # a week without a holiday
        ("2026-06-05", 1, "US", "2026-06-08"),  # Friday to Monday
        ("2026-06-06", 1, "US", "2026-06-08"),  # Saturday to Monday
        ("2026-11-24", 10, "US", "2026-12-09"),  # Thanksgiving lies between
        ("2026-07-02", 1, "US", "2026-07-06"),  # the fourth of July is a Saturday, observed on Friday
        ("2026-12-23", 10, "US", "2027-01-08"),  # Christmas, New Year's Day and the change of the year
        ("2027-12-30", 1, "US", "2028-01-03"),  # a holiday of the next year is observed in this one
        ("2026-12-23", 1, "DE", "2026-12-24"),
        ("2026-12-24", 1, "DE", "2026-12-28"),  # 25 and 26 December
        ("2026-11-26", 1, "SA", "2026-11-29"),  # the weekend is Friday and Saturday
        ("2026-02-13", 1, "CN", "2026-02-14"),  # a Saturday that is worked
        ("2026-02-14", 1, "CN", "2026-02-24"),  # the week of the Spring Festival
        ("2026-12-25", 0, "US", "2026-12-25"),
    ],
)
def test_t10_weekends_and_public_holidays_do_not_count(start: str, days: int, country: str, end: str) -> None:
    assert add_business_days(noon(start), days, country) == noon(end)


def test_the_time_of_day_and_the_zone_stay_as_they_are() -> None:
    late = datetime(2026, 6, 5, 23, 59, 59, 999_999, tzinfo=UTC)
    assert add_business_days(late, 1, "US") == late + timedelta(days=3)
    # The same instant is Saturday already in Shanghai: the day counts in the start's own zone.
    shanghai = late.astimezone(timezone(timedelta(hours=8)))
    after = add_business_days(shanghai, 5, "US")
    assert (after, after.tzinfo) == (shanghai + timedelta(days=6), shanghai.tzinfo)


@pytest.mark.parametrize("code", ["XX", "us", "USA", "", "U", "U1", " US", "ÜS"])
def test_a_country_without_a_known_calendar_is_refused(code: str) -> None:
    assert not is_country(code)
    with pytest.raises(ValueError, match="no calendar of public holidays"):
        add_business_days(noon("2026-06-01"), 1, code)


@pytest.mark.parametrize("code", ["US", "CN", "DE", "JP", "BR", "IN"])
def test_calendars_are_known_by_their_two_letters(code: str) -> None:
    assert is_country(code)


moments = st.integers(0, 300_000_000).map(lambda seconds: noon("2024-01-01") + timedelta(seconds=seconds))
countries = st.sampled_from(("US", "CN", "SA", "DE"))


@given(moments, st.integers(0, 15), st.integers(0, 15), countries)
def test_days_add_up_and_never_come_to_less_than_calendar_days(
    start: datetime, first: int, second: int, country: str
) -> None:
    once = add_business_days(start, first + second, country)
    twice = add_business_days(add_business_days(start, first, country), second, country)
    assert once == twice
    assert once - start >= timedelta(days=first + second)
    assert once.timetz() == start.timetz()
