"""Long lists come page by page and are held packed; half of one is none."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from closure.accounts import DATA_STORES, IDS, RESOURCES, DataStore, Inventory, Resource
from closure.long_lists import LongList
from connectors.embedded import embedded_platform
from connectors.http.asked import OfPage
from connectors.http.calling.faults import AnswerUnreadable, CursorExpired
from connectors.http.problems import ProblemType
from connectors.http.serving.lists import KeptLists
from connectors.http.serving.problems import RequestRefused
from connectors.ports import Platform
from database import Database
from tests.connectors.http.scripted import Scripted, ok, problem
from tests.connectors.samples import account, load
from tests.harness.served_platform import ServedPlatform

MANY = 2_345
STORE = {"store_id": "s", "store": "object-storage", "objects": 1}


def page(cursor: str | None, *names: str) -> Any:  # noqa: ANN401
    return ok({"stores": [{**STORE, "store_id": name} for name in names], "next_cursor": cursor})


class _Large:
    """A source and stores with very much in them."""

    def __init__(self) -> None:
        self.reads = 0

    async def inventory(self, account_id: str) -> Inventory:
        self.reads += 1
        names = [f"i-{number:06}" for number in range(MANY)]
        return Inventory(
            resources=RESOURCES.of(Resource(resource_id=name, product="ecs") for name in names),
            domains=IDS.of(f"{name}.example" for name in names[:1_500]),
            icp_filings=("icp-1",),
        )

    async def stores(self, account_id: str) -> Sequence[DataStore]:
        return DATA_STORES.of(
            DataStore(store_id=f"s-{number:06}", store="object-storage", objects=number)
            for number in range(MANY)
        )


async def test_very_many_things_arrive_whole_in_order_and_packed(
    database: Database, service: ServedPlatform
) -> None:
    large: Any = _Large()
    embedded = embedded_platform(database)
    platform = service.over(replace(embedded, inventory=large, data_stores=large))
    found, stores = await platform.inventory.inventory("a-1"), await platform.data_stores.stores("a-1")
    assert found == await large.inventory("a-1")
    assert stores == await large.stores("a-1")
    assert isinstance(found.resources, LongList)
    assert found.resources.is_in_order
    assert large.reads == 2, "one for all pages"
    await platform.aclose()


async def test_a_page_that_leads_to_itself_is_no_list() -> None:
    with pytest.raises(AnswerUnreadable):
        await Scripted([page("c", "s-1"), page("c", "s-2")]).platform().data_stores.stores("a-1")


async def test_half_a_list_is_none() -> None:
    service = Scripted([page("c", "s-1"), ok({"stores": []})])
    with pytest.raises(AnswerUnreadable):
        await service.platform().data_stores.stores("a-1")


async def test_a_list_that_is_no_longer_kept_is_read_from_its_beginning() -> None:
    expired = problem(410, ProblemType.CURSOR_EXPIRED)
    service = Scripted([page("c", "s-1"), expired, page("d", "s-2"), page(None, "s-3")])
    stores = await service.platform().data_stores.stores("a-1")
    assert [each.store_id for each in stores] == ["s-2", "s-3"]
    assert [each.partition("?")[2] for each in service.targets] == [
        "account_id=a-1&limit=1000",
        "account_id=a-1&cursor=c&limit=1000",
        "account_id=a-1&limit=1000",
        "account_id=a-1&cursor=d&limit=1000",
    ]
    with pytest.raises(CursorExpired):
        await (
            Scripted([page("c", "s-1"), expired, page("c", "s-1"), expired])
            .platform()
            .data_stores.stores("a")
        )


async def test_an_empty_page_may_have_another_after_it() -> None:
    stores = await Scripted([page("c"), page(None, "s-1")]).platform().data_stores.stores("a-1")
    assert [each.store_id for each in stores] == ["s-1"]


async def read() -> tuple[Sequence[object], ...]:
    return tuple(range(3)), tuple("ab"), ()


async def all_pages(limit: int) -> list[tuple[Sequence[object], ...]]:
    lists, cursor, found = KeptLists(), None, []
    while True:
        parts, cursor = await lists.page(OfPage(account_id="a", cursor=cursor, limit=limit), read)
        found.append(parts)
        if cursor is None:
            return found


@pytest.mark.parametrize(("limit", "pages"), [(1, 5), (2, 3), (3, 2), (4, 2), (5, 1), (1_000, 1)])
async def test_pages_of_any_length_make_the_whole_list(limit: int, pages: int) -> None:
    found = await all_pages(limit)
    assert len(found) == pages
    assert all(sum(map(len, parts)) <= limit for parts in found)
    joined = [[thing for parts in found for thing in parts[place]] for place in range(3)]
    assert joined == [[0, 1, 2], ["a", "b"], []]


@pytest.mark.parametrize(
    ("account_id", "changed", "seconds"),
    [("b", lambda c: c, 0), ("a", lambda c: c[1:], 0), ("a", lambda c: f"{c}x", 0), ("a", lambda c: c, 601)],
    ids=["another account's", "another name", "no place", "too late"],
)
async def test_a_cursor_that_nobody_gave_is_expired(account_id: str, changed: Any, seconds: float) -> None:  # noqa: ANN401
    moment = [0.0]
    lists = KeptLists(lambda: moment[0])
    _, cursor = await lists.page(OfPage(account_id="a", limit=1), read)
    assert cursor is not None
    moment[0] += seconds
    with pytest.raises(RequestRefused):
        await lists.page(OfPage(account_id=account_id, cursor=changed(cursor), limit=1), read)


async def test_an_account_with_nothing_has_one_empty_page(database: Database, platform: Platform) -> None:
    await load(database, account())
    assert await platform.inventory.inventory("a-1") == Inventory()
    assert await platform.data_stores.stores("a-1") == ()
