"""`/staff`: search, tabs with what needs somebody, and the closures behind each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from client.listing import listed
from closure.acts import ActStatus
from closure.errors import RefusalType
from closure.messages import IDENTIFIER
from closure.model import Model
from closure.visible_text import printable
from records.listing import ClosureFilter, ClosureLists
from web.api.problems import Problem
from web.browser.forms import LANGUAGE_FIELD, read_form
from web.browser.languages import Reader
from web.browser.rendering import page, reader_for
from web.browser.sessions import Staff, StaffSession
from web.query_names import query_names
from web.service import WebService, service_of
from web.staff.access import require_calm
from web.staff.brakes_shown import ShownBrake, seen_brakes
from web.staff.finding import ACCOUNTS_SHOWN, LONGEST_QUERY, DirectoryAway, find
from web.staff.rows import Row, closure_url, rows
from web.staff.tabs import MEANINGS, TITLES, Tab, filters
from web.staff.words import reason_text

PAGE: Final = 50
_TEMPLATE: Final = "staff/triage.html"
_LARGEST: Final = 10**12

router = APIRouter()

Name = Annotated[str | None, Query(pattern=IDENTIFIER)]
AccountIds = Annotated[
    list[Annotated[str, Field(pattern=IDENTIFIER)]], Query(alias="account", max_length=ACCOUNTS_SHOWN)
]


class Search(Model):
    """What was typed."""

    query: str = Field(default="", max_length=LONGEST_QUERY)


@dataclass(frozen=True)
class Link:
    """A way to other closures, with how many there are."""

    text: str
    url: str
    count: str
    is_current: bool = False
    needs_somebody: bool = False


@dataclass(frozen=True)
class Triage:
    """Everything that the page shows."""

    tabs: tuple[Link, ...]
    narrower: tuple[Link, ...]
    tab: Tab
    meaning: str
    rows: tuple[Row, ...]
    brakes: tuple[ShownBrake, ...]
    next_url: str | None
    first_url: str | None
    accounts: tuple[str, ...] = ()
    not_admitted: tuple[Link, ...] = ()
    query: str = ""
    is_nothing_found: bool = False
    is_directory_away: bool = False


@router.get("/staff")
async def show_triage(
    request: Request,
    session: Staff,
    tab: Tab = Tab.ALL,
    check: Name = None,
    reason: Name = None,
    account_ids: AccountIds = [],  # noqa: B006 - FastAPI copies it
    after: Annotated[int | None, Query(ge=0, le=_LARGEST)] = None,
) -> Response:
    """One tab, one page of it.

    Raises:
        Problem: 400 for a parameter that the page doesn't have: it would list what was not asked for.
    """
    known = {LANGUAGE_FIELD, *query_names(request.scope["route"].dependant)}
    for name in request.query_params:
        if name not in known:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                RefusalType.MALFORMED_INPUT,
                f"there is no parameter {printable(name)}",
            )
    found = await _triage(request, session, Narrowed(tab, check, reason, tuple(account_ids)), after)
    return page(request, _TEMPLATE, {"triage": found}, session=session)


@router.get("/staff/search")
@router.get("/staff/sign-out")
async def look_again(_: Staff) -> Response:
    """What only forms go to: where one could not be taken, its answer leads to the same place again."""
    return RedirectResponse("/staff", HTTPStatus.SEE_OTHER)


@router.post("/staff/search")
async def search(request: Request, session: Staff) -> Response:
    """Leads to the closure or the accounts that were meant; what was typed stays out of addresses."""
    require_calm(request)
    form = await read_form(request, session, Search)
    query, is_away = form.query.strip(), False
    try:
        found = await find(service_of(request), session, query) if query else None
    except DirectoryAway:
        found, is_away = None, True
    if found is not None and found.closure_id is not None:
        return RedirectResponse(closure_url(found.closure_id), HTTPStatus.SEE_OTHER)
    if found is not None and found.account_ids:
        accounts = urlencode([("account", each) for each in found.account_ids])
        return RedirectResponse(f"/staff?{accounts}", HTTPStatus.SEE_OTHER)
    shown = replace(
        await _triage(request, session, Narrowed(Tab.ALL), None),
        query=printable(query),
        is_nothing_found=not is_away,
        is_directory_away=is_away,
    )
    return page(request, _TEMPLATE, {"triage": shown}, session=session)


@dataclass(frozen=True)
class Narrowed:
    """Which closures the page is asked for."""

    tab: Tab
    check: str | None = None
    reason: str | None = None
    account_ids: tuple[str, ...] = ()

    def url(self, after: int | None = None) -> str:
        words = [("tab", self.tab.value)] if self.tab is not Tab.ALL else []
        words += [("check", self.check)] if self.check else []
        words += [("reason", self.reason)] if self.reason else []
        words += [("account", each) for each in self.account_ids]
        words += [("after", str(after))] if after is not None else []
        return f"/staff?{urlencode(words)}" if words else "/staff"

    def wanted(self, tabs: Mapping[Tab, ClosureFilter]) -> ClosureFilter:
        """The tab's closures, narrowed to a check, a reason or some accounts."""
        more: dict[str, object] = {}
        if self.check is not None and self.tab is Tab.BLOCKED:
            more["blocked_by"] = self.check
        if self.reason is not None and self.tab is Tab.WAITING:
            more["waiting_for"] = self.reason
        if self.account_ids:
            more["account_ids"] = self.account_ids
        return tabs[self.tab].model_copy(update=more)


