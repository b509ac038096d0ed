"""Links that let a browser in once, and sessions: server-side, so that they end when we say so.

Whoever has a link or a cookie holds a secret of 256 random bits; the record has its hash. Times are the
database's, UTC.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, insert, select, true, update

from database.database import database_time
from database.parts import delete_some
from records.tables import record_web_links, record_web_sessions

LINK_LIFETIME: Final = timedelta(seconds=60)
IDLE_LIMIT: Final = timedelta(minutes=30)
SESSION_LIMIT: Final = timedelta(hours=8)
_SEEN_EVERY: Final = timedelta(seconds=30)
"""So often at most is it written down that a session is in use."""
_BYTES: Final = 32


class Audience(StrEnum):
    """Whose pages a link or a session opens."""

    CUSTOMER = "customer"
    STAFF = "staff"


@dataclass(frozen=True)
class Visitor:
    """Who is let in: a user of an account, or staff who came by a token.

    `language` is what the console says that they read; `return_url` where they came from; `verified_at` when
    the provider's own sign-in verified them last. Staff who are no operators only look.
    """

    audience: Audience
    account_id: str | None = None
    user_id: str | None = None
    token_name: str | None = None
    provider: str | None = None
    is_operator: bool = False
    language: str | None = None
    return_url: str | None = None
    verified_at: datetime | None = None


@dataclass(frozen=True)
class AskedAct:
    """An act that a session has asked for; `name` tells it from others of the same session."""

    act_id: str
    name: str
    asked_at: datetime


@dataclass(frozen=True)
class WebSession:
    """A browser that is let in. `session_hash` names it here; it is no secret.

    `asked` is the act that it has asked for last, until the person has been told what became of it.
    """

    session_hash: str
    visitor: Visitor
    closure_id: str | None
    proof_id: str | None
    is_view_only: bool
    began_at: datetime
    asked: AskedAct | None = None


def add_link(
    connection: Connection, visitor: Visitor, lifetime: timedelta = LINK_LIFETIME
) -> tuple[str, datetime]:
    """A new secret that lets this visitor in once, and when it is good no more."""
    now, row = database_time(connection), record_web_links.c
    delete_some(connection, record_web_links, row.link_hash, row.expires_at < now - SESSION_LIMIT)
    secret, expires_at = secrets.token_urlsafe(_BYTES), now + lifetime
    connection.execute(
        insert(record_web_links).values(link_hash=_hash(secret), expires_at=expires_at, **_values(visitor))
    )
    return secret, expires_at


def use_link(connection: Connection, secret: str, audience: Audience) -> Visitor | None:
    """Whom a link to these pages lets in, the first time and while it is good; else None."""
    now, row = database_time(connection), record_web_links.c
    used = connection.execute(
        update(record_web_links)
        .where(
            *(row.link_hash == _hash(secret), row.audience == audience.value),
            *(row.used_at.is_(None), row.expires_at > now),
        )
        .values(used_at=now)
    )
    if used.rowcount != 1:
        return None
    found = connection.execute(select(record_web_links).where(row.link_hash == _hash(secret))).mappings()
    return _visitor(found.one())


def begin_session(connection: Connection, visitor: Visitor) -> str:
    """A new session's secret, never one that a browser brought."""
    now, row = database_time(connection), record_web_sessions.c
    delete_some(connection, record_web_sessions, row.session_hash, row.began_at <= now - SESSION_LIMIT)
    secret = secrets.token_urlsafe(_BYTES)
    connection.execute(
        insert(record_web_sessions).values(
            session_hash=_hash(secret), began_at=now, seen_at=now, is_view_only=False, **_values(visitor)
        )
    )
    return secret


def session_of(connection: Connection, secret: str) -> WebSession | None:
    """The session, while it is good; None after `IDLE_LIMIT` without a request, or `SESSION_LIMIT` in all."""
    now = database_time(connection)
    query = select(record_web_sessions).where(record_web_sessions.c.session_hash == _hash(secret))
    row = connection.execute(query).mappings().one_or_none()
    if row is None or row["seen_at"] <= now - IDLE_LIMIT or row["began_at"] <= now - SESSION_LIMIT:
        return None
    return _session(row)


def note_use(connection: Connection, session: WebSession) -> None:
    """A request has come by this session: it is not idle."""
    now, row = database_time(connection), record_web_sessions.c
    connection.execute(
        update(record_web_sessions)
        .where(row.session_hash == session.session_hash, row.seen_at <= now - _SEEN_EVERY)
        .values(seen_at=now)
    )


def bind_session(
    connection: Connection,
    session: WebSession,
    *,
    closure_id: str | None,
    proof_id: str | None,
    is_view_only: bool,
) -> None:
    """What the session has come to; one that only views never acts again, since whenever it does."""
    row = record_web_sessions.c
    connection.execute(
        update(record_web_sessions)
        .where(row.session_hash == session.session_hash)
        .values(
            closure_id=closure_id,
            proof_id=proof_id,
            is_view_only=true() if is_view_only else row.is_view_only,
        )
    )


def end_session(connection: Connection, session: WebSession) -> None:
    """Signs the browser out."""
    row = record_web_sessions.c
    connection.execute(delete(record_web_sessions).where(row.session_hash == session.session_hash))


def limit_sessions_of(connection: Connection, account_id: str, user_id: str | None = None) -> None:
    """All sessions of an account, or of one of its users, only view from now on (A18)."""
    row = record_web_sessions.c
    whose = [row.account_id == account_id, *([] if user_id is None else [row.user_id == user_id])]
    connection.execute(update(record_web_sessions).where(*whose).values(is_view_only=True))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _values(visitor: Visitor) -> dict[str, str | bool | datetime | None]:
    return {
        "audience": visitor.audience.value,
        "account_id": visitor.account_id,
        "user_id": visitor.user_id,
        "token_name": visitor.token_name,
        "provider": visitor.provider,
        "is_operator": visitor.is_operator,
        "language": visitor.language,
        "return_url": visitor.return_url,
        "verified_at": visitor.verified_at,
    }


def _visitor(row: RowMapping) -> Visitor:
    return Visitor(
        audience=Audience(row["audience"]),
        account_id=row["account_id"],
        user_id=row["user_id"],
        token_name=row["token_name"],
        provider=row["provider"],
        is_operator=row["is_operator"],
        language=row["language"],
        return_url=row["return_url"],
        verified_at=row["verified_at"],
    )


def _session(row: RowMapping) -> WebSession:
    return WebSession(
        session_hash=row["session_hash"],
        visitor=_visitor(row),
        closure_id=row["closure_id"],
        proof_id=row["proof_id"],
        is_view_only=row["is_view_only"],
        began_at=row["began_at"],
        asked=asked_in(row),
    )


def asked_in(row: RowMapping) -> AskedAct | None:
    """The act in a session's row."""
    if row["act_id"] is None:
        return None
    return AskedAct(row["act_id"], row["act_name"], row["act_asked_at"])
