"""Random sequences of what a plain client can try, on a production installation with closures in every stage.

After each attempt the platform's and the record's rows are as they were, but for what any run may write; in
the end every owner can act. The seed is in every failure.
"""

import asyncio
import json
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final
from uuid import uuid4

import pytest
from temporalio.client import Schedule, ScheduleActionStartWorkflow, ScheduleSpec
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, TemporalError
from temporalio.service import RPCError

from client.faults import NotAnswered
from closure.acts import ActKind
from closure.errors import Refused
from closure.lifecycle import Outcome, Stage
from closure.messages import Standing, StatusDocument
from tests.harness.account_driver import AccountDriver
from tests.security.foreign_worker import ForeignWorker, complete, schedule, sleep_for_years
from tests.security.production import REACHING, Production
from tests.security.standing_still import changes, written_down, written_down_at_rest
from tests.security.stranger import UNKNOWN_ACT, Stranger

KNOWN: Final = 20261126
SHORT: Final = timedelta(seconds=35)
LONG: Final = timedelta(minutes=8)
A_TRY: Final = timedelta(seconds=4)
"""Nobody waits for the answer longer: what hangs, hangs."""
ASKED_AGAIN: Final = 4
MOMENTS: Final = (timedelta(days=-900), timedelta(), timedelta(days=3), timedelta(days=9000))
TYPES: Final = ("AccountClosure", "WatchClosures", "SubaccountDeletion", "Squatter", "")
ACTIVITIES: Final = (
    *("look", "survey", "expire", "remind", "end_cool_off", "note_cancel", "claim", "watch"),
    *("enter", "fall_silent", "look_after_refund", "finish"),
    *("open_closure", "renounce", "approve", "confirm", "withdraw"),
)
RUBBISH: Final[tuple[object, ...]] = (
    None,
    {},
    [],
    7,
    "x",
    "x" * 100_000,
    {"a": {"b": [None] * 50}},
    "\u202e",
)


OPTIONS: Final[tuple[dict[str, object], ...]] = (
    {},
    {},
    {"queue": "nobody-polls-here"},
    {"start_delay": timedelta(days=9)},
    {"cron": "* * * * *"},
    {"retry": RetryPolicy(maximum_attempts=3)},
    {"execution_timeout": timedelta(seconds=5)},
)


