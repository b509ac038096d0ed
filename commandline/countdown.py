"""How times and lengths of time are said."""

from datetime import datetime, timedelta


def spoken(seconds: int) -> str:
    """``6 days 3 h 5 min``, ``4 min 2 s``: the two or three units that matter."""
    days, rest = divmod(max(0, seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    if days:
        parts = [f"{days} day" if days == 1 else f"{days} days", f"{hours} h", f"{minutes} min"]
    elif hours:
        parts = [f"{hours} h", f"{minutes} min"]
    elif minutes:
        parts = [f"{minutes} min", f"{seconds} s"]
    else:
        return f"{seconds} s"
    return " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"


def spoken_duration(duration: timedelta) -> str:
    return spoken(int(duration.total_seconds()))


def spoken_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
