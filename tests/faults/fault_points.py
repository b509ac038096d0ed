"""Where a worker can be struck: moments around every port call, activity and commit, counted as they come.

``before:billing.forfeit#1`` is the moment before the first call of that port method, ``after:`` the one
after it has acted and before anybody knows. An activity's name stands for ``before:`` not begun, ``after:``
done but not reported, ``reported:`` a little later. ``before:commit#3`` is all but written.
"""

import asyncio
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.faults.around import Act, Call

_REPORTING_SECONDS = 0.02


class Moment(StrEnum):
    BEFORE = "before"
    AFTER = "after"
    REPORTED = "reported"


@dataclass(frozen=True, order=True)
class FaultPoint:
    """The nth time that something called `name` comes to this moment, counted from 1."""

    moment: Moment
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.moment.value}:{self.name}#{self.number}"

    @classmethod
    def parse(cls, text: str) -> "FaultPoint":
        """Raises ValueError for anything but ``moment:name#number``."""
        moment, _, rest = text.partition(":")
        name, _, number = rest.rpartition("#")
        return cls(Moment(moment), name, int(number))


class Fate:
    """Counts moments, writes them down, and sends this process a signal at the chosen one."""

    def __init__(
        self, point: FaultPoint | None, journal: Path | None, blow: signal.Signals = signal.SIGKILL
    ) -> None:
        self._point = point
        self._journal = journal
        self._blow = blow
        self._seen: Counter[tuple[Moment, str]] = Counter()

    async def around_port(self, call: Call, act: Act) -> object:
        self.reach(Moment.BEFORE, call.name)
        answer = await act()
        self.reach(Moment.AFTER, call.name)
        return answer

    async def around_activity(self, call: Call, act: Act) -> object:
        answer = await self.around_port(call, act)
        if self._arrives(Moment.REPORTED, call.name):
            asyncio.get_running_loop().call_later(_REPORTING_SECONDS, self._strike)
        return answer

    def reach(self, moment: Moment, name: str) -> None:
        if self._arrives(moment, name):
            self._strike()

    def _arrives(self, moment: Moment, name: str) -> bool:
        self._seen[moment, name] += 1
        here = FaultPoint(moment, name, self._seen[moment, name])
        if self._journal is not None:
            with self._journal.open("a", encoding="utf-8") as journal:
                journal.write(f"{here}\n")
        return here == self._point

    def _strike(self) -> None:
        sys.stderr.write(f"{self._blow.name} at {self._point}\n")
        sys.stderr.flush()
        os.kill(os.getpid(), self._blow)


def watch_commits(engine: AsyncEngine, fate: Fate) -> None:
    """Reports the moment before each commit of a write, whoever writes."""

    def before_commit(connection: Connection) -> None:
        if connection.get_execution_options().get("database_writes", False):
            fate.reach(Moment.BEFORE, "commit")

    event.listen(engine.sync_engine, "commit", before_commit)
