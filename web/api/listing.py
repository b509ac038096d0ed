"""Lists of closures and of checklist items, page by page; a cursor says where the rest begins."""

import base64
import binascii
from typing import Final

from client.listing import listed
from closure.messages import ChecklistItem, ItemCategory
from records.listing import ClosureFilter, ClosureLists
from records.reading import ClosureRecords
from web.api.documents import ClosureList, ItemList
from web.api.problems import Problem, invalid_field

PAGE: Final = 50
LARGEST_PAGE: Final = 200
_ITEMS_AT_ONCE: Final = 500
_LONGEST_PLACE: Final = 9


async def list_of_closures(
    lists: ClosureLists, wanted: ClosureFilter, *, limit: int, cursor: str | None
) -> ClosureList:
    """One page, those opened last first.

    Raises:
        Problem: 422 for a cursor that no list gave.
    """
    page = await lists.page(wanted, limit=limit, after=None if cursor is None else _read_cursor(cursor))
    return ClosureList(
        closures=tuple(listed(each) for each in page.closures),
        next_cursor=None if page.next is None else _cursor(page.next),
    )


async def list_of_items(
    records: ClosureRecords, closure_id: str, category: ItemCategory | None, cursor: str | None
) -> ItemList:
    """One page of a checklist. Raises as `list_of_closures`."""
    place = 0 if cursor is None else _read_cursor(cursor)
    page: list[ChecklistItem] = []
    while some := await records.items(closure_id, limit=_ITEMS_AT_ONCE, offset=place):
        for item in some:
            if category in (None, item.category):
                if len(page) == LARGEST_PAGE:
                    return ItemList(items=tuple(page), next_cursor=_cursor(place))
                page.append(item)
            place += 1
    return ItemList(items=tuple(page), next_cursor=None)


def _cursor(place: int) -> str:
    """Opaque, so that nobody counts with it."""
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _no_cursor() from None
    if not place.isdigit() or len(place) > _LONGEST_PLACE:
        raise _no_cursor()
    return int(place)


def _no_cursor() -> Problem:
    return invalid_field("query", "cursor", "no list gave this cursor")
