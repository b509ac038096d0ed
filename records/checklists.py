"""Looking through a checklist that may have very many items: counts by kind, and what somebody looks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, or_, select

from closure.messages import CHECKLIST, ChecklistItem, ItemCategory
from database.parts import row_by_row
from records.plans import item_of
from records.tables import record_items


@dataclass(frozen=True)
class ItemCount:
    """How many items of a check there are of one category, given up or not."""

    check: str
    category: ItemCategory
    renounced: bool
    number: int


@dataclass(frozen=True)
class ItemFilter:
    """Which items are looked for; None and nothing take all. `contains` is a part of an id or a title."""

    categories: tuple[ItemCategory, ...] = ()
    renounced: bool | None = None
    check: str | None = None
    contains: str | None = None
    item_ids: tuple[str, ...] | None = None
    with_amount: bool = False


def count_items(connection: Connection, closure_id: str) -> tuple[ItemCount, ...]:
    """In the order in which the checks come."""
    item = record_items.c
    query = (
        select(item.check_id, item.category, item.renounced, func.count())
        .where(item.closure_id == closure_id)
        .group_by(item.check_id, item.category, item.renounced)
        .order_by(func.min(item.position))
    )
    return tuple(
        ItemCount(check, ItemCategory(category), renounced, number)
        for check, category, renounced, number in connection.execute(query)
    )


def find_items(
    connection: Connection, closure_id: str, wanted: ItemFilter, *, limit: int, offset: int = 0
) -> tuple[Sequence[ChecklistItem], int]:
    """Those that are looked for, in the checklist's order: `limit` from `offset` on, and how many in all."""
    conditions = _conditions(closure_id, wanted)
    query = select(record_items).where(*conditions).order_by(record_items.c.position)
    found = row_by_row(connection, query.limit(limit).offset(offset)).mappings()
    items = CHECKLIST.of(item_of(row) for row in found)
    number = connection.scalar(select(func.count()).select_from(record_items).where(*conditions))
    return items, number or 0


def _conditions(closure_id: str, wanted: ItemFilter) -> list[ColumnElement[bool]]:
    item = record_items.c
    conditions = [item.closure_id == closure_id]
    if wanted.categories:
        conditions.append(item.category.in_([each.value for each in wanted.categories]))
    if wanted.renounced is not None:
        conditions.append(item.renounced.is_(wanted.renounced))
    if wanted.check is not None:
        conditions.append(item.check_id == wanted.check)
    if wanted.item_ids is not None:
        conditions.append(item.item_id.in_(wanted.item_ids))
    if wanted.with_amount:
        conditions.append(item.amount.is_not(None))
    if wanted.contains:
        part = wanted.contains
        conditions.append(
            or_(
                item.item_id.icontains(part, autoescape=True),
                item.resource_id.icontains(part, autoescape=True),
                item.title.icontains(part, autoescape=True),
            )
        )
    return conditions
