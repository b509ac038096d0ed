"""Following a closure: what changes is seen, once, until the outcome; nothing else is waited for."""

import asyncio
from datetime import timedelta
from itertools import pairwise

from client import ClosureClient
from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from closure.messages import Standing, StatusDocument
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.waiting import PATIENCE, eventually


class Follower:
    """Notes what it is told of one closure."""

    def __init__(self, closures: ClosureClient, closure_id: str) -> None:
        self.told: list[StatusDocument] = []
        self._task = asyncio.create_task(self._follow(closures, closure_id))

    async def _follow(self, closures: ClosureClient, closure_id: str) -> None:
        async for document in closures.follow(closure_id):
            self.told.append(document)

    async def stages(self) -> list[Stage]:
        return [document.stage for document in self.told]

    async def until(self, stage: Stage) -> None:
        await eventually(self.stages, lambda stages: stage in stages, f"being told of {stage.value}")

    async def end(self) -> None:
        """Returns when there is nothing more to tell."""
        await asyncio.wait_for(self._task, PATIENCE.total_seconds())


async def restored(closing: AccountDriver) -> None:
    """From ready to a restoration: late usage is found at the final check (A23)."""
    await closing.confirm()
    await closing.fast_forward(closing.policy.entering_duration + timedelta(seconds=30))
    await closing.until(Stage.SILENT)
    await closing.bill_late_usage()
    await closing.end_of_silence()


async def follow_another(installation: TestInstallation) -> None:
    """Returns when a follower of another closure has looked twice: so has everybody else meanwhile."""
    other = await installation.account()
    await other.ready()
    follower = Follower(other.closures, other.closure_id)
    await follower.until(Stage.READY)
    await other.withdraw()
    await follower.end()


async def test_following_tells_of_changes_alone_and_ends_with_the_outcome(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.ready()
    follower = Follower(closing.closures, closing.closure_id)
    await follower.until(Stage.READY)
    await follow_another(installation)
    assert len(follower.told) == 1, "only another closure has changed"
    await closing.confirm()
    await follower.until(Stage.ENTERING)
    await closing.fast_forward(closing.policy.entering_duration + timedelta(seconds=30))
    await follower.until(Stage.SILENT)
    await closing.end_of_silence()
    await follower.end()

    last = follower.told[-1]
    assert (last.outcome, last.standing) == (Outcome.DELETED, Standing.ENDED)
    assert await installation.records.certificate(closing.closure_id) is not None
    stages = await follower.stages()
    order = list(Stage)
    assert all(order.index(before) <= order.index(after) for before, after in pairwise(stages))


async def test_the_result_comes_when_the_certificate_is_there(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    waiting = asyncio.create_task(closing.closures.result(closing.closure_id))
    await restored(closing)
    document = await asyncio.wait_for(waiting, PATIENCE.total_seconds())
    assert document.outcome is Outcome.RESTORED
    assert [item.check for item in document.owed] == ["unpaid-bills"]
    assert await installation.records.certificate(closing.closure_id) is not None


async def test_a_close_that_was_refused_has_its_result_at_once(installation: TestInstallation) -> None:
    closing = await installation.account()
    error = await refusal(closing.close("u-2"))
    document = await asyncio.wait_for(closing.closures.result(closing.closure_id), PATIENCE.total_seconds())
    assert document.outcome is Outcome.REFUSED
    assert document.outcome_reason == error.message


async def test_what_nobody_asked_for_can_not_be_followed(installations: InstallationBuilder) -> None:
    async with installations.open(with_worker=False) as installation:
        error = await refusal(
            asyncio.wait_for(installation.closures.result("closure-unknown"), PATIENCE.total_seconds())
        )
    assert error.type is RefusalType.CLOSURE_NOT_FOUND
