"""Proofs of identity for closing: one-time codes, guesses at them, and what a proof may still be used for.

Ages are wall clock against wall clock, never the clock of a closure. Codes are not stored, only their salted
slow hashes. Every method may raise `database.DatabaseUnreachable`.
"""

import hmac
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import RowMapping, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from database.engine import reading, transaction
from records.code_hash import hash_code, new_code, new_salt
from records.entries import Proof
from records.rows import is_storable, require_storable
from records.tables import record_challenges, record_guesses, record_proofs

CODE_LIFETIME: Final = timedelta(minutes=10)
GUESSES_PER_CHALLENGE: Final = 5
GUESS_WINDOW: Final = timedelta(hours=24)
WRONG_GUESSES_PER_USER: Final = 20
"""In `GUESS_WINDOW`, over all the challenges of one user of one account."""
WRONG_GUESSES_PER_ACCOUNT: Final = 100
"""In `GUESS_WINDOW`, over all users of an account, also such as it doesn't have."""

CODE_REFUSED_MESSAGE: Final = (
    "this code is not accepted: it is wrong, expired or used, or there were too many guesses; "
    "ask for a new one: `starter.py challenge ACCOUNT --as USER --method email_code` "
    "(after 20 wrong guesses, a day later)"
)
SECRET_REFUSED_MESSAGE: Final = (
    "this password or code is not accepted, or there were too many wrong ones "
    "(after 20, a day later); nothing was changed"
)
PROOF_REQUIRED_MESSAGE: Final = (
    "prove your identity again: give --code with a code from "
    "`starter.py challenge ACCOUNT --as USER --method email_code`, or --password-stdin"
)


