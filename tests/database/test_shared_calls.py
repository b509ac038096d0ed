"""One call for all who ask before it begins: overwriting a journal says nothing of what is deleted later."""

import asyncio
from dataclasses import dataclass, field

import pytest

from database.turns import SharedCall


@dataclass
class Calls:
    """Each ends when it may, and says its number."""

    began: list[asyncio.Event] = field(default_factory=list)

    async def call(self) -> int:
        may_end = asyncio.Event()
        self.began.append(may_end)
        number = len(self.began)
        await may_end.wait()
        return number


async def turn() -> None:
    """Lets all that is ready go on, as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_all_who_ask_before_it_begins_share_a_call() -> None:
    calls = Calls()
    shared = SharedCall(calls.call)
    asking = [asyncio.create_task(shared.result()) for _ in range(3)]
    await turn()
    calls.began[0].set()
    assert await asyncio.gather(*asking) == [1, 1, 1]


async def test_who_asks_later_waits_for_one_that_begins_later_and_beside_no_other() -> None:
    calls = Calls()
    shared = SharedCall(calls.call)
    first = asyncio.create_task(shared.result())
    await turn()
    later = [asyncio.create_task(shared.result()) for _ in range(2)]
    await turn()
    assert len(calls.began) == 1
    calls.began[0].set()
    assert await first == 1
    await turn()
    assert not any(each.done() for each in later)
    calls.began[1].set()
    assert await asyncio.gather(*later) == [2, 2]


async def test_who_is_cancelled_takes_it_from_nobody_else() -> None:
    calls = Calls()
    shared = SharedCall(calls.call)
    cancelled, other = (asyncio.create_task(shared.result()) for _ in range(2))
    await turn()
    cancelled.cancel()
    await turn()
    calls.began[0].set()
    assert await other == 1
    assert cancelled.cancelled()


async def test_a_failure_is_raised_to_all_and_the_next_is_tried_anew() -> None:
    answers = iter([OSError("no room"), None])

    async def call() -> str:
        answer = next(answers)
        if answer is not None:
            raise answer
        return "done"

    shared = SharedCall(call)
    failed = await asyncio.gather(shared.result(), shared.result(), return_exceptions=True)
    assert [type(each) for each in failed] == [OSError, OSError]
    assert await shared.result() == "done"


async def test_it_is_one_for_each_event_loop(tmp_path_factory: pytest.TempPathFactory) -> None:
    from database import Database

    database = Database(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('loops')}/accounts.db")
    try:
        assert await database.overwrite_journal()
        assert await asyncio.to_thread(lambda: asyncio.run(database.overwrite_journal()))
    finally:
        await database.dispose()
