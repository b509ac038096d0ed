"""Acts: written by the client, taken by the run that holds the closure, ended once with an answer."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from closure.acts import (
    ActKind,
    ActStatus,
    ApproveWords,
    CloseWords,
    ConfirmWords,
    RefusedAnswer,
    RenounceWords,
    WithdrawWords,
    Words,
)
from closure.errors import RefusalType, Refused
from database import Database, database_time
from records.acts import (
    LAPSES_AFTER,
    MOST_WITHDRAWALS,
    ActDone,
    end_act,
    finish_act,
    lapse_taken,
    raise_ended,
    refuse_act,
    standing_withdrawals,
    take_act,
    withdrawal_stands,
)
from records.reading import ClosureRecords
from records.record import Record
from records.tables import record_acts
from tests.records.samples import Closures, execute, rows

SECOND = timedelta(seconds=1)
OTHERS = (ActKind.CLOSE, ActKind.RENOUNCE, ActKind.CONFIRM, ActKind.APPROVE)
SAID: dict[ActKind, Words] = {
    ActKind.CLOSE: CloseWords(provider="p", policy="p", agree=True, acknowledgements=("Yes, 数据",)),
    ActKind.RENOUNCE: RenounceWords(item_ids=("balance", "a/b"), accept_risk=True),
    ActKind.CONFIRM: ConfirmWords(reason="moving\0", plan_hash="0" * 64, phrase="DELETE a-1"),
    ActKind.APPROVE: ApproveWords(plan_hash="1" * 64),
    ActKind.WITHDRAW: WithdrawWords(),
}
REFUSED = Refused(
    RefusalType.ACKNOWLEDGEMENT_REQUIRED,
    "agree first",
    acknowledgements=("One", "Two"),
    facts={"account_id": "a-1", "count": 2, "roles": ["main"]},
)


async def take(
    record: Record,
    act_id: str,
    kind: ActKind = ActKind.CONFIRM,
    run_id: str = "run-1",
    closure_id: str = "c-1",
) -> Words:
    _, words = await record.write(lambda each: take_act(each, act_id, kind, run_id, closure_id))
    return words


async def status(records: ClosureRecords, act_id: str) -> ActStatus:
    act = await records.act(act_id)
    assert act is not None
    return act.status


async def refusal(record: Record, act_id: str, kind: ActKind = ActKind.CONFIRM, **other: str) -> Refused:
    with pytest.raises(Refused) as refused:
        await take(record, act_id, kind, **other)
    return refused.value


async def give_up(record: Record, act_id: str) -> bool:
    return await record.write(lambda each: end_act(each, act_id, ActStatus.LAPSED))


async def make_older(database: Database, age: timedelta) -> None:
    """By the database's clock."""
    now = await database.read(database_time)
    await execute(database, update(record_acts).values(written_at=now - age))
    await execute(
        database,
        update(record_acts)
        .where(record_acts.c.lapses_at.is_not(None))
        .values(lapses_at=now - age + LAPSES_AFTER),
    )


@pytest.mark.parametrize("kind", list(ActKind))
async def test_an_act_reads_back_as_it_was_written(
    closures: Closures, record: Record, records: ClosureRecords, kind: ActKind
) -> None:
    before = await record.read(database_time)
    act_id = await closures.act(kind, SAID[kind], user_id="u-7", proof_id="p" * 32)
    act = await records.act(act_id)
    assert act is not None
    assert len(bytes.fromhex(act.act_id)) == 16
    assert (act.kind, act.account_id, act.closure_id) == (kind, "a-1", "c-1")
    assert (act.user_id, act.proof_id, act.status, act.run_id) == ("u-7", "p" * 32, ActStatus.WAITING, None)
    assert before <= act.written_at <= await record.read(database_time)
    lapses_at = None if kind is ActKind.WITHDRAW else act.written_at + timedelta(seconds=60)
    assert act.lapses_at == lapses_at
    assert await take(record, act_id, kind) == SAID[kind]


async def test_ids_of_acts_are_never_alike(closures: Closures) -> None:
    assert len({await closures.act() for _ in range(20)}) == 20


async def test_an_unknown_act_is_none(record: Record, records: ClosureRecords) -> None:
    assert await records.act("0" * 32) is None
    assert (await refusal(record, "0" * 32)).type is RefusalType.ACT_NOT_FOUND


