"""The watchman's round: a short workflow that a Temporal Schedule starts again and again."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.watching import WatchActivities, WatchCall
    from workflows.received import NO_INPUT, watch_of

_PAGES_A_RUN = 200


@workflow.defn(name="WatchClosures")
class WatchClosures:
    """Looks at every open closure of the installation once."""

    @workflow.init
    def __init__(self, raw: RawValue = NO_INPUT) -> None:
        self._raw = raw

    @workflow.run
    async def run(self, raw: RawValue = NO_INPUT) -> int:
        """How many closures no workflow carries on."""
        call = watch_of(self._raw)
        interrupted = 0
        for _ in range(_PAGES_A_RUN):
            watched = await workflow.execute_activity_method(
                WatchActivities.watch,
                call,
                start_to_close_timeout=timedelta(minutes=5),
                heartbeat_timeout=timedelta(seconds=30),
                retry_policy=RetryPolicy(maximum_attempts=3),
                summary="Compare open closures with their runs",
            )
            interrupted += watched.interrupted
            if watched.last is None:
                break
            call = WatchCall(installation=call.installation, after=watched.last)
        return interrupted
