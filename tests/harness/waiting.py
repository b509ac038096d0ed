"""How tests wait for what others do: they look again and again, with patience and a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

PATIENCE = timedelta(seconds=60)
"""How long anything may take that only needs the worker and the server, on a machine that is busy with more.

Lost answers are tried again after 1, 2, 4 and 8 seconds: half a minute goes by with nobody at fault.
"""

# A server whose clock is stopped in the very milliseconds in which a closure starts its next timer skips that
# one as well.
BEYOND = timedelta(seconds=30)
"""Fast-forwards end so long after the timer that they are for."""

LONGEST_PAUSE = 0.3
"""Seconds between two looks. Each is a query that the worker answers: what is watched closely gets slower."""

Found = TypeVar("Found")


class TookTooLong(AssertionError):
    """What a test waited for did not happen."""


async def eventually(
    read: Callable[[], Awaitable[Found]],
    wanted: Callable[[Found], bool],
    what: str,
    *,
    within: timedelta = PATIENCE,
) -> Found:
    """Reads again and again until the answer is the wanted one.

    Raises:
        TookTooLong: with what was read last.
    """
    deadline = asyncio.get_running_loop().time() + within.total_seconds()
    pause = 0.02
    while not wanted(found := await read()):
        if asyncio.get_running_loop().time() > deadline:
            raise TookTooLong(f"{what}: not within {within.seconds} s; last seen: {found!r}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return found
