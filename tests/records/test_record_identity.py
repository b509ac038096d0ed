"""One-time codes (A12): bound to a user and an account, single-use, short-lived and not to be guessed."""

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import RowMapping, Table, select, text, update

from closure.acts import ActKind
from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from closure.pauses import COUNTED_FOR
from database import Database
from records import code_hash
from records.challenges import CODE_LIFETIME
from records.entries import Proof
from records.identity import GUESSES_PER_CODE, IdentityRecords
from records.tables import record_challenges, record_guesses, record_proofs
from tests.records.wall_clock import WallClock

SECOND = timedelta(seconds=1)
EMAIL = IdentityMethod.EMAIL_CODE
CLOSE = ActKind.CLOSE


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a hash is no matter of these tests; `test_a_hash_is_slow` looks at it."""
    monkeypatch.setattr(code_hash, "_TIME_COST", 1)
    monkeypatch.setattr(code_hash, "_MEMORY_KIBIBYTES", 64)


async def read_all(database: Database, table: Table) -> Sequence[RowMapping]:
    return await database.read(lambda connection: connection.execute(select(table)).mappings().all())


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


async def refused_code(identity: IdentityRecords, account: str, user: str, code: str) -> str:
    """The message of the refusal."""
    with pytest.raises(Refused) as refused:
        await identity.prove_by_code(account, user, code, door=CLOSE)
    assert refused.value.type is RefusalType.CODE_REFUSED
    return refused.value.message


async def guess_wrong(identity: IdentityRecords, times: int, user: str = "u-1", account: str = "a-1") -> None:
    for _ in range(times):
        await refused_code(identity, account, user, "no code")


async def test_a_code_proves_who_knows_it(identity: IdentityRecords, clock: WallClock) -> None:
    code = await identity.issue_code("a-1", "u-1", IdentityMethod.SMS_CODE)
    proof = await identity.prove_by_code("a-1", "u-1", f" {code}\n", door=CLOSE)
    assert (proof.account_id, proof.user_id, proof.method) == ("a-1", "u-1", IdentityMethod.SMS_CODE)
    assert (proof.created_at, proof.closure_id) == (clock.now, None)


def test_codes_are_random_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {code_hash.new_code() for _ in range(200)}
    assert len(codes) > 195
    assert all(re.fullmatch(r"\d{6,8}", code) for code in codes)
    monkeypatch.setattr(secrets, "randbelow", lambda limit: limit - limit)
    assert code_hash.new_code() == "00000000"


async def test_a_code_that_is_given_back_proves_once_more_and_no_longer(
    identity: IdentityRecords, clock: WallClock
) -> None:
    code, other = [await identity.issue_code("a-1", "u-1", EMAIL) for _ in range(2)]
    first = await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)
    await identity.prove_by_code("a-1", "u-1", other, door=CLOSE)
    await identity.give_back_code("a-1", "u-1", f" {code}")
    assert await refused_code(identity, "a-1", "u-1", other)
    second = await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)
    assert second.proof_id != first.proof_id
    await refused_code(identity, "a-1", "u-1", code)
    await identity.give_back_code("a-1", "u-1", code)
    clock.pass_time(CODE_LIFETIME)
    await refused_code(identity, "a-1", "u-1", code)


@pytest.mark.parametrize(
    ("account", "user", "said"), [("a-1", "u-1", "12"), ("a-1", "u-2", "CODE"), ("a-2", "u-1", "CODE")]
)
async def test_another_code_or_user_gives_nothing_back(
    identity: IdentityRecords, account: str, user: str, said: str
) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)
    await identity.give_back_code(account, user, said.replace("CODE", code))
    await refused_code(identity, "a-1", "u-1", code)


async def test_a_password_needs_no_code(identity: IdentityRecords) -> None:
    with pytest.raises(Refused) as refused:
        await identity.issue_code("a-1", "u-1", IdentityMethod.PASSWORD)
    assert refused.value.type is RefusalType.IDENTITY_METHOD_REFUSED


async def test_the_database_holds_no_code(identity: IdentityRecords, database: Database) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    other = await identity.issue_code("a-1", "u-2", EMAIL)
    rows = await read_all(database, record_challenges)
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
    await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)
    clock.pass_time(SECOND)
    await refused_code(identity, "a-1", "u-2", late)


async def test_a_code_is_good_once(identity: IdentityRecords, clock: WallClock) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)
    await refused_code(identity, "a-1", "u-1", code)
    clock.pass_time(timedelta(minutes=11))
    await identity.issue_code("a-1", "u-1", EMAIL)
    await refused_code(identity, "a-1", "u-1", code)


async def test_of_ten_that_use_a_code_at_once_one_proves_it(
    identity: IdentityRecords, database: Database
) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    answers = await asyncio.gather(
        *(identity.prove_by_code("a-1", "u-1", code, door=CLOSE) for _ in range(10)), return_exceptions=True
    )
    assert len([answer for answer in answers if isinstance(answer, Proof)]) == 1
    assert {answer.type for answer in answers if isinstance(answer, Refused)} == {RefusalType.CODE_REFUSED}
    assert len(await read_all(database, record_proofs)) == 1


@pytest.mark.parametrize(("account", "user"), [("a-2", "u-1"), ("a-1", "u-2"), ("a-2", "u-2")])
async def test_a_code_is_bound_to_its_account_and_user(
    identity: IdentityRecords, account: str, user: str
) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    # Theirs is live too: it is not the lack of one that refuses.
    await identity.issue_code(account, user, EMAIL)
    await refused_code(identity, account, user, code)
    await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)


async def test_a_row_moved_to_another_user_matches_nothing(
    identity: IdentityRecords, database: Database
) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    moving = update(record_challenges).values(account_id="a-2", user_id="u-2")
    await database.write(lambda connection: connection.execute(moving))
    await refused_code(identity, "a-2", "u-2", code)


async def test_earlier_codes_stay_good(identity: IdentityRecords) -> None:
    codes = [await identity.issue_code("a-1", "u-1", EMAIL) for _ in range(3)]
    for code in codes:
        await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)


async def test_codes_issued_at_once_are_all_good(identity: IdentityRecords) -> None:
    codes = await asyncio.gather(*(identity.issue_code("a-1", "u-1", EMAIL) for _ in range(5)))
    for code in codes[:GUESSES_PER_CODE]:
        await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)


async def test_the_slow_hash_is_computed_while_nothing_is_locked(
    identity: IdentityRecords, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_code = code_hash.hash_code
    written = 0

    async def hash_after_a_write(code: str, salt: str, account_id: str, user_id: str) -> str:
        nonlocal written
        writing = text("UPDATE record_proofs SET closure_id = NULL")
        async with asyncio.timeout(5):
            await database.write(lambda connection: connection.execute(writing))
        written += 1
        return await hash_code(code, salt, account_id, user_id)

    monkeypatch.setattr("records.identity.hash_code", hash_after_a_write)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)
    assert written == 2


async def test_five_guesses_per_code(identity: IdentityRecords) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await guess_wrong(identity, GUESSES_PER_CODE - 1)
    await identity.prove_by_code("a-1", "u-1", code, door=CLOSE)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    await guess_wrong(identity, GUESSES_PER_CODE)
    await refused_code(identity, "a-1", "u-1", code)


async def test_a_hundred_guesses_at_once_are_five_guesses(
    identity: IdentityRecords, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right code is among them, behind more wrong ones than the cap allows."""
    compared: list[str] = []
    hash_code = code_hash.hash_code

    async def counting(code: str, salt: str, account_id: str, user_id: str) -> str:
        compared.append(salt)
        return await hash_code(code, salt, account_id, user_id)

    await identity.issue_code("a-1", "u-1", EMAIL)
    (challenge,) = await read_all(database, record_challenges)
    monkeypatch.setattr("records.identity.hash_code", counting)
    guesses = [f"{number:08}" for number in range(100)]
    answers = await asyncio.gather(
        *(identity.prove_by_code("a-1", "u-1", guess, door=CLOSE) for guess in guesses),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} == {Refused}
    # Each guess is hashed, so that it takes the same time; with the code's own salt only what may match.
    assert len(compared) == 100
    assert compared.count(challenge["salt"]) == GUESSES_PER_CODE
    assert len(await read_all(database, record_guesses)) == GUESSES_PER_CODE