def wall_clock() -> datetime:
    """Now, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Guess:
    """A guess that was counted: its row, and the challenges whose codes it may match (none when capped)."""

    guess_id: str
    challenges: tuple[RowMapping, ...] = field(repr=False)
    salt: str = field(repr=False)


class IdentityRecords:
    """Challenges, guesses and proofs. Needs the tables of `records.schema.MIGRATIONS`.

    Args:
        engine: the record's database.
        clock: wall clock, with an offset.
    """

    def __init__(self, engine: AsyncEngine, clock: Callable[[], datetime] = wall_clock) -> None:
        self._engine = engine
        self._clock = clock

    async def issue_code(self, account_id: str, user_id: str, method: IdentityMethod) -> str:
        """A new code, valid for ten minutes and one use; the caller sends it and keeps it nowhere.

        Earlier codes stay valid, and guesses that were counted stay counted.

        Raises:
            Refused: `IDENTITY_METHOD_REFUSED` for a method without codes; `MALFORMED_INPUT` for an id that
                can't be stored.
        """
        if method not in (IdentityMethod.EMAIL_CODE, IdentityMethod.SMS_CODE):
            raise Refused(RefusalType.IDENTITY_METHOD_REFUSED, f"{method.value} needs no code")
        require_storable(record_challenges, {"account_id": account_id, "user_id": user_id})
        code = new_code()
        async with reading(self._engine) as connection:
            salt = await _salt(connection, account_id, user_id, self._clock()) or new_salt()
        while True:
            # Slow, so while nothing is locked.
            code_hash = await hash_code(code, salt, account_id, user_id)
            async with transaction(self._engine) as connection:
                await _lock_account(connection, account_id)
                now = self._clock()
                shared = await _salt(connection, account_id, user_id, now)
                if shared in (None, salt):
                    await _discard_expired(connection, account_id, now)
                    await _insert_challenge(connection, account_id, user_id, method, salt, code_hash, now)
                    return code
                # Another code was issued meanwhile; one hash of a guess must do for both.
                salt = shared

    async def prove_by_code(self, account_id: str, user_id: str, code: str) -> Proof:
        """A proof for who knows one of the user's unexpired, unused codes; the code is used up.

        The answer and the work are the same whether the user exists or not.

        Raises:
            Refused: `CODE_REFUSED`, always with the same message.
        """
        guess = await self._guess_at_codes(account_id, user_id)
        # Always exactly one slow hash, so that the time taken tells nothing.
        guessed_hash = await hash_code(code.strip(), guess.salt, account_id, user_id)
        matches = [
            challenge
            for challenge in guess.challenges
            if hmac.compare_digest(str(challenge["code_hash"]), guessed_hash)
        ]
        proof = await self._use_up(matches[0], guess.guess_id) if matches else None
        if proof is None:
            raise Refused(RefusalType.CODE_REFUSED, CODE_REFUSED_MESSAGE)
        return proof

    async def prove_by_secret(
        self,
        account_id: str,
        user_id: str,
        method: IdentityMethod,
        verify: Callable[[], Awaitable[bool]],
    ) -> Proof:
        """A proof for who knows what `verify` checks, such as a password (T8); wrong ones count as codes do.

        Raises:
            Refused: `SECRET_REFUSED`, always with the same message.
        """
        guess_id = None
        if _storable(account_id) and _storable(user_id):
            async with transaction(self._engine) as connection:
                guess_id = await _count_guess(connection, account_id, user_id, self._clock())
        # Always verified, so that the time taken tells nothing.
        if not await verify() or guess_id is None:
            raise Refused(RefusalType.SECRET_REFUSED, SECRET_REFUSED_MESSAGE)
        async with transaction(self._engine) as connection:
            await connection.execute(delete(record_guesses).where(record_guesses.c.guess_id == guess_id))
        return await self.record_proof(account_id, user_id, method)

    async def record_proof(self, account_id: str, user_id: str, method: IdentityMethod) -> Proof:
        """A proof for a user whose identity was verified elsewhere, such as by password.

        Raises:
            Refused: `MALFORMED_INPUT` for an id that can't be stored.
        """
        require_storable(record_proofs, {"account_id": account_id, "user_id": user_id})
        async with transaction(self._engine) as connection:
            return await _insert_proof(connection, account_id, user_id, method, self._clock())

    async def consume(
        self, proof_id: str, account_id: str, user_id: str, closure_id: str, max_age: timedelta
    ) -> Proof:
        """Binds a proof to a closure, once and for all; again for the same closure is fine at any age.

        Whether the user's acts on the closure are still authorised is `require_valid`'s question.

        Raises:
            Refused: `IDENTITY_PROOF_REQUIRED` for an unknown proof, another account's or user's, one that
                another closure has used, or one that was older than `max_age` before it was used.
        """
        async with transaction(self._engine) as connection:
            row = await _proof_row(connection, proof_id)
            if row is None or (row["account_id"], row["user_id"]) != (account_id, user_id):
                raise _proof_required()
            if row["closure_id"] == closure_id:
                return _proof_of(row)
            if row["closure_id"] is not None or self._clock() - row["created_at"] > max_age:
                raise _proof_required()
            bound = await connection.execute(
                update(record_proofs)
                .where(record_proofs.c.proof_id == proof_id, record_proofs.c.closure_id.is_(None))
                .values(closure_id=closure_id)
            )
            if bound.rowcount != 1:
                raise _proof_required()
            return _proof_of({**row, "closure_id": closure_id})

    async def require_valid(self, closure_id: str, account_id: str, user_id: str, max_age: timedelta) -> None:
        """Passes while the user's newest proof for the closure is at most `max_age` old.

        Raises:
            Refused: `IDENTITY_PROOF_REQUIRED`.
        """
        newest = select(func.max(record_proofs.c.created_at)).where(
            record_proofs.c.closure_id == closure_id,
            record_proofs.c.account_id == account_id,
            record_proofs.c.user_id == user_id,
        )
        async with reading(self._engine) as connection:
            created_at: datetime | None = await connection.scalar(newest)
        if created_at is None or self._clock() - created_at > max_age:
            raise _proof_required()

    async def _guess_at_codes(self, account_id: str, user_id: str) -> _Guess:
        """Counts the guess before anything is compared: parallel guesses can't pass a cap together."""
        nothing = _Guess("", (), new_salt())
        if not (_storable(account_id) and _storable(user_id)):
            return nothing
        async with transaction(self._engine) as connection:
            now = self._clock()
            guess_id = await _count_guess(connection, account_id, user_id, now)
            if guess_id is None:
                return nothing
            challenges = tuple(
                row
                for row in await _unexpired(connection, account_id, user_id, now)
                if row["used_at"] is None and row["guesses"] < GUESSES_PER_CHALLENGE
            )
            if not challenges:
                return nothing
            await connection.execute(
                update(record_challenges)
                .where(record_challenges.c.challenge_id.in_([row["challenge_id"] for row in challenges]))
                .values(guesses=record_challenges.c.guesses + 1)
            )
            return _Guess(guess_id, challenges, challenges[0]["salt"])

    async def _use_up(self, challenge: RowMapping, guess_id: str) -> Proof | None:
        """The proof; None when the same code was used at the same moment."""
        now = self._clock()
        async with transaction(self._engine) as connection:
            used = await connection.execute(
                update(record_challenges)
                .where(
                    record_challenges.c.challenge_id == challenge["challenge_id"],
                    record_challenges.c.used_at.is_(None),
                )
                .values(used_at=now)
            )
            if used.rowcount != 1:
                return None
            await connection.execute(delete(record_guesses).where(record_guesses.c.guess_id == guess_id))
            return await _insert_proof(
                connection,
                challenge["account_id"],
                challenge["user_id"],
                IdentityMethod(challenge["method"]),
                now,
            )


