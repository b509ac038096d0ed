"""One-time codes (A12): bound to a user and an account, single-use, short-lived and not to be guessed."""

import asyncio
import re
import secrets
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from database import reading, transaction
from records import code_hash
from records.entries import Proof
from records.identity import (
    GUESS_WINDOW,
    GUESSES_PER_CHALLENGE,
    WRONG_GUESSES_PER_ACCOUNT,
    WRONG_GUESSES_PER_USER,
    IdentityRecords,
)
from records.tables import record_challenges, record_guesses, record_proofs
from tests.records.samples import WallClock

SECOND = timedelta(seconds=1)
EMAIL = IdentityMethod.EMAIL_CODE


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a hash is no matter of these tests; `test_a_hash_is_slow` looks at it."""
    monkeypatch.setattr(code_hash, "_TIME_COST", 1)
    monkeypatch.setattr(code_hash, "_MEMORY_KIBIBYTES", 64)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


async def refused_code(identity: IdentityRecords, account: str, user: str, code: str) -> str:
    """The message of the refusal."""
    with pytest.raises(Refused) as refused:
        await identity.prove_by_code(account, user, code)
    assert refused.value.type is RefusalType.CODE_REFUSED
    return refused.value.message


async def guess_wrong(identity: IdentityRecords, times: int, user: str = "u-1", account: str = "a-1") -> None:
    for _ in range(times):
        await refused_code(identity, account, user, "no code")


async def test_a_code_proves_who_knows_it(identity: IdentityRecords, clock: WallClock) -> None:
    code = await identity.issue_code("a-1", "u-1", IdentityMethod.SMS_CODE)
    proof = await identity.prove_by_code("a-1", "u-1", f" {code}\n")
    assert (proof.account_id, proof.user_id, proof.method) == ("a-1", "u-1", IdentityMethod.SMS_CODE)
    assert (proof.created_at, proof.closure_id) == (clock.now, None)


def test_codes_are_random_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {code_hash.new_code() for _ in range(200)}
    assert len(codes) > 195
    assert all(re.fullmatch(r"\d{6,8}", code) for code in codes)
    monkeypatch.setattr(secrets, "randbelow", lambda limit: limit - limit)
    assert code_hash.new_code() == "00000000"


async def test_a_password_needs_no_code(identity: IdentityRecords) -> None:
    with pytest.raises(Refused) as refused:
        await identity.issue_code("a-1", "u-1", IdentityMethod.PASSWORD)
    assert refused.value.type is RefusalType.IDENTITY_METHOD_REFUSED


async def test_the_database_holds_no_code(identity: IdentityRecords, engine: AsyncEngine) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    other = await identity.issue_code("a-1", "u-2", EMAIL)
    async with reading(engine) as connection:
        rows = (await connection.execute(select(record_challenges))).mappings().all()
    assert code not in repr(rows)
    assert other not in repr(rows)
    assert {str(row["code_hash"]).split("$")[1] for row in rows} == {"argon2id"}
    assert rows[0]["salt"] != rows[1]["salt"]


async def test_a_hash_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    hashed = await code_hash.hash_code("12345678", code_hash.new_salt(), "a-1", "u-1")
    parameters = re.search(r"\$m=(\d+),t=(\d+),p=1\$", hashed)
    assert parameters is not None
    # What OWASP asks of argon2id at the least: 19 MiB, two passes.
    assert int(parameters[1]) >= 19 * 1024
    assert int(parameters[2]) >= 2


async def test_a_code_is_good_for_ten_minutes(identity: IdentityRecords, clock: WallClock) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    late = await identity.issue_code("a-1", "u-2", EMAIL)
    clock.pass_time(timedelta(minutes=9, seconds=59))
    await identity.prove_by_code("a-1", "u-1", code)
    clock.pass_time(SECOND)
    await refused_code(identity, "a-1", "u-2", late)


async def test_a_code_is_good_once(identity: IdentityRecords, clock: WallClock) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await identity.prove_by_code("a-1", "u-1", code)
    await refused_code(identity, "a-1", "u-1", code)
    clock.pass_time(timedelta(minutes=11))
    await identity.issue_code("a-1", "u-1", EMAIL)
    await refused_code(identity, "a-1", "u-1", code)


async def test_of_ten_that_use_a_code_at_once_one_proves_it(
    identity: IdentityRecords, engine: AsyncEngine
) -> None:
    # Each guess counts, so the caps are spread over the codes' own five.
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    answers = await asyncio.gather(
        *(identity.prove_by_code("a-1", "u-1", code) for _ in range(10)), return_exceptions=True
    )
    assert len([answer for answer in answers if isinstance(answer, Proof)]) == 1
    assert {answer.type for answer in answers if isinstance(answer, Refused)} == {RefusalType.CODE_REFUSED}
    async with reading(engine) as connection:
        assert len((await connection.execute(select(record_proofs))).all()) == 1


@pytest.mark.parametrize(("account", "user"), [("a-2", "u-1"), ("a-1", "u-2"), ("a-2", "u-2")])
async def test_a_code_is_bound_to_its_account_and_user(
    identity: IdentityRecords, account: str, user: str
) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    # Theirs is live too: it is not the lack of one that refuses.
    await identity.issue_code(account, user, EMAIL)
    await refused_code(identity, account, user, code)
    await identity.prove_by_code("a-1", "u-1", code)


async def test_a_row_moved_to_another_user_matches_nothing(
    identity: IdentityRecords, engine: AsyncEngine
) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    async with transaction(engine) as connection:
        await connection.execute(update(record_challenges).values(account_id="a-2", user_id="u-2"))
    await refused_code(identity, "a-2", "u-2", code)


async def test_earlier_codes_stay_good(identity: IdentityRecords) -> None:
    codes = [await identity.issue_code("a-1", "u-1", EMAIL) for _ in range(3)]
    for code in codes:
        await identity.prove_by_code("a-1", "u-1", code)


async def test_codes_issued_at_once_are_all_good(identity: IdentityRecords) -> None:
    codes = await asyncio.gather(*(identity.issue_code("a-1", "u-1", EMAIL) for _ in range(5)))
    for code in codes[:GUESSES_PER_CHALLENGE]:
        await identity.prove_by_code("a-1", "u-1", code)


async def test_the_slow_hash_is_computed_while_nothing_is_locked(
    identity: IdentityRecords, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_code = code_hash.hash_code
    written = 0

    async def hash_after_a_write(code: str, salt: str, account_id: str, user_id: str) -> str:
        nonlocal written
        async with asyncio.timeout(5), transaction(engine) as connection:
            await connection.execute(text("UPDATE record_proofs SET closure_id = NULL"))
            written += 1
        return await hash_code(code, salt, account_id, user_id)

    monkeypatch.setattr("records.identity.hash_code", hash_after_a_write)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await identity.prove_by_code("a-1", "u-1", code)
    assert written == 2


async def test_five_guesses_per_code(identity: IdentityRecords) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await guess_wrong(identity, GUESSES_PER_CHALLENGE - 1)
    await identity.prove_by_code("a-1", "u-1", code)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await guess_wrong(identity, GUESSES_PER_CHALLENGE)
    await refused_code(identity, "a-1", "u-1", code)


async def test_a_user_has_twenty_wrong_guesses_however_many_codes_are_sent(identity: IdentityRecords) -> None:
    for _ in range(WRONG_GUESSES_PER_USER // GUESSES_PER_CHALLENGE):
        await identity.issue_code("a-1", "u-1", EMAIL)
        await guess_wrong(identity, GUESSES_PER_CHALLENGE)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await refused_code(identity, "a-1", "u-1", code)
    colleague = await identity.issue_code("a-1", "u-2", EMAIL)
    await identity.prove_by_code("a-1", "u-2", colleague)


async def test_a_guess_counts_for_a_day(identity: IdentityRecords, clock: WallClock) -> None:
    await guess_wrong(identity, WRONG_GUESSES_PER_USER)
    clock.pass_time(GUESS_WINDOW - SECOND)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await refused_code(identity, "a-1", "u-1", code)
    clock.pass_time(SECOND)
    await identity.prove_by_code("a-1", "u-1", code)


async def test_codes_that_were_sent_or_proved_count_for_nothing(identity: IdentityRecords) -> None:
    for _ in range(WRONG_GUESSES_PER_USER + 5):
        code = await identity.issue_code("a-1", "u-1", EMAIL)
        await identity.prove_by_code("a-1", "u-1", code)


async def test_an_account_has_a_hundred_wrong_guesses_over_all_users(identity: IdentityRecords) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    for number in range(WRONG_GUESSES_PER_ACCOUNT // WRONG_GUESSES_PER_USER):
        await guess_wrong(identity, WRONG_GUESSES_PER_USER, user=f"nobody-{number}")
    await refused_code(identity, "a-1", "u-1", code)
    elsewhere = await identity.issue_code("a-2", "u-1", EMAIL)
    await identity.prove_by_code("a-2", "u-1", elsewhere)


async def test_a_hundred_guesses_at_once_are_five_guesses(
    identity: IdentityRecords, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right code is among them, behind more wrong ones than the cap allows."""
    compared: list[str] = []
    hash_code = code_hash.hash_code

    async def counting(code: str, salt: str, account_id: str, user_id: str) -> str:
        compared.append(salt)
        return await hash_code(code, salt, account_id, user_id)

    await identity.issue_code("a-1", "u-1", EMAIL)
    async with reading(engine) as connection:
        salt = await connection.scalar(select(record_challenges.c.salt))
    monkeypatch.setattr("records.identity.hash_code", counting)
    guesses = [f"{number:08}" for number in range(100)]
    answers = await asyncio.gather(
        *(identity.prove_by_code("a-1", "u-1", guess) for guess in guesses), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {Refused}
    # Each guess is hashed, so that it takes the same time; with the code's own salt only what may match.
    assert len(compared) == 100
    assert compared.count(str(salt)) == GUESSES_PER_CHALLENGE
    async with reading(engine) as connection:
        assert await connection.scalar(select(record_challenges.c.guesses)) == GUESSES_PER_CHALLENGE
        counted = len((await connection.execute(select(record_guesses))).all())
    assert counted == WRONG_GUESSES_PER_USER


async def test_a_hundred_guesses_at_once_over_many_codes_are_twenty(
    identity: IdentityRecords, engine: AsyncEngine
) -> None:
    for _ in range(5):
        await identity.issue_code("a-1", "u-1", EMAIL)
        await asyncio.gather(
            *(identity.prove_by_code("a-1", "u-1", "no code") for _ in range(20)), return_exceptions=True
        )
    async with reading(engine) as connection:
        assert len((await connection.execute(select(record_guesses))).all()) == WRONG_GUESSES_PER_USER
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await refused_code(identity, "a-1", "u-1", code)


@pytest.mark.parametrize(
    ("account", "user", "guess"),
    [
        ("a-1", "nobody", "12345678"),
        ("nowhere", "u-1", "12345678"),
        ("a-1", "a\0b", "12345678"),
        ("a-1", "x" * 5_000, "12345678"),
        ("a-1", "\udc80", "12345678"),
        ("a-1", "u-1", ""),
        ("a-1", "u-1", "x" * 1_000_000),
        ("a-1", "u-1", "\udc80\0"),
    ],
)
async def test_every_refusal_reads_the_same(
    identity: IdentityRecords, account: str, user: str, guess: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    expected = await refused_code(identity, "a-1", "u-1", wrong(code))
    hashed = 0
    hash_code = code_hash.hash_code

    async def counting(code: str, salt: str, account_id: str, user_id: str) -> str:
        nonlocal hashed
        hashed += 1
        return await hash_code(code, salt, account_id, user_id)

    monkeypatch.setattr("records.identity.hash_code", counting)
    assert await refused_code(identity, account, user, guess) == expected
    assert hashed == 1


async def test_hashes_are_compared_in_constant_time(
    identity: IdentityRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []

    def never_equal(one: str, other: str) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("hmac.compare_digest", never_equal)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await refused_code(identity, "a-1", "u-1", code)
    assert [one == other for one, other in compared] == [True]


async def test_expired_codes_and_old_guesses_do_not_pile_up(
    identity: IdentityRecords, engine: AsyncEngine, clock: WallClock
) -> None:
    await identity.issue_code("a-1", "u-1", EMAIL)
    await guess_wrong(identity, 1)
    clock.pass_time(GUESS_WINDOW)
    await identity.issue_code("a-1", "u-2", EMAIL)
    async with reading(engine) as connection:
        users = (await connection.execute(select(record_challenges.c.user_id))).scalars().all()
        guesses = (await connection.execute(select(record_guesses))).all()
    assert (users, guesses) == (["u-2"], [])


@pytest.mark.parametrize("bad", ["a\0b", "x" * 201, "\udc80"], ids=["NUL", "too long", "surrogate"])
@pytest.mark.parametrize("field", ["account", "user"])
async def test_ids_that_one_database_could_not_store_are_refused_by_both(
    identity: IdentityRecords, bad: str, field: str
) -> None:
    account, user = (bad, "u-1") if field == "account" else ("a-1", bad)
    for act in (
        identity.issue_code(account, user, EMAIL),
        identity.record_proof(account, user, IdentityMethod.PASSWORD),
    ):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.type is RefusalType.MALFORMED_INPUT


async def test_nothing_secret_shows_in_errors(
    identity: IdentityRecords, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    new_code: Callable[[], str] = code_hash.new_code

    def remembering() -> str:
        made.append(new_code())
        return made[-1]

    monkeypatch.setattr("records.identity.new_code", remembering)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    async with reading(engine) as connection:
        row = (await connection.execute(select(record_challenges))).mappings().one()
    async with transaction(engine) as connection:
        await connection.execute(text("DROP TABLE record_challenges"))
    errors: list[BaseException] = []
    for act in (identity.issue_code("a-1", "u-1", EMAIL), identity.prove_by_code("a-1", "u-1", code)):
        with pytest.raises(Exception, match="record_challenges") as raised:
            await act
        errors.append(raised.value)
    shown = "".join(f"{error!r} {error} {error.__cause__!r}" for error in errors)
    for secret in (*made, str(row["code_hash"]), str(row["salt"])):
        assert secret not in shown