async def _triage(request: Request, session: StaffSession, narrowed: Narrowed, after: int | None) -> Triage:
    service, reader = service_of(request), reader_for(request, session)
    now, lists = datetime.now(UTC), ClosureLists(service.record)
    tabs = filters(now, session.visitor.provider)
    counted = dict(zip(tabs, await lists.totals([*tabs.values()]), strict=True))
    brakes = await seen_brakes(service, session, reader, now)
    counted[Tab.BRAKES] = len(brakes)
    links = tuple(
        Link(
            reader.text(TITLES[each]),
            Narrowed(each).url(),
            reader.count(counted[each]),
            is_current=each is narrowed.tab and not narrowed.account_ids,
            needs_somebody=bool(counted[each]) and each in _NEEDS_SOMEBODY,
        )
        for each in Tab
    )
    found: tuple[Row, ...] = ()
    following = None
    if narrowed.tab is not Tab.BRAKES:
        some = await lists.page(narrowed.wanted(tabs), limit=PAGE, after=after)
        found = tuple(rows(reader, map(listed, some.closures), now))
        following = narrowed.url(some.next) if some.next is not None else None
    return Triage(
        tabs=links,
        narrower=await _narrower(lists, reader, session.visitor.provider, narrowed),
        tab=narrowed.tab,
        meaning=reader.text(MEANINGS[narrowed.tab]),
        rows=found,
        brakes=brakes if narrowed.tab is Tab.BRAKES else (),
        next_url=following,
        first_url=narrowed.url() if after is not None else None,
        accounts=tuple(map(printable, narrowed.account_ids)),
        not_admitted=await _not_admitted(service, session, narrowed.account_ids),
    )


_NEEDS_SOMEBODY: Final = frozenset({Tab.LATE, Tab.OVERDUE, Tab.INTERRUPTED, Tab.BRAKES})


async def _narrower(
    lists: ClosureLists, reader: Reader, provider: str | None, narrowed: Narrowed
) -> tuple[Link, ...]:
    """The checks that block, or the reasons to wait, each with its count."""
    match narrowed.tab:
        case Tab.BLOCKED:
            counts = await lists.blocked_by(provider)
            named = [(each, printable(each), Narrowed(Tab.BLOCKED, check=each)) for each in counts]
        case Tab.WAITING:
            counts = await lists.waiting_for(provider)
            named = [(each, reason_text(reader, each), Narrowed(Tab.WAITING, reason=each)) for each in counts]
        case _:
            return ()
    return tuple(_narrower_links(reader, counts, named, narrowed))


def _narrower_links(
    reader: Reader,
    counts: Mapping[str, int],
    named: Iterable[tuple[str, str, Narrowed]],
    narrowed: Narrowed,
) -> Iterable[Link]:
    for name, text, to in named:
        is_current = name in (narrowed.check, narrowed.reason)
        yield Link(text, to.url(), reader.count(counts[name]), is_current)


async def _not_admitted(
    service: WebService, session: StaffSession, account_ids: Iterable[str]
) -> tuple[Link, ...]:
    """Closures that were asked for last and not admitted: the record has no row of them."""
    found = []
    for account_id in account_ids:
        asked = await service.closures.records.last_close(account_id)
        if asked is None or asked.status is ActStatus.DONE:
            continue
        words = await service.closures.records.close_of(asked.closure_id)
        if words is not None and session.may_see(words[1].provider if words[1] else None):
            found.append(Link(printable(account_id), closure_url(asked.closure_id), ""))
    return tuple(found)
