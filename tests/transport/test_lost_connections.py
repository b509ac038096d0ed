"""A connection that is closed beneath a call: servers do so every few minutes, and nobody should notice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from temporal.asking import asked
from temporal.current_runs import TemporalRuns
from tests.transport.guarded_server import guarded_server, make_usable

SHORT_LIVED: Final[dict[str, str | int]] = {
    "frontend.keepAliveMaxConnectionAge": "1s",
    "frontend.namespaceRPS": 1_000_000,
    "frontend.rps": 1_000_000,
}
CALLS = 40_000
"""Without a second call about 10 of so many are lost."""
AT_ONCE = 4


class Calls:
    """Fails as often as it is told to, then answers."""

    def __init__(self, *failures: RPCStatusCode) -> None:
        self.made = 0
        self._failures = [RPCError("operation was canceled", status, b"") for status in failures]

    async def make(self) -> int:
        self.made += 1
        if self._failures:
            raise self._failures.pop(0)
        return self.made


@pytest.mark.parametrize("lost", [RPCStatusCode.CANCELLED, RPCStatusCode.UNAVAILABLE])
async def test_a_call_whose_connection_is_lost_is_made_once_more(lost: RPCStatusCode) -> None:
    assert await asked(Calls(lost).make) == 2


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ([RPCStatusCode.UNAVAILABLE, RPCStatusCode.CANCELLED], 2),
        ([RPCStatusCode.NOT_FOUND], 1),
        ([RPCStatusCode.DEADLINE_EXCEEDED], 1),
        ([RPCStatusCode.CANCELLED, RPCStatusCode.NOT_FOUND], 2),
    ],
)
async def test_a_server_that_is_away_or_refuses_is_not_asked_on_and_on(
    failures: list[RPCStatusCode], expected: int
) -> None:
    calls = Calls(*failures)
    with pytest.raises(RPCError) as failed:
        await asked(calls.make)
    assert (failed.value.status, calls.made) == (failures[-1], expected)


@pytest.fixture
async def short_lived(tmp_path: Path) -> AsyncIterator[Client]:
    async with guarded_server(tmp_path, {}, SHORT_LIVED) as ports:
        address = f"127.0.0.1:{ports.frontend}"
        await make_usable(address)
        yield await Client.connect(address)


@pytest.mark.long
async def test_connections_of_a_second_each_lose_no_question(short_lived: Client) -> None:
    runs = TemporalRuns(short_lived)

    async def ask_on() -> None:
        for _ in range(CALLS // AT_ONCE):
            assert await runs.running("nothing") is None

    await asyncio.gather(*(ask_on() for _ in range(AT_ONCE)))
