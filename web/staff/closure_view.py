"""One closure, put together for its page: from the record, from Temporal, and from the provider's holds."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from closure.certificate import CERTIFIED
from closure.lifecycle import Stage
from closure.messages import Action, RefundState, Standing, StatusDocument
from closure.plan import Plan
from closure.visible_text import printable
from database import DatabaseUnreachable
from records.brakes import BrakeScope
from records.entries import AuditTrail, RecordedClosure
from temporal.faults import ServerUnreachable
from web.browser.languages import Reader
from web.browser.sessions import StaffSession
from web.service import WebService
from web.staff.brakes_shown import ShownBrake, brake_url, seen_brakes
from web.staff.closure_facts import Fact, money_facts, standing_facts
from web.staff.rows import closure_url
from web.staff.timeline import SHOWN_AT_ONCE, Chain, Entry, chain_of, entries
from web.staff.words import Badge, Tone, stage_badge

HOLD_PATIENCE: Final = timedelta(seconds=3)


@dataclass(frozen=True)
class Way:
    """A link to an act or a document; `is_grave` stops or moves something."""

    text: str
    url: str
    is_grave: bool = False


@dataclass(frozen=True)
class ClosureFacts:
    """What of the page is told anew while it is open."""

    url: str
    badges: tuple[Badge, ...]
    standing: tuple[Fact, ...]
    money: tuple[Fact, ...]
    brakes: tuple[ShownBrake, ...]
    is_held: bool
    is_hold_unknown: bool
    is_interrupted: bool
    is_temporal_away: bool
    chain: Chain | None
    entries: tuple[Entry, ...]
    hidden_entries: int
    all_entries_url: str


@dataclass(frozen=True)
class Looked:
    """What was read to show a closure; `now` is the closure's clock where it is ahead of the wall, UTC."""

    document: StatusDocument
    recorded: RecordedClosure | None
    trail: AuditTrail | None
    brakes: tuple[ShownBrake, ...]
    is_held: bool | None
    """None where that could not be asked."""
    is_temporal_away: bool
    now: datetime


async def look(
    service: WebService, session: StaffSession, reader: Reader, closure_id: str, *, page: int = 1
) -> Looked:
    """Reads all of it at once.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`.
        DatabaseUnreachable: the record can't be read.
    """
    closures, wall = service.closures.in_language(reader.language), datetime.now(UTC)
    document, recorded, trail, brakes, is_away = await asyncio.gather(
        closures.status(closure_id=closure_id, page=page),
        closures.records.get(closure_id),
        closures.records.trail(closure_id),
        seen_brakes(service, session, reader, wall, closure_id),
        _is_temporal_away(service),
    )
    times = [wall, *(each.time for each in (trail.events if trail is not None else ()))]
    return Looked(
        document=document.model_copy(
            update={"web_url": service.run_url(document.workflow_id, document.run_id)}
        ),
        recorded=recorded,
        trail=trail,
        brakes=brakes if document.standing is not Standing.ENDED else (),
        is_held=await _is_held(service, document),
        is_temporal_away=is_away and document.standing is not Standing.ENDED,
        now=max(times),
    )


async def _is_temporal_away(service: WebService) -> bool:
    try:
        await service.require_temporal()
    except ServerUnreachable:
        return True
    return False


async def _is_held(service: WebService, document: StatusDocument) -> bool | None:
    if document.outcome is not None:
        return False
    try:
        async with asyncio.timeout(HOLD_PATIENCE.total_seconds()):
            return await service.platform.holds.is_held(document.account_id)
    except DatabaseUnreachable:
        raise
    except Exception:  # noqa: BLE001 - whatever the provider's system answers, the page is shown
        return None


