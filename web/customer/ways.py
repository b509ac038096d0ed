"""The steps from signed in to confirmed, as every page shows where one is."""

from dataclasses import dataclass
from enum import Enum

from web.browser.languages import Reader


class Step(Enum):
    """Each by its name on pages."""

    IDENTITY = "Identity"
    AGREEMENT = "Agreement"
    CHECK = "System check"
    CHECKLIST = "Checklist"
    CONFIRM = "Confirm"


@dataclass(frozen=True)
class ShownStep:
    """`state` is its class on the page: done, now or nothing."""

    name: str
    state: str


def steps_of(reader: Reader, now: Step) -> tuple[ShownStep, ...]:
    """All steps, for somebody who is at one of them."""
    steps = list(Step)
    place = steps.index(now)
    return tuple(
        ShownStep(
            reader.text(each.value),
            "done" if position < place else "now" if position == place else "",
        )
        for position, each in enumerate(steps)
    )
