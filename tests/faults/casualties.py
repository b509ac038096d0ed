"""Closures whose worker is killed once, several at the same time: most of each one's life is waiting."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from tests.faults.aftermath import Aftermath, aftermath
from tests.faults.fault_points import FaultPoint, Moment
from tests.faults.processes import WorkerProcess, worker_process
from tests.faults.scenes import Scene
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, TestInstallation, running_worker

AT_ONCE = 6
SECONDS = 200.0
"""Wall time of one struck closure on a busy machine: a few time-outs and a process's start."""


TRIES = 3
"""Moments drawn for one blow."""


class NeverStruck(AssertionError):
    """The closure ended without coming to the moment at which its worker was to die."""


@dataclass(frozen=True)
class Choice:
    """Which moment of a scene: all of one kind (the seed picks the number), or any at all."""

    moment: Moment | None = None
    name: str | None = None
    draw: int = 0

    def __str__(self) -> str:
        return f"{self.moment.value}:{self.name}" if self.moment else f"any-{self.draw}"

    def fits(self, point: FaultPoint) -> bool:
        return self.moment is None or (point.moment, point.name) == (self.moment, self.name)

    def among(self, points: Iterable[FaultPoint], seed: int, scene: Scene) -> list[FaultPoint]:
        """In the order to try them in, the same for the same seed.

        A moment that is drawn by its number, such as the last of many commits, need not come every time.

        Raises:
            AssertionError: the scene has no such moment.
        """
        fitting = sorted(filter(self.fits, points))
        assert fitting, f"{scene.name} never comes to {self}"
        return random.Random(f"{seed}/{scene.name}/{self}").sample(fitting, min(TRIES, len(fitting)))


@dataclass(frozen=True)
class Undisturbed:
    """A scene that nobody disturbs: what it comes to, and what it leaves."""

    points: tuple[FaultPoint, ...]
    aftermath: Aftermath
    events: int
    """Length of its history, without what fast-forwards wrote."""

    @property
    def called(self) -> Mapping[str, int]:
        """Port methods and transactions of the record, and how often they came."""
        return Counter(
            point.name for point in self.points if point.moment is Moment.AFTER and "." in point.name
        )


async def undisturbed(installations: InstallationBuilder, scene: Scene, folder: Path) -> Undisturbed:
    journal = folder / f"{scene.name}.journal"
    async with (
        installations.open(with_worker=False) as installation,
        worker_process(installation, journal=journal) as process,
    ):
        closing = await scene.open(installation)
        await scene.carry(closing)
        await closing.handle.result()
        process.terminate()
        assert await process.ended() == 0
        points = tuple(map(FaultPoint.parse, journal.read_text(encoding="utf-8").splitlines()))
        return Undisturbed(points, await aftermath(closing), own_events(await closing.history()))


def own_events(history: WorkflowHistory) -> int:
    """Events of the closure's own.

    Not those that only a fast-forward writes, nor workflow tasks: a busy machine needs two for what is one.
    """
    others = (
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
    )
    return sum(event.event_type not in others for event in history.events)


async def struck(installations: InstallationBuilder, scene: Scene, point: FaultPoint) -> Aftermath:
    """The scene with a worker process that dies at `point`, and a fresh worker that carries on."""
    async with (
        installations.open(with_worker=False) as installation,
        worker_process(installation, point=point) as process,
    ):
        closing = await scene.open(installation)
        async with asyncio.timeout(SECONDS):
            story = asyncio.create_task(_story(scene, closing))
            succession = asyncio.create_task(_succeed(installation, process, story))
            try:
                await asyncio.gather(story, succession)
            finally:
                succession.cancel()
                story.cancel()
        failed = await closing.failed_tasks()
        assert failed == [], failed  # pytest says no more of an assertion here
        return await aftermath(closing)


async def _story(scene: Scene, closing: AccountDriver) -> None:
    await scene.carry(closing)
    await closing.handle.result()


async def _succeed(
    installation: TestInstallation, process: WorkerProcess, story: "asyncio.Task[None]"
) -> None:
    """Waits until the worker is dead, and has a fresh one work until the story is over."""
    death = asyncio.create_task(process.ended())
    await asyncio.wait({death, story}, return_when=asyncio.FIRST_COMPLETED)
    if not death.done():
        # The last act may have been the fatal one.
        await asyncio.wait({death}, timeout=1)
        if not death.done():
            raise NeverStruck
    assert death.result() == -9, process.log.read_text(encoding="utf-8")[-2000:]
    async with running_worker(installation):
        await asyncio.wait({story})


class Ward:
    """Strikes closures ahead of the tests that ask for them, a few at a time."""

    def __init__(self, installations: InstallationBuilder) -> None:
        self._installations = installations
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[tuple[str, FaultPoint], asyncio.Task[Aftermath]] = {}

    def admit(self, scene: Scene, point: FaultPoint) -> "asyncio.Task[Aftermath]":
        """The same scene and point are struck once only."""
        key = (scene.name, point)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._strike(scene, point))
        return self._tasks[key]

    async def _strike(self, scene: Scene, point: FaultPoint) -> Aftermath:
        async with self._room:
            return await struck(self._installations, scene, point)

    async def empty(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
