"""Programs that `make up` runs in the background beside the local server: awaited, and stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from local import processes
from local.go_build import last_lines
from local.processes import ProcessIdentity

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
"""So long a program may take to end what it has begun."""
_POLL_SECONDS: Final = 0.05


async def until_ready(
    process: ProcessIdentity | None,
    is_ready: Callable[[], Awaitable[bool]],
    log: Path,
    *,
    failed: Callable[[str], Exception],
    name: str,
    late: str,
) -> None:
    """Returns once the program is ready.

    Raises what `failed` makes of a sentence about `name` when it has ended, or, when it takes too long, with
    `late` before the seconds: what it doesn't do yet. The sentence ends with the last lines of its log.
    """
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await is_ready():
                if process is None or not processes.is_running(process):
                    raise failed(f"{name} ended: {last_lines(log, 5)}")
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise failed(f"{name} {late} {START_SECONDS:.0f} s: {last_lines(log, 5)}") from error


def stop(process: ProcessIdentity | None) -> bool:
    """Lets it end what it has begun, then ends it. Whether it still ran."""
    if process is None or not processes.is_running(process):
        return False
    processes.stop(process, grace_seconds=STOP_SECONDS)
    return True