async def test_of_a_hundred_guesses_at_once_each_code_meets_five(
    identity: IdentityRecords, database: Database
) -> None:
    for _ in range(3):
        await identity.issue_code("a-1", "u-1", EMAIL)
        await asyncio.gather(
            *(identity.prove_by_code("a-1", "u-1", "no code", door=CLOSE) for _ in range(33)),
            return_exceptions=True,
        )
    met = Counter(str(row["challenge_id"]) for row in await read_all(database, record_guesses))
    assert list(met.values()) == [GUESSES_PER_CODE] * 3


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
    identity: IdentityRecords, database: Database, clock: WallClock
) -> None:
    await identity.issue_code("a-1", "u-1", EMAIL)
    await guess_wrong(identity, 1)
    clock.pass_time(COUNTED_FOR)
    await identity.issue_code("a-1", "u-2", EMAIL)
    users = [challenge["user_id"] for challenge in await read_all(database, record_challenges)]
    assert (users, await read_all(database, record_guesses)) == (["u-2"], [])


@pytest.mark.parametrize("bad", ["a\0b", "x" * 201, "\udc80"], ids=["NUL", "too long", "surrogate"])
@pytest.mark.parametrize("field", ["account", "user"])
async def test_ids_that_one_database_could_not_store_are_refused_by_both(
    identity: IdentityRecords, bad: str, field: str
) -> None:
    account, user = (bad, "u-1") if field == "account" else ("a-1", bad)
    for act in (
        identity.issue_code(account, user, EMAIL),
        identity.record_proof(account, user, IdentityMethod.PASSWORD, door=CLOSE),
    ):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.type is RefusalType.MALFORMED_INPUT


async def test_nothing_secret_shows_in_errors(
    identity: IdentityRecords, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    new_code: Callable[[], str] = code_hash.new_code

    def remembering() -> str:
        made.append(new_code())
        return made[-1]

    monkeypatch.setattr("records.identity.new_code", remembering)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    (row,) = await read_all(database, record_challenges)
    await database.write(lambda connection: connection.execute(text("DROP TABLE record_challenges")))
    errors: list[BaseException] = []
    for act in (
        identity.issue_code("a-1", "u-1", EMAIL),
        identity.prove_by_code("a-1", "u-1", code, door=CLOSE),
    ):
        with pytest.raises(Exception, match="record_challenges") as raised:
            await act
        errors.append(raised.value)
    shown = "".join(f"{error!r} {error} {error.__cause__!r}" for error in errors)
    for secret in (*made, str(row["code_hash"]), str(row["salt"])):
        assert secret not in shown
