"""Requests that carry an idempotency key: the same one again gets the same answer, and acts once.

What is kept are hashes and sealed answers, which only who asked can make or open. Times are the database's,
UTC.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from database.database import database_time
from database.parts import delete_some
from records.tables import record_idempotency

KEPT_FOR: Final = timedelta(hours=24)
ABANDONED_AFTER: Final = timedelta(minutes=15)
"""Whoever carried the request out so long ago is gone without an answer; an act takes half of it at most."""


class OtherRequest(Exception):
    """The key belongs to another request."""


class StillCarriedOut(Exception):
    """The same request came before, and has no answer yet."""


def begin(connection: Connection, key_hash: str, request_hash: str) -> bytes | None:
    """The sealed answer that the request got before; None when it is the caller's to carry out.

    Then the caller calls `finish`, or `forget` where it shall be possible to try again.

    Raises:
        OtherRequest: the key was used for another request within `KEPT_FOR`.
        StillCarriedOut: somebody carries it out now.
    """
    now, row = database_time(connection), record_idempotency.c
    delete_some(connection, record_idempotency, row.key_hash, row.began_at <= now - KEPT_FOR)
    query = select(record_idempotency).where(row.key_hash == key_hash).with_for_update()
    known = connection.execute(query).one_or_none()
    if known is None:
        values = {"key_hash": key_hash, "request_hash": request_hash, "began_at": now}
        connection.execute(insert(record_idempotency).values(values))
        return None
    if known.request_hash != request_hash:
        raise OtherRequest
    if known.answer is not None:
        return bytes(known.answer)
    if known.began_at > now - ABANDONED_AFTER:
        raise StillCarriedOut
    connection.execute(update(record_idempotency).where(row.key_hash == key_hash).values(began_at=now))
    return None


def finish(connection: Connection, key_hash: str, answer: bytes) -> None:
    """Keeps the answer of a request that was carried out."""
    row = record_idempotency.c
    connection.execute(
        update(record_idempotency).where(row.key_hash == key_hash, row.answer.is_(None)).values(answer=answer)
    )


def forget(connection: Connection, key_hash: str) -> None:
    """Nothing was done: the same request is carried out when it comes again."""
    row = record_idempotency.c
    connection.execute(delete(record_idempotency).where(row.key_hash == key_hash, row.answer.is_(None)))
