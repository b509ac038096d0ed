"""Guesses and messages cost whoever guesses and asks, not the owner; a stranger never gets in (A12, T8)."""

import asyncio
from datetime import timedelta
from typing import Final

import pytest

from closure.acts import ActKind
from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from closure.pauses import AT_ONCE, FIRST_PAUSE, LONGEST_PAUSE
from records import code_hash
from records.code_hash import CODE_DIGITS
from records.entries import Proof
from records.identity import GUESSES_PER_CODE, IdentityRecords
from tests.records.wall_clock import WallClock

CLOSE = ActKind.CLOSE
EMAIL, SMS = IdentityMethod.EMAIL_CODE, IdentityMethod.SMS_CODE
PASSWORD, TOTP = IdentityMethod.PASSWORD, IdentityMethod.TOTP
DAY: Final = timedelta(days=1)
DOORS_BUT_WITHDRAW: Final = [door for door in ActKind if door is not ActKind.WITHDRAW]


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a hash is no matter of these tests."""
    monkeypatch.setattr(code_hash, "_TIME_COST", 1)
    monkeypatch.setattr(code_hash, "_MEMORY_KIBIBYTES", 64)


class Secret:
    """A password or an authenticator's code, and how often somebody looked whether it is right."""

    def __init__(self, *, right: bool) -> None:
        self.right = right
        self.looked = 0

    async def verify(self) -> bool:
        self.looked += 1
        await asyncio.sleep(0)
        return self.right


async def guess_code(
    identity: IdentityRecords, code: str = "no code", *, user: str = "u-1", door: ActKind = CLOSE
) -> Proof | RefusalType:
    try:
        return await identity.prove_by_code("a-1", user, code, door=door)
    except Refused as refused:
        return refused.type


async def guess_secret(
    identity: IdentityRecords,
    *,
    right: bool = False,
    user: str = "u-1",
    method: IdentityMethod = PASSWORD,
    door: ActKind = CLOSE,
    session: str | None = None,
) -> Proof | RefusalType:
    verify = Secret(right=right).verify
    try:
        return await identity.prove_by_secret("a-1", user, method, verify, door=door, session=session)
    except Refused as refused:
        return refused.type


async def retry_after(
    identity: IdentityRecords,
    method: IdentityMethod = EMAIL,
    *,
    user: str = "u-1",
    session: str | None = None,
) -> timedelta | None:
    """Asks for a code; how long to wait for it, or None when it was sent."""
    try:
        await identity.issue_code("a-1", user, method, session=session)
    except Refused as refused:
        match refused.type, refused.facts:
            case RefusalType.TOO_MANY_CHALLENGES, {"retry_after": int(seconds)}:
                return timedelta(seconds=seconds)
        raise
    return None


async def test_a_strangers_guesses_leave_a_fresh_code_open(identity: IdentityRecords) -> None:
    await identity.issue_code("a-1", "u-1", EMAIL)
    for _ in range(20):
        assert await guess_code(identity) is RefusalType.CODE_REFUSED
    fresh = await identity.issue_code("a-1", "u-1", EMAIL)
    assert isinstance(await guess_code(identity, fresh), Proof)


async def test_guesses_for_users_who_are_not_there_cost_the_owner_nothing(identity: IdentityRecords) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    for number in range(100):
        assert await guess_code(identity, user=f"nobody-{number % 5}") is RefusalType.CODE_REFUSED
        await guess_secret(identity, user=f"nobody-{number % 5}")
    assert isinstance(await guess_code(identity, code), Proof)
    assert isinstance(await guess_secret(identity, right=True), Proof)


async def test_guesses_of_a_session_cost_no_other_session_and_nobody_without_one(
    identity: IdentityRecords,
) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    for _ in range(20):
        await guess_secret(identity, session="stranger")
        with pytest.raises(Refused):
            await identity.prove_by_code("a-1", "u-1", "no code", door=CLOSE, session="stranger")
    assert await guess_secret(identity, right=True, session="stranger") is RefusalType.TOO_MANY_GUESSES
    assert isinstance(await guess_secret(identity, right=True, session="owner"), Proof)
    assert isinstance(await guess_secret(identity, right=True), Proof)
    await identity.prove_by_code("a-1", "u-1", code, door=CLOSE, session="owner")


async def test_a_session_that_guesses_for_many_users_waits_as_one(identity: IdentityRecords) -> None:
    for number in range(AT_ONCE):
        await guess_secret(identity, user=f"u-{number}", session="stranger")
    assert await guess_secret(identity, user="u-9", session="stranger") is RefusalType.TOO_MANY_GUESSES


async def test_the_owners_other_method_stays_open(identity: IdentityRecords) -> None:
    for _ in range(20):
        await guess_secret(identity)
    assert await guess_secret(identity, right=True) is RefusalType.TOO_MANY_GUESSES
    assert isinstance(await guess_secret(identity, right=True, method=TOTP), Proof)
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    assert isinstance(await guess_code(identity, code), Proof)


async def test_to_withdraw_a_right_code_is_never_refused(identity: IdentityRecords) -> None:
    code = await identity.issue_code("a-1", "u-1", EMAIL)
    for _ in range(20):
        await guess_code(identity)
    for door in DOORS_BUT_WITHDRAW:
        assert await guess_code(identity, code, door=door) is RefusalType.CODE_REFUSED
    assert await guess_code(identity, door=ActKind.WITHDRAW) is RefusalType.CODE_REFUSED
    proof = await guess_code(identity, code, door=ActKind.WITHDRAW)
    assert isinstance(proof, Proof)
    assert proof.door is ActKind.WITHDRAW
    assert await guess_code(identity, code, door=ActKind.WITHDRAW) is RefusalType.CODE_REFUSED


