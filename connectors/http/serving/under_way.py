"""Effects that take longer than the caller waits: accepted, with an address to ask how they stand."""

import asyncio
import secrets
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from connectors.http.problems import ProblemType
from connectors.http.serving.problems import RequestRefused

OPERATIONS_PATH: Final = "/operations"
LOOK_AGAIN_AFTER: Final = 1
"""Seconds."""
_KEPT: Final = 1_000


class UnderWay:
    """What goes on, and what has ended lately. In memory: after a restart the caller sends it again."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Response]] = {}

    async def run(self, work: Coroutine[object, object, Response], seconds: float, address: str) -> Response:
        """The response, if it is there within so many seconds; else 202, with an address below `address`."""
        task = asyncio.create_task(work)
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
        name = secrets.token_urlsafe(16)
        self._forget_ended()
        self._tasks[name] = task
        return _accepted(f"{address}/{name}")

    def look(self, name: str, address: str) -> Response:
        """The response, or 202 again.

        Raises:
            RequestRefused: `OPERATION_NOT_FOUND`.
        """
        task = self._tasks.get(name)
        if task is None:
            raise RequestRefused(
                HTTPStatus.NOT_FOUND, ProblemType.OPERATION_NOT_FOUND, "there is no such operation here"
            )
        return task.result() if task.done() else _accepted(address)

    async def settle(self, seconds: float) -> None:
        """Lets what goes on end, for so long."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=seconds)

    def _forget_ended(self) -> None:
        """The oldest, beyond what is kept."""
        ended = [name for name, task in self._tasks.items() if task.done()]
        for name in ended[: max(0, len(self._tasks) - _KEPT)]:
            del self._tasks[name]


def _accepted(address: str) -> Response:
    headers = {"Location": address, "Retry-After": str(LOOK_AGAIN_AFTER)}
    return Response(status_code=HTTPStatus.ACCEPTED, headers=headers)
