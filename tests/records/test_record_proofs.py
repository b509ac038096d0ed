"""Proofs of identity (A12, T8): bound to one closure, fresh for as long as the policy says."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest
from sqlalchemy import update

from closure.acts import ActKind
from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from database import Database, database_time
from records.entries import Proof
from records.identity import CLOCKS_DIFFER, IdentityRecords
from records.tables import record_proofs
from tests.records.wall_clock import WallClock

SECOND = timedelta(seconds=1)
HALF_HOUR = timedelta(minutes=30)


async def proof_of(identity: IdentityRecords, account: str = "a-1", user: str = "u-1") -> Proof:
    return await identity.record_proof(account, user, IdentityMethod.PASSWORD, door=ActKind.CLOSE)


async def consume(identity: IdentityRecords, proof: Proof, closure_id: str = "c-1") -> Proof:
    return await identity.consume(proof.proof_id, "a-1", "u-1", closure_id, HALF_HOUR, door=ActKind.CONFIRM)


async def require_valid(identity: IdentityRecords, closure_id: str = "c-1", user: str = "u-1") -> None:
    await identity.require_valid(closure_id, "a-1", user, HALF_HOUR, door=ActKind.CONFIRM)


async def refused(act: Awaitable[object]) -> None:
    with pytest.raises(Refused) as refusal:
        await act
    assert refusal.value.type is RefusalType.IDENTITY_PROOF_REQUIRED


async def test_a_proof_authorises_one_closure(identity: IdentityRecords) -> None:
    proof = await proof_of(identity)
    bound = await consume(identity, proof)
    assert bound == proof.model_copy(update={"closure_id": "c-1"})
    await require_valid(identity)
    await refused(consume(identity, proof, "c-2"))
    await refused(require_valid(identity, "c-2"))


async def test_consuming_again_for_the_same_closure_changes_nothing(
    identity: IdentityRecords, clock: WallClock
) -> None:
    proof = await proof_of(identity)
    bound = await consume(identity, proof)
    clock.pass_time(timedelta(days=30))
    # A retried activity, however late; whether it still authorises is another question.
    assert await consume(identity, proof) == bound
    await refused(require_valid(identity))


@pytest.mark.parametrize("age", [timedelta(minutes=29, seconds=59), HALF_HOUR])
async def test_a_proof_is_fresh_for_half_an_hour(
    identity: IdentityRecords, clock: WallClock, age: timedelta
) -> None:
    proof = await proof_of(identity)
    clock.pass_time(age)
    await consume(identity, proof)
    await require_valid(identity)
    clock.pass_time(HALF_HOUR + SECOND - age)
    await refused(require_valid(identity))


async def test_an_older_proof_is_refused(identity: IdentityRecords, clock: WallClock) -> None:
    proof = await proof_of(identity)
    clock.pass_time(HALF_HOUR + SECOND)
    await refused(consume(identity, proof))


async def test_a_fresh_proof_authorises_anew(identity: IdentityRecords, clock: WallClock) -> None:
    await consume(identity, await proof_of(identity))
    clock.pass_time(HALF_HOUR + SECOND)
    fresh = await proof_of(identity)
    await refused(require_valid(identity))
    await consume(identity, fresh)
    await require_valid(identity)


async def test_the_newest_proof_counts_whatever_was_consumed_last(
    identity: IdentityRecords, clock: WallClock
) -> None:
    older = await proof_of(identity)
    clock.pass_time(timedelta(microseconds=1))
    await consume(identity, await proof_of(identity))
    await consume(identity, older)
    clock.pass_time(HALF_HOUR)
    await require_valid(identity)


@pytest.mark.parametrize(("account", "user"), [("a-2", "u-1"), ("a-1", "u-2")])
async def test_a_proof_is_its_users_and_its_accounts_own(
    identity: IdentityRecords, account: str, user: str
) -> None:
    await refused(consume(identity, await proof_of(identity, account, user)))
    await consume(identity, await proof_of(identity))
    await refused(identity.require_valid("c-1", account, user, HALF_HOUR, door=ActKind.CONFIRM))


@pytest.mark.parametrize("proof_id", ["", "0" * 32, "x" * 5_000, "a\0b", "\udc80"])
async def test_an_invented_proof_is_refused(identity: IdentityRecords, proof_id: str) -> None:
    await refused(identity.consume(proof_id, "a-1", "u-1", "c-1", HALF_HOUR, door=ActKind.CONFIRM))


async def test_of_ten_closures_that_consume_a_proof_at_once_one_wins(
    identity: IdentityRecords, database: Database, clock: WallClock
) -> None:
    # Connections of two, as of two worker processes: nothing but the database decides.
    elsewhere = Database(database.url.render_as_string(hide_password=False))
    other = IdentityRecords(elsewhere, lambda _: clock())
    proof = await proof_of(identity)
    answers = await asyncio.gather(
        *(consume(identity if number % 2 else other, proof, f"c-{number}") for number in range(10)),
        return_exceptions=True,
    )
    await elsewhere.dispose()
    (winner,) = [answer for answer in answers if isinstance(answer, Proof)]
    lost = [answer for answer in answers if isinstance(answer, Refused)]
    assert [answer.type for answer in lost] == [RefusalType.IDENTITY_PROOF_REQUIRED] * 9
    assert winner.closure_id is not None
    await require_valid(identity, winner.closure_id)
    assert await consume(identity, proof, winner.closure_id) == winner


async def test_attempts_of_one_closure_that_overlap_all_get_the_proof(identity: IdentityRecords) -> None:
    # All connections are open already, so that the attempts really meet.
    proof, *_ = await asyncio.gather(*(proof_of(identity) for _ in range(10)))
    answers = await asyncio.gather(*(consume(identity, proof) for _ in range(10)))
    assert answers == [proof.model_copy(update={"closure_id": "c-1"})] * 10


async def test_a_refusal_says_that_it_must_be_proven_again_and_no_more(identity: IdentityRecords) -> None:
    proof = await proof_of(identity)
    await consume(identity, proof)
    messages = set()
    for proof_id in (proof.proof_id, "0" * 32):
        with pytest.raises(Refused) as refusal:
            await identity.consume(proof_id, "a-1", "u-1", "c-2", HALF_HOUR, door=ActKind.CONFIRM)
        messages.add(refusal.value.message)
        assert refusal.value.facts == {"account_id": "a-1"}
    (message,) = messages
    assert "prove it again" in message
    assert proof.proof_id not in message


async def test_the_database_dates_a_proof_and_tells_its_age(database: Database) -> None:
    identity = IdentityRecords(database)
    before = await database.read(database_time)
    proof = await proof_of(identity)
    assert before <= proof.created_at <= await database.read(database_time)

    async def make_older_by(age: timedelta) -> None:
        older = update(record_proofs).values(created_at=proof.created_at - age)
        await database.write(lambda connection: connection.execute(older))

    await make_older_by(HALF_HOUR)
    await refused(consume(identity, proof))
    await make_older_by(HALF_HOUR - timedelta(minutes=1))
    await consume(identity, proof)
    await require_valid(identity)
    await make_older_by(HALF_HOUR)
    await refused(require_valid(identity))


@pytest.mark.parametrize("door", list(ActKind))
async def test_a_proof_belongs_to_the_door_that_it_came_through_and_one_to_close_opens_all(
    identity: IdentityRecords, door: ActKind
) -> None:
    for number, given_for in enumerate(ActKind):
        closure_id = f"c-{number}"
        proof = await identity.record_proof("a-1", "u-1", IdentityMethod.PASSWORD, door=given_for)
        consuming = identity.consume(proof.proof_id, "a-1", "u-1", closure_id, HALF_HOUR, door=door)
        if given_for in (door, ActKind.CLOSE):
            await consuming
        else:
            await refused(consuming)
            await identity.consume(proof.proof_id, "a-1", "u-1", closure_id, HALF_HOUR, door=given_for)
        valid = identity.require_valid(closure_id, "a-1", "u-1", HALF_HOUR, door=door)
        await (valid if given_for in (door, ActKind.CLOSE) else refused(valid))


async def test_what_a_console_has_verified_is_as_old_as_it_says_and_never_ahead(
    identity: IdentityRecords, clock: WallClock
) -> None:
    async def vouched(age: timedelta) -> Proof:
        at = clock() - age
        return await identity.record_proof(
            "a-1", "u-1", IdentityMethod.SESSION, door=ActKind.CLOSE, verified_at=at
        )

    assert (await consume(identity, await vouched(HALF_HOUR), "c-1")).method is IdentityMethod.SESSION
    await refused(consume(identity, await vouched(HALF_HOUR + SECOND), "c-2"))
    # Another clock may be a little ahead; the proof isn't.
    ahead = await vouched(-CLOCKS_DIFFER)
    assert ahead.created_at == clock()
    await refused(vouched(-CLOCKS_DIFFER - SECOND))
