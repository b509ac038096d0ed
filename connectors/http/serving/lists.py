"""Lists given out page by page as they were when the first page was asked for; kept packed, for a while."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from connectors.http.answered import InventoryPage, StoresPage
from connectors.http.asked import OfPage
from connectors.http.problems import ProblemType
from connectors.http.serving.problems import RequestRefused
from connectors.ports import Platform

_KEPT: Final = 64
_KEPT_SECONDS: Final = 600.0

Lists = tuple[Sequence[object], ...]
"""What is gone through one after another, as if it were one list."""


@dataclass(frozen=True)
class _Kept:
    account_id: str
    lists: Lists
    until: float


class KeptLists:
    """Of one operation. A cursor is the name of what is kept and a place in it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def page(self, asked: OfPage, read: Callable[[], Awaitable[Lists]]) -> tuple[Lists, str | None]:
        """The things of one page, of each list its part, and the next page's cursor.

        Raises:
            RequestRefused: `CURSOR_EXPIRED`.
        """
        if asked.cursor is None:
            name, start, lists = secrets.token_urlsafe(12), 0, await read()
        else:
            name, start, lists = self._find(asked.account_id, asked.cursor)
        end = start + asked.limit
        found, before = [], 0
        for each in lists:
            found.append(each[max(start - before, 0) : max(end - before, 0)])
            before += len(each)
        if end >= before:
            return tuple(found), None
        self._keep(name, _Kept(asked.account_id, lists, self._clock() + _KEPT_SECONDS))
        return tuple(found), f"{name}.{end}"

    def _find(self, account_id: str, cursor: str) -> tuple[str, int, Lists]:
        name, _, place = cursor.rpartition(".")
        kept = self._kept.get(name)
        is_place = place.isascii() and place.isdigit() and len(place) <= 12
        if kept is None or kept.account_id != account_id or kept.until < self._clock() or not is_place:
            raise RequestRefused(
                HTTPStatus.GONE, ProblemType.CURSOR_EXPIRED, "this list is no longer kept: begin again"
            )
        return name, int(place), kept.lists

    def _keep(self, name: str, kept: _Kept) -> None:
        self._kept[name] = kept
        self._kept.move_to_end(name)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


class PagedPlatform:
    """The two lists of a platform that may be long."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._inventories = KeptLists()
        self._stores = KeptLists()

    async def inventory(self, asked: OfPage) -> InventoryPage:
        async def read() -> Lists:
            found = await self._platform.inventory.inventory(asked.account_id)
            return found.resources, found.subscriptions, found.domains, found.icp_filings

        (resources, subscriptions, domains, icp_filings), cursor = await self._inventories.page(asked, read)
        return InventoryPage.model_validate(
            {
                "resources": resources,
                "subscriptions": subscriptions,
                "domains": domains,
                "icp_filings": icp_filings,
                "next_cursor": cursor,
            }
        )

    async def stores(self, asked: OfPage) -> StoresPage:
        async def read() -> Lists:
            return (await self._platform.data_stores.stores(asked.account_id),)

        (stores,), cursor = await self._stores.page(asked, read)
        return StoresPage.model_validate({"stores": stores, "next_cursor": cursor})
