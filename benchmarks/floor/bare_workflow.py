"""The floor: what a workflow of a closure's size costs when nothing is decided, kept or done.

In the style of Temporal's samples: normal activities that do nothing, a timer, a signal and a query.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio import activity, workflow

ACTIVITIES: Final = 12
WAITING: Final = "silent"
START_TO_CLOSE: Final = timedelta(seconds=30)


@dataclass
class Step:
    """What an activity is called with."""

    account_id: str
    number: int


@dataclass
class Bare:
    """What a run is started with."""

    account_id: str
    wait_seconds: int


@activity.defn
async def do_nothing(step: Step) -> str:
    """The step's name."""
    return f"{step.account_id}/{step.number}"


@workflow.defn
class BareWorkflow:
    """Half of the activities, the signal, the timer, the other half."""

    def __init__(self) -> None:
        self._stage = "opened"
        self._confirmed = False

    @workflow.run
    async def run(self, bare: Bare) -> str:
        await self._steps(bare.account_id, 0, ACTIVITIES // 2)
        self._stage = "ready"
        await workflow.wait_condition(lambda: self._confirmed)
        self._stage = WAITING
        await workflow.sleep(bare.wait_seconds)
        await self._steps(bare.account_id, ACTIVITIES // 2, ACTIVITIES)
        self._stage = "deleted"
        return self._stage

    async def _steps(self, account_id: str, begin: int, end: int) -> None:
        for number in range(begin, end):
            await workflow.execute_activity(
                do_nothing, Step(account_id, number), start_to_close_timeout=START_TO_CLOSE
            )

    @workflow.query
    def stage(self) -> str:
        return self._stage

    @workflow.signal
    def confirm(self) -> None:
        self._confirmed = True
