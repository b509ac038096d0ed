"""Acts of customers: written by the client, taken by the holding run, ended once with an answer.

Times are the database's, UTC. The words and who said them are sealed under the account's key.
"""

import json
import secrets
from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, and_, insert, select, update

from closure.acts import WORDS, Act, ActKind, ActStatus, CloseWords, NewAct, RefusedAnswer, Words
from closure.canonical import canonical_json
from closure.errors import RefusalType, Refused
from database.database import database_time
from records.erasure import key_for_reading, key_for_writing
from records.personal import AccountKey
from records.rows import require_storable
from records.tables import record_acts

LAPSES_AFTER: Final = timedelta(seconds=60)
"""An act that nobody takes up for so long lapses; a withdrawal never does."""

ERASED_USER: Final = "-"
"""In the place of who said it, once the account is deleted."""
MOST_WITHDRAWALS: Final = 20
"""So many go to a run at once; it comes back for more."""

IS_STANDING_WITHDRAWAL: Final = and_(
    record_acts.c.kind == ActKind.WITHDRAW.value,
    record_acts.c.status.in_([ActStatus.WAITING.value, ActStatus.TAKEN.value]),
)
"""Somebody has asked to withdraw, and was not answered yet."""
_NEVER_LAPSES: Final = frozenset({ActKind.WITHDRAW})
_ANSWER: TypeAdapter[RefusedAnswer] = TypeAdapter(RefusedAnswer)


def write_act(connection: Connection, new: NewAct, words: Words, act_id: str | None = None) -> str:
    """Writes an act down and returns its id: 128 random bits, in hex; the caller's own where it has one.

    Raises:
        Refused: `MALFORMED_INPUT` when a text can't be stored.
    """
    require_storable(record_acts, {"account_id": new.account_id, "closure_id": new.closure_id})
    act_id = act_id or secrets.token_hex(16)
    now = database_time(connection)
    content = canonical_json({"user": new.user_id, "words": words.model_dump(mode="json")})
    connection.execute(
        insert(record_acts).values(
            act_id=act_id,
            kind=new.kind.value,
            account_id=new.account_id,
            closure_id=new.closure_id,
            proof_id=new.proof_id,
            content=key_for_writing(connection, new.account_id).encrypt(_encoded(content), _place(act_id)),
            status=ActStatus.WAITING.value,
            written_at=now,
            lapses_at=None if new.kind in _NEVER_LAPSES else now + LAPSES_AFTER,
        )
    )
    return act_id


def find_act(connection: Connection, act_id: str) -> Act | None:
    """The act with this id."""
    row = _row(connection, act_id)
    return None if row is None else _act_of(connection, row)


def take_act(
    connection: Connection, act_id: str, kind: ActKind, run_id: str, closure_id: str
) -> tuple[Act, Words]:
    """The act for a run that carries it out; again for one that the same run has taken before.

    Raises:
        Refused: `ACT_NOT_FOUND` for an unknown act, one of another kind or closure; `ACT_LAPSED` for one
            that came too late; what the act was refused with; `ACCOUNT_CLOSED` when its key is gone.
        ActDone: it was carried out before.
    """
    row = _row(connection, act_id, lock=True)
    if row is None or (row["kind"], row["closure_id"]) != (kind.value, closure_id):
        raise Refused(RefusalType.ACT_NOT_FOUND, "there is no such act")
    act = _act_of(connection, row)
    raise_ended(act)
    if act.status is ActStatus.WAITING and _is_late(connection, act):
        raise _lapsed()
    if act.status is ActStatus.TAKEN and act.run_id != run_id and kind not in _NEVER_LAPSES:
        raise Refused(
            RefusalType.ACT_LAPSED, "another run took this act and is gone; it is to be given again"
        )
    words = _words_of(connection, row)
    if words is None:
        raise Refused(
            RefusalType.ACCOUNT_CLOSED,
            "the account is closed for good",
            facts={"account_id": act.account_id},
        )
    connection.execute(
        update(record_acts)
        .where(record_acts.c.act_id == act_id)
        .values(status=ActStatus.TAKEN.value, run_id=run_id)
    )
    return act, words


class ActDone(Exception):
    """The act was carried out before; how the closure stands now is the answer."""


def raise_ended(act: Act) -> None:
    """Passes for an act that has not ended.

    Raises:
        ActDone: it was carried out.
        Refused: it was refused (with what it was refused with) or has lapsed (`ACT_LAPSED`).
    """
    if act.status is ActStatus.DONE:
        raise ActDone
    if act.status is ActStatus.LAPSED:
        raise _lapsed()
    if act.status is ActStatus.REFUSED:
        answer = act.answer
        raise Refused(
            RefusalType(answer.type) if answer else RefusalType.ACT_LAPSED,
            answer.message if answer else "the act was refused",
            acknowledgements=answer.acknowledgements if answer else (),
            facts=answer.facts if answer else {},
        )


def _lapsed() -> Refused:
    return Refused(RefusalType.ACT_LAPSED, "the act was not taken up in time and has lapsed")


