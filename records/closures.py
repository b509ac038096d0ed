"""The closure record in SQL: every change of stage is compare-and-set and leaves one audit event with it.

Every method may raise `database.DatabaseUnreachable`. After that a write may have happened or not: the same
write with the same key is safe.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic_core import PydanticSerializationError
from sqlalchemy import ColumnElement, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from closure.errors import RefusalType, Refused
from closure.lifecycle import Outcome, Stage
from database.engine import overwrite_journal, reading, transaction
from records.anchors import ANCHORED, Anchors
from records.chain import GENESIS_HASH, seal
from records.entries import (
    AuditEvent,
    AuditTrail,
    Entry,
    EventType,
    NewClosure,
    ReadEvent,
    RecordedClosure,
)
from records.erasure import ERASED_PLAN, erase_account, key_for_reading, key_for_writing, was_deleted
from records.lookups import chain_head, closure_row, event_rows, openers, plan_content, written_before
from records.personal import OPENED_BY, NotOpened, open_personal, seal_personal
from records.rows import (
    PINNED,
    closure_of,
    event_columns,
    event_of,
    require_storable,
    trail_of,
)
from records.steps import document_after, document_columns, require_epoch, require_step
from records.tables import record_closures, record_events, record_names, record_plans

_OPEN_ATTEMPTS = 5


class ClosureRecords:
    """Closures, their audit events and their plans. Needs the tables of `records.schema.MIGRATIONS`.

    With `anchors`, a write that brings a stage of `ANCHORED` is done only when its head is anchored there,
    too: it may raise `AnchorNotWritten`, and then the same write with the same key is to be repeated.
    """

    def __init__(self, engine: AsyncEngine, anchors: Anchors | None = None) -> None:
        self._engine = engine
        self._anchors = anchors

    async def open(self, new: NewClosure) -> None:
        """Records a new closure with its first event; again for the same closure and key changes nothing.

        Raises:
            Refused: `CLOSURE_ALREADY_OPEN` when the account has another open closure, which it names, or when
                the closure was opened with another key; `MALFORMED_INPUT` when a text doesn't fit.
        """
        _require_openable(new)
        for attempt in range(1, _OPEN_ATTEMPTS + 1):
            try:
                with _refusing_no_text():
                    async with transaction(self._engine) as connection:
                        await _open(connection, new)
                await self._anchor(new.document.closure_id, 1, new.document.stage)
                return
            except IntegrityError:
                # Another opening won the race. What it left decides; it may also have ended already.
                if attempt == _OPEN_ATTEMPTS:
                    raise

    async def write(self, entry: Entry) -> int:
        """Appends an event and takes the closure's step with it; returns the event's sequence.

        The same key again returns the first write's sequence and changes nothing, whatever the entry holds.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`; `STALE_RUN` when a later run took over; `STAGE_CONFLICT` when the
                closure is not in `stage_from` or its lifecycle has no such step; `MALFORMED_INPUT` when the
                document is another closure's or a text doesn't fit.
        """
        require_storable(
            record_events, {"closure_id": entry.closure_id, "key": entry.key, "actor": entry.actor}
        )
        with _refusing_no_text():
            async with transaction(self._engine) as connection:
                sequence = await _write(connection, entry)
        if entry.stage_to is Stage.DELETED:
            await overwrite_journal(self._engine)
        await self._anchor(entry.closure_id, sequence, entry.stage_to)
        return sequence

    async def resume(self, closure_id: str, expected_epoch: int, *, time: datetime | None = None) -> int:
        """Lets a new run take over: from now on the record refuses the writes of earlier epochs.

        Args:
            closure_id: which closure.
            expected_epoch: the epoch that the caller saw; of two who resume at once, one wins.
            time: when, with an offset; by default now by the wall, since no run's clock is there to ask.

        Returns:
            The new run's epoch.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`, `CLOSURE_ENDED`, or `STALE_RUN` when the epoch is another.
        """
        async with transaction(self._engine) as connection:
            row = await _lock(connection, closure_id)
            if row["outcome"] is not None:
                raise Refused(RefusalType.CLOSURE_ENDED, f"closure {closure_id} has ended: {row['outcome']}")
            require_epoch(row, expected_epoch)
            epoch = expected_epoch + 1
            stage = Stage(row["stage"])
            event = AuditEvent(
                closure_id=closure_id,
                sequence=row["event_count"] + 1,
                key=f"resumed/{epoch}",
                event=EventType.RESUMED,
                time=time or datetime.now(UTC),
                stage_from=stage,
                stage_to=None,
                actor=None,
                details={"run_epoch": epoch},
                previous_hash=row["head_hash"],
                hash="",
            )
            await _append(connection, row, event, {"run_epoch": epoch})
            return epoch

    async def save_plan(self, closure_id: str, plan_hash: str, content: str) -> None:
        """Keeps a plan's JSON; a plan that is there stays as it is.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`.
        """
        async with transaction(self._engine) as connection:
            await _lock(connection, closure_id)
            if await plan_content(connection, closure_id, plan_hash) is None:
                values = {"closure_id": closure_id, "plan_hash": plan_hash, "content": content}
                await connection.execute(insert(record_plans).values(values))

    async def plan(self, closure_id: str, plan_hash: str) -> str | None:
        """The JSON of a plan of this closure; None for an unknown one, and when the account was deleted."""
        async with reading(self._engine) as connection:
            content = await plan_content(connection, closure_id, plan_hash)
        return None if content == ERASED_PLAN else content

    async def get(self, closure_id: str) -> RecordedClosure | None:
        """The closure with this id."""
        return await self._first(record_closures.c.closure_id == closure_id)

    async def last(self, account_id: str) -> RecordedClosure | None:
        """The account's closure that was opened last, open or ended."""
        return await self._first(record_closures.c.account_id == account_id)

    async def open_closure(self, account_id: str) -> RecordedClosure | None:
        """The account's closure that has no outcome yet; there is at most one."""
        return await self._first(
            record_closures.c.account_id == account_id, record_closures.c.outcome.is_(None)
        )

    async def listing(
        self, stage: Stage | None = None, provider: str | None = None
    ) -> tuple[RecordedClosure, ...]:
        """All closures, of a stage or a provider where given, those opened last first."""
        conditions = []
        if stage is not None:
            conditions.append(record_closures.c.stage == stage.value)
        if provider is not None:
            conditions.append(record_closures.c.provider == provider)
        query = select(record_closures).where(*conditions).order_by(record_closures.c.opened_sequence.desc())
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).mappings().all()
            opened_by = await openers(connection, *conditions)
        return tuple(closure_of(row, opened_by.get(row["closure_id"])) for row in rows)

    async def events(self, closure_id: str) -> tuple[ReadEvent, ...]:
        """The closure's audit events by sequence; empty for an unknown closure.

        Raises:
            ValueError: a row was made unreadable; `trail` says which.
        """
        async with reading(self._engine) as connection:
            closure = await closure_row(connection, closure_id)
            if closure is None:
                return ()
            key = await key_for_reading(connection, closure["account_id"])
            rows = await event_rows(connection, closure_id)
        try:
            return tuple(open_personal(event_of(row), key) for row in rows)
        except NotOpened as error:
            raise ValueError("an event's personal part does not open: somebody changed it") from error

    async def trail(self, closure_id: str) -> AuditTrail | None:
        """The closure's events and whether their chain holds, all from one snapshot."""
        async with reading(self._engine) as connection:
            closure = await closure_row(connection, closure_id)
            if closure is None:
                return None
            account_id = closure["account_id"]
            return trail_of(
                closure,
                await event_rows(connection, closure_id),
                await key_for_reading(connection, account_id),
                erased=await was_deleted(connection, account_id),
            )

    async def policy_snapshot(self, closure_id: str) -> str:
        """The canonical JSON of the policy that the closure runs under.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`.
        """
        query = select(record_closures.c.policy_snapshot).where(record_closures.c.closure_id == closure_id)
        async with reading(self._engine) as connection:
            snapshot: str | None = await connection.scalar(query)
        if snapshot is None:
            raise _not_found(closure_id)
        return snapshot

    async def closure_ids(self, account_id: str) -> tuple[str, ...]:
        """All closures of the account, in the order of their opening."""
        query = (
            select(record_closures.c.closure_id)
            .where(record_closures.c.account_id == account_id)
            .order_by(record_closures.c.opened_sequence)
        )
        async with reading(self._engine) as connection:
            return tuple((await connection.scalars(query)).all())

    async def record_id(self) -> str:
        """What this record is called in its anchors."""
        async with reading(self._engine) as connection:
            return str(await connection.scalar(select(record_names.c.record_id)))

    async def _anchor(self, closure_id: str, sequence: int, stage: Stage | None) -> None:
        if self._anchors is None or stage not in ANCHORED:
            return
        async with reading(self._engine) as connection:
            head = await chain_head(connection, closure_id, sequence)
        await self._anchors.append(head)

    async def _first(self, *conditions: ColumnElement[bool]) -> RecordedClosure | None:
        query = (
            select(record_closures)
            .where(*conditions)
            .order_by(record_closures.c.opened_sequence.desc())
            .limit(1)
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                return None
            closure_id = row["closure_id"]
            opened_by = await openers(connection, record_closures.c.closure_id == closure_id)
            return closure_of(row, opened_by.get(closure_id))


async def _open(connection: AsyncConnection, new: NewClosure) -> None:
    document = new.document
    if await closure_row(connection, document.closure_id) is not None:
        if await written_before(connection, document.closure_id, new.key) == 1:
            return
        raise Refused(
            RefusalType.CLOSURE_ALREADY_OPEN, f"closure {document.closure_id} was opened by another request"
        )
    await _require_no_open_closure(connection, document.account_id)
    key = await key_for_writing(connection, document.account_id)
    opened_by = key.name(new.opened_by)
    opened = AuditEvent(
        closure_id=document.closure_id,
        sequence=1,
        key=new.key,
        event=EventType.OPENED,
        time=new.time,
        stage_from=None,
        stage_to=document.stage,
        actor=new.opened_by,
        details={**new.details, **_pinned_columns(new), OPENED_BY: opened_by},
        previous_hash=GENESIS_HASH,
        hash="",
    )
    event = seal(seal_personal(opened, key))
    values = {
        **_pinned_columns(new),
        "closure_id": document.closure_id,
        "run_epoch": 0,
        "policy_snapshot": new.policy_snapshot,
        "opened_by": opened_by,
        "opened_at": new.time,
        "updated_at": new.time,
        "event_count": 1,
        "head_hash": event.hash,
        **document_columns(document),
    }
    await connection.execute(insert(record_closures).values(values))
    await connection.execute(insert(record_events).values(event_columns(event)))


def _pinned_columns(new: NewClosure) -> dict[str, str]:
    of = new.document
    values = (of.account_id, of.provider, of.policy, of.policy_version, new.policy_hash)
    return dict(zip(PINNED, values, strict=True))


def _require_openable(new: NewClosure) -> None:
    texts = {**_pinned_columns(new), "closure_id": new.document.closure_id, "opened_by": new.opened_by}
    require_storable(record_closures, texts)
    require_storable(record_events, {"key": new.key})


async def _require_no_open_closure(connection: AsyncConnection, account_id: str) -> None:
    query = select(record_closures.c.closure_id).where(
        record_closures.c.account_id == account_id, record_closures.c.outcome.is_(None)
    )
    other: str | None = await connection.scalar(query)
    if other is not None:
        raise Refused(
            RefusalType.CLOSURE_ALREADY_OPEN,
            f"account {account_id} already has an open closure: {other}; "
            f"see `starter.py status {account_id}`",
        )


async def _write(connection: AsyncConnection, entry: Entry) -> int:
    row = await _lock(connection, entry.closure_id)
    written = await written_before(connection, entry.closure_id, entry.key)
    if written is not None:
        return written
    require_step(row, entry)
    document = document_after(row, entry)
    sequence = await _append(
        connection,
        row,
        AuditEvent(
            closure_id=entry.closure_id,
            sequence=row["event_count"] + 1,
            key=entry.key,
            event=entry.event,
            time=entry.time,
            stage_from=entry.stage_from,
            stage_to=entry.stage_to,
            actor=entry.actor,
            details=entry.details,
            previous_hash=row["head_hash"],
            hash="",
        ),
        document_columns(document),
    )
    if document.outcome is Outcome.DELETED:
        await erase_account(connection, document.account_id, entry.time)
    return sequence


async def _append(
    connection: AsyncConnection, row: RowMapping, event: AuditEvent, changes: Mapping[str, str | int | None]
) -> int:
    key = await key_for_writing(connection, row["account_id"])
    sealed = seal(seal_personal(event, key))
    await connection.execute(insert(record_events).values(event_columns(sealed)))
    changed = await connection.execute(
        update(record_closures)
        .where(
            record_closures.c.closure_id == event.closure_id,
            record_closures.c.stage == row["stage"],
            record_closures.c.run_epoch == row["run_epoch"],
            record_closures.c.event_count == row["event_count"],
        )
        .values(updated_at=event.time, event_count=sealed.sequence, head_hash=sealed.hash, **changes)
    )
    if changed.rowcount != 1:
        # Can't be under the row's lock; a database that does not lock must not break the chain.
        raise Refused(RefusalType.STAGE_CONFLICT, f"closure {event.closure_id} was changed at the same time")
    return sealed.sequence


async def _lock(connection: AsyncConnection, closure_id: str) -> RowMapping:
    row = await closure_row(connection, closure_id, lock=True)
    if row is None:
        raise _not_found(closure_id)
    return row


def _not_found(closure_id: str) -> Refused:
    return Refused(RefusalType.CLOSURE_NOT_FOUND, f"the record has no closure {closure_id}")


@contextmanager
def _refusing_no_text() -> Iterator[None]:
    """For what is in JSON: text that UTF-8 doesn't have, which no repetition makes storable."""
    try:
        yield
    except (UnicodeEncodeError, PydanticSerializationError) as error:
        raise Refused(RefusalType.MALFORMED_INPUT, "a text has characters that are no text") from error