def facts_of(reader: Reader, looked: Looked, *, all_entries: bool) -> ClosureFacts:
    """What the page tells anew while it is open."""
    document, now = looked.document, looked.now
    events = looked.trail.events if looked.trail is not None else ()
    shown = events if all_entries else events[-SHOWN_AT_ONCE:]
    url = closure_url(document.closure_id)
    return ClosureFacts(
        url=url,
        badges=_badges(reader, looked),
        standing=tuple(standing_facts(reader, document, looked.recorded, now)),
        money=tuple(money_facts(reader, document, now)),
        brakes=looked.brakes,
        is_held=looked.is_held is True,
        is_hold_unknown=looked.is_held is None,
        is_interrupted=document.standing is Standing.INTERRUPTED,
        is_temporal_away=looked.is_temporal_away,
        chain=chain_of(reader, looked.trail) if looked.trail is not None else None,
        entries=tuple(entries(reader, shown, now)),
        hidden_entries=len(events) - len(shown),
        all_entries_url=f"{url}?events=all",
    )


def _badges(reader: Reader, looked: Looked) -> tuple[Badge, ...]:
    document = looked.document
    deadline = document.deadline
    is_overdue = deadline is not None and document.remaining_seconds == 0 and deadline.at < looked.now
    refund = document.refund
    flags = (
        ("interrupted", document.standing is Standing.INTERRUPTED),
        ("overdue", is_overdue),
        ("refund late", refund is not None and refund.status is RefundState.LATE),
        ("legal hold", looked.is_held is True),
        ("brake on", bool(looked.brakes)),
    )
    marks = tuple(Badge(reader.text(name), Tone.BAD) for name, is_set in flags if is_set)
    return (stage_badge(reader, document.stage), *marks)


def acts_of(reader: Reader, session: StaffSession, looked: Looked) -> tuple[Way, ...]:
    """What this operator may do with the closure now; those who only look have none."""
    document = looked.document
    if not session.is_operator or looked.recorded is None:
        return ()
    url, found = closure_url(document.closure_id), []
    if document.standing is Standing.INTERRUPTED:
        found.append(Way(reader.text("Resume"), f"{url}/resume"))
    elif Action.RECHECK in document.actions:
        found.append(Way(reader.text("Recheck"), f"{url}/recheck"))
    if document.refund is not None and document.refund.failed is not None:
        found.append(Way(reader.text("Settle refund"), f"{url}/settle"))
    if document.outcome is None:
        brake = brake_url(BrakeScope.CLOSURE, document.closure_id, turn="on")
        found.append(Way(reader.text("Put the brake on"), brake, is_grave=True))
    return tuple(found)


def documents_of(reader: Reader, document: StatusDocument) -> tuple[Way, ...]:
    """What can be downloaded."""
    url, found = closure_url(document.closure_id), []
    if document.outcome in CERTIFIED and document.certificate_id is not None:
        found.append(Way(reader.text("Certificate (PDF)"), f"{url}/certificate.pdf"))
        found.append(Way(reader.text("Certificate (JSON)"), f"{url}/certificate.json"))
    if document.stage is not Stage.DELETED:
        found.append(Way(reader.text("Export for the customer"), f"{url}/export"))
    return tuple(found)


def related(reader: Reader, document: StatusDocument, recorded: RecordedClosure | None) -> tuple[Way, ...]:
    """Where else to look."""
    found = []
    if recorded is not None and recorded.owner_closure_id is not None:
        owner = closure_url(recorded.owner_closure_id)
        found.append(Way(reader.text("Goes along with its owner's closure"), owner))
    account = urlencode({"account": document.account_id})
    found.append(
        Way(
            reader.text("All closures of %(account)s", account=printable(document.account_id)),
            f"/staff?{account}",
        )
    )
    if document.web_url is not None:
        found.append(Way(reader.text("Its workflow in the Web UI"), document.web_url))
    return tuple(found)


async def plan_of(service: WebService, recorded: RecordedClosure | None) -> Plan | None:
    """The plan as it stands; None once the account was deleted."""
    if recorded is None:
        return None
    return await service.closures.records.plan(recorded.closure_id, recorded.state.plan_hash)