async def test_an_act_is_taken_for_its_closure_and_its_kind_only(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    act_id = await closures.act()
    for kind in ActKind:
        if kind is not ActKind.CONFIRM:
            assert (await refusal(record, act_id, kind)).type is RefusalType.ACT_NOT_FOUND
    assert (await refusal(record, act_id, closure_id="c-2")).type is RefusalType.ACT_NOT_FOUND
    assert await status(records, act_id) is ActStatus.WAITING
    await take(record, act_id)


async def test_a_taken_act_is_the_runs_that_took_it(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    act_id = await closures.act()
    first = await take(record, act_id)
    assert await take(record, act_id) == first
    act = await records.act(act_id)
    assert act is not None
    assert (act.status, act.run_id) == (ActStatus.TAKEN, "run-1")
    assert (await refusal(record, act_id, run_id="run-2")).type is RefusalType.ACT_LAPSED


async def test_of_ten_runs_that_take_it_at_once_one_does(closures: Closures, record: Record) -> None:
    act_id = await closures.act()
    answers = await asyncio.gather(
        *(take(record, act_id, run_id=f"run-{number}") for number in range(10)), return_exceptions=True
    )
    assert len([answer for answer in answers if isinstance(answer, Refused)]) == 9


@pytest.mark.parametrize("kind", list(ActKind))
async def test_an_act_that_is_done_is_never_carried_out_again(
    closures: Closures, record: Record, records: ClosureRecords, kind: ActKind
) -> None:
    act_id = await closures.act(kind, SAID[kind])
    await take(record, act_id, kind)
    await record.write(lambda each: finish_act(each, act_id))
    assert await status(records, act_id) is ActStatus.DONE
    for run_id in ("run-1", "run-2"):
        with pytest.raises(ActDone):
            await take(record, act_id, kind, run_id)
    with pytest.raises(Refused):
        await record.write(lambda each: finish_act(each, act_id))


async def test_of_ten_that_finish_it_at_once_one_does(closures: Closures, record: Record) -> None:
    act_id = await closures.act()
    answers = await asyncio.gather(
        *(record.write(lambda each: finish_act(each, act_id)) for _ in range(10)), return_exceptions=True
    )
    assert answers.count(None) == 1
    assert len([answer for answer in answers if isinstance(answer, Refused)]) == 9


@pytest.mark.parametrize("kind", list(ActKind))
async def test_a_refusal_consumes_the_act_and_is_its_answer_for_ever(
    closures: Closures, record: Record, records: ClosureRecords, kind: ActKind
) -> None:
    act_id = await closures.act(kind, SAID[kind])
    await take(record, act_id, kind)
    await record.write(lambda each: refuse_act(each, act_id, REFUSED))
    await record.write(lambda each: refuse_act(each, act_id, Refused(RefusalType.LEGAL_HOLD, "other")))
    for run_id in ("run-1", "run-2"):
        answer = await refusal(record, act_id, kind, run_id=run_id)
        assert (answer.type, answer.message) == (REFUSED.type, REFUSED.message)
        assert (answer.acknowledgements, answer.facts) == (REFUSED.acknowledgements, REFUSED.facts)
    act = await records.act(act_id)
    assert act is not None
    assert act.answer == RefusedAnswer(
        type="AcknowledgementRequired",
        message="agree first",
        acknowledgements=("One", "Two"),
        facts=REFUSED.facts,
    )
    with pytest.raises(Refused, match="agree first"):
        raise_ended(act)


@pytest.mark.parametrize(("first", "second"), [(a, b) for a in ActStatus for b in ActStatus if a.is_over])
async def test_an_act_ends_once(
    closures: Closures,
    record: Record,
    records: ClosureRecords,
    database: Database,
    first: ActStatus,
    second: ActStatus,
) -> None:
    act_id = await closures.act()
    assert await record.write(lambda each: end_act(each, act_id, first))
    before = await rows(database, record_acts)
    assert before[0]["ended_at"] is not None
    assert not await record.write(lambda each: end_act(each, act_id, second))
    assert await rows(database, record_acts) == before


@pytest.mark.parametrize("kind", OTHERS)
async def test_after_a_minute_of_the_databases_time_an_act_is_not_taken_up(
    closures: Closures, record: Record, records: ClosureRecords, database: Database, kind: ActKind
) -> None:
    early = await closures.act(kind, SAID[kind])
    await make_older(database, LAPSES_AFTER - 10 * SECOND)
    await take(record, early, kind)
    late = await closures.act(kind, SAID[kind])
    await make_older(database, LAPSES_AFTER + SECOND)
    lapsed = await refusal(record, late, kind)
    assert lapsed.type is RefusalType.ACT_LAPSED
    await record.write(lambda each: refuse_act(each, late, lapsed))
    assert await status(records, late) is ActStatus.LAPSED
    assert (await refusal(record, late, kind)).type is RefusalType.ACT_LAPSED
    # What was taken in time may take longer.
    await take(record, early, kind)
    await record.write(lambda each: finish_act(each, early))


async def test_what_its_client_has_given_up_is_not_taken_up_and_not_finished(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    waiting, taken = await closures.act(), await closures.act()
    await take(record, taken)
    assert await give_up(record, waiting)
    assert await give_up(record, taken)
    assert (await refusal(record, waiting)).type is RefusalType.ACT_LAPSED
    with pytest.raises(Refused) as refused:
        await record.write(lambda each: finish_act(each, taken))
    assert refused.value.type is RefusalType.ACT_LAPSED
    assert await status(records, taken) is ActStatus.LAPSED


async def test_giving_up_after_it_was_done_changes_nothing(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    act_id = await closures.act()
    await record.write(lambda each: finish_act(each, act_id))
    assert not await give_up(record, act_id)
    assert await status(records, act_id) is ActStatus.DONE


async def test_a_withdrawal_does_not_lapse_and_stands_until_it_is_answered(
    closures: Closures, record: Record, database: Database
) -> None:
    async def stands(closure_id: str = "c-1") -> bool:
        return await record.read(lambda each: withdrawal_stands(each, closure_id))

    assert not await stands()
    await closures.act()
    assert not await stands()
    act_id = await closures.act(ActKind.WITHDRAW, WithdrawWords())
    await make_older(database, timedelta(days=30))
    assert await stands()
    assert not await stands("c-2")
    await take(record, act_id, ActKind.WITHDRAW)
    assert await stands()
    # Another run carries on what a lost one had begun.
    await record.write(lambda each: lapse_taken(each, "c-1"))
    await take(record, act_id, ActKind.WITHDRAW, "run-2")
    assert await stands()
    await record.write(lambda each: finish_act(each, act_id))
    assert not await stands()


async def test_standing_withdrawals_come_oldest_first_and_not_all_at_once(
    closures: Closures, record: Record
) -> None:
    asked = [await closures.act(ActKind.WITHDRAW, WithdrawWords()) for _ in range(MOST_WITHDRAWALS + 3)]

    async def standing() -> list[str]:
        return list(await record.read(lambda each: standing_withdrawals(each, "c-1")))

    assert await standing() == asked[:MOST_WITHDRAWALS]
    await record.write(lambda each: refuse_act(each, asked[0], REFUSED))
    await record.write(lambda each: finish_act(each, asked[2]))
    assert await standing() == [asked[1], *asked[3 : MOST_WITHDRAWALS + 2]]


async def test_what_a_lost_run_had_taken_lapses_and_what_waits_does_not(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    taken, waiting, elsewhere = (
        await closures.act(),
        await closures.act(),
        await closures.act(closure_id="c-2"),
    )
    await take(record, taken)
    await take(record, elsewhere, closure_id="c-2")
    await record.write(lambda each: lapse_taken(each, "c-1"))
    found = [await status(records, each) for each in (taken, waiting, elsewhere)]
    assert found == [ActStatus.LAPSED, ActStatus.WAITING, ActStatus.TAKEN]


async def test_the_last_close_of_an_account_is_found_whatever_became_of_it(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    assert await records.last_close("a-1") is None
    await closures.act(ActKind.CLOSE, SAID[ActKind.CLOSE], closure_id="c-0")
    last = await closures.act(ActKind.CLOSE, SAID[ActKind.CLOSE])
    await closures.act(ActKind.CONFIRM)
    await record.write(lambda each: refuse_act(each, last, REFUSED))
    found = await records.last_close("a-1")
    assert found is not None
    assert (found.act_id, found.status) == (last, ActStatus.REFUSED)
    asked = await records.close_of("c-1")
    assert asked == (found, SAID[ActKind.CLOSE])
    assert await records.close_of("c-9") is None
