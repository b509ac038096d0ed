"""A transaction that is under way for as long as a test wants."""

import asyncio
import threading
from typing import Final

from sqlalchemy import Connection

_SECONDS: Final = 10


class HeldTransaction:
    """Work that begins, says so, and ends when it is told to. Made on the loop that waits for it."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._may_end = threading.Event()

    def hold_on(self, connection: Connection) -> None:
        """What is given to the database."""
        self._loop.call_soon_threadsafe(self.began.set)
        assert self._may_end.wait(_SECONDS)

    def end(self) -> None:
        self._may_end.set()
