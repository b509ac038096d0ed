"""One-time codes that were sent: what is kept of each, and how soon the next may be asked for.

Codes are not stored, only their salted slow hashes. Times are the database's, UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from closure.messages import IdentityMethod
from closure.pauses import COUNTED_FOR, left_to_wait
from records.tables import record_challenges

CODE_LIFETIME: Final = timedelta(minutes=10)
JUST_SENT: Final = timedelta(seconds=10)
"""For so long a code counts as sent just now: longer than a second click on a slow page comes after the
first, and sooner than anybody can miss a message that is on its way."""


@dataclass(frozen=True)
class CodeRequest:
    """Who asks for a code for whom, by which way. `asker` is a hash (`records.guesses`).

    `is_once`: what was sent just now is not sent again.
    """

    account_id: str
    user_id: str
    method: IdentityMethod
    asker: str
    is_once: bool


@dataclass(frozen=True)
class NewChallenge:
    """A code that is about to be sent. `salt` is hex."""

    request: CodeRequest
    salt: str = field(repr=False)
    code_hash: str = field(repr=False)


def left_until_next_code(connection: Connection, account_id: str, asker: str, now: datetime) -> timedelta:
    """How long the asker waits for the next code: for codes that nobody used, the pauses grow."""
    row = record_challenges.c
    mine = (row.account_id == account_id, row.asked_by == asker, row.issued_at > now - COUNTED_FOR)
    used_at: datetime | None = connection.scalar(select(func.max(row.used_at)).where(*mine))
    unused = select(func.count(), func.max(row.issued_at)).where(*mine, row.used_at.is_(None))
    if used_at is not None:
        unused = unused.where(row.issued_at > used_at)
    number, last = connection.execute(unused).one()
    return left_to_wait(int(number), last, now)


def was_just_sent(connection: Connection, request: CodeRequest, now: datetime) -> bool:
    """Whether the asker had a code sent to the same user by the same way just now, and it is unused."""
    row = record_challenges.c
    query = select(func.count()).where(
        row.account_id == request.account_id,
        row.user_id == request.user_id,
        row.method == request.method.value,
        row.asked_by == request.asker,
        row.issued_at > now - JUST_SENT,
        row.used_at.is_(None),
    )
    return bool(connection.scalar(query))


def open_challenges(
    connection: Connection, account_id: str, user_id: str, now: datetime
) -> tuple[RowMapping, ...]:
    """The user's challenges that have not expired, used ones among them, newest first; with one salt."""
    query = (
        select(record_challenges)
        .where(
            record_challenges.c.account_id == account_id,
            record_challenges.c.user_id == user_id,
            record_challenges.c.expires_at > now,
        )
        .order_by(record_challenges.c.issued_at.desc())
    )
    return tuple(connection.execute(query).mappings().all())


def shared_salt(connection: Connection, account_id: str, user_id: str, now: datetime) -> str | None:
    """The salt of the user's unexpired challenges: one slow hash compares a guess with all of them."""
    challenges = open_challenges(connection, account_id, user_id, now)
    return challenges[0]["salt"] if challenges else None


def insert_challenge(connection: Connection, challenge: NewChallenge, now: datetime) -> None:
    """Keeps a code that is about to be sent."""
    request = challenge.request
    values = {
        "challenge_id": uuid4().hex,
        "account_id": request.account_id,
        "user_id": request.user_id,
        "method": request.method.value,
        "asked_by": request.asker,
        "salt": challenge.salt,
        "code_hash": challenge.code_hash,
        "issued_at": now,
        "expires_at": now + CODE_LIFETIME,
        "used_at": None,
    }
    connection.execute(insert(record_challenges).values(values))


def use_up(connection: Connection, challenge_id: str, now: datetime) -> bool:
    """Whether the code was still unused; it is used now."""
    used = connection.execute(
        update(record_challenges)
        .where(record_challenges.c.challenge_id == challenge_id, record_challenges.c.used_at.is_(None))
        .values(used_at=now)
    )
    return used.rowcount == 1


def give_back(connection: Connection, challenge_id: str) -> None:
    """The code is unused again, until it expires."""
    connection.execute(
        update(record_challenges).where(record_challenges.c.challenge_id == challenge_id).values(used_at=None)
    )


def count_as_sent_before(connection: Connection, challenge_id: str) -> None:
    """It is not one that was sent just now, but counts like any other."""
    row = record_challenges.c
    mine = row.challenge_id == challenge_id
    issued_at: datetime = connection.execute(select(row.issued_at).where(mine)).scalar_one()
    connection.execute(update(record_challenges).where(mine).values(issued_at=issued_at - JUST_SENT))


def discard_old_challenges(connection: Connection, account_id: str, now: datetime) -> None:
    """Those that count no more."""
    connection.execute(
        delete(record_challenges).where(
            record_challenges.c.account_id == account_id,
            record_challenges.c.issued_at <= now - COUNTED_FOR,
        )
    )