async def _lock_account(connection: AsyncConnection, account_id: str) -> None:
    """Serialises what counts guesses on an account. On SQLite the transaction already does."""
    if connection.dialect.name == "postgresql":
        number = zlib.crc32(account_id.encode())
        await connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('record_guesses'), :number)"),
            {"number": number - 2**31},
        )


async def _count_guess(
    connection: AsyncConnection, account_id: str, user_id: str, now: datetime
) -> str | None:
    """The id of the guess, which counts as wrong until it turns out right; None when the caps are reached."""
    await _lock_account(connection, account_id)
    if await _capped(connection, account_id, user_id, now):
        return None
    guess_id = uuid4().hex
    await connection.execute(
        insert(record_guesses).values(
            guess_id=guess_id, account_id=account_id, user_id=user_id, guessed_at=now
        )
    )
    return guess_id


async def _capped(connection: AsyncConnection, account_id: str, user_id: str, now: datetime) -> bool:
    counted = await connection.execute(
        select(record_guesses.c.user_id, func.count())
        .where(record_guesses.c.account_id == account_id, record_guesses.c.guessed_at > now - GUESS_WINDOW)
        .group_by(record_guesses.c.user_id)
    )
    by_user: dict[str, int] = dict(counted.all())
    return (
        by_user.get(user_id, 0) >= WRONG_GUESSES_PER_USER
        or sum(by_user.values()) >= WRONG_GUESSES_PER_ACCOUNT
    )


async def _unexpired(
    connection: AsyncConnection, account_id: str, user_id: str, now: datetime
) -> tuple[RowMapping, ...]:
    """The user's challenges that have not expired, newest first; they all have one salt."""
    query = (
        select(record_challenges)
        .where(
            record_challenges.c.account_id == account_id,
            record_challenges.c.user_id == user_id,
            record_challenges.c.expires_at > now,
        )
        .order_by(record_challenges.c.issued_at.desc())
    )
    return tuple((await connection.execute(query)).mappings().all())


async def _salt(connection: AsyncConnection, account_id: str, user_id: str, now: datetime) -> str | None:
    """The salt of the user's unexpired challenges."""
    unexpired = await _unexpired(connection, account_id, user_id, now)
    return unexpired[0]["salt"] if unexpired else None


async def _discard_expired(connection: AsyncConnection, account_id: str, now: datetime) -> None:
    """Challenges that have expired and guesses that no longer count; proofs are evidence and stay."""
    await connection.execute(
        delete(record_challenges).where(
            record_challenges.c.account_id == account_id, record_challenges.c.expires_at <= now
        )
    )
    await connection.execute(
        delete(record_guesses).where(
            record_guesses.c.account_id == account_id, record_guesses.c.guessed_at <= now - GUESS_WINDOW
        )
    )


async def _insert_challenge(
    connection: AsyncConnection,
    account_id: str,
    user_id: str,
    method: IdentityMethod,
    salt: str,
    code_hash: str,
    now: datetime,
) -> None:
    values = {
        "challenge_id": uuid4().hex,
        "account_id": account_id,
        "user_id": user_id,
        "method": method.value,
        "salt": salt,
        "code_hash": code_hash,
        "guesses": 0,
        "issued_at": now,
        "expires_at": now + CODE_LIFETIME,
        "used_at": None,
    }
    await connection.execute(insert(record_challenges).values(values))


async def _insert_proof(
    connection: AsyncConnection, account_id: str, user_id: str, method: IdentityMethod, now: datetime
) -> Proof:
    proof = Proof(proof_id=uuid4().hex, account_id=account_id, user_id=user_id, method=method, created_at=now)
    await connection.execute(
        insert(record_proofs).values(
            proof_id=proof.proof_id,
            account_id=account_id,
            user_id=user_id,
            method=method.value,
            created_at=proof.created_at,
            closure_id=None,
        )
    )
    return proof


async def _proof_row(connection: AsyncConnection, proof_id: str) -> RowMapping | None:
    if not _storable(proof_id):
        return None
    query = select(record_proofs).where(record_proofs.c.proof_id == proof_id).with_for_update()
    return (await connection.execute(query)).mappings().one_or_none()


def _proof_of(row: Mapping[str, str | datetime | None] | RowMapping) -> Proof:
    return Proof.model_validate(dict(row))


def _storable(identifier: str) -> bool:
    """Whether any row can have this id of a user, an account or a proof."""
    return is_storable(identifier, 200)


def _proof_required() -> Refused:
    return Refused(RefusalType.IDENTITY_PROOF_REQUIRED, PROOF_REQUIRED_MESSAGE)
