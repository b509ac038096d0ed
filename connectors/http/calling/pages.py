"""Lists that come page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from connectors.http.answered import Page
from connectors.http.asked import LARGEST_PAGE, OfPage
from connectors.http.calling.caller import Caller
from connectors.http.calling.faults import AnswerUnreadable, CursorExpired
from connectors.http.operations import Operation

SomePage = TypeVar("SomePage", bound=Page)
Whole = TypeVar("Whole")


async def pages(
    caller: Caller, operation: Operation[OfPage, SomePage], account_id: str
) -> AsyncIterator[SomePage]:
    """One page after another, of which one is in hand.

    Raises:
        ServiceFault: a page can't be read, so nobody knows what is there.
    """
    cursor: str | None = None
    while True:
        page = await caller.ask(operation, OfPage(account_id=account_id, cursor=cursor, limit=LARGEST_PAGE))
        yield page
        if page.next_cursor is None:
            return
        if page.next_cursor == cursor:
            raise AnswerUnreadable("a page leads to itself")
        cursor = page.next_cursor


async def read_whole(read: Callable[[], Awaitable[Whole]]) -> Whole:
    """Reads a list; from its beginning again, once, when the service no longer keeps what it had begun."""
    try:
        return await read()
    except CursorExpired:
        return await read()
