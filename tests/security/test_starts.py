"""Whoever starts a closure's workflow by hand starts nothing: the record knows no such closure or run."""

import asyncio
from datetime import timedelta
from typing import Final
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType as HistoryEventType
from temporalio.client import WorkflowHandle
from temporalio.common import RetryPolicy

from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from tests.harness.account_driver import AccountDriver
from tests.harness.waiting import eventually
from tests.security.production import REACHING, Production, blocked, ready, silent
from tests.security.standing_still import changes, written_down, written_down_at_rest
from tests.security.stranger import Stranger

PAST: Final = "2020-01-01T00:00:00Z"


def invented(victim: AccountDriver) -> dict[str, object]:
    """What the workflow was once started with, and believed."""
    return {
        "closure_id": victim.closure_id,
        "account_id": victim.account_id,
        "provider": victim.provider,
        "policy": victim.provider,
        "stage": Stage.SILENT.value,
        "silent_until": PAST,
        "delete_after": PAST,
        "progress": {"stage": Stage.DELETING.value, "silent_until": PAST},
    }


async def test_a_workflow_that_deletes_by_its_argument_does_not_exist(production: Production) -> None:
    stranger, installation = Stranger(production.installation), production.installation
    victim = await installation.account(data=[{"id": "oss-1", "store": "object-storage", "objects": 7}])
    before = await written_down(installation)
    for kind in ("SubaccountDeletion", "AccountDeletion", "DeleteSubaccount"):
        handle = await stranger.start(f"attack/{uuid4().hex}", invented(victim), type=kind)
        await victim.close()
        await victim.withdraw()
        assert (await handle.describe()).status is not None
        await handle.terminate()
    after = await written_down(installation)
    moved = [each for each in changes(before, after) if "platform_" in each]
    assert [each for each in moved if "platform_outbox" not in each] == []


async def test_a_start_with_a_strangers_account_erases_nothing(production: Production) -> None:
    stranger, installation = Stranger(production.installation), production.installation
    victim = await installation.account(data=[{"id": "oss-1", "store": "object-storage", "objects": 7}])
    before = await written_down(installation)
    arguments = (invented(victim), stranger.named(victim.account_id), stranger.named("closure-" + "0" * 32))
    await stranger.ended(await stranger.start(victim.workflow_id, arguments[-1]))
    runs = [await stranger.start(f"attack/{uuid4().hex}", argument) for argument in arguments]
    await asyncio.gather(*map(stranger.ended, runs))
    assert changes(before, await written_down_at_rest(installation)) == []


def payloads(stranger: Stranger, victim: AccountDriver, other: AccountDriver) -> list[list[object]]:
    deep: object = "x"
    for _ in range(400):
        deep = [deep]
    named = stranger.named(victim.closure_id)
    return [
        [],
        [None],
        [{}],
        [deep],
        ["x" * 1_000_000],
        [invented(victim)],
        [named | invented(victim)],
        [{**named, "installation": "0" * 32}],
        [{**named, "installation": None}],
        [{**named, "closure_id": "x" * 100_000}],
        [{**named, "closure_id": deep}],
        [stranger.named(other.closure_id)],
        [stranger.named(victim.account_id)],
        [stranger.named("' OR 1=1 --")],
    ]


async def begun(run: WorkflowHandle[object, object]) -> None:
    """Waits until the run's first task is done."""

    async def has_begun() -> bool:
        kinds = [event.event_type for event in (await run.fetch_history()).events]
        return HistoryEventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED in kinds

    await eventually(has_begun, bool, "the run's first task")


@pytest.mark.parametrize("stage", [Stage.READY, Stage.SILENT, Stage.RETAINED])
async def test_an_invented_start_changes_neither_platform_nor_record(
    production: Production, stage: Stage
) -> None:
    stranger, installation = Stranger(production.installation), production.installation
    victim, other = await REACHING[stage](production), await blocked(production)
    before = await written_down(installation)
    runs = []
    for arguments in payloads(stranger, victim, other):
        runs.append(await stranger.start(f"attack/{uuid4().hex}", *arguments))
        squatter = await stranger.start(victim.workflow_id, *arguments)
        await begun(squatter)
        assert changes(before, await written_down_at_rest(installation)) == [], str(arguments)[:100]
    await asyncio.gather(*map(stranger.ended, runs))
    assert changes(before, await written_down_at_rest(installation)) == []
    await installation.closures.resume(victim.closure_id, replace=True)
    assert (await victim.status()).stage is stage
    assert changes(before, await written_down_at_rest(installation)) == []


