"""Checklists and what can't come back: replaced as a whole, read in pages, however long they are."""

import pytest
from sqlalchemy import Connection

from closure.accounts import Resource
from closure.messages import ChecklistItem, ItemCategory
from closure.plan import Plan, unrecoverable_ids
from records.plans import mark_renounced, replace_items, replace_losses
from records.reading import ClosureRecords
from records.record import Record
from tests.records.samples import Closures, findings, new_state
from tests.unit.examples import account, item

MANY = 1_203
"""More than are written at once."""
ITEMS = tuple(
    item(f"resources/i-{number}", ItemCategory.RENOUNCEABLE, resource_id=f"i-{number}")
    for number in reversed(range(MANY))
)
FULL = item("balance", ItemCategory.MANUAL, title="数据", amount="5.00", currency="USD", renounced=True)


@pytest.fixture(autouse=True)
async def _opened(closures: Closures) -> None:
    await closures.open()
    await closures.open(new_state("c-2", "a-2"))


async def replace(record: Record, items: tuple[ChecklistItem, ...], closure_id: str = "c-1") -> None:
    await record.write(lambda connection: replace_items(connection, closure_id, items))


async def lose(record: Record, plan: Plan) -> None:
    await record.write(lambda connection: replace_losses(connection, "c-1", plan))


async def test_a_checklist_reads_back_in_its_order(record: Record, records: ClosureRecords) -> None:
    assert await records.items("c-1") == ()
    await replace(record, (FULL, *ITEMS))
    assert await records.items("c-1") == (FULL, *ITEMS)
    assert await records.items("c-2") == ()


async def test_pages_are_the_whole(record: Record, records: ClosureRecords) -> None:
    await replace(record, ITEMS)
    pages: list[ChecklistItem] = []
    while page := await records.items("c-1", limit=100, offset=len(pages)):
        assert len(page) <= 100
        pages += page
    assert tuple(pages) == ITEMS
    assert await records.items("c-1", offset=MANY - 1) == ITEMS[-1:]
    assert await records.items("c-1", limit=0) == ()
    assert await records.items("c-1", offset=MANY) == ()


async def test_another_survey_replaces_the_whole_checklist_of_its_closure(
    record: Record, records: ClosureRecords
) -> None:
    await replace(record, ITEMS)
    await replace(record, ITEMS[:3], "c-2")
    await replace(record, ITEMS[:2])
    assert await records.items("c-1") == ITEMS[:2]
    assert await records.items("c-2") == ITEMS[:3]
    await replace(record, ())
    assert await records.items("c-1") == ()


async def test_items_are_given_up_at_their_places(record: Record, records: ClosureRecords) -> None:
    await replace(record, ITEMS)
    await replace(record, ITEMS[:3], "c-2")
    given_up = [0, *range(700, MANY)]
    await record.write(lambda connection: mark_renounced(connection, "c-1", given_up))
    found = await records.items("c-1")
    assert [place for place, each in enumerate(found) if each.renounced] == given_up
    assert [each.model_copy(update={"renounced": False}) for each in found] == list(ITEMS)
    assert await records.items("c-2") == ITEMS[:3]


async def test_a_replacement_that_fails_leaves_the_checklist_as_it_was(
    record: Record, records: ClosureRecords
) -> None:
    await replace(record, ITEMS)

    def fail(connection: Connection) -> None:
        replace_items(connection, "c-1", ITEMS[:1])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await record.write(fail)
    assert await records.items("c-1") == ITEMS


async def test_what_can_not_come_back_is_what_the_plan_takes(record: Record, records: ClosureRecords) -> None:
    resources = tuple(
        Resource(resource_id=f"i-{number}", product="ecs", renounceable=True) for number in range(MANY)
    )
    plan = findings(account(resources=resources)).plan
    await lose(record, plan)
    assert len(await records.losses("c-1")) == MANY
    assert await records.losses("c-1") == tuple(unrecoverable_ids(plan))
    assert await records.losses("c-1", limit=5) == tuple(unrecoverable_ids(plan))[:5]
    assert await records.losses("c-2") == ()
    await lose(record, findings().plan)
    assert await records.losses("c-1") == ()
