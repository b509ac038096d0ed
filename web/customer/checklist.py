"""The checklist in two parts: what must be handled elsewhere, and what can be given up here (A15, A16)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from client.faults import TakesLonger
from closure.item_texts import process_link, worded
from closure.lifecycle import Stage
from closure.messages import ChecklistItem, ItemCategory, StatusDocument
from closure.policy import Policy
from closure.visible_text import printable
from records.checklists import ItemCount, ItemFilter
from web.customer.again import Again
from web.customer.proving import ProvingForm
from web.customer.visit import HOME, Acting, PageRoute, Visit, Visiting, go_to
from web.customer.ways import Step, steps_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

CHECKLIST: Final = f"{HOME}/checklist"
ITEMS_A_PAGE: Final = 50
PATIENCE: Final = timedelta(seconds=1)
_LONGEST_SEARCH: Final = 200
_LAST_PAGE: Final = 1_000_000


class Part(StrEnum):
    """The two parts; what could not be read stands with what must be handled."""

    MANUAL = "manual"
    RENOUNCEABLE = "renounceable"

    @property
    def categories(self) -> tuple[ItemCategory, ...]:
        if self is Part.RENOUNCEABLE:
            return (ItemCategory.RENOUNCEABLE,)
        return (ItemCategory.UNKNOWN, ItemCategory.MANUAL)


@dataclass(frozen=True)
class ShownItem:
    """One item as people read it; `money` is its amount, `link` where it is dealt with."""

    item_id: str
    title: str
    how_to: str
    money: str | None
    link: str | None
    is_unknown: bool
    is_renounced: bool


@dataclass(frozen=True)
class ShownKind:
    """One kind of item, with how many there are, and the page that shows only these."""

    name: str
    number: str
    url: str
    is_chosen: bool


@dataclass(frozen=True)
class ShownPart:
    """One page of one part."""

    part: Part
    number: int
    """How many of its items are still open."""
    kinds: tuple[ShownKind, ...]
    items: tuple[ShownItem, ...]
    found: int
    page: int
    pages: int
    previous_url: str | None
    next_url: str | None
    is_filtered: bool


@dataclass(frozen=True)
class Looking:
    """What of the list is looked at. Filters and pages are addresses, which one can keep and go back to."""

    part: Part | None = None
    check: str | None = None
    find: str | None = None
    page: int = 1

    def url(self, **changes: object) -> str:
        wanted = {"part": self.part, "check": self.check, "find": self.find, "page": self.page, **changes}
        said = {name: str(value) for name, value in wanted.items() if value and (name, value) != ("page", 1)}
        return f"{CHECKLIST}?{urlencode(said)}" if said else CHECKLIST

    def of(self, part: Part) -> "Looking":
        """The same for one part; the other is shown from its beginning."""
        return self if self.part is part else Looking(part)


class NothingForm(ProvingForm):
    """Only a button."""


@router.get(CHECKLIST)
async def look_through(
    visit: Visiting,
    part: Part | None = None,
    check: Annotated[str | None, Query(max_length=_LONGEST_SEARCH)] = None,
    find: Annotated[str | None, Query(max_length=_LONGEST_SEARCH)] = None,
    page: Annotated[int, Query(ge=1, le=_LAST_PAGE)] = 1,
) -> Response:
    """A page of the list, as it is now."""
    document = await visit.status()
    if document is None or document.stage not in (Stage.BLOCKED, Stage.READY):
        return go_to(HOME)
    return await show_checklist(visit, document, Looking(part, check, find or None, page))


@router.post(f"{HOME}/recheck")
async def recheck(visit: Acting) -> Response:
    """Has the closure look again (A15); a check that takes longer is shown live."""
    await visit.form(NothingForm)
    document = await visit.status()
    if document is None or document.stage not in (Stage.BLOCKED, Stage.READY):
        return go_to(HOME)
    closure_id = document.closure_id

    async def look_again() -> StatusDocument:
        try:
            return await visit.closures.recheck(visit.account_id, closure_id=closure_id)
        except TakesLonger:
            return await visit.closures.status(closure_id=closure_id)

    await visit.service.underway.look(visit.session.web, f"recheck/{closure_id}", look_again, PATIENCE)
    return go_to(f"{HOME}?since={document.survey_number}")


async def show_checklist(
    visit: Visit,
    document: StatusDocument,
    looking: Looking,
    *,
    again: Again | None = None,
    changed: bool = False,
    nothing: bool = False,
) -> Response:
    """Both parts. What led here: `again`, a new check; the account has `changed`; `nothing` was chosen."""
    procedure = await visit.procedure(document.closure_id)
    counts = await visit.closures.records.item_counts(document.closure_id)
    parts = [
        await _part(visit, document.closure_id, procedure.policy, counts, looking.of(part)) for part in Part
    ]
    given_up = sum(each.number for each in counts if each.renounced)
    values = {
        "account_id": visit.account_id,
        "document": document,
        "manual": parts[0],
        "renounceable": parts[1],
        "given_up": given_up,
        "looking": looking,
        "again": again,
        "changed": changed,
        "nothing": nothing,
        "may_act": procedure.may_close and not visit.session.web.is_view_only,
        "steps": steps_of(visit.reader, Step.CHECKLIST),
    }
    return visit.page("checklist.html", values)


async def _part(
    visit: Visit, closure_id: str, policy: Policy, counts: Sequence[ItemCount], looking: Looking
) -> ShownPart:
    part = looking.part or Part.MANUAL
    wanted = ItemFilter(
        categories=part.categories, renounced=False, check=looking.check, contains=looking.find
    )
    found, number = await visit.closures.records.find_items(
        closure_id, wanted, limit=ITEMS_A_PAGE, offset=(looking.page - 1) * ITEMS_A_PAGE
    )
    pages = max(1, -(-number // ITEMS_A_PAGE))
    counted: Counter[str] = Counter()
    for each in counts:
        if each.category in part.categories and not each.renounced:
            counted[each.check] += each.number
    return ShownPart(
        part=part,
        number=counted.total(),
        kinds=tuple(
            ShownKind(
                name=name_of_check(visit, policy, check),
                number=visit.reader.count(times),
                url=looking.url(part=part, check=None if looking.check == check else check, page=1),
                is_chosen=looking.check == check,
            )
            for check, times in counted.items()
        ),
        items=shown_items(visit, policy, found),
        found=number,
        page=looking.page,
        pages=pages,
        previous_url=looking.url(part=part, page=looking.page - 1) if looking.page > 1 else None,
        next_url=looking.url(part=part, page=looking.page + 1) if looking.page < pages else None,
        is_filtered=bool(looking.check or looking.find),
    )


def shown_items(visit: Visit, policy: Policy, items: Iterable[ChecklistItem]) -> tuple[ShownItem, ...]:
    """Items in the reader's words; `policy` is in their language."""
    return tuple(
        ShownItem(
            item_id=each.item_id,
            title=printable(each.title or each.item_id),
            how_to=printable(each.how_to),
            money=visit.reader.money(each.amount, each.currency) if each.amount and each.currency else None,
            link=process_link(each, policy),
            is_unknown=each.category is ItemCategory.UNKNOWN,
            is_renounced=each.renounced,
        )
        for each in worded(items, policy)
    )


NAMES_OF_KINDS: Final = {
    "bills": "Bills",
    "credit_notes": "Credit notes",
    "balance": "Balance",
    "debt": "Debt",
    "resources": "Resources",
    "subscriptions": "Subscriptions",
    "domains": "Domain names",
    "icp_filings": "ICP filings",
    "relationships": "Related accounts",
}


def name_of_check(visit: Visit, policy: Policy, check: str) -> str:
    """What a check's items are called together."""
    inspects = policy.inspected.get(check)
    return visit.reader.text(NAMES_OF_KINDS[inspects.value] if inspects is not None else "Other")