async def test_to_withdraw_a_right_password_is_never_refused(identity: IdentityRecords) -> None:
    for _ in range(20):
        await guess_secret(identity)
    for door in DOORS_BUT_WITHDRAW:
        assert await guess_secret(identity, right=True, door=door) is RefusalType.TOO_MANY_GUESSES
    assert await guess_secret(identity, door=ActKind.WITHDRAW) is RefusalType.SECRET_REFUSED
    proof = await guess_secret(identity, right=True, door=ActKind.WITHDRAW)
    assert isinstance(proof, Proof)
    assert proof.door is ActKind.WITHDRAW


@pytest.mark.parametrize("user", ["u-1", "nobody"])
async def test_pauses_grow_with_every_wrong_guess_and_are_told(
    identity: IdentityRecords, clock: WallClock, user: str
) -> None:
    for _ in range(AT_ONCE):
        assert await guess_secret(identity, user=user) is RefusalType.SECRET_REFUSED
    pause = FIRST_PAUSE
    while pause < LONGEST_PAUSE:
        with pytest.raises(Refused) as refused:
            await identity.prove_by_secret("a-1", user, PASSWORD, Secret(right=True).verify, door=CLOSE)
        assert refused.value.type is RefusalType.TOO_MANY_GUESSES
        assert refused.value.facts["retry_after"] == pause.total_seconds()
        assert f"{pause.total_seconds():.0f} seconds" in refused.value.message
        clock.pass_time(pause)
        assert await guess_secret(identity, user=user) is RefusalType.SECRET_REFUSED
        pause *= 2
    clock.pass_time(LONGEST_PAUSE)
    assert isinstance(await guess_secret(identity, right=True, user=user), Proof)


async def test_a_code_of_an_authenticator_is_not_used_up_in_a_pause(identity: IdentityRecords) -> None:
    for _ in range(AT_ONCE):
        await guess_secret(identity, method=TOTP)
    secret = Secret(right=True)
    with pytest.raises(Refused):
        await identity.prove_by_secret("a-1", "u-1", TOTP, secret.verify, door=CLOSE)
    assert secret.looked == 0


async def test_of_a_hundred_passwords_at_once_five_are_looked_at(identity: IdentityRecords) -> None:
    secret = Secret(right=False)
    answers = await asyncio.gather(
        *(
            identity.prove_by_secret("a-1", "u-1", PASSWORD, secret.verify, door=door)
            for door in DOORS_BUT_WITHDRAW * 25
        ),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} == {Refused}
    assert secret.looked == AT_ONCE


async def test_forty_challenges_send_a_few_codes_and_say_when_to_ask_again(
    identity: IdentityRecords, clock: WallClock
) -> None:
    answers = [await retry_after(identity) for _ in range(40)]
    assert answers == [None] * AT_ONCE + [FIRST_PAUSE] * (40 - AT_ONCE)
    # Another way, another user, and a session of one's own have pauses of their own.
    assert await retry_after(identity, SMS) is None
    assert await retry_after(identity, user="u-2") is None
    assert await retry_after(identity, session="owner") is None
    clock.pass_time(FIRST_PAUSE)
    assert await retry_after(identity) is None
    assert await retry_after(identity) == 2 * FIRST_PAUSE


async def test_forty_challenges_at_once_send_a_few_codes(identity: IdentityRecords) -> None:
    answers = await asyncio.gather(*(retry_after(identity) for _ in range(40)))
    assert answers.count(None) == AT_ONCE


async def test_who_uses_their_codes_never_waits_for_the_next(
    identity: IdentityRecords, clock: WallClock
) -> None:
    for _ in range(AT_ONCE - 1):
        await identity.issue_code("a-1", "u-1", EMAIL)
    for _ in range(3 * AT_ONCE):
        clock.pass_time(timedelta(seconds=1))
        code = await identity.issue_code("a-1", "u-1", EMAIL)
        assert isinstance(await guess_code(identity, code), Proof)


async def test_the_pause_for_a_user_who_is_not_there_is_the_same(identity: IdentityRecords) -> None:
    there = [await retry_after(identity) for _ in range(AT_ONCE + 2)]
    assert [await retry_after(identity, user="nobody") for _ in range(AT_ONCE + 2)] == there


async def test_a_day_of_guessing_at_a_known_users_codes_has_a_chance_of_one_in_ninety_thousand(
    identity: IdentityRecords, clock: WallClock
) -> None:
    """Through all doors but `withdraw`, which opens nothing: each code that is sent meets so many guesses."""
    codes, end = 0, clock.now + DAY
    while clock.now < end:
        waits = []
        for method in (EMAIL, SMS):
            while (wait := await retry_after(identity, method)) is None:
                codes += 1
            waits.append(wait)
        clock.pass_time(min(waits))
    chance = codes * GUESSES_PER_CODE / 10**CODE_DIGITS
    assert 0 < chance < 1 / 90_000


async def test_a_day_of_guessing_at_an_authenticator_has_a_chance_of_one_in_three_thousand(
    identity: IdentityRecords, clock: WallClock
) -> None:
    """Three codes of a million are good at a time: the current one and its neighbours."""
    guesses, end = 0, clock.now + DAY
    while clock.now < end:
        try:
            await identity.prove_by_secret("a-1", "u-1", TOTP, Secret(right=False).verify, door=CLOSE)
        except Refused as refused:
            seconds = refused.facts.get("retry_after")
            if isinstance(seconds, int):
                clock.pass_time(timedelta(seconds=seconds))
            else:
                guesses += 1
    assert 0 < guesses * 3 / 10**6 < 1 / 3_000
