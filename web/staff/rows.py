"""Closures in the table: what the command `list` says of each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from client.listing import ListedClosure
from closure.visible_text import printable
from web.browser.languages import Reader
from web.staff.words import (
    Badge,
    Moment,
    Tone,
    deadline_text,
    moment,
    refund_badge,
    stage_badge,
    waiting_text,
)


@dataclass(frozen=True)
class Row:
    """One closure; `flags` are what is the matter."""

    url: str
    account_id: str
    closure_id: str
    provider: str
    stage: Badge
    flags: tuple[Badge, ...]
    since: Moment | None
    deadline: Moment | None
    deadline_what: str
    waiting: str
    blocking: str
    refund: Badge | None


def closure_url(closure_id: str) -> str:
    """Where a closure's page is."""
    return f"/staff/closures/{quote(closure_id, safe='')}"


def rows(reader: Reader, closures: Iterable[ListedClosure], now: datetime) -> Iterator[Row]:
    """The rows of a table, in the order of the list."""
    for each in closures:
        since = each.since or each.opened_at
        yield Row(
            url=closure_url(each.closure_id or ""),
            account_id=printable(each.account_id),
            closure_id=printable(each.closure_id or ""),
            provider=printable(each.provider),
            stage=stage_badge(reader, each.stage),
            flags=tuple(_flags(reader, each)),
            since=moment(reader, since, now) if since else None,
            deadline=moment(reader, each.deadline, now) if each.deadline and each.outcome is None else None,
            deadline_what=deadline_text(reader, each.deadline_what),
            waiting=waiting_text(reader, each.waiting_for) if each.waiting_for else "",
            blocking=counted_checks(reader, each.blocked_by),
            refund=refund_badge(reader, each.refund) if each.refund else None,
        )


def counted_checks(reader: Reader, blocked_by: Mapping[str, int]) -> str:
    """Checks with how many of their items block."""
    return ", ".join(
        f"{printable(check)} {reader.count(number)}" for check, number in sorted(blocked_by.items())
    )


def _flags(reader: Reader, closure: ListedClosure) -> Iterator[Badge]:
    if closure.unreadable:
        yield Badge(reader.text("unreadable"), Tone.BAD)
    if closure.interrupted:
        yield Badge(reader.text("interrupted"), Tone.BAD)
    if closure.overdue:
        yield Badge(reader.text("overdue"), Tone.BAD)
    if closure.late:
        yield Badge(reader.text("refund late"), Tone.BAD)
