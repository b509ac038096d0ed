"""Business days by a country's real calendar of public holidays."""

from datetime import date, datetime, timedelta
from functools import cache


def is_country(code: str) -> bool:
    """Whether the calendar of this ISO 3166 country (two upper-case letters) is known."""
    return len(code) == 2 and code.isupper() and code in _countries()


def add_business_days(start: datetime, days: int, country: str) -> datetime:
    """The same time of day, `days` business days after `start` (in `start`'s own time zone).

    The day of `start` itself does not count, nor do the country's weekends and public holidays. The calendar
    may change with the library: compute a deadline once and keep it.

    Raises:
        ValueError: the country's calendar isn't known.
    """
    if not is_country(country):
        raise ValueError(f"no calendar of public holidays for country {country!r}")
    import holidays  # with its calendars it is large, and most commands count no days

    calendar = holidays.country_holidays(country)  # fills in the years that it is asked for
    day: date = start.date()
    for _ in range(days):
        day += timedelta(days=1)
        while not calendar.is_working_day(day):
            day += timedelta(days=1)
    return start + (day - start.date())


@cache
def _countries() -> frozenset[str]:
    import holidays

    return frozenset(holidays.list_supported_countries(include_aliases=False))