def end_act(
    connection: Connection, act_id: str, status: ActStatus, answer: RefusedAnswer | None = None
) -> bool:
    """Ends an act that has not ended; whether it was this that ended it."""
    ended = connection.execute(
        update(record_acts)
        .where(
            record_acts.c.act_id == act_id,
            record_acts.c.status.in_([ActStatus.WAITING.value, ActStatus.TAKEN.value]),
        )
        .values(
            status=status.value,
            ended_at=database_time(connection),
            answer=None if answer is None else answer.model_dump_json(),
        )
    )
    return ended.rowcount == 1


def refuse_act(connection: Connection, act_id: str, refused: Refused) -> None:
    """A refusal consumes the act, too; one that came too late has lapsed."""
    if refused.type is RefusalType.ACT_LAPSED:
        end_act(connection, act_id, ActStatus.LAPSED)
        return
    end_act(
        connection,
        act_id,
        ActStatus.REFUSED,
        RefusedAnswer(
            type=refused.type.value,
            message=refused.message,
            acknowledgements=refused.acknowledgements,
            facts=dict(refused.facts),
        ),
    )


def finish_act(connection: Connection, act_id: str) -> None:
    """The act is carried out, in the transaction that carries it out.

    Raises:
        Refused: `ACT_LAPSED` when its client gave up meanwhile.
    """
    if not end_act(connection, act_id, ActStatus.DONE):
        raise Refused(RefusalType.ACT_LAPSED, "the act was given up before it was carried out")


def lapse_taken(connection: Connection, closure_id: str) -> None:
    """What a lost run had begun to carry out must not happen long after; a withdrawal still stands."""
    connection.execute(
        update(record_acts)
        .where(
            record_acts.c.closure_id == closure_id,
            record_acts.c.status == ActStatus.TAKEN.value,
            record_acts.c.kind.not_in([kind.value for kind in _NEVER_LAPSES]),
        )
        .values(status=ActStatus.LAPSED.value, ended_at=database_time(connection))
    )


def withdrawal_stands(connection: Connection, closure_id: str) -> bool:
    """Whether somebody has asked to withdraw and was not answered yet: nothing moves on before that."""
    query = select(record_acts.c.act_id).where(record_acts.c.closure_id == closure_id, IS_STANDING_WITHDRAWAL)
    return connection.scalar(query.limit(1)) is not None


def standing_withdrawals(connection: Connection, closure_id: str) -> tuple[str, ...]:
    """Ids of the withdrawals that were not answered yet, oldest first, `MOST_WITHDRAWALS` at most."""
    query = (
        select(record_acts.c.act_id)
        .where(record_acts.c.closure_id == closure_id, IS_STANDING_WITHDRAWAL)
        .order_by(record_acts.c.written_at, record_acts.c.act_id)
        .limit(MOST_WITHDRAWALS)
    )
    return tuple(connection.scalars(query).all())


def last_close(connection: Connection, account_id: str) -> Act | None:
    """The account's newest act of closing, whatever became of it."""
    query = (
        select(record_acts)
        .where(record_acts.c.account_id == account_id, record_acts.c.kind == ActKind.CLOSE.value)
        .order_by(record_acts.c.written_at.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _act_of(connection, row)


def close_of(connection: Connection, closure_id: str) -> tuple[Act, CloseWords | None] | None:
    """The act that asked for this closure, and its words unless they are erased."""
    query = select(record_acts).where(
        record_acts.c.closure_id == closure_id, record_acts.c.kind == ActKind.CLOSE.value
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    words = _words_of(connection, row)
    assert words is None or isinstance(words, CloseWords)
    return _act_of(connection, row), words


def _row(connection: Connection, act_id: str, *, lock: bool = False) -> RowMapping | None:
    query = select(record_acts).where(record_acts.c.act_id == act_id)
    if lock:
        query = query.with_for_update()
    return connection.execute(query).mappings().one_or_none()


def _is_late(connection: Connection, act: Act) -> bool:
    return act.lapses_at is not None and database_time(connection) > act.lapses_at


def _act_of(connection: Connection, row: RowMapping) -> Act:
    content = _content(connection, row)
    return Act(
        kind=ActKind(row["kind"]),
        account_id=row["account_id"],
        closure_id=row["closure_id"],
        user_id=str(content["user"]) if content else ERASED_USER,
        proof_id=row["proof_id"],
        act_id=row["act_id"],
        status=ActStatus(row["status"]),
        written_at=row["written_at"],
        lapses_at=row["lapses_at"],
        run_id=row["run_id"],
        answer=None if row["answer"] is None else _ANSWER.validate_json(row["answer"]),
    )


def _words_of(connection: Connection, row: RowMapping) -> Words | None:
    """None once they are erased."""
    content = _content(connection, row)
    return None if content is None else WORDS[ActKind(row["kind"])].model_validate(content["words"])


def _content(connection: Connection, row: RowMapping) -> dict[str, object] | None:
    """None once the account's key is destroyed."""
    key = key_for_reading(connection, row["account_id"])
    if key is None or not row["content"]:
        return None
    return _decoded(key, row["content"], row["act_id"])


def _decoded(key: AccountKey, text: str, act_id: str) -> dict[str, object]:
    content: dict[str, object] = json.loads(key.decrypt(text, _place(act_id)))
    return content


def _place(act_id: str) -> bytes:
    return f"act/{act_id}".encode()


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Refused(RefusalType.MALFORMED_INPUT, "a text has characters that are no text") from error
