"""What an audit event says to people: a sentence, then its facts."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

from closure.events import EventType

SENTENCES: Final[Mapping[EventType, str]] = {
    EventType.OPENED: "The closure was opened.",
    EventType.CHECK_STARTED: "A system check began.",
    EventType.SURVEYED: "The system check was done.",
    EventType.FOUND_STOPPED: "The account had stopped already, although no closure holds it.",
    EventType.RENOUNCED: "Items of the checklist were given up.",
    EventType.APPROVED: "A second person approved the plan.",
    EventType.CONFIRMED: "The closure was confirmed.",
    EventType.REMINDED: "Every contact was reminded that the closure can still be stopped.",
    EventType.COOL_OFF_ENDED: "The time to withdraw was over.",
    EventType.COOL_OFF_STOPPED: "The account had changed: the customer is asked again.",
    EventType.ACCESS_STOPPED: "Access stopped: API keys are disabled, sessions ended.",
    EventType.PLAN_ADAPTED: "The account had changed: the plan was adapted.",
    EventType.APPEARED_LATER: "Something appeared that nobody had agreed to lose.",
    EventType.RESOURCES_RELEASED: "Resources were released, and a fresh list shows none of them.",
    EventType.BALANCE_FORFEITED: "Balances were forfeited, debts voided.",
    EventType.SILENCE_BEGAN: "The silent period began.",
    EventType.FINAL_CHECK_BEGAN: "The final check of billing began.",
    EventType.FINAL_CHECK_WAITING: "The final check had to wait.",
    EventType.FINAL_CHECK_PASSED: "The final check found nothing owed.",
    EventType.FINAL_CHECK_FAILED: "The final check found something owed.",
    EventType.REFUND_STARTED: "The refund was ordered.",
    EventType.REFUND_PARTLY_SETTLED: "Part of the refund arrived.",
    EventType.REFUND_SETTLED: "The refund arrived.",
    EventType.REFUND_FAILED: "Part of the refund failed.",
    EventType.REFUND_LATE: "The refund is late.",
    EventType.REFUND_CHANGED: "The amount of the refund changed.",
    EventType.REFUND_PAID_OTHERWISE: "Staff paid part of the refund another way.",
    EventType.DUES_HANDED_OVER: "What stays due was handed over to billing.",
    EventType.RETENTION_BEGAN: "The retention of the data began.",
    EventType.DELETION_BEGAN: "The deletion began.",
    EventType.SUBACCOUNTS_HELD_UP: "Subaccounts can't be deleted yet.",
    EventType.SUBACCOUNTS_DELETED: "The subaccounts were deleted.",
    EventType.LEGAL_HOLD: "A legal hold keeps the closure from going on.",
    EventType.LEGAL_HOLD_LIFTED: "The legal hold was lifted.",
    EventType.BRAKED: "An operator's brake keeps the closure from going on.",
    EventType.BRAKE_LIFTED: "The brake was lifted.",
    EventType.DATA_ERASED: "The data was erased, and a fresh read finds none but what the law keeps.",
    EventType.BINDINGS_DELETED: "The bindings to third parties were deleted.",
    EventType.DELETED: "The account is deleted.",
    EventType.ERASED_AGAIN: "A restored backup had brought the account back: it was erased again.",
    EventType.RESTORED: "The account is back in normal use.",
    EventType.DORMANT: "The account is dormant; its data is kept.",
    EventType.WITHDRAWN: "The closure was withdrawn.",
    EventType.TAKEN_ALONG: "The closure of the owning account takes this account along.",
    EventType.SUBACCOUNTS_JOINED: "Subaccounts whose own closures ended otherwise go along after all.",
    EventType.EXPIRED: "Nobody confirmed in time: the closure expired.",
    EventType.MESSAGE_UNDELIVERABLE: "A message could not be delivered: an address refuses it for good.",
    EventType.CANCEL_IGNORED: "Somebody asked Temporal to cancel it: that changes nothing.",
    EventType.RESUMED: "Another run went on from the record.",
}

LISTED_AT_MOST: Final = 10
_KEYED: Final = frozenset({"opened_by"})
"""Keyed hashes, which mean nothing to people; the actor says who it was."""
_NAMES: Final[Mapping[str, str]] = {"survey": "system check number"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)")


def facts_of(
    details: Mapping[str, JsonValue],
    say_moment: Callable[[datetime], str],
    say_word: Callable[[str, str], str] = lambda field, word: word,
    say_rest: Callable[[int], str] = "and {} more".format,
) -> Iterator[tuple[str, str]]:
    """What an event's details say: a name and what it is, for each.

    Args:
        details: an event's.
        say_moment: says a time in UTC.
        say_word: says a field's text; what is called with no field is a word of ours.
        say_rest: says how many more there are of a list.
    """
    for name, value in details.items():
        if name not in _KEYED and value not in (None, "", [], {}):
            yield _words(name), _said(name, value, _Saying(say_moment, say_word, say_rest))


@dataclass(frozen=True)
class _Saying:
    """How the reader of the facts has them said."""

    moment: Callable[[datetime], str]
    word: Callable[[str, str], str]
    rest: Callable[[int], str]


def _said(field: str, value: JsonValue, say: _Saying) -> str:
    match value:
        case bool():
            return say.word("", "yes" if value else "no")
        case str():
            return _moment(value, say.moment) if _TIME.fullmatch(value) else say.word(field, value)
        case list():
            shown = "; ".join(_said(field, each, say) for each in value[:LISTED_AT_MOST])
            more = len(value) - LISTED_AT_MOST
            return f"{shown}; {say.rest(more)}" if more > 0 else shown
        case dict():
            return ", ".join(
                f"{say.word('', _words(name))} {_said(name, each, say)}"
                for name, each in value.items()
                if each is not None
            )
        case _:
            return str(value)


def _moment(text: str, say_moment: Callable[[datetime], str]) -> str:
    try:
        return say_moment(datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        return text


def _words(name: str) -> str:
    return _NAMES.get(name, name.replace("_", " "))
