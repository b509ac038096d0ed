"""A worker of a stranger's polls our queue for a while, and completes what it gets with inventions."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType as HistoryEventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import ActivityFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from closure.errors import RefusalType
from closure.lifecycle import Stage
from closure.messages import Standing
from tests.harness.account_driver import AccountDriver
from tests.harness.around import Act, Call, around_ports
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation, running_worker
from tests.harness.waiting import eventually
from tests.security import foreign_worker
from tests.security.foreign_worker import Commands, ForeignWorker, Intruder
from tests.security.production import REACHING, SILENT_SOON, Production
from tests.security.standing_still import changes, written_down, written_down_at_rest
from tests.security.stranger import Stranger

PAST: Final = "2020-01-01T00:00:00Z"
FAR: Final = "2999-01-01T00:00:00Z"


def stage_call(stranger: Stranger, victim: AccountDriver, **more: object) -> dict[str, object]:
    """What our workflow calls activities with; its time is far ahead."""
    return {**stranger.named(victim.closure_id), "time": FAR, **more}


def every_call(stranger: Stranger, victim: AccountDriver) -> list[tuple[str, object]]:
    """Every activity, for a closure of somebody's."""
    call = stage_call(stranger, victim)
    stages = ("look", "survey", "expire", "remind", "end_cool_off", "note_cancel")
    later = ("enter", "fall_silent", "look_after_refund", "finish")
    acts = ("open_closure", "renounce", "approve", "confirm", "withdraw")
    return [
        *((name, call) for name in (*stages, *later)),
        ("claim", {**call, "continues": None}),
        *((name, {**call, "act_id": "f" * 32}) for name in acts),
    ]


def invented_view(victim: AccountDriver, **changes: object) -> dict[str, object]:
    """How the closure stands, if a stranger is to be believed."""
    return {
        "closure_id": victim.closure_id,
        "stage": "deleting",
        "outcome": None,
        "mode": "delete",
        "policy": victim.provider,
        "policy_version": "1",
        "opened_at": PAST,
        "draft_until": PAST,
        "silent_until": PAST,
        "delete_after": PAST,
        **changes,
    }


@asynccontextmanager
async def production_with(
    productions: InstallationBuilder, stage: Stage
) -> AsyncIterator[tuple[Production, Stranger, AccountDriver]]:
    """A closure in this stage; the worker that brought it there is gone."""
    weather = Weather()
    async with productions.open(platforms=weather.over, with_worker=False) as installation:
        production = Production(installation, weather)
        async with running_worker(installation):
            victim = await REACHING[stage](production)
        yield production, Stranger(installation), victim


ANSWERS: Final[dict[str, Callable[[Stranger, AccountDriver], Commands]]] = {
    "sleeps for years": lambda stranger, victim: foreign_worker.sleep_for_years,
    "completes": lambda stranger, victim: foreign_worker.complete,
    "fails": lambda stranger, victim: foreign_worker.fail,
    "has everything done": lambda stranger, victim: foreign_worker.schedule(
        stranger.queue, *every_call(stranger, victim)
    ),
    "goes on as another closure": lambda stranger, victim: foreign_worker.continue_as_new(
        stranger.named("closure-" + "0" * 32), queue=stranger.queue
    ),
    "goes on as something else": lambda stranger, victim: foreign_worker.continue_as_new(
        None, queue="nobody-polls-here", type="Squatter"
    ),
    "goes on by the clock": lambda stranger, victim: foreign_worker.continue_as_new(
        stranger.named(victim.closure_id), queue=stranger.queue, cron="0 0 1 1 *"
    ),
}


@pytest.mark.parametrize("stage", [Stage.READY, Stage.SILENT, Stage.RETAINED])
@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_foreign_worker_that_invents_commands_moves_nothing_and_loses_nothing(
    productions: InstallationBuilder, stage: Stage, answer: str
) -> None:
    async with production_with(productions, stage) as (production, stranger, victim):
        installation = production.installation
        before = await written_down(installation)
        await stranger.handle(victim.workflow_id).signal("catch_up")
        taken = await eventually(
            lambda: ForeignWorker(stranger).answer_a_workflow_task(ANSWERS[answer](stranger, victim)),
            lambda found: found == victim.workflow_id,
            "a task for the stranger",
        )
        assert taken == victim.workflow_id
        async with running_worker(installation):
            await look_after(installation, stranger)
            assert changes(before, await written_down_at_rest(installation)) == []
            resumed = await installation.closures.resume(victim.closure_id, replace=True)
            assert (resumed.stage, resumed.standing) == (stage, Standing.RUNNING)
            assert (await victim.view()).stage is stage
            assert await victim.failed_tasks() == []
            if stage is Stage.READY:
                assert (await victim.confirm()).stage is Stage.ENTERING


