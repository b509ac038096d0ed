"""Opening and stepping: one transaction, compare-and-set, one open closure per account."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import IntegrityError

from closure.errors import RefusalType, Refused
from closure.events import CancelIgnored, EventType
from closure.findings import Change
from closure.lifecycle import STEPS, Outcome, Stage, may_step
from closure.plan import PlannedErasure
from closure.state import ClosureState
from closure.transitions import at_stage, check_started, withdrawn
from database import Database
from records.closures import LockedClosure, lock_closure
from records.listing import ClosureLists
from records.plans import PlanMissing, find_plan, read_plan
from records.reading import ClosureRecords
from records.record import Record
from records.tables import record_closures, record_plans
from tests.records.samples import (
    FINDINGS,
    LATER,
    OPENED_AT,
    PLAN_HASH,
    WAY,
    Closures,
    Transition,
    confirm,
    execute,
    findings,
    new_state,
    rows,
)
from tests.unit.examples import account, alibaba_cloud, statement


def note(state: ClosureState) -> Change:
    return Change(state, CancelIgnored())


def leading_to(stage: Stage) -> Transition:
    return lambda state: Change(at_stage(state, stage), CancelIgnored())


async def test_an_opened_closure_reads_back_as_it_was_written(
    closures: Closures, records: ClosureRecords
) -> None:
    await closures.open()
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.state == new_state()
    assert (recorded.opened_at, recorded.updated_at) == (OPENED_AT, OPENED_AT)
    assert (recorded.opened_by, recorded.run_id, recorded.event_count) == ("u-1", "run-1", 1)
    assert await records.open_closure("a-1") == recorded
    assert await records.last("a-1") == recorded
    assert await records.policy("c-1") == alibaba_cloud()
    (opened,) = await records.events("c-1")
    assert (opened.event, opened.stage_from, opened.stage_to) == (EventType.OPENED, None, Stage.OPENED)
    assert (opened.actor, opened.time) == ("u-1", OPENED_AT)
    assert opened.details["mode"] == "delete"


async def test_a_second_open_of_the_account_is_refused_and_names_the_first(
    closures: Closures, records: ClosureRecords
) -> None:
    await closures.open()
    for closure_id in ("c-2", "c-1"):
        with pytest.raises(Refused, match="c-1") as refused:
            await closures.open(new_state(closure_id))
        assert refused.value.type is RefusalType.CLOSURE_ALREADY_OPEN
    assert await records.get("c-2") is None
    assert await records.events("c-2") == ()


async def test_a_closure_id_is_used_once(closures: Closures, records: ClosureRecords) -> None:
    await closures.carry_to(Stage.DELETED)
    before = await records.trail("c-1")
    with pytest.raises(IntegrityError):
        await closures.open()
    assert await records.trail("c-1") == before


async def test_of_ten_that_open_at_once_one_wins(
    closures: Closures, records: ClosureRecords, lists: ClosureLists
) -> None:
    answers = await asyncio.gather(
        *(closures.open(new_state(f"c-{number}")) for number in range(10)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len([answer for answer in answers if isinstance(answer, ClosureState)]) == 1
    assert {answer.type for answer in refused} == {RefusalType.CLOSURE_ALREADY_OPEN}
    assert len(refused) == 9
    winner = await records.open_closure("a-1")
    assert winner is not None
    assert await lists.count() == {Stage.OPENED.value: 1}
    trail = await records.trail(winner.closure_id)
    assert trail is not None
    assert trail.fault is None


async def test_ten_accounts_open_at_once(closures: Closures, lists: ClosureLists) -> None:
    await asyncio.gather(*(closures.open(new_state(f"c-{number}", f"a-{number}")) for number in range(10)))
    assert await lists.count() == {Stage.OPENED.value: 10}


async def test_the_database_itself_allows_one_open_closure_per_account(
    closures: Closures, database: Database
) -> None:
    await closures.open()
    (row,) = await rows(database, record_closures)
    del row["opened_sequence"]
    with pytest.raises(IntegrityError):
        await execute(database, insert(record_closures).values({**row, "closure_id": "c-2"}))


async def test_an_account_may_be_closed_again_after_an_outcome(
    closures: Closures, records: ClosureRecords
) -> None:
    await closures.carry_to(Stage.DELETED)
    assert await records.open_closure("a-1") is None
    # A resumed or fast-forwarded clock may be behind: what counts is the order of opening.
    await closures.open(new_state("c-2"), time=OPENED_AT - timedelta(days=30))
    last = await records.last("a-1")
    assert last is not None
    assert last.closure_id == "c-2"
    assert await records.closure_ids("a-1") == ("c-1", "c-2")


async def test_a_step_changes_the_state_and_appends_one_event(
    closures: Closures, records: ClosureRecords
) -> None:
    await closures.open()
    state = await closures.take(check_started, actor="u-1")
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.event_count == 2
    assert recorded.state == state == replace(new_state(), stage=Stage.CHECKING)
    assert (recorded.opened_at, recorded.updated_at) == (OPENED_AT, LATER)
    event = (await records.events("c-1"))[-1]
    assert (event.sequence, event.event, event.details, event.actor) == (2, "check_started", {}, "u-1")
    assert (event.stage_from, event.stage_to, event.time) == (Stage.OPENED, Stage.CHECKING, LATER)
    assert event.hash == recorded.head_hash


async def test_a_change_without_an_event_changes_the_state_alone(
    closures: Closures, records: ClosureRecords
) -> None:
    await closures.open()
    await closures.take(lambda state: Change(replace(state, reminders_sent=1)))
    recorded = await records.get("c-1")
    assert recorded is not None
    assert (recorded.event_count, recorded.state.reminders_sent) == (1, 1)


async def test_steps_of_one_transaction_are_chained(closures: Closures, records: ClosureRecords) -> None:
    await closures.open()

    def work(connection: Connection, closure: LockedClosure) -> None:
        closure.apply(check_started(closure.state), time=LATER)
        closure.apply(WAY[Stage.READY](closure.state), time=LATER)

    await closures.locked("c-1", work)
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is None
    assert [event.event for event in trail.events] == ["opened", "check_started", "surveyed"]


async def test_a_step_to_an_ended_stage_records_the_outcome(
    closures: Closures, records: ClosureRecords, database: Database
) -> None:
    await closures.carry_to(Stage.DELETED)
    recorded = await records.get("c-1")
    assert recorded is not None
    assert (recorded.state.stage, recorded.state.outcome) == (Stage.DELETED, Outcome.DELETED)
    (row,) = await rows(database, record_closures)
    assert (row["stage"], row["outcome"], row["deadline"]) == ("deleted", "deleted", None)


@pytest.mark.parametrize("stage", WAY)
async def test_a_step_that_was_taken_is_not_taken_again(
    closures: Closures, records: ClosureRecords, stage: Stage
) -> None:
    """But a check may find again what it found."""
    await closures.carry_to(stage)
    before = await records.get("c-1")
    if stage is Stage.READY:
        assert (await closures.take(WAY[stage])).survey_number == 2
        return
    with pytest.raises(Refused) as refused:
        await closures.take(WAY[stage])
    assert refused.value.type is RefusalType.STAGE_CONFLICT
    assert await records.get("c-1") == before


async def test_of_ten_that_take_one_step_at_once_one_does(
    closures: Closures, records: ClosureRecords
) -> None:
    await closures.open()
    answers = await asyncio.gather(*(closures.take(check_started) for _ in range(10)), return_exceptions=True)
    assert len([answer for answer in answers if isinstance(answer, Refused)]) == 9
    assert len(await records.events("c-1")) == 2


async def test_of_two_steps_from_one_stage_at_once_one_wins(
    closures: Closures, records: ClosureRecords
) -> None:
    await closures.carry_to(Stage.READY)
    answers = await asyncio.gather(closures.take(confirm), closures.take(withdrawn), return_exceptions=True)
    (refused,) = [answer for answer in answers if isinstance(answer, Refused)]
    assert refused.type is RefusalType.STAGE_CONFLICT
    assert len(await records.events("c-1")) == 4


async def test_notes_written_at_once_are_all_kept_in_one_chain(
    closures: Closures, records: ClosureRecords
) -> None:
    await closures.open()
    await asyncio.gather(*(closures.take(note) for _ in range(10)))
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is None
    assert [event.sequence for event in trail.events] == list(range(1, 12))


async def test_a_write_over_another_stage_than_was_read_is_refused(
    closures: Closures, records: ClosureRecords
) -> None:
    """Compare-and-set, for a database that would not lock."""
    await closures.carry_to(Stage.CHECKING)
    before = await records.get("c-1")

    def work(connection: Connection, closure: LockedClosure) -> None:
        connection.execute(update(record_closures).values(stage="blocked"))
        closure.apply(WAY[Stage.READY](closure.state), time=LATER)

    with pytest.raises(Refused) as refused:
        await closures.locked("c-1", work)
    assert refused.value.type is RefusalType.STAGE_CONFLICT
    assert await records.get("c-1") == before


@pytest.mark.parametrize("start", WAY)
async def test_steps_that_the_lifecycle_does_not_have_are_refused(
    closures: Closures, records: ClosureRecords, start: Stage
) -> None:
    await closures.carry_to(start)
    illegal = [stage for stage in STEPS if not may_step(start, stage)]
    assert start in illegal
    for stage in illegal:
        with pytest.raises(Refused) as refused:
            await closures.take(leading_to(stage))
        assert refused.value.type is RefusalType.STAGE_CONFLICT
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.state.stage is start


async def test_what_is_not_there_is_not_found(record: Record, records: ClosureRecords) -> None:
    with pytest.raises(Refused) as locking:
        await record.write(lambda connection: lock_closure(connection, "c-1"))
    with pytest.raises(Refused) as reading:
        await records.policy("c-1")
    found = {locking.value.type, reading.value.type}
    assert found == {RefusalType.CLOSURE_NOT_FOUND}
    assert await records.get("c-1") is None
    assert await records.last("a-1") is None
    assert await records.open_closure("a-1") is None
    assert await records.trail("c-1") is None
    assert await records.events("c-1") == ()
    assert await records.plan("c-1", "0" * 64) is None


async def test_a_plan_is_kept_once_as_it_was_seen_last(
    closures: Closures, record: Record, records: ClosureRecords, database: Database
) -> None:
    await closures.open()
    other = findings(account(statement("5.00"))).plan
    for plan in (FINDINGS.plan, other, FINDINGS.plan):
        await closures.save(plan)
    assert await records.plan("c-1", PLAN_HASH) == FINDINGS.plan
    assert await records.plan("c-1", other.plan_hash) == other
    assert len(await rows(database, record_plans)) == 2
    drifted = FINDINGS.plan.model_copy(
        update={"erasures": (PlannedErasure(store_id="s-1", store="logs", objects=7),)}
    )
    more = drifted.model_copy(update={"erasures": (drifted.erasures[0].model_copy(update={"objects": 8}),)})
    assert more.plan_hash == drifted.plan_hash
    await closures.save(drifted)
    await closures.save(more)
    assert await records.plan("c-1", drifted.plan_hash) == more
    assert await records.plan("c-1", "2" * 64) is None
    assert await record.read(lambda connection: find_plan(connection, "c-1", None)) is None
    with pytest.raises(PlanMissing):
        await record.read(lambda connection: read_plan(connection, "c-1", "2" * 64))
