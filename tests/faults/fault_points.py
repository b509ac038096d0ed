"""Where a worker can be struck: moments around port calls, activities, anchors and the record's transactions.

``before:billing.forfeit#1`` is the moment before the first call of that port method, ``after:`` the one
after it has acted and before anybody knows. An activity's name stands for ``before:`` not begun, ``after:``
done but not reported, ``reported:`` a little later. ``before:commit#3`` is all but written. Of a transaction
of the record's, named by what it changes (``record.open-stop``, ``record.confirm-done``, ``record.silent``),
``before:`` is all but committed and ``after:`` is committed, while nobody knows and nothing is anchored.
"""

import asyncio
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, event, select

from closure.installation import Installation
from database import Database
from database.engine import WRITES
from records.anchors import Anchors, ChainHead
from records.record import Record
from records.tables import record_acts, record_closures, record_steps
from tests.harness.around import Act, Call

Result = TypeVar("Result")

_REPORTING_SECONDS: Final = 0.02
RECORD: Final = "record"
ANCHOR: Final = "anchors.append"


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
        # Transactions come to their moments on threads.
        self._counting = threading.Lock()

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
        with self._counting:
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


class FatefulRecord(Record):
    """The record, each of its write transactions in the hands of a fate."""

    def __init__(
        self, database: Database, installation: Installation, anchors: Anchors | None, fate: Fate
    ) -> None:
        super().__init__(database, installation, None if anchors is None else _FatefulAnchors(anchors, fate))
        self._fate = fate

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        changed: list[str] = []

        def watched(connection: Connection) -> Result:
            before = _standing(connection)
            result = work(connection)
            changed[:] = sorted(_standing(connection) - before)
            for name in changed:
                self._fate.reach(Moment.BEFORE, f"{RECORD}.{name}")
            return result

        result = await super().write(watched)
        for name in changed:
            self._fate.reach(Moment.AFTER, f"{RECORD}.{name}")
        return result


class _FatefulAnchors:
    def __init__(self, inner: Anchors, fate: Fate) -> None:
        self._inner = inner
        self._fate = fate

    async def append(self, *heads: ChainHead) -> None:
        self._fate.reach(Moment.BEFORE, ANCHOR)
        await self._inner.append(*heads)
        self._fate.reach(Moment.AFTER, ANCHOR)


def _standing(connection: Connection) -> set[str]:
    """Every step, act and stage as it stands, in names that a fault point can bear."""
    steps = select(record_steps.c.step, record_steps.c.closed_at)
    acts = select(record_acts.c.kind, record_acts.c.status)
    stages = select(record_closures.c.stage)
    return {
        *(f"{'open' if closed is None else 'close'}-{step}" for step, closed in connection.execute(steps)),
        *(f"{kind}-{status}" for kind, status in connection.execute(acts)),
        *connection.scalars(stages),
    }


def watch_commits(database: Database, fate: Fate) -> None:
    """Reports the moment before each commit of a write, whoever writes."""

    def before_commit(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITES, False):
            fate.reach(Moment.BEFORE, "commit")

    event.listen(database._engine, "commit", before_commit)
