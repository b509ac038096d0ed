"""Opening, stepping and resuming: compare-and-set, idempotent by key, one open closure per account."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.errors import RefusalType, Refused
from closure.lifecycle import STEPS, Outcome, Stage, may_step
from closure.messages import StatusDocument
from database import reading, transaction
from records.closures import ClosureRecords
from records.entries import EventType
from records.tables import record_closures
from tests.records.samples import (
    CONFIRMED,
    OPENED_AT,
    SNAPSHOT,
    carry_to,
    document,
    entry,
    new_closure,
)


async def test_an_opened_closure_reads_back_as_it_was_written(records: ClosureRecords) -> None:
    await records.open(new_closure())
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.document == document()
    assert (recorded.opened_at, recorded.updated_at) == (OPENED_AT, OPENED_AT)
    assert (recorded.opened_by, recorded.run_epoch, recorded.event_count) == ("u-1", 0, 1)
    assert await records.open_closure("a-1") == recorded
    assert await records.last("a-1") == recorded
    assert await records.policy_snapshot("c-1") == SNAPSHOT
    (opened,) = await records.events("c-1")
    assert (opened.event, opened.stage_from, opened.stage_to) == (EventType.OPENED, None, Stage.OPENED)
    assert (opened.actor, opened.time) == ("u-1", OPENED_AT)
    assert opened.details["mode"] == "delete"


async def test_a_second_open_of_the_account_is_refused_and_names_the_first(records: ClosureRecords) -> None:
    await records.open(new_closure())
    with pytest.raises(Refused, match="c-1") as refused:
        await records.open(new_closure("c-2"))
    assert refused.value.type is RefusalType.CLOSURE_ALREADY_OPEN
    assert await records.get("c-2") is None
    assert await records.events("c-2") == ()


async def test_opening_again_with_the_same_key_changes_nothing(records: ClosureRecords) -> None:
    await carry_to(records, Stage.CHECKING)
    before = await records.get("c-1")
    await records.open(new_closure(time=OPENED_AT + timedelta(days=1), opened_by="u-9"))
    assert await records.get("c-1") == before


async def test_opening_the_same_closure_with_another_key_is_refused(records: ClosureRecords) -> None:
    await records.open(new_closure())
    with pytest.raises(Refused) as refused:
        await records.open(new_closure(key="open-again"))
    assert refused.value.type is RefusalType.CLOSURE_ALREADY_OPEN


async def test_of_ten_that_open_at_once_one_wins(records: ClosureRecords) -> None:
    answers = await asyncio.gather(
        *(records.open(new_closure(f"c-{number}")) for number in range(10)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert answers.count(None) == 1
    assert {answer.type for answer in refused} == {RefusalType.CLOSURE_ALREADY_OPEN}
    assert len(refused) == 9
    winner = await records.open_closure("a-1")
    assert winner is not None
    assert [closure.document.closure_id for closure in await records.listing()] == [
        winner.document.closure_id
    ]
    trail = await records.trail(winner.document.closure_id)
    assert trail is not None
    assert trail.fault is None


async def test_ten_accounts_open_at_once(records: ClosureRecords) -> None:
    await asyncio.gather(*(records.open(new_closure(f"c-{number}", f"a-{number}")) for number in range(10)))
    assert len(await records.listing()) == 10


async def test_the_database_itself_allows_one_open_closure_per_account(
    records: ClosureRecords, engine: AsyncEngine
) -> None:
    await records.open(new_closure())
    async with reading(engine) as connection:
        row = dict((await connection.execute(select(record_closures))).mappings().one())
    del row["opened_sequence"]
    with pytest.raises(IntegrityError):
        async with transaction(engine) as connection:
            await connection.execute(insert(record_closures).values({**row, "closure_id": "c-2"}))


async def test_an_account_may_be_closed_again_after_an_outcome(records: ClosureRecords) -> None:
    await carry_to(records, Stage.DELETED)
    assert await records.open_closure("a-1") is None
    # A resumed or fast-forwarded clock may be behind: what counts is the order of opening.
    await records.open(new_closure("c-2", time=OPENED_AT - timedelta(days=30)))
    last = await records.last("a-1")
    assert last is not None
    assert last.document.closure_id == "c-2"


async def test_a_step_changes_stage_and_document_and_appends_one_event(records: ClosureRecords) -> None:
    await records.open(new_closure())
    changed = document(stage=Stage.OPENED, survey_number=3, outcome_reason="as it is")
    sequence = await records.write(
        entry(Stage.CHECKING, document=changed, actor="u-1", details={"survey": 3})
    )
    recorded = await records.get("c-1")
    assert recorded is not None
    assert sequence == recorded.event_count == 2
    # The stage that was compared is the stage that is stored, whatever the document says.
    assert recorded.document == changed.model_copy(update={"stage": Stage.CHECKING})
    event = (await records.events("c-1"))[-1]
    assert (event.sequence, event.details, event.actor) == (2, {"survey": 3}, "u-1")
    assert event.hash == recorded.head_hash


async def test_a_step_to_an_ended_stage_records_the_outcome(records: ClosureRecords) -> None:
    await carry_to(records, Stage.DELETED)
    recorded = await records.get("c-1")
    assert recorded is not None
    assert (recorded.document.stage, recorded.document.outcome) == (Stage.DELETED, Outcome.DELETED)


async def test_the_same_key_returns_the_first_sequence_and_changes_nothing(records: ClosureRecords) -> None:
    await carry_to(records, Stage.READY)
    before = await records.get("c-1")
    again = entry(Stage.CHECKING, details={"other": True}, stage_from=Stage.SILENT, run_epoch=7)
    assert await records.write(again) == 2
    assert await records.get("c-1") == before


async def test_ten_writes_of_one_key_at_once_are_one_event(records: ClosureRecords) -> None:
    await records.open(new_closure())
    sequences = await asyncio.gather(*(records.write(entry(Stage.CHECKING)) for _ in range(10)))
    assert set(sequences) == {2}
    assert len(await records.events("c-1")) == 2


async def test_of_two_steps_from_one_stage_at_once_one_wins(records: ClosureRecords) -> None:
    await carry_to(records, Stage.READY)
    confirm = entry(Stage.ENTERING)
    withdraw = confirm.model_copy(update={"key": "withdraw", "stage_to": Stage.WITHDRAWN})
    answers = await asyncio.gather(records.write(confirm), records.write(withdraw), return_exceptions=True)
    (refused,) = [answer for answer in answers if isinstance(answer, Refused)]
    assert refused.type is RefusalType.STAGE_CONFLICT
    assert len(await records.events("c-1")) == 4


async def test_notes_written_at_once_are_all_kept_in_one_chain(records: ClosureRecords) -> None:
    await records.open(new_closure())
    notes = [entry(None, key=f"note/{number}") for number in range(10)]
    assert sorted(await asyncio.gather(*map(records.write, notes))) == list(range(2, 12))
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is None


async def test_a_write_from_another_stage_is_refused(records: ClosureRecords) -> None:
    await carry_to(records, Stage.CHECKING)
    before = await records.get("c-1")
    with pytest.raises(Refused, match="is checking, not ready") as refused:
        await records.write(entry(Stage.ENTERING))
    assert refused.value.type is RefusalType.STAGE_CONFLICT
    assert await records.get("c-1") == before


@pytest.mark.parametrize("start", CONFIRMED)
async def test_steps_that_the_lifecycle_does_not_have_are_refused(
    records: ClosureRecords, start: Stage
) -> None:
    await carry_to(records, start)
    illegal = [stage for stage in STEPS if not may_step(start, stage)]
    assert start in illegal
    for stage in illegal:
        with pytest.raises(Refused) as refused:
            await records.write(
                entry(start, key="illegal", stage_from=start).model_copy(update={"stage_to": stage})
            )
        assert refused.value.type is RefusalType.STAGE_CONFLICT
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.document.stage is start


@pytest.mark.parametrize(
    "other",
    [
        document(closure_id="c-2"),
        document(account_id="a-2"),
        document(provider="twilio"),
        document(policy="twilio"),
        document(policy_version="2"),
    ],
)
async def test_another_closures_document_is_refused(records: ClosureRecords, other: StatusDocument) -> None:
    await records.open(new_closure())
    with pytest.raises(Refused) as refused:
        await records.write(entry(Stage.CHECKING, document=other))
    assert refused.value.type is RefusalType.MALFORMED_INPUT
    assert len(await records.events("c-1")) == 1


async def test_resuming_lets_a_new_run_take_over(records: ClosureRecords) -> None:
    await carry_to(records, Stage.SILENT)
    assert await records.resume("c-1", 0, time=OPENED_AT) == 1
    with pytest.raises(Refused) as refused:
        await records.write(entry(Stage.FINAL_CHECK))
    assert refused.value.type is RefusalType.STALE_RUN
    await records.write(entry(Stage.FINAL_CHECK, run_epoch=1))
    resumed = (await records.events("c-1"))[-2]
    assert (resumed.event, resumed.details, resumed.stage_to) == (EventType.RESUMED, {"run_epoch": 1}, None)
    trail = await records.trail("c-1")
    assert trail is not None
    assert trail.fault is None


async def test_of_two_that_resume_at_once_one_wins(records: ClosureRecords) -> None:
    await carry_to(records, Stage.SILENT)
    answers = await asyncio.gather(*(records.resume("c-1", 0) for _ in range(2)), return_exceptions=True)
    (refused,) = [answer for answer in answers if isinstance(answer, Refused)]
    assert refused.type is RefusalType.STALE_RUN
    assert 1 in answers
    recorded = await records.get("c-1")
    assert recorded is not None
    assert recorded.run_epoch == 1


async def test_a_closure_that_ended_cannot_be_resumed(records: ClosureRecords) -> None:
    await carry_to(records, Stage.DELETED)
    with pytest.raises(Refused) as refused:
        await records.resume("c-1", 0)
    assert refused.value.type is RefusalType.CLOSURE_ENDED


async def test_what_is_not_there_is_not_found(records: ClosureRecords) -> None:
    for act in (
        records.write(entry(Stage.CHECKING)),
        records.resume("c-1", 0),
        records.save_plan("c-1", "0" * 64, "{}"),
        records.policy_snapshot("c-1"),
    ):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.type is RefusalType.CLOSURE_NOT_FOUND
    assert await records.get("c-1") is None
    assert await records.last("a-1") is None
    assert await records.open_closure("a-1") is None
    assert await records.trail("c-1") is None
    assert await records.events("c-1") == ()
    assert await records.plan("c-1", "0" * 64) is None


async def test_a_plan_is_kept_as_it_was_saved_first(records: ClosureRecords) -> None:
    await records.open(new_closure())
    await records.save_plan("c-1", "0" * 64, '{"losses":[]}')
    await records.save_plan("c-1", "0" * 64, '{"losses":["changed"]}')
    await records.save_plan("c-1", "1" * 64, "{}")
    assert await records.plan("c-1", "0" * 64) == '{"losses":[]}'
    assert await records.plan("c-1", "1" * 64) == "{}"
    assert await records.plan("c-1", "2" * 64) is None


async def test_listing_by_stage_and_provider_newest_first(records: ClosureRecords) -> None:
    await carry_to(records, Stage.READY, "c-1", "a-1")
    await records.open(new_closure("c-2", "a-2", document=document("c-2", "a-2", provider="twilio")))
    await records.open(new_closure("c-3", "a-3", time=OPENED_AT - timedelta(days=9)))

    async def ids(stage: Stage | None = None, provider: str | None = None) -> list[str]:
        return [found.document.closure_id for found in await records.listing(stage, provider)]

    assert await ids() == ["c-3", "c-2", "c-1"]
    assert await ids(Stage.OPENED) == ["c-3", "c-2"]
    assert await ids(provider="twilio") == ["c-2"]
    assert await ids(Stage.READY, "twilio") == []
