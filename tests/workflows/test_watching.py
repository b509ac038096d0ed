"""The watchman: sees closures that no workflow carries on, and wakes runs that are behind the record."""

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Connection

from closure.lifecycle import Stage
from closure.messages import Standing
from closure.transitions import check_started
from records.closures import lock_closure
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import TestInstallation


async def watch(installation: TestInstallation) -> int:
    """One round, as the schedule starts it every minute; how many closures no workflow carries on."""
    interrupted: int = await installation.client.execute_workflow(
        "WatchClosures",
        {"installation": installation.record.installation.installation_id},
        id=f"watch-{uuid4().hex}",
        task_queue=installation.queue,
        result_type=int,
    )
    return interrupted


async def noted(closing: AccountDriver) -> bool:
    """Whether the record says that nothing carries the closure on."""
    recorded = await closing.installation.records.get(closing.closure_id)
    assert recorded is not None
    return recorded.interrupted_at is not None


async def test_an_interrupted_closure_is_noted_and_forgotten_once_it_goes_on(
    installation: TestInstallation,
) -> None:
    interrupted, other = await installation.account(), await installation.account()
    await interrupted.silent()
    await other.ready()
    assert await watch(installation) == 0
    await interrupted.handle.terminate()
    assert await watch(installation) == 1
    assert (await noted(interrupted), await noted(other)) == (True, False)
    assert (await interrupted.status()).standing is Standing.INTERRUPTED
    assert await watch(installation) == 1  # and again, until somebody resumes it

    resumed = await interrupted.closures.resume(interrupted.closure_id)
    assert (resumed.stage, resumed.standing) == (Stage.SILENT, Standing.RUNNING)
    assert await watch(installation) == 0
    assert not await noted(interrupted)


async def test_a_closure_that_has_ended_is_not_watched(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    await closing.withdraw()
    await closing.outcome()
    assert await watch(installation) == 0
    assert not await noted(closing)


async def test_a_workflow_of_another_kind_under_the_closures_id_carries_nothing_on(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.ready()
    await closing.handle.terminate()
    await installation.client.start_workflow(
        "SomethingElse", id=closing.workflow_id, task_queue=installation.queue
    )
    assert await watch(installation) == 1
    assert (await closing.status()).standing is Standing.INTERRUPTED
    assert (await closing.closures.resume(closing.closure_id)).stage is Stage.READY
    assert await watch(installation) == 0


async def test_a_run_that_is_behind_the_record_takes_its_state_and_goes_on(
    installation: TestInstallation,
) -> None:
    """As when an update was lost after its act was done: worker and server died at that moment."""
    closing = await installation.account()
    await closing.ready()

    def start_check(connection: Connection) -> None:
        closure = lock_closure(connection, closing.closure_id)
        closure.apply(check_started(closure.state), time=datetime.now(UTC))

    await installation.record.write(start_check)
    assert (await closing.view()).stage is Stage.READY
    await watch(installation)
    # The check that nobody carried out is carried out.
    await closing.until(lambda document: document.survey_number == 2 and document.stage is Stage.READY)
    assert (await closing.view()).survey_number == 2
