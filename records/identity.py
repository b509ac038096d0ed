"""Proofs of identity for closing: one-time codes, guesses at them, and what a proof may still be used for.

Ages are by the database's clock, never by that of a closure. Codes are not stored, only their salted slow
hashes. Every method may raise `database.DatabaseUnreachable`.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection, RowMapping

from closure.acts import ActKind
from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from closure.pauses import left_to_wait
from database.database import Database, database_time
from records.challenges import (
    CodeRequest,
    NewChallenge,
    count_as_sent_before,
    discard_old_challenges,
    give_back,
    insert_challenge,
    open_challenges,
    shared_salt,
    use_up,
    was_just_sent,
)
from records.code_hash import hash_code, new_code, new_salt
from records.entries import Proof
from records.guesses import (
    count_guess,
    discard_old_guesses,
    forget_guess,
    guesses_at_codes,
    lock_account,
    name_of_asker,
    wrong_guesses,
)
from records.pauses import require_pause_over, too_early
from records.proofs import are_storable, bind_proof, insert_proof, proof_required, require_fresh_proof
from records.rows import require_storable
from records.tables import record_challenges, record_proofs

GUESSES_PER_CODE: Final = 5
"""Of each who guesses, at each code: a fresh code is open whatever was guessed before."""

CLOCKS_DIFFER: Final = timedelta(seconds=60)
"""So far may the clock of a console that vouches for somebody be ahead."""

_CODE: Final = "code"
_CODE_REFUSED: Final = (
    "this code is not accepted: it is wrong, expired or used, or there were too many wrong ones; "
    "ask for a new one"
)
_SECRET_REFUSED: Final = "this password or code is not accepted; nothing was changed"


@dataclass(frozen=True)
class _Guess:
    """A guess at codes: the challenges it is compared with, and its rows where it is counted."""

    guess_id: str | None
    challenges: tuple[RowMapping, ...] = field(repr=False)
    salt: str = field(repr=False)


class IdentityRecords:
    """Challenges, guesses and proofs. Needs the tables of `records.schema.MIGRATIONS`.

    `session` is an opaque id of the session or token that asks, where the face knows one: pauses and guesses
    are then its own; else they are those of the user and the way. `door` is the act that somebody proves
    their identity for. `ActKind.WITHDRAW` only protects: there a right secret is never refused, however many
    wrong ones came before it; what is proven there opens nothing else.

    Args:
        database: the record's.
        clock: what dates them, with an offset.
    """

    def __init__(self, database: Database, clock: Callable[[Connection], datetime] = database_time) -> None:
        self._database = database
        self._clock = clock

    async def issue_code(
        self, account_id: str, user_id: str, method: IdentityMethod, *, session: str | None = None
    ) -> str:
        """A new code, valid for ten minutes and one use; the caller sends it and keeps it nowhere.

        Earlier codes stay valid.

        Raises:
            Refused: `IDENTITY_METHOD_REFUSED` for a method without codes; `MALFORMED_INPUT` for an id that
                can't be stored; `TOO_MANY_CHALLENGES`, with the seconds to wait as `retry_after`.
        """
        code = await self._issue(account_id, user_id, method, session, is_once=False)
        assert code is not None, "every call is a new code"
        return code

    async def issue_code_once(
        self, account_id: str, user_id: str, method: IdentityMethod, *, session: str | None = None
    ) -> str | None:
        """The same for a button that may be clicked twice: None while a code counts as sent just now.

        Of two calls at once one gets a code. Raises as `issue_code`.
        """
        return await self._issue(account_id, user_id, method, session, is_once=True)

    async def let_be_sent_again(self, account_id: str, user_id: str, code: str) -> None:
        """The code does not count as sent just now: nobody knows whether it was. It stays as good as any."""
        for challenge in await self._challenges_of(account_id, user_id, code, are_used=False):
            await self._database.write(partial(count_as_sent_before, challenge_id=challenge["challenge_id"]))

    async def prove_by_code(
        self, account_id: str, user_id: str, code: str, *, door: ActKind, session: str | None = None
    ) -> Proof:
        """A proof for who knows one of the user's unexpired, unused codes; the code is used up.

        The answer and the work are the same whether the user exists or not.

        Raises:
            Refused: `CODE_REFUSED`, always with the same message.
        """
        guess = await self._guess_at_codes(account_id, user_id, door, session)
        # Always exactly one slow hash, so that the time taken tells nothing.
        guessed_hash = await hash_code(code.strip(), guess.salt, account_id, user_id)
        matches = [
            challenge
            for challenge in guess.challenges
            if hmac.compare_digest(str(challenge["code_hash"]), guessed_hash)
        ]
        proof = await self._use_code(matches[0], guess.guess_id, door) if matches else None
        if proof is None:
            raise Refused(RefusalType.CODE_REFUSED, _CODE_REFUSED, facts={"account_id": account_id})
        return proof

    async def prove_by_secret(
        self,
        account_id: str,
        user_id: str,
        method: IdentityMethod,
        verify: Callable[[], Awaitable[bool]],
        *,
        door: ActKind,
        session: str | None = None,
    ) -> Proof:
        """A proof for who knows what `verify` checks, such as a password (T8).

        Raises:
            Refused: `SECRET_REFUSED`, always with the same message; `TOO_MANY_GUESSES` in a pause, whether it
                is right or not, with the seconds to wait as `retry_after`.
        """
        guess_id = None
        can_exist = are_storable(account_id, user_id)
        if can_exist:
            asker = name_of_asker(session, user_id, method.value)
            guess_id = await self._database.write(
                lambda connection: self._guess_at_secret(connection, account_id, asker, door)
            )
        # Always verified, so that the time taken tells nothing.
        if not await verify() or not can_exist:
            raise Refused(RefusalType.SECRET_REFUSED, _SECRET_REFUSED, facts={"account_id": account_id})

        def work(connection: Connection) -> Proof:
            if guess_id is not None:
                forget_guess(connection, guess_id)
            return insert_proof(connection, account_id, user_id, method, door, self._clock(connection))

        return await self._database.write(work)

    async def give_back_code(self, account_id: str, user_id: str, code: str) -> None:
        """The code, which has just proven who the user is, is good once more until it expires.

        For an act that came to nothing for want of a word: the proof that was made of it stays used.
        """
        for challenge in await self._challenges_of(account_id, user_id, code, are_used=True):
            await self._database.write(partial(give_back, challenge_id=challenge["challenge_id"]))

    async def record_proof(
        self,
        account_id: str,
        user_id: str,
        method: IdentityMethod,
        *,
        door: ActKind,
        verified_at: datetime | None = None,
    ) -> Proof:
        """A proof for a user whose identity was verified elsewhere, such as by password.

        It is as old as `verified_at`, which another clock may say that is a little ahead; None is now.

        Raises:
            Refused: `MALFORMED_INPUT` for an id that can't be stored; `IDENTITY_PROOF_REQUIRED` for what is
                yet to come.
        """
        require_storable(record_proofs, {"account_id": account_id, "user_id": user_id})

        def work(connection: Connection) -> Proof:
            now = self._clock(connection)
            if verified_at is not None and verified_at > now + CLOCKS_DIFFER:
                raise proof_required(account_id)
            since = now if verified_at is None else min(verified_at, now)
            return insert_proof(connection, account_id, user_id, method, door, since)

        return await self._database.write(work)

    async def consume(
        self,
        proof_id: str,
        account_id: str,
        user_id: str,
        closure_id: str,
        max_age: timedelta,
        *,
        door: ActKind,
    ) -> Proof:
        """Binds a proof to a closure, once and for all; again for the same closure is fine at any age.

        Whether the user's acts on the closure are still authorised is `require_valid`'s question.

        Raises:
            Refused: `IDENTITY_PROOF_REQUIRED` for an unknown proof, another account's or user's, one that was
                given for another act than `door`, one that another closure has used, or one that was older
                than `max_age` before it was used.
        """

        return await self._database.write(
            lambda connection: bind_proof(
                connection,
                proof_id,
                account_id,
                user_id,
                closure_id,
                max_age,
                door=door,
                now=self._clock(connection),
            )
        )

    async def require_valid(
        self, closure_id: str, account_id: str, user_id: str, max_age: timedelta, *, door: ActKind
    ) -> None:
        """Passes while the user's newest proof for the closure and this act is at most `max_age` old.

        What was proven to close it authorises all their acts on it.

        Raises:
            Refused: `IDENTITY_PROOF_REQUIRED`.
        """
        await self._database.read(
            lambda connection: require_fresh_proof(
                connection,
                closure_id,
                account_id,
                user_id,
                max_age,
                door=door,
                now=self._clock(connection),
            )
        )

    async def _issue(
        self, account_id: str, user_id: str, method: IdentityMethod, session: str | None, *, is_once: bool
    ) -> str | None:
        """A new code; None if `is_once` and the asker had one sent just now."""
        if method not in (IdentityMethod.EMAIL_CODE, IdentityMethod.SMS_CODE):
            raise Refused(
                RefusalType.IDENTITY_METHOD_REFUSED,
                f"{method.value} needs no code",
                facts={"method": method.value},
            )
        require_storable(record_challenges, {"account_id": account_id, "user_id": user_id})
        asker = name_of_asker(session, user_id, method.value)
        request, code, salt = CodeRequest(account_id, user_id, method, asker, is_once), new_code(), new_salt()
        shared = await self._database.read(partial(self._salt_to_share, request))
        while shared is not None:
            salt = shared or salt
            # Slow, so while nothing is locked.
            challenge = NewChallenge(request, salt, await hash_code(code, salt, account_id, user_id))
            shared = await self._database.write(partial(self._store_code, challenge))
            if shared == salt:
                return code
            # Another code was issued meanwhile; one hash of a guess must do for both.
        return None

    def _salt_to_share(self, request: CodeRequest, connection: Connection) -> str | None:
        """That of the user's codes that are good, "" without any; None where no code is to be sent."""
        now = self._clock(connection)
        if request.is_once and was_just_sent(connection, request, now):
            return None
        require_pause_over(connection, request.account_id, request.asker, now)
        return shared_salt(connection, request.account_id, request.user_id, now) or ""

    def _store_code(self, challenge: NewChallenge, connection: Connection) -> str | None:
        """Stores a code unless none is to be sent, or those that are good have another salt.

        Returns as `_salt_to_share`, but its own salt where there is no other.
        """
        request = challenge.request
        lock_account(connection, request.account_id)
        shared = self._salt_to_share(request, connection)
        if shared in ("", challenge.salt):
            now = self._clock(connection)
            discard_old_challenges(connection, request.account_id, now)
            discard_old_guesses(connection, request.account_id, now)
            insert_challenge(connection, challenge, now)
            return challenge.salt
        return shared

    async def _challenges_of(
        self, account_id: str, user_id: str, code: str, *, are_used: bool
    ) -> Sequence[RowMapping]:
        """The user's challenges that have not expired and that the code answers."""
        challenges = await self._database.read(
            lambda connection: open_challenges(connection, account_id, user_id, self._clock(connection))
        )
        known = [row for row in challenges if (row["used_at"] is not None) is are_used]
        if not known:
            return ()
        code_hash = await hash_code(code.strip(), known[0]["salt"], account_id, user_id)
        return [row for row in known if hmac.compare_digest(str(row["code_hash"]), code_hash)]

    async def _guess_at_codes(
        self, account_id: str, user_id: str, door: ActKind, session: str | None
    ) -> _Guess:
        """Counts the guess before anything is compared: parallel guesses can't pass a cap together."""
        nothing = _Guess(None, (), new_salt())
        if not (are_storable(account_id, user_id)):
            return nothing
        asker = name_of_asker(session, user_id, _CODE)

        def work(connection: Connection) -> _Guess:
            lock_account(connection, account_id)
            now = self._clock(connection)
            unused = [
                row for row in open_challenges(connection, account_id, user_id, now) if row["used_at"] is None
            ]
            made = guesses_at_codes(connection, account_id, asker)
            fresh = [row for row in unused if made.get(row["challenge_id"], 0) < GUESSES_PER_CODE]
            compared = unused if door is ActKind.WITHDRAW else fresh
            if not compared:
                return nothing
            # What is past its cap is counted no further.
            ids = [row["challenge_id"] for row in fresh]
            guess_id = count_guess(connection, account_id, asker, now, ids) if ids else None
            return _Guess(guess_id, tuple(compared), compared[0]["salt"])

        return await self._database.write(work)

    def _guess_at_secret(
        self, connection: Connection, account_id: str, asker: str, door: ActKind
    ) -> str | None:
        """Counts the guess before anything is verified; one in a pause is not counted."""
        lock_account(connection, account_id)
        now = self._clock(connection)
        number, last = wrong_guesses(connection, account_id, asker, now)
        left = left_to_wait(number, last, now)
        if not left:
            discard_old_guesses(connection, account_id, now)
            return count_guess(connection, account_id, asker, now)
        if door is ActKind.WITHDRAW:
            return None
        raise too_early(
            RefusalType.TOO_MANY_GUESSES, "there were too many wrong passwords or codes", account_id, left
        )

    async def _use_code(self, challenge: RowMapping, guess_id: str | None, door: ActKind) -> Proof | None:
        """The proof; None when the same code was used at the same moment."""

        def work(connection: Connection) -> Proof | None:
            now = self._clock(connection)
            if not use_up(connection, challenge["challenge_id"], now):
                return None
            if guess_id is not None:
                forget_guess(connection, guess_id)
            return insert_proof(
                connection,
                challenge["account_id"],
                challenge["user_id"],
                IdentityMethod(challenge["method"]),
                door,
                now,
            )

        return await self._database.write(work)
