"""Wrong guesses at secrets, by who guesses: a guess counts before anything is compared.

What is kept of who guesses is a hash, so it may be anything: a session, a user who isn't there. Times are the
database's, UTC.
"""

import hashlib
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, delete, func, insert, select, text

from closure.canonical import canonical_json
from closure.pauses import COUNTED_FOR
from records.tables import record_guesses

NO_CODE: Final = ""
"""In the place of the challenge, for a guess at a password or at an authenticator's code."""


def name_of_asker(session: str | None, user_id: str, way: str) -> str:
    """Who guesses or asks for codes, as they are counted: the session where it is known, else user and way.

    A stranger without a session never counts for a session of the owner's, nor one way for another.
    """
    who = ["session", session] if session is not None else ["user", user_id, way]
    return hashlib.sha256(canonical_json([*who]).encode("utf-8", "surrogatepass")).hexdigest()


def lock_account(connection: Connection, account_id: str) -> None:
    """Serialises what is counted on an account. On SQLite the transaction already does."""
    if connection.dialect.name == "postgresql":
        number = zlib.crc32(account_id.encode())
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('record_guesses'), :number)"),
            {"number": number - 2**31},
        )


def count_guess(
    connection: Connection,
    account_id: str,
    asker: str,
    now: datetime,
    challenge_ids: Sequence[str] = (NO_CODE,),
) -> str:
    """The id of the guess, which counts as wrong until it turns out right."""
    guess_id = uuid4().hex
    connection.execute(
        insert(record_guesses),
        [
            {
                "guess_id": guess_id,
                "challenge_id": challenge_id,
                "account_id": account_id,
                "asker": asker,
                "guessed_at": now,
            }
            for challenge_id in challenge_ids
        ],
    )
    return guess_id


def forget_guess(connection: Connection, guess_id: str) -> None:
    """It was right."""
    connection.execute(delete(record_guesses).where(record_guesses.c.guess_id == guess_id))


def wrong_guesses(
    connection: Connection, account_id: str, asker: str, now: datetime
) -> tuple[int, datetime | None]:
    """How often the asker guessed wrong of late, and when last."""
    row = record_guesses.c
    query = select(func.count(func.distinct(row.guess_id)), func.max(row.guessed_at)).where(
        row.account_id == account_id, row.asker == asker, row.guessed_at > now - COUNTED_FOR
    )
    number, last = connection.execute(query).one()
    return int(number), last


def guesses_at_codes(connection: Connection, account_id: str, asker: str) -> dict[str, int]:
    """How often the asker guessed wrong at each challenge, by its id."""
    row = record_guesses.c
    query = (
        select(row.challenge_id, func.count())
        .where(row.account_id == account_id, row.asker == asker, row.challenge_id != NO_CODE)
        .group_by(row.challenge_id)
    )
    return dict(connection.execute(query).all())


def discard_old_guesses(connection: Connection, account_id: str, now: datetime) -> None:
    """Those that count no more."""
    connection.execute(
        delete(record_guesses).where(
            record_guesses.c.account_id == account_id, record_guesses.c.guessed_at <= now - COUNTED_FOR
        )
    )
