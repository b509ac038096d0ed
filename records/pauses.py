"""Refusals of who asks or guesses too soon, with how long to wait."""

from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Connection

from closure.errors import RefusalType, Refused
from records.challenges import left_until_next_code


def require_pause_over(connection: Connection, account_id: str, asker: str, now: datetime) -> None:
    """Raises `Refused` (`TOO_MANY_CHALLENGES`) while the asker waits for the next code."""
    left = left_until_next_code(connection, account_id, asker, now)
    if left:
        raise too_early(
            RefusalType.TOO_MANY_CHALLENGES,
            "codes have been sent that nobody used; one of them may still be good",
            account_id,
            left,
        )


def too_early(type: RefusalType, why: str, account_id: str, left: timedelta) -> Refused:
    """With the seconds to wait as `retry_after`."""
    seconds = ceil(left.total_seconds())
    return Refused(
        type,
        f"{why}; try again in {seconds} seconds",
        facts={"account_id": account_id, "retry_after": seconds},
    )
