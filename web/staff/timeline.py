"""The audit of a closure for people: what happened, and who did it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from closure.event_sentences import SENTENCES, facts_of
from closure.events import EventType
from closure.visible_text import printable
from records.entries import AuditTrail, ReadEvent
from web.browser.languages import Reader
from web.staff.words import Badge, Moment, Tone, field_text, moment, rest_text, say_moment, stage_badge

SHOWN_AT_ONCE: Final = 100
_HASH_SHOWN: Final = 12
_HASH: Final = re.compile("[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"\d+")
_BAD: Final = frozenset(
    {
        EventType.REFUND_FAILED,
        EventType.REFUND_LATE,
        EventType.FINAL_CHECK_FAILED,
        EventType.LEGAL_HOLD,
        EventType.BRAKED,
        EventType.SUBACCOUNTS_HELD_UP,
        EventType.APPEARED_LATER,
    }
)


@dataclass(frozen=True)
class Entry:
    """One event; `actor` is an opaque id, or says that it was erased with the account."""

    sequence: int
    at: Moment
    sentence: str
    actor: str | None
    stage: Badge | None
    facts: tuple[tuple[str, str], ...]
    is_erased: bool
    is_bad: bool
    hash: str
    short_hash: str


@dataclass(frozen=True)
class Chain:
    """Whether the evidence is whole."""

    badge: Badge
    said: str


def entries(reader: Reader, events: Iterable[ReadEvent], now: datetime) -> Iterator[Entry]:
    """The events as a timeline."""
    for event in events:
        yield Entry(
            sequence=event.sequence,
            at=moment(reader, event.time, now),
            sentence=reader.text(SENTENCES[event.event]),
            actor=printable(event.actor) if event.actor is not None else None,
            stage=stage_badge(reader, event.stage_to) if event.stage_to else None,
            facts=tuple(
                (reader.text(name), _short(printable(said)))
                for name, said in facts_of(
                    event.details, say_moment, partial(field_text, reader), partial(rest_text, reader)
                )
            ),
            is_erased=event.erased,
            is_bad=event.event in _BAD,
            hash=event.hash,
            short_hash=event.hash[:_HASH_SHOWN],
        )


def chain_of(reader: Reader, trail: AuditTrail) -> Chain:
    """The verdict on the trail."""
    fault = trail.fault
    if fault is None and not trail.unreadable:
        said = reader.text("The chain of %(number)s events is whole.", number=len(trail.events))
        return Chain(Badge(reader.text("verified"), Tone.GOOD), said)
    where = reader.text("the closure's row")
    if fault is not None and fault.sequence:
        where = reader.text("event %(number)s", number=fault.sequence)
    why = printable(_fault_text(reader, fault.reason)) if fault is not None else ""
    said = reader.text("The chain breaks at %(where)s: %(why)s", where=where, why=why)
    return Chain(Badge(reader.text("broken"), Tone.BAD), said)


def _fault_text(reader: Reader, reason: str) -> str:
    """As the record says it, which is the catalogues' text with `%s` for each number."""
    return reader.text(_NUMBER.sub("%s", reason)) % tuple(_NUMBER.findall(reason))


def _short(text: str) -> str:
    """A hash by its beginning: whole ones hide everything else."""
    return f"{text[:_HASH_SHOWN]}…" if _HASH.fullmatch(text) else text