async def test_ended_and_started_again_the_silent_period_is_as_long(production: Production) -> None:
    stranger, installation = Stranger(production.installation), production.installation
    victim = await silent(production)
    until = (await victim.status()).silent_until
    before = await written_down(installation)
    for arguments in ([invented(victim)], [stranger.named(victim.closure_id) | invented(victim)]):
        await stranger.terminate(victim.workflow_id)
        await stranger.start(victim.workflow_id, *arguments)
        await stranger.handle(victim.workflow_id).signal("recheck", invented(victim))
    await installation.closures.resume(victim.closure_id, replace=True)
    status = await victim.status()
    assert (status.stage, status.silent_until) == (Stage.SILENT, until)
    assert changes(before, await written_down_at_rest(installation)) == []


OBSTACLES: Final[dict[str, dict[str, object]]] = {
    "another type": {"type": "Squatter"},
    "another queue": {"queue": "nobody-polls-here"},
    "another type and queue": {"type": "Squatter", "queue": "nobody-polls-here"},
    "a start delay": {"start_delay": timedelta(days=100)},
    "cron": {"cron": "0 0 1 1 *"},
    "a retry policy": {"retry": RetryPolicy(initial_interval=timedelta(days=1))},
    "a timeout": {"execution_timeout": timedelta(days=100)},
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
async def test_a_foreign_workflow_under_the_victims_id_does_not_keep_them_from_closing(
    production: Production, obstacle: str
) -> None:
    stranger = Stranger(production.installation)
    victim = await production.installation.account(balance={"cash": "5.00"})
    options = OBSTACLES[obstacle]

    async def squat() -> None:
        await stranger.start(
            victim.workflow_id,
            stranger.named(victim.closure_id),
            **options,  # type: ignore[arg-type]
        )

    await squat()
    assert (await victim.close()).stage is Stage.BLOCKED
    await squat()
    assert (await victim.renounce(all=True)).stage is Stage.READY
    await squat()
    assert (await victim.confirm()).stage is Stage.ENTERING

    second = await ready(production)
    await stranger.start(second.workflow_id, stranger.named("other"), **options)  # type: ignore[arg-type]
    assert (await second.withdraw()).outcome is Outcome.WITHDRAWN


async def test_a_foreign_child_under_the_victims_id_does_not_keep_them_from_closing(
    production: Production,
) -> None:
    """A parent decides what becomes of its children: the closure's run has none."""
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker

    from tests.security.foreign_worker import Parent

    stranger, victim = Stranger(production.installation), await ready(production)
    async with Worker(
        stranger.client,
        task_queue="strangers",
        workflows=[Parent],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        await stranger.terminate(victim.workflow_id)
        await stranger.start(
            f"attack/{uuid4().hex}",
            victim.workflow_id,
            stranger.queue,
            stranger.named(victim.closure_id),
            type="Parent",
            queue="strangers",
        )
        child = stranger.handle(victim.workflow_id)
        await eventually(lambda: stranger.ended(child), lambda status: status == "FAILED", "the child's end")
    assert (await victim.confirm()).stage is Stage.ENTERING


async def test_another_installations_start_is_refused(production: Production) -> None:
    stranger, victim = Stranger(production.installation), await ready(production)
    before = await written_down(production.installation)
    foreign = {"installation": "0" * 32, "closure_id": victim.closure_id}
    run = await stranger.start(victim.workflow_id, foreign)
    assert await stranger.ended(run) == "FAILED"
    assert RefusalType.WRONG_INSTALLATION.value in (await run.fetch_history()).to_json()
    assert changes(before, await written_down_at_rest(production.installation)) == []
    assert (await victim.withdraw()).outcome is Outcome.WITHDRAWN
