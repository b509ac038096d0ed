"""Steps: opened in their order, stage and time, never under a brake, and closed once."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from closure.errors import RefusalType, Refused
from closure.lifecycle import Mode, Stage
from closure.steps import REPEATED, STAGE_OF, UNDOING, Step, steps_before
from database import Database
from records.brakes import Brake, BrakeScope, brake_on, brakes_on, lift, put_on
from records.closures import LockedClosure
from records.record import Record
from records.steps import BrakeIsOn, OpenedStep, close_step, find_step, open_step, require_closed
from records.tables import record_steps
from tests.records.samples import LATER, Closures, new_state, rows
from tests.unit.examples import alibaba_cloud

PROVIDER = alibaba_cloud().provider
TOGETHER = [(step, stage) for step in Step for stage in sorted(STAGE_OF[step])]


async def at(
    closures: Closures,
    stage: Stage,
    mode: Mode = Mode.DELETE,
    *,
    due: datetime = LATER,
    closure_id: str = "c-1",
    account_id: str = "a-1",
) -> None:
    """A closure that stands in this stage, with its deadlines."""
    deadlines = {"silent_until": due, "delete_after": due, "entering_until": due}
    await closures.open(new_state(closure_id, account_id, stage=stage, mode=mode, **deadlines))


async def open_(
    closures: Closures, step: Step, time: timedelta = timedelta(), *, closure_id: str = "c-1"
) -> OpenedStep:
    def work(connection: Connection, closure: LockedClosure) -> OpenedStep:
        return open_step(connection, closure, step, "run-1", now=LATER + time)

    return await closures.locked(closure_id, work)


async def close(closures: Closures, step: Step, result: str | None = None) -> bool:
    return await closures.record.write(
        lambda connection: close_step(connection, "c-1", step, now=LATER, result=result)
    )


async def open_and_close(closures: Closures, steps: Iterable[Step]) -> None:
    for step in steps:
        await open_(closures, step)
        await close(closures, step)


async def found(record: Record, step: Step) -> OpenedStep | None:
    return await record.read(lambda connection: find_step(connection, "c-1", step))


@pytest.mark.parametrize(("step", "stage"), TOGETHER)
async def test_a_step_is_opened_in_its_stage_after_those_that_come_first(
    closures: Closures, record: Record, step: Step, stage: Stage
) -> None:
    await at(closures, stage)
    before = steps_before(step, Mode.DELETE)
    for missing in before:
        with pytest.raises(Refused) as refused:
            await open_(closures, step)
        assert refused.value.type is RefusalType.STAGE_CONFLICT
        await open_(closures, missing)
        with pytest.raises(Refused):
            await open_(closures, step)
        await close(closures, missing)
    assert await open_(closures, step) == OpenedStep(opened_at=LATER, is_closed=False, result=None)
    assert await found(record, step) == OpenedStep(opened_at=LATER, is_closed=False, result=None)


@pytest.mark.parametrize("step", list(Step))
async def test_a_step_has_no_place_in_another_stage(
    closures: Closures, database: Database, step: Step
) -> None:
    for stage in Stage:
        if stage in STAGE_OF[step]:
            continue
        await at(closures, stage, closure_id=f"c-{stage}", account_id=f"a-{stage}")
        with pytest.raises(Refused) as refused:
            await open_(closures, step, closure_id=f"c-{stage}")
        assert refused.value.type is RefusalType.STAGE_CONFLICT
    assert await rows(database, record_steps) == []


def test_nothing_irrevocable_has_a_place_before_confirm() -> None:
    unconfirmed = {Stage.OPENED, Stage.CHECKING, Stage.BLOCKED, Stage.READY, Stage.COOLING_OFF}
    assert not any(unconfirmed & STAGE_OF[step] for step in Step)


async def test_a_soft_close_releases_without_a_stop(closures: Closures) -> None:
    await at(closures, Stage.ENTERING, Mode.KEEP_DATA)
    await open_(closures, Step.RELEASE)


@pytest.mark.parametrize(
    ("step", "stage"),
    [
        (Step.PASS, Stage.FINAL_CHECK),
        (Step.HAND_OVER, Stage.DELETING),
        (Step.REFUND, Stage.DELETING),
    ],
)
async def test_a_step_before_its_deadline_is_refused(
    closures: Closures, record: Record, step: Step, stage: Stage
) -> None:
    second = timedelta(seconds=1)
    await at(closures, stage, due=LATER + second)
    with pytest.raises(Refused) as refused:
        await open_(closures, step)
    assert refused.value.type is RefusalType.NOT_YET
    assert await found(record, step) is None
    await open_(closures, step, second)


async def test_a_step_is_closed_once_and_found_closed_in_any_stage(
    closures: Closures, record: Record
) -> None:
    await at(closures, Stage.ENTERING)
    opened = await open_(closures, Step.STOP)
    assert await open_(closures, Step.STOP, timedelta(hours=1)) == opened, "the time of the first opening"
    assert await close(closures, Step.STOP, '{"first":1}')
    assert not await close(closures, Step.STOP, '{"second":2}')
    closed = OpenedStep(opened_at=LATER, is_closed=True, result='{"first":1}')
    assert await found(record, Step.STOP) == closed
    await closures.go_on_to(Stage.SILENT)
    assert await open_(closures, Step.STOP) == closed


async def test_an_open_step_is_not_gone_on_with_in_another_stage(closures: Closures) -> None:
    await at(closures, Stage.ENTERING)
    await open_(closures, Step.STOP)
    await closures.go_on_to(Stage.SILENT)
    with pytest.raises(Refused) as refused:
        await open_(closures, Step.STOP)
    assert refused.value.type is RefusalType.STAGE_CONFLICT


async def test_what_was_never_opened_is_not_closed(closures: Closures, record: Record) -> None:
    await at(closures, Stage.ENTERING)
    with pytest.raises(Refused) as refused:
        await close(closures, Step.STOP)
    assert refused.value.type is RefusalType.STAGE_CONFLICT
    assert await found(record, Step.STOP) is None


async def test_steps_that_are_needed_must_be_closed_not_only_opened(
    closures: Closures, record: Record
) -> None:
    async def require(*steps: Step) -> None:
        await record.read(lambda connection: require_closed(connection, "c-1", steps))

    await at(closures, Stage.ENTERING)
    await open_and_close(closures, [Step.STOP])
    await open_(closures, Step.RELEASE)
    await require()
    await require(Step.STOP)
    for missing in (Step.RELEASE, Step.WRITE_OFF):
        with pytest.raises(Refused) as refused:
            await require(Step.STOP, missing)
        assert refused.value.type is RefusalType.STAGE_CONFLICT


# Brakes.


async def brake(record: Record, scope: BrakeScope, target: str, reason: str = "feeds are broken") -> Brake:
    """The brake that is on then: the one that was put on first."""

    def work(connection: Connection) -> Brake:
        was_off = put_on(connection, scope, target, reason)
        on = next(each for each in brakes_on(connection) if (each.scope, each.target) == (scope, target))
        assert was_off is (on.reason == reason)
        return on

    return await record.write(work)


async def release(record: Record, scope: BrakeScope, target: str) -> bool:
    return await record.write(lambda connection: lift(connection, scope, target, "they are mended"))


OURS = [(BrakeScope.INSTALLATION, ""), (BrakeScope.PROVIDER, PROVIDER), (BrakeScope.CLOSURE, "c-1")]
OTHERS = [
    (BrakeScope.PROVIDER, "twilio"),
    (BrakeScope.CLOSURE, "c-2"),
    (BrakeScope.CLOSURE, PROVIDER),
    (BrakeScope.PROVIDER, "c-1"),
    (BrakeScope.PROVIDER, ""),
]


@pytest.mark.parametrize(("scope", "target"), OURS)
async def test_under_a_brake_no_step_is_opened_or_gone_on_with_until_it_is_lifted(
    closures: Closures, record: Record, scope: BrakeScope, target: str
) -> None:
    await at(closures, Stage.ENTERING)
    await open_and_close(closures, [Step.STOP])
    await open_(closures, Step.RELEASE)
    await brake(record, scope, target)
    for step in (Step.RELEASE, Step.WRITE_OFF):
        with pytest.raises(BrakeIsOn, match="feeds are broken"):
            await open_(closures, step)
    assert (await open_(closures, Step.STOP)).is_closed, "what is done is known"
    assert await release(record, scope, target)
    await open_(closures, Step.RELEASE)


@pytest.mark.parametrize(("scope", "target"), OTHERS)
async def test_a_brake_of_another_stops_nothing(
    closures: Closures, record: Record, scope: BrakeScope, target: str
) -> None:
    await at(closures, Stage.ENTERING)
    await brake(record, scope, target)
    await open_(closures, Step.STOP)


@pytest.mark.parametrize("step", sorted(UNDOING))
async def test_a_brake_does_not_stop_giving_back_nor_saying_what_has_been(
    closures: Closures, record: Record, step: Step
) -> None:
    await at(closures, next(iter(STAGE_OF[step])))
    await brake(record, BrakeScope.INSTALLATION, "")
    await open_(closures, step)


async def test_a_brake_that_is_on_stays_as_it_is_and_another_keeps_on_when_it_is_lifted(
    closures: Closures, record: Record
) -> None:
    state = new_state()
    first = await brake(record, BrakeScope.INSTALLATION, "")
    assert await brake(record, BrakeScope.INSTALLATION, "", "another reason") == first
    second = await brake(record, BrakeScope.CLOSURE, "c-1")
    assert await record.read(brakes_on) == (first, second)
    assert not await release(record, BrakeScope.PROVIDER, PROVIDER)
    assert await release(record, BrakeScope.INSTALLATION, "")
    assert not await release(record, BrakeScope.INSTALLATION, "")
    assert await record.read(lambda connection: brake_on(connection, state)) == second
    again = await brake(record, BrakeScope.INSTALLATION, "", "again")
    assert (again.reason, again.set_at > first.set_at) == ("again", True)
    assert await record.read(brakes_on) == (second, again)


@pytest.mark.parametrize("bad", ["a\0b", "a\udc80b"], ids=["NUL", "surrogate"])
async def test_a_reason_that_one_database_could_not_store_is_refused_by_both(
    record: Record, bad: str
) -> None:
    with pytest.raises(Refused) as refused:
        await brake(record, BrakeScope.INSTALLATION, "", bad)
    assert refused.value.type is RefusalType.MALFORMED_INPUT
    assert await record.read(brakes_on) == ()


@pytest.mark.parametrize("step", sorted(REPEATED))
async def test_what_can_come_again_is_opened_anew_with_what_it_brought_last(
    closures: Closures, record: Record, step: Step
) -> None:
    await at(closures, Stage.DELETING)
    await open_(closures, step)
    await close(closures, step, '{"times":1}')
    opened = OpenedStep(opened_at=LATER, is_closed=False, result='{"times":1}')
    assert await open_(closures, step, timedelta(hours=1)) == opened
    assert await found(record, step) == opened
    assert await close(closures, step, '{"times":2}')
    await record.write(
        lambda connection: put_on(connection, BrakeScope.INSTALLATION, "", "a broken billing feed")
    )
    with pytest.raises(BrakeIsOn):
        await open_(closures, step)


async def test_nothing_is_erased_while_money_is_being_read_again(closures: Closures) -> None:
    await at(closures, Stage.DELETING)
    await open_and_close(closures, [Step.HAND_OVER])
    await open_(closures, Step.ERASE)
    await open_(closures, Step.HAND_OVER)
    with pytest.raises(Refused) as refused:
        await open_(closures, Step.ERASE)
    assert refused.value.type is RefusalType.STAGE_CONFLICT
