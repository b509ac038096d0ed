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


@dataclass(frozen=True)
class NewChallenge:
    """A code that is about to be sent: whose it is, by which way, and whose pauses it counts for.

    `asker` is a hash (`records.guesses`), `salt` is hex.
    """

    account_id: str
    user_id: str
    method: IdentityMethod
    asker: str
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
    values = {
        "challenge_id": uuid4().hex,
        "account_id": challenge.account_id,
        "user_id": challenge.user_id,
        "method": challenge.method.value,
        "asked_by": challenge.asker,
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


def discard_old_challenges(connection: Connection, account_id: str, now: datetime) -> None:
    """Those that count no more."""
    connection.execute(
        delete(record_challenges).where(
            record_challenges.c.account_id == account_id,
            record_challenges.c.issued_at <= now - COUNTED_FOR,
        )
    )