async def look_after(installation: TestInstallation, stranger: Stranger) -> None:
    """A round of the watchman's."""
    watched = await installation.client.execute_workflow(
        "WatchClosures",
        {"installation": stranger.installation_id},
        id=f"watch/{uuid4().hex}",
        task_queue=installation.queue,
    )
    assert isinstance(watched, int)


@pytest.mark.parametrize("kind", ["sleeps for years", "has everything done"])
async def test_a_run_whose_history_was_spoilt_is_seen_and_the_owner_goes_on_without_it(
    productions: InstallationBuilder, kind: str
) -> None:
    """Its tasks fail for ever, for its history is none of our workflow's: it carries nothing on."""
    async with production_with(productions, Stage.READY) as (production, stranger, victim):
        installation = production.installation
        await stranger.handle(victim.workflow_id).signal("catch_up")
        await eventually(
            lambda: ForeignWorker(stranger).answer_a_workflow_task(ANSWERS[kind](stranger, victim)),
            lambda found: found == victim.workflow_id,
            "a task for the stranger",
        )
        async with running_worker(installation):
            await stranger.handle(victim.workflow_id).signal("recheck")
            await victim.until(
                lambda document: document.standing is Standing.INTERRUPTED, within=timedelta(seconds=90)
            )
            await look_after(installation, stranger)
            recorded = await installation.records.get(victim.closure_id)
            assert recorded is not None
            assert recorded.interrupted_at is not None
            assert (await victim.confirm()).stage is Stage.ENTERING
            assert (await victim.status()).standing is Standing.RUNNING


INVENTED: Final[dict[str, Callable[[AccountDriver], object]]] = {
    "rubbish": lambda victim: "rubbish",
    "null": lambda victim: None,
    "a number": lambda victim: 7,
    "too early": invented_view,
    "it is over": lambda victim: invented_view(victim, stage="deleted", outcome="deleted"),
    "withdrawn": lambda victim: invented_view(victim, stage="withdrawn", outcome="withdrawn"),
    "never": lambda victim: invented_view(victim, stage="retained", delete_after=None),
    "in a thousand years": lambda victim: invented_view(victim, stage="retained", delete_after=FAR),
    "look again never": lambda victim: invented_view(victim, stage="entering", look_again_in=1e300),
}


@pytest.mark.parametrize("invention", INVENTED)
async def test_the_real_worker_goes_on_from_the_record_after_an_invented_result(
    productions: InstallationBuilder, invention: str
) -> None:
    """The run's first step is answered by a stranger, in the history's own form."""
    async with production_with(productions, Stage.SILENT) as (production, stranger, victim):
        installation = production.installation
        before = await written_down(installation)
        async with running_worker(installation):
            await installation.closures.resume(victim.closure_id, replace=True)
            claimed = await marker(victim)
        await stranger.start(victim.workflow_id, stranger.named(victim.closure_id))
        result = {"view": INVENTED[invention](victim), "withdrawals": ["f" * 32]}
        await eventually(
            lambda: ForeignWorker(stranger).answer_a_workflow_task(
                foreign_worker.same_marker(claimed, result)
            ),
            lambda found: found == victim.workflow_id,
            "a task for the stranger",
        )
        async with running_worker(installation):
            await stranger.handle(victim.workflow_id).signal("catch_up")
            await look_after(installation, stranger)
            assert changes(before, await written_down_at_rest(installation)) == []
            await installation.closures.resume(victim.closure_id, replace=True)
            assert (await victim.view()).stage is Stage.SILENT
        assert changes(before, await written_down_at_rest(installation)) == []


async def marker(closing: AccountDriver) -> HistoryEvent:
    history = await closing.history()
    return next(
        event for event in history.events if event.event_type == HistoryEventType.EVENT_TYPE_MARKER_RECORDED
    )