class Fuzz:
    """One stranger, who has read every history and remembers what was seen there."""

    def __init__(self, stranger: Stranger, victims: Mapping[Stage, AccountDriver], seed: int) -> None:
        self._stranger = stranger
        self._client = stranger.client
        self._victims = list(victims.values())
        self._random = random.Random(seed)
        self._acts: list[str] = [UNKNOWN_ACT]
        self.said = "nothing"

    async def listen(self) -> None:
        for victim in self._victims:
            self._acts += await self._stranger.acts_heard(victim.workflow_id)

    async def try_something(self) -> None:
        """One attempt; whatever the server or the workflow says to it."""
        attempt = self._random.choice(
            (
                *(self.start, self.start, self.update, self.update, self.update, self.signal, self.query),
                *(self.reset, self.terminate, self.cancel, self.complete_activity, self.activity),
                *(self.update_with_start, self.foreign_task, self.put_on_schedule),
            )
        )
        with suppress(TemporalError, RPCError, TimeoutError, ValueError, IndexError):
            async with asyncio.timeout(A_TRY.total_seconds()):
                await attempt()

    # What to say.

    def victim(self) -> AccountDriver:
        return self._random.choice(self._victims)

    def argument(self) -> object:
        """True, mixed, foreign, of another time, or nothing at all."""
        victim, other = self.victim(), self.victim()
        moment = (datetime.now(UTC) + self._random.choice(MOMENTS)).isoformat()
        named: dict[str, object] = dict(self._stranger.named(victim.closure_id))
        more: dict[str, object] = {
            "time": moment,
            "act_id": self._random.choice(self._acts),
            "continues": None,
            "account_id": other.account_id,
            "stage": self._random.choice(list(Stage)).value,
            "silent_until": moment,
            "delete_after": moment,
            "after": self._random.choice((-1, 0, 10**9)),
        }
        chosen = self._random.sample(sorted(more), self._random.randint(0, len(more)))
        true = named | {name: more[name] for name in chosen}
        return self._random.choice(
            (
                named,
                true,
                named | {"time": moment, "act_id": more["act_id"]},
                {"act_id": more["act_id"]},
                named | {"installation": "0" * 32},
                named | {"closure_id": other.account_id},
                self._random.choice(RUBBISH),
            )
        )

    def note(self, what: str, *about: object) -> None:
        self.said = f"{what} {json.dumps(about, default=str)[:500]}"

    # What to try.

    async def start(self) -> None:
        name, argument = self._random.choice(TYPES), self.argument()
        workflow_id = self._random.choice((self.victim().workflow_id, f"attack/{uuid4().hex}"))
        options = self._random.choice(OPTIONS)
        self.note("start", name, workflow_id, argument, options)
        await self._stranger.start(workflow_id, argument, type=name, **options)  # type: ignore[arg-type]

    async def update(self) -> None:
        name, argument, victim = self._random.choice(list(ActKind)).value, self.argument(), self.victim()
        self.note("update", name, victim.workflow_id, argument)
        await self._stranger.update(victim.workflow_id, name, argument)

    async def update_with_start(self) -> None:
        name, argument = self._random.choice(list(ActKind)).value, self.argument()
        workflow_id, start = self.victim().workflow_id, self.argument()
        self.note("update with start", name, workflow_id, argument, start)
        await self._stranger.update_with_start(workflow_id, name, argument, start)

    async def signal(self) -> None:
        name, argument, victim = (
            self._random.choice(("recheck", "catch_up", "no-such-signal")),
            self.argument(),
            self.victim(),
        )
        self.note("signal", name, victim.workflow_id, argument)
        await self._stranger.handle(victim.workflow_id).signal(name, argument)

    async def query(self) -> None:
        name = self._random.choice(("status", "__stack_trace", "__temporal_workflow_metadata", "record"))
        victim = self.victim()
        self.note("query", name, victim.workflow_id)
        await self._stranger.handle(victim.workflow_id).query(name)

    async def reset(self) -> None:
        victim, task = self.victim(), self._random.choice((0, 1, -1))
        self.note("reset", victim.workflow_id, task)
        await self._stranger.reset(victim.workflow_id, task=task)

    async def terminate(self) -> None:
        victim = self.victim()
        self.note("terminate", victim.workflow_id)
        await self._stranger.terminate(victim.workflow_id)

    async def cancel(self) -> None:
        victim = self.victim()
        self.note("cancel", victim.workflow_id)
        await self._stranger.handle(victim.workflow_id).cancel()

    async def complete_activity(self) -> None:
        victim, argument = self.victim(), self.argument()
        pending = await self._stranger.pending_activities(victim.workflow_id)
        activity_id = self._random.choice([*pending, "1", "2"])
        self.note("complete", victim.workflow_id, activity_id, argument)
        handle = self._client.get_async_activity_handle(
            workflow_id=victim.workflow_id, run_id=None, activity_id=activity_id
        )
        if self._random.random() < 0.5:
            await handle.complete(argument)
        else:
            await handle.fail(ApplicationError("x", type="StaleRun", non_retryable=True))

    async def activity(self) -> None:
        name, argument = self._random.choice(ACTIVITIES), self.argument()
        self.note("activity", name, argument)
        await self._client.execute_activity(
            name,
            argument,
            id=uuid4().hex,
            task_queue=self._stranger.queue,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )

    async def foreign_task(self) -> None:
        """Takes whatever task comes next, in competition with the real worker."""
        calls = [(self._random.choice(ACTIVITIES), self.argument()) for _ in range(3)]
        answer = self._random.choice((sleep_for_years, complete, schedule(self._stranger.queue, *calls)))
        victim = self.victim()
        self.note("foreign task", victim.workflow_id, calls)
        taking = asyncio.create_task(ForeignWorker(self._stranger).answer_a_workflow_task(answer))
        await self._stranger.handle(victim.workflow_id).signal("catch_up")
        await asyncio.wait_for(taking, 2)

    async def put_on_schedule(self) -> None:
        argument, victim = self.argument(), self.victim()
        self.note("schedule", victim.workflow_id, argument)
        name = f"attack-{uuid4().hex}"
        handle = await self._client.create_schedule(
            name,
            Schedule(
                action=ScheduleActionStartWorkflow(
                    "AccountClosure", argument, id=victim.workflow_id, task_queue=self._stranger.queue
                ),
                spec=ScheduleSpec(),
            ),
            trigger_immediately=True,
        )
        await handle.delete()


