"""Runs and claims: one run holds a closure, one closure holds an account."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from closure.acts import ActKind, ActStatus, WithdrawWords
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Stage
from closure.transitions import check_started
from records.acts import take_act
from records.claims import claim_accounts, claim_of, claimed_by, give_up_claims
from records.reading import ClosureRecords
from records.record import Record
from records.runs import Caller, claim_closure, hold
from records.tables import record_claims, record_closures
from tests.records.samples import LATER, Closures, caller, execute, new_state, rows

FIRST, SECOND = caller(), caller(run_id="run-2")


async def claim(record: Record, run: Caller, continues: str | None = None, closure_id: str = "c-1") -> None:
    def work(connection: Connection) -> None:
        claim_closure(connection, closure_id, run, continues=continues, time=LATER)

    await record.write(work)


async def step(record: Record, run: Caller, closure_id: str = "c-1") -> None:
    """What an activity does for a run."""

    def work(connection: Connection) -> None:
        closure = hold(connection, closure_id, run)
        closure.apply(check_started(closure.state), time=LATER)

    await record.write(work)


async def refused_as(act: Awaitable[None]) -> RefusalType:
    with pytest.raises(Refused) as refused:
        await act
    return refused.value.type


async def test_only_the_run_that_holds_a_closure_changes_it(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    await closures.open()
    before = await records.get("c-1")
    strangers = [
        SECOND,
        Caller(workflow_id="closure/alibaba-cloud/a-2", run_id="run-1"),
        Caller(workflow_id="attack", run_id="run-1"),
        Caller(workflow_id=FIRST.workflow_id, run_id=""),
    ]
    for stranger in strangers:
        assert await refused_as(step(record, stranger)) is RefusalType.STALE_RUN
    assert await records.get("c-1") == before
    await step(record, FIRST)


async def test_a_closure_that_is_not_there_is_held_and_claimed_by_nobody(record: Record) -> None:
    assert await refused_as(step(record, FIRST)) is RefusalType.CLOSURE_NOT_FOUND
    assert await refused_as(claim(record, FIRST)) is RefusalType.CLOSURE_NOT_FOUND


async def test_a_new_run_takes_over_and_the_old_one_is_refused(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    await closures.open()
    await claim(record, SECOND)
    assert await refused_as(step(record, FIRST)) is RefusalType.STALE_RUN
    await step(record, SECOND)
    resumed = (await records.events("c-1"))[1]
    assert (resumed.event, resumed.stage_to, resumed.actor) == (EventType.RESUMED, None, None)
    recorded = await records.get("c-1")
    trail = await records.trail("c-1")
    assert recorded is not None
    assert trail is not None
    assert (recorded.run_id, trail.fault) == ("run-2", None)


async def test_a_run_that_continues_the_one_before_is_nothing_to_tell(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    await closures.open()
    await claim(record, SECOND, continues="run-1")
    await claim(record, SECOND, continues="run-1")
    assert [event.event for event in await records.events("c-1")] == [EventType.OPENED]
    await claim(record, caller(run_id="run-3"), continues="run-1")
    assert [event.event for event in await records.events("c-1")] == [EventType.OPENED, EventType.RESUMED]


async def test_a_run_of_another_workflow_claims_nothing(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    await closures.open()
    before = await records.get("c-1")
    for stranger in (caller("a-2"), Caller(workflow_id="attack", run_id="run-1")):
        assert await refused_as(claim(record, stranger)) is RefusalType.STALE_RUN
    assert await records.get("c-1") == before


async def test_of_ten_runs_that_claim_at_once_one_holds_the_closure_then(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    await closures.open()
    runs = [caller(run_id=f"new-{number}") for number in range(10)]
    await asyncio.gather(*(claim(record, run) for run in runs))
    answers = await asyncio.gather(*(step(record, run) for run in runs), return_exceptions=True)
    assert answers.count(None) == 1
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is None


async def test_what_a_lost_run_had_taken_up_lapses_but_for_a_withdrawal(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    await closures.open()
    confirm = await closures.act()
    withdraw = await closures.act(ActKind.WITHDRAW, WithdrawWords())
    for act_id, kind in ((confirm, ActKind.CONFIRM), (withdraw, ActKind.WITHDRAW)):
        await take(record, act_id, kind, "run-1")
    await claim(record, SECOND)
    act = await records.act(confirm)
    assert act is not None
    assert act.status is ActStatus.LAPSED
    await take(record, withdraw, ActKind.WITHDRAW, "run-2")


async def take(record: Record, act_id: str, kind: ActKind, run_id: str) -> None:
    await record.write(lambda connection: take_act(connection, act_id, kind, run_id, "c-1"))


async def test_a_claim_after_the_outcome_tells_nothing_more(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    """Such as for a certificate that is still to be issued."""
    await closures.carry_to(Stage.DELETED)
    await claim(record, SECOND)
    assert (await records.events("c-1"))[-1].event is EventType.DELETED
    await record.write(lambda connection: hold(connection, "c-1", SECOND))


async def test_what_an_owner_took_along_is_held_by_the_owners_run(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    owner = await closures.open()
    await closures.open(new_state("c-2", "a-2"), owner=owner, opened_by=None, run_id=None)
    for stranger in (caller("a-2"), SECOND):
        assert await refused_as(step(record, stranger, "c-2")) is RefusalType.STALE_RUN
        assert await refused_as(claim(record, stranger, closure_id="c-2")) is RefusalType.STALE_RUN
    await claim(record, SECOND)
    assert await refused_as(step(record, FIRST, "c-2")) is RefusalType.STALE_RUN
    await step(record, SECOND, "c-2")
    recorded = await records.get("c-2")
    assert recorded is not None
    assert (recorded.owner_closure_id, recorded.opened_by, recorded.run_id) == ("c-1", None, None)
    opened = (await records.events("c-2"))[0]
    assert (opened.details["owner"], opened.details["owner_closure"]) == ("a-1", "c-1")


async def test_who_holds_a_closure_is_no_more_interrupted(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    await closures.open()
    await execute(record.database, update(record_closures).values(interrupted_at=LATER))
    await claim(record, SECOND)
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.interrupted_at is None


# Claims of accounts.


async def claimed(
    record: Record, closure_id: str, *account_ids: str, time: datetime = LATER
) -> tuple[str, ...]:
    return await record.write(
        lambda connection: claim_accounts(connection, closure_id, account_ids, time=time)
    )


async def give_up(record: Record, closure_id: str, account_ids: list[str] | None = None) -> None:
    await record.write(lambda connection: give_up_claims(connection, closure_id, account_ids))


@pytest.fixture
async def two(closures: Closures) -> None:
    await closures.open()
    await closures.open(new_state("c-2", "a-2"))


@pytest.mark.usefixtures("two")
async def test_accounts_are_claimed_sorted_and_once(record: Record, records: ClosureRecords) -> None:
    assert await claimed(record, "c-1", "s-2", "a-1", "s-10", "s-2") == ("a-1", "s-10", "s-2")
    before = await rows(record.database, record_claims)
    assert await claimed(record, "c-1", "s-2", time=LATER + timedelta(days=1)) == ("a-1", "s-10", "s-2")
    assert await rows(record.database, record_claims) == before
    assert await records.claimed("c-1") == ("a-1", "s-10", "s-2")


@pytest.mark.usefixtures("two")
async def test_what_another_closure_has_claimed_stays_with_it(record: Record) -> None:
    await claimed(record, "c-2", "a-2")
    assert await claimed(record, "c-1", "a-1", "a-2", "s-1") == ("a-1", "s-1")
    assert await record.read(lambda connection: claim_of(connection, "a-2")) == "c-2"
    assert await record.read(lambda connection: claim_of(connection, "a-9")) is None


@pytest.mark.usefixtures("two")
async def test_of_two_closures_that_claim_the_same_at_once_each_account_goes_to_one(record: Record) -> None:
    accounts = [f"s-{number:02}" for number in range(30)]
    first, second = await asyncio.gather(
        claimed(record, "c-1", *accounts), claimed(record, "c-2", *reversed(accounts))
    )
    assert sorted((*first, *second)) == accounts


@pytest.mark.usefixtures("two")
async def test_claims_are_given_up_by_name_or_all_and_only_by_their_closure(record: Record) -> None:
    await claimed(record, "c-1", "a-1", "s-1", "s-2")
    await claimed(record, "c-2", "a-2")
    await give_up(record, "c-2", ["s-1"])
    await give_up(record, "c-1", ["s-2", "a-2"])
    await give_up(record, "c-1", [])
    assert await record.read(lambda connection: claimed_by(connection, "c-1")) == ("a-1", "s-1")
    await give_up(record, "c-1")
    assert await record.read(lambda connection: claimed_by(connection, "c-1")) == ()
    assert await claimed(record, "c-2", "s-1") == ("a-2", "s-1")


@pytest.mark.usefixtures("two")
async def test_names_sort_the_same_on_every_database(record: Record) -> None:
    names = ["b", "B", "a-b", "ab", "a/b", "ä", "z", "_"]
    assert await claimed(record, "c-1", *names) == tuple(sorted(names))


async def test_a_claim_needs_its_closure(record: Record) -> None:
    with pytest.raises(IntegrityError):
        await claimed(record, "c-9", "a-1")
