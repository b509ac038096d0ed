"""The schedule that starts the watchman's rounds; the worker keeps it there."""

from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

EVERY: Final = timedelta(minutes=1)
WORKFLOW_TYPE: Final = "WatchClosures"


def schedule_id(installation_id: str) -> str:
    """One for an installation."""
    return f"watch-closures.{installation_id}"


async def keep_schedule(client: Client, installation_id: str, task_queue: str) -> None:
    """Makes the schedule, or brings it back to what it has to be.

    Args:
        client: connected.
        installation_id: whose closures are watched.
        task_queue: the queue that the installation's workers poll.

    Raises:
        temporalio.service.RPCError: the server doesn't allow schedules, or failed.
    """
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            WORKFLOW_TYPE,
            {"installation": installation_id},
            id=schedule_id(installation_id),
            task_queue=task_queue,
            execution_timeout=timedelta(minutes=10),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    name = schedule_id(installation_id)
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:

        def as_it_has_to_be(there: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=schedule)

        await client.get_schedule_handle(name).update(as_it_has_to_be)
