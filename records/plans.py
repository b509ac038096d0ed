"""Plans, checklists and losses of a closure: lists lie here, never in Temporal."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, RowMapping, delete, insert, not_, select, update

from closure.long_lists import PACKED
from closure.messages import CHECKLIST, ChecklistItem, ItemCategory, ItemWording
from closure.plan import Plan, unrecoverable_ids
from database.parts import in_parts, row_by_row
from records.erasure import ERASED_PLAN
from records.lookups import plan_content
from records.tables import record_items, record_losses, record_plans


class PlanMissing(Exception):
    """The record doesn't have a plan that an effect needs: it must not go on."""


def save_plan(connection: Connection, closure_id: str, plan: Plan) -> None:
    """Keeps a plan as it was seen last: what its hash doesn't cover may have drifted."""
    known = record_plans.c
    plan_hash, content = plan.plan_hash, plan.model_dump_json(context=PACKED)
    kept = connection.execute(
        update(record_plans)
        .where(known.closure_id == closure_id, known.plan_hash == plan_hash)
        .values(content=content)
    )
    if not kept.rowcount:
        values = {"closure_id": closure_id, "plan_hash": plan_hash, "content": content}
        connection.execute(insert(record_plans).values(values))


def find_plan(connection: Connection, closure_id: str, plan_hash: str | None) -> Plan | None:
    """A plan of this closure; None for an unknown one, and when the account was deleted."""
    content = plan_content(connection, closure_id, plan_hash) if plan_hash else None
    return Plan.model_validate_json(content) if content not in (None, ERASED_PLAN) else None


def read_plan(connection: Connection, closure_id: str, plan_hash: str | None) -> Plan:
    """Raises `PlanMissing`."""
    plan = find_plan(connection, closure_id, plan_hash)
    if plan is None:
        raise PlanMissing(f"the record has no plan {plan_hash} for closure {closure_id}")
    return plan


def replace_items(connection: Connection, closure_id: str, items: Iterable[ChecklistItem]) -> None:
    """The checklist is these items now, in this order."""
    connection.execute(delete(record_items).where(record_items.c.closure_id == closure_id))
    rows = (
        {
            "closure_id": closure_id,
            "position": position,
            "item_id": item.item_id,
            "check_id": item.check,
            "category": item.category.value,
            "title": item.title,
            "how_to": item.how_to,
            "resource_id": item.resource_id,
            "amount": item.amount,
            "currency": item.currency,
            "renounced": item.renounced,
            "wording": item.wording.model_dump_json() if item.wording else None,
        }
        for position, item in enumerate(items)
    )
    for some in in_parts(rows):
        connection.execute(insert(record_items), some)


def mark_renounced(connection: Connection, closure_id: str, positions: Iterable[int]) -> None:
    """The items at these places of the checklist are given up."""
    for some in in_parts({"position": each} for each in positions):
        connection.execute(
            update(record_items)
            .where(
                record_items.c.closure_id == closure_id,
                record_items.c.position.in_([each["position"] for each in some]),
            )
            .values(renounced=True)
        )


def read_items(
    connection: Connection, closure_id: str, *, limit: int | None = None, offset: int = 0
) -> Sequence[ChecklistItem]:
    """The checklist in its order; `limit` items from `offset` on."""
    query = (
        select(record_items)
        .where(record_items.c.closure_id == closure_id, record_items.c.position >= offset)
        .order_by(record_items.c.position)
        .limit(limit)
    )
    return CHECKLIST.of(item_of(row) for row in row_by_row(connection, query).mappings())


def can_renounce(connection: Connection, closure_id: str) -> bool:
    """Whether the checklist has an item that can still be given up."""
    item = record_items.c
    query = select(item.position).where(
        item.closure_id == closure_id,
        item.category == ItemCategory.RENOUNCEABLE.value,
        not_(item.renounced),
    )
    return connection.scalar(query.limit(1)) is not None


def replace_losses(connection: Connection, closure_id: str, plan: Plan) -> None:
    """What can't come back any more is what the plan takes (A26)."""
    clear_losses(connection, closure_id)
    rows = (
        {"closure_id": closure_id, "position": position, "item_id": item_id}
        for position, item_id in enumerate(unrecoverable_ids(plan))
    )
    for some in in_parts(rows):
        connection.execute(insert(record_losses), some)


def clear_losses(connection: Connection, closure_id: str) -> None:
    """Nothing is lost."""
    connection.execute(delete(record_losses).where(record_losses.c.closure_id == closure_id))


def read_losses(connection: Connection, closure_id: str, *, limit: int | None = None) -> tuple[str, ...]:
    """Ids of what can't come back."""
    query = (
        select(record_losses.c.item_id)
        .where(record_losses.c.closure_id == closure_id)
        .order_by(record_losses.c.position)
        .limit(limit)
    )
    return tuple(connection.scalars(query).all())


def item_of(row: RowMapping) -> ChecklistItem:
    """One row of `record_items`."""
    return ChecklistItem(
        item_id=row["item_id"],
        check=row["check_id"],
        category=ItemCategory(row["category"]),
        title=row["title"],
        how_to=row["how_to"],
        resource_id=row["resource_id"],
        amount=row["amount"],
        currency=row["currency"],
        renounced=row["renounced"],
        wording=ItemWording.model_validate_json(row["wording"]) if row["wording"] else None,
    )
