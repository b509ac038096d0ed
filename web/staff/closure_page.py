"""`/staff/closures/ID`: everything that is known of one closure, kept up to date while the page is open."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from closure.lifecycle import UNCONFIRMED, Outcome
from closure.messages import IDENTIFIER, ItemCategory, StatusDocument
from closure.visible_text import printable
from web.api.access import account_of_closure
from web.browser.languages import Reader
from web.browser.rendering import page, page_headers, reader_for, rendered
from web.browser.sessions import Session, SignedOut, Staff, StaffSession, staff_session
from web.service import service_of
from web.staff.closure_view import (
    ClosureFacts,
    Looked,
    Way,
    acts_of,
    documents_of,
    facts_of,
    look,
    plan_of,
    related,
)
from web.staff.messages_shown import Told, mails_taken, told, told_turns
from web.staff.plan_shown import PlanPart, lost_part, plan_parts
from web.staff.rows import closure_url
from web.staff.words import Badge, Tone

_TEMPLATE: Final = "staff/closure.html"
_FACTS_TEMPLATE: Final = "staff/closure_facts.html"
_VERSION: Final = 16
_MOST_PAGES: Final = 10**6

router = APIRouter()

ClosureId = Annotated[str, Path(pattern=IDENTIFIER)]


class Events(StrEnum):
    """How much of the timeline is shown."""

    LAST = "last"
    ALL = "all"


class Done(StrEnum):
    """What an operator has just done here."""

    RECHECK = "recheck"
    STILL_LOOKING = "still_looking"
    RESUME = "resume"
    SETTLE = "settle"
    BRAKE_ON = "brake_on"
    BRAKE_OFF = "brake_off"


DONE: Final = {
    Done.RECHECK: "The closure has looked again.",
    Done.STILL_LOOKING: "The closure was asked to look again, and still does.",
    Done.RESUME: "A new run has taken the closure up from the record.",
    Done.SETTLE: "The payment is recorded.",
    Done.BRAKE_ON: "The brake is on.",
    Done.BRAKE_OFF: "The brake is off. What waited for it looks again within the hour, or at a recheck.",
}


@dataclass(frozen=True)
class Item:
    """One finding of the checklist; `how_to` is empty where nothing can be done about it any more."""

    item_id: str
    title: str
    how_to: str
    amount: str
    category: Badge


@dataclass(frozen=True)
class ClosureView:
    """What of the page stays as it was opened."""

    url: str
    account_id: str
    closure_id: str
    provider: str
    done: str
    acts: tuple[Way, ...]
    documents: tuple[Way, ...]
    related: tuple[Way, ...]
    plan: tuple[PlanPart, ...]
    items: tuple[Item, ...]
    items_title: str
    item_count: str
    page: int
    pages: int
    told: tuple[Told, ...]


@router.get("/staff/closures/{closure_id}")
async def show_closure(
    request: Request,
    session: Staff,
    closure_id: ClosureId,
    items: Annotated[int, Query(ge=1, le=_MOST_PAGES)] = 1,
    events: Events = Events.LAST,
    done: Done | None = None,
) -> Response:
    """The whole page; `items` is the page of its checklist."""
    service, reader = service_of(request), reader_for(request, session)
    await account_of_closure(service, session, closure_id)
    looked = await look(service, session, reader, closure_id, page=items)
    view = await _view(request, session, reader, looked, done)
    all_entries = events is Events.ALL
    live = _live(request, session, facts_of(reader, looked, all_entries=all_entries), events)
    return page(request, _TEMPLATE, {"view": view, "live": live}, session=session)


@router.get("/staff/closures/{closure_id}/facts")
async def show_facts(
    request: Request, closure_id: ClosureId, events: Events = Events.LAST, seen: str = ""
) -> Response:
    """The part that an open page asks for again; nothing where it has not changed.

    Asking is no use of the session: an open page keeps nobody signed in.
    """
    try:
        session = await staff_session(request, is_use=False)
    except SignedOut:
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": "/staff/sign-in"})
    service, reader = service_of(request), reader_for(request, session)
    await account_of_closure(service, session, closure_id)
    looked = await look(service, session, reader, closure_id)
    live = _live(request, session, facts_of(reader, looked, all_entries=events is Events.ALL), events)
    if seen == live.version:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return HTMLResponse(live.content, headers=page_headers(service))


@dataclass(frozen=True)
class Live:
    """A part of the page that is asked for again, and what it is called as it stands."""

    content: Markup
    version: str
    url: str


def _live(request: Request, session: Session, facts: ClosureFacts, events: Events) -> Live:
    url = f"{facts.url}/facts?events={events.value}"
    values = {"facts": facts, "version": "", "facts_url": url}
    version = hashlib.sha256(rendered(request, _FACTS_TEMPLATE, values, session=session).encode())
    name = version.hexdigest()[:_VERSION]
    content = rendered(request, _FACTS_TEMPLATE, {**values, "version": name}, session=session)
    return Live(Markup(content), name, url)


async def _view(
    request: Request, session: StaffSession, reader: Reader, looked: Looked, done: Done | None
) -> ClosureView:
    service, document, recorded = service_of(request), looked.document, looked.recorded
    plan = await plan_of(service, recorded)
    parts = list(plan_parts(reader, plan)) if plan is not None else []
    lost = lost_part(reader, document.unrecoverable)
    tells: tuple[Told, ...] = ()
    if looked.trail is not None:
        policy = await service.closures.records.policy(document.closure_id)
        events = looked.trail.events
        turns = tuple(told_turns(events, policy, document.mode))
        taken = await mails_taken(service, document.account_id, policy, turns)
        tells = tuple(told(reader, events, turns, policy, taken, document.account_id, looked.now))
    return ClosureView(
        url=closure_url(document.closure_id),
        account_id=printable(document.account_id),
        closure_id=printable(document.closure_id),
        provider=printable(document.provider),
        done=reader.text(DONE[done]) if done is not None else "",
        acts=acts_of(reader, session, looked),
        documents=documents_of(reader, document),
        related=related(reader, document, recorded),
        plan=(*parts, *([lost] if lost is not None else ())),
        items=tuple(_items(reader, document)) if document.outcome is not Outcome.DELETED else (),
        items_title=_items_title(reader, document),
        item_count=reader.count(document.item_count),
        page=document.page,
        pages=document.pages,
        told=tells,
    )


def _items_title(reader: Reader, document: StatusDocument) -> str:
    return reader.text("What to do") if document.stage in UNCONFIRMED else reader.text("What was found")


def _items(reader: Reader, document: StatusDocument) -> Iterator[Item]:
    """With instructions only for what blocks a closure that isn't confirmed: it looks at nothing again."""
    is_to_do = document.stage in UNCONFIRMED
    looks = {
        ItemCategory.MANUAL: Badge(reader.text("to be handled"), Tone.WARN),
        ItemCategory.RENOUNCEABLE: Badge(reader.text("can be given up")),
        ItemCategory.UNKNOWN: Badge(reader.text("unknown"), Tone.BAD),
    }
    for item in document.checklist:
        look = looks[item.category] if is_to_do else Badge(reader.text("found"), Tone.WARN)
        yield Item(
            item_id=printable(item.item_id),
            title=printable(item.title),
            how_to=printable(item.how_to) if is_to_do and item.blocks else "",
            amount=reader.money(item.amount, item.currency) if item.amount and item.currency else "",
            category=look if item.blocks else Badge(reader.text("given up"), Tone.GOOD),
        )
