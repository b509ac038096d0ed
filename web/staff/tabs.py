"""The tabs by which closures are looked after, and the filter behind each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from closure.lifecycle import Stage
from records.listing import ClosureFilter

ENDING_WITHIN: Final = timedelta(days=1)


class Tab(StrEnum):
    """What may need somebody."""

    ALL = "all"
    BLOCKED = "blocked"
    WAITING = "waiting"
    LATE = "late"
    OVERDUE = "overdue"
    INTERRUPTED = "interrupted"
    ENDING = "ending"
    BRAKES = "brakes"


TITLES: Final[Mapping[Tab, str]] = {
    Tab.ALL: "All",
    Tab.BLOCKED: "Blocked",
    Tab.WAITING: "Waiting",
    Tab.LATE: "Late refunds",
    Tab.OVERDUE: "Overdue",
    Tab.INTERRUPTED: "Interrupted",
    Tab.ENDING: "Ending today",
    Tab.BRAKES: "Brakes on",
}
MEANINGS: Final[Mapping[Tab, str]] = {
    Tab.ALL: "Every closure, those opened last first.",
    Tab.BLOCKED: "Their customers must handle something first.",
    Tab.WAITING: "For something other than time and their customer.",
    Tab.LATE: "Their refund should have arrived.",
    Tab.OVERDUE: "Still open past the moment at which they should have gone on.",
    Tab.INTERRUPTED: "No workflow carried them on when the watchman looked last.",
    Tab.ENDING: "Something happens to them by itself within 24 hours.",
    Tab.BRAKES: "While one is on, nothing irreversible happens; deadlines stay.",
}


def filters(now: datetime, provider: str | None) -> Mapping[Tab, ClosureFilter]:
    """What each tab lists at this moment, but for the brakes; `provider` limits them all."""
    return {
        Tab.ALL: ClosureFilter(provider=provider),
        Tab.BLOCKED: ClosureFilter(stage=Stage.BLOCKED, provider=provider),
        Tab.WAITING: ClosureFilter(waiting=True, provider=provider),
        Tab.LATE: ClosureFilter(late=True, provider=provider),
        Tab.OVERDUE: ClosureFilter(overdue=True, provider=provider),
        Tab.INTERRUPTED: ClosureFilter(interrupted=True, provider=provider),
        Tab.ENDING: ClosureFilter(ends_after=now, ends_before=now + ENDING_WITHIN, provider=provider),
    }
