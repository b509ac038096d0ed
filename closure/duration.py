"""Durations as people write them in a policy file: ``30s``, ``5m``, ``1h``, ``7d``."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_DURATION = re.compile(r"(0|[1-9][0-9]{0,5})([smhd])")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_duration(text: object) -> timedelta:
    """Reads one whole number with one unit: s, m (minutes), h or d (24 hours).

    Raises:
        ValueError: anything else, also a bare number.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('must be a whole number with a unit s, m, h or d, such as "30m" or "7d"')
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back; equal durations give equal texts."""
    seconds = int(duration.total_seconds())
    unit = next(unit for unit, size in _SECONDS.items() if seconds % size == 0)
    return f"{seconds // _SECONDS[unit]}{unit}" if seconds else "0s"


def _accept(value: object) -> timedelta:
    if not isinstance(value, timedelta):
        return parse_duration(value)
    if value < timedelta(0) or value.microseconds:
        raise ValueError("must be whole seconds, zero or more")
    return value


Duration = Annotated[timedelta, BeforeValidator(_accept), PlainSerializer(format_duration, return_type=str)]
"""A timedelta in whole seconds that is read from and written as text such as ``7d``."""
