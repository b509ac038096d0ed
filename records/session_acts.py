"""The act that a browser's session has asked for last, until the person has been told what became of it.

Several processes may serve the pages: what one of them has begun, each of them knows. Times are the
database's, UTC.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select, update

from closure.acts import ActStatus
from closure.errors import Refused
from database.database import database_time
from records.acts import LAPSES_AFTER, ActDone, find_act, raise_ended
from records.tables import record_web_sessions
from records.web_sessions import AskedAct, WebSession, asked_in

UNWRITTEN_FOR: Final = timedelta(seconds=10)
"""An act that is not written down so long after it was asked for never will be: its process is gone."""
CARRIED_OUT_FOR: Final = timedelta(minutes=7)
"""Longer than any client waits for an act that was taken up."""


class AnotherUnderway(Exception):
    """The session's last act is still under way, and it is another one."""


class Unanswered(StrEnum):
    """What can be told of an act that nobody has answered in time."""

    NOTHING_DONE = "nothing-done"
    """Nor will it be."""
    STANDS = "stands"
    """A withdrawal: it works late."""
    UNKNOWN = "unknown"
    """Somebody has taken it up: it may still be carried out."""


@dataclass(frozen=True)
class Over:
    """How an act ended: carried out, `refused`, or `unanswered`."""

    refused: Refused | None = None
    unanswered: Unanswered | None = None


def ask_act(
    connection: Connection, session: WebSession, name: str, *, overtakes: bool = False
) -> tuple[AskedAct, bool]:
    """The act of this name that is under way, else a new one to be given; whether it is new.

    One that `overtakes` doesn't wait for one of another name, of which nobody is told any more.

    Raises:
        AnotherUnderway: one of another name is under way.
    """
    row = record_web_sessions.c
    query = select(record_web_sessions).where(row.session_hash == session.session_hash).with_for_update()
    found = connection.execute(query).mappings().one_or_none()
    asked = None if found is None else asked_in(found)
    if asked is not None and how_it_ended(connection, asked) is None:
        if asked.name == name:
            return asked, False
        if not overtakes:
            raise AnotherUnderway
    new = AskedAct(secrets.token_hex(16), name, database_time(connection))
    _keep(connection, session, new)
    return new, True


def how_it_ended(connection: Connection, asked: AskedAct) -> Over | None:
    """None while the act is under way."""
    act, age = find_act(connection, asked.act_id), database_time(connection) - asked.asked_at
    if act is None:
        return Over(unanswered=Unanswered.NOTHING_DONE) if age > UNWRITTEN_FOR else None
    try:
        raise_ended(act)
    except ActDone:
        return Over()
    except Refused as refused:
        is_lapsed = act.status is ActStatus.LAPSED
        return Over(unanswered=Unanswered.NOTHING_DONE) if is_lapsed else Over(refused)
    if act.status is not ActStatus.WAITING:
        return Over(unanswered=Unanswered.UNKNOWN) if age > CARRIED_OUT_FOR else None
    if age <= LAPSES_AFTER:
        return None
    return Over(unanswered=Unanswered.STANDS if act.kind.stands_unanswered else Unanswered.NOTHING_DONE)


def forget_act(connection: Connection, session: WebSession, act_id: str) -> None:
    """The person has been told; a later act is kept."""
    row = record_web_sessions.c
    connection.execute(
        update(record_web_sessions)
        .where(row.session_hash == session.session_hash, row.act_id == act_id)
        .values(act_id=None, act_name=None, act_asked_at=None)
    )


def _keep(connection: Connection, session: WebSession, asked: AskedAct) -> None:
    connection.execute(
        update(record_web_sessions)
        .where(record_web_sessions.c.session_hash == session.session_hash)
        .values(act_id=asked.act_id, act_name=asked.name, act_asked_at=asked.asked_at)
    )
