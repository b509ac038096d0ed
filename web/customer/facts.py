"""What several of the customer's pages say alike."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from closure.messages import StatusDocument
from closure.visible_text import printable
from web.browser.languages import Reader

NOTHING: Final = timedelta(0)
_SHOWN: Final = 4
"""So many characters of an account's id are shown, as of a card's number."""


@dataclass(frozen=True)
class Fact:
    """One line of a list: what, and what of it."""

    name: str
    value: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Countdown:
    """The time that is left, as the page was made; a script goes on from there."""

    until: datetime
    seconds_left: int

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """Days, hours, minutes and seconds."""
        minutes, seconds = divmod(self.seconds_left, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        return days, hours, minutes, seconds


def masked(account_id: str) -> str:
    """The end of the account's id: its owner knows it, who looks over their shoulder doesn't."""
    return printable(account_id if len(account_id) <= _SHOWN else f"•••• {account_id[-_SHOWN:]}")


def countdown_of(status: StatusDocument) -> Countdown | None:
    """To the closure's deadline, by its own clock."""
    if status.deadline is None or status.remaining_seconds is None:
        return None
    return Countdown(status.deadline.at, max(0, math.ceil(status.remaining_seconds)))


def given_up(reader: Reader, status: StatusDocument) -> tuple[Fact, ...]:
    """What was given up of the account's money, and written off."""
    money = status.money
    if money is None:
        return ()
    named = (
        (reader.text("Balance given up"), money.forfeited_cash),
        (reader.text("Promotional balance given up"), money.forfeited_promo),
        (reader.text("Debt written off"), money.voided_debt),
    )
    return tuple(
        Fact(name, reader.money(amount, money.currency)) for name, amount in named if amount is not None
    )


def business_days(reader: Reader, at_least: int, at_most: int) -> str:
    """How many: 2 to 5 business days."""
    if at_least == at_most:
        return reader.text("%(days)s business days", days=at_most)
    return reader.text("%(first)s to %(last)s business days", first=at_least, last=at_most)