async def test_a_plain_client_moves_nothing(production: Production) -> None:
    await require_unmoved(production, KNOWN, SHORT)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_a_plain_client_moves_nothing_in_minutes(production: Production) -> None:
    """By hand another sequence each time, told in a failure; the same one where a build is judged."""
    await require_unmoved(production, KNOWN if "CI" in os.environ else random.randrange(10**6), LONG)


async def require_unmoved(production: Production, seed: int, duration: timedelta) -> None:
    installation = production.installation
    victims = {stage: await reach(production) for stage, reach in REACHING.items()}
    stranger = Stranger(installation)
    fuzz = Fuzz(stranger, victims, seed)
    await fuzz.listen()
    before = await written_down(installation)
    deadline, attempts = monotonic() + duration.total_seconds(), 0
    while monotonic() < deadline:
        await fuzz.try_something()
        attempts += 1
        moved = changes(before, await written_down_at_rest(installation))
        assert not moved, "\n".join((f"seed {seed}, attempt {attempts}: {fuzz.said}", *moved))
    assert attempts > duration.total_seconds() / A_TRY.total_seconds()
    for stage, victim in victims.items():
        await require_in_their_owners_hands(stage, victim)
    assert [str(each) for each in await faults(victims)] == []


async def require_in_their_owners_hands(stage: Stage, victim: AccountDriver) -> None:
    await LAST_ACTS.get(stage, resume)(victim)


async def insist(act: Callable[[], Awaitable[StatusDocument]]) -> StatusDocument:
    """The tasks that a stranger took cost ten seconds each: whoever got no answer asks again."""
    for _ in range(ASKED_AGAIN):
        with suppress(NotAnswered):
            return await act()
    return await act()


async def renounce(victim: AccountDriver) -> None:
    assert (await insist(lambda: victim.renounce(all=True))).stage is Stage.READY


async def confirm(victim: AccountDriver) -> None:
    assert (await insist(victim.confirm)).stage is Stage.ENTERING


async def withdraw(victim: AccountDriver) -> None:
    """A withdrawal without an answer stands, and may have been carried out when it is asked for again."""
    with suppress(Refused):
        await insist(victim.withdraw)
    assert (await victim.status()).outcome is Outcome.WITHDRAWN


async def resume(victim: AccountDriver) -> None:
    """Where the owner can only wait: whoever operates the installation has it go on."""
    before = await victim.status()
    after = await victim.closures.resume(victim.closure_id, replace=True)
    assert (after.stage, after.deadline, after.standing) == (before.stage, before.deadline, Standing.RUNNING)
    assert (await victim.view()).stage is before.stage


LAST_ACTS: Final[Mapping[Stage, Callable[[AccountDriver], Awaitable[None]]]] = {
    Stage.BLOCKED: renounce,
    Stage.READY: confirm,
    Stage.COOLING_OFF: withdraw,
}


async def faults(victims: Mapping[Stage, AccountDriver]) -> list[object]:
    """Of the audit trails."""
    trails = [await each.installation.records.trail(each.closure_id) for each in victims.values()]
    return [trail.fault for trail in trails if trail is not None and trail.fault is not None]