class Gate:
    """Keeps the stop of an account waiting, so that its activity can be found under way."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def around(self, call: Call, act: Act) -> object:
        if call.name == "access.stop" and not self.opened.is_set():
            self.reached.set()
            await self.opened.wait()
        return await act()


COMPLETIONS: Final = (*INVENTED, "an invented refusal", "an invented claim", "a failure", "a final failure")


@pytest.mark.parametrize("completion", COMPLETIONS)
async def test_a_running_activity_that_a_stranger_completes_decides_nothing(
    productions: InstallationBuilder, completion: str
) -> None:
    gate = Gate()
    async with productions.open(
        platforms=lambda platform: around_ports(platform, gate.around)
    ) as installation:
        stranger, victim = Stranger(installation), await installation.account()
        await victim.ready(policy=SILENT_SOON)
        confirming = asyncio.create_task(victim.confirm())
        await gate.reached.wait()
        (activity_id,) = await eventually(
            lambda: stranger.pending_activities(victim.workflow_id), bool, "the activity under way"
        )
        handle = stranger.client.get_async_activity_handle(
            workflow_id=victim.workflow_id, run_id=None, activity_id=activity_id
        )
        await handle.heartbeat({"done": "everything"})
        with pytest.raises(RPCError):
            await handle.report_cancellation("not asked for")
        if completion in INVENTED:
            await handle.complete(INVENTED[completion](victim))
        else:
            await handle.fail(FAILURES[completion])
        await confirming
        gate.opened.set()
        await look_after(installation, stranger)
        silent = await victim.until(Stage.SILENT, within=timedelta(seconds=40))
        assert silent.standing is Standing.RUNNING
        trail = await installation.records.trail(victim.closure_id)
        assert trail is not None
        assert trail.fault is None


FAILURES: Final[dict[str, ApplicationError]] = {
    "an invented refusal": ApplicationError("x", type=RefusalType.STALE_RUN.value, non_retryable=True),
    "an invented claim": ApplicationError("x", type=RefusalType.CLAIM_NEEDED.value, non_retryable=True),
    "a failure": ApplicationError("x", type="Invented"),
    "a final failure": ApplicationError("x", type="Invented", non_retryable=True),
}


@asynccontextmanager
async def intruding(stranger: Stranger) -> AsyncIterator[str]:
    """A worker of the stranger's, whose workflow has our workflow's name."""
    queue = f"strangers-{uuid4().hex}"
    async with Worker(
        stranger.client,
        task_queue=queue,
        workflows=[Intruder],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield queue


@pytest.mark.parametrize("stage", [Stage.READY, Stage.SILENT, Stage.RETAINED])
async def test_an_activity_that_another_workflow_calls_refuses(production: Production, stage: Stage) -> None:
    """Reads included; under an id of its own, and under the victim's."""
    stranger, victim = Stranger(production.installation), await REACHING[stage](production)
    before = await written_down(production.installation)
    calls = {name: json.dumps(argument) for name, argument in every_call(stranger, victim)}
    async with intruding(stranger) as queue:
        for workflow_id in (f"attack/{uuid4().hex}", victim.workflow_id):
            run = await stranger.start(workflow_id, stranger.queue, calls, queue=queue)
            answers = await asyncio.wait_for(run.result(), 60)
            assert isinstance(answers, dict)
            assert set(answers.values()) == {RefusalType.STALE_RUN.value}, answers
    assert changes(before, await written_down_at_rest(production.installation)) == []
    resumed = await production.installation.closures.resume(victim.closure_id, replace=True)
    assert resumed.stage is stage


async def test_a_standalone_activity_refuses(production: Production) -> None:
    stranger, victim = Stranger(production.installation), await REACHING[Stage.READY](production)
    before = await written_down(production.installation)
    refused: Sequence[str] = [
        await standalone(stranger, name, argument) for name, argument in every_call(stranger, victim)
    ]
    assert set(refused) == {RefusalType.STALE_RUN.value}
    assert changes(before, await written_down_at_rest(production.installation)) == []


async def standalone(stranger: Stranger, name: str, argument: object) -> str:
    try:
        await stranger.client.execute_activity(
            name,
            argument,
            id=uuid4().hex,
            task_queue=stranger.queue,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
    except ActivityFailureError as error:
        cause = error.cause
        return (cause.type or "no type") if isinstance(cause, ApplicationError) else type(cause).__name__
    return "done"
