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
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from connectors.embedded import EmbeddedPlatform

Port = TypeVar("Port")
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
    """Counts moments, writes them down, and ends this process by SIGKILL at the chosen one."""

    def __init__(self, point: FaultPoint | None, journal: Path | None) -> None:
        self._point = point
        self._journal = journal
        self._seen: Counter[tuple[Moment, str]] = Counter()

    def reach(self, moment: Moment, name: str) -> None:
        if self._arrives(moment, name):
            strike()

    def reach_soon(self, moment: Moment, name: str) -> None:
        """As `reach`, a little later: what is under way goes on meanwhile."""
        if self._arrives(moment, name):
            asyncio.get_running_loop().call_later(_REPORTING_SECONDS, strike)

    def _arrives(self, moment: Moment, name: str) -> bool:
        self._seen[moment, name] += 1
        here = FaultPoint(moment, name, self._seen[moment, name])
        if self._journal is not None:
            with self._journal.open("a", encoding="utf-8") as journal:
                journal.write(f"{here}\n")
        if here != self._point:
            return False
        sys.stderr.write(f"struck at {here}\n")
        sys.stderr.flush()
        return True


def strike() -> None:
    """SIGKILL to this very process: no handler, no clean-up, no last word."""
    os.kill(os.getpid(), signal.SIGKILL)


def watched(platform: EmbeddedPlatform, fate: Fate) -> EmbeddedPlatform:
    """The platform, each port's calls reported to `fate`, ports to come included."""
    ports = {port.name: getattr(platform, port.name) for port in fields(platform)}
    return replace(
        platform, **{name: cast("Any", _WatchedPort(port, name, fate)) for name, port in ports.items()}
    )


class _WatchedPort:
    def __init__(self, inner: object, name: str, fate: Fate) -> None:
        self._inner = inner
        self._name = name
        self._fate = fate

    def __getattr__(self, method: str) -> Callable[..., Awaitable[object]]:
        act = cast("Callable[..., Awaitable[object]]", getattr(self._inner, method))

        async def call(*arguments: object, **options: object) -> object:
            name = f"{self._name}.{method}"
            self._fate.reach(Moment.BEFORE, name)
            result = await act(*arguments, **options)
            self._fate.reach(Moment.AFTER, name)
            return result

        return call


def watch_commits(engine: AsyncEngine, fate: Fate) -> None:
    """Reports the moment before each commit of a write, whoever writes."""

    def before_commit(connection: Connection) -> None:
        if connection.get_execution_options().get("database_writes", False):
            fate.reach(Moment.BEFORE, "commit")

    event.listen(engine.sync_engine, "commit", before_commit)


class WatchedActivities(Interceptor):
    """Reports every activity's begin, end and result to `fate`."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _WatchedActivity(super().intercept_activity(next), self._fate)


class _WatchedActivity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, fate: Fate) -> None:
        super().__init__(next)
        self._fate = fate

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: ANN401 - the SDK's signature
        name = input.fn.__name__
        self._fate.reach(Moment.BEFORE, name)
        result = await super().execute_activity(input)
        self._fate.reach(Moment.AFTER, name)
        self._fate.reach_soon(Moment.REPORTED, name)
        return result
