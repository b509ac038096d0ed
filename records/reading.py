"""Reading the record: closures, their audit trails, checklists and certificates. Decides and changes nothing.

Every method may raise `database.DatabaseUnreachable`.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select

from closure.acts import Act, CloseWords
from closure.messages import ChecklistItem
from closure.plan import Plan
from closure.policy import Policy
from records import acts, plans
from records.certificates import KeptCertificate, certificate_of_closure
from records.checklists import ItemCount, ItemFilter, count_items, find_items
from records.claims import claimed_by, is_claimed_by_owner
from records.closures import closure_not_found
from records.entries import AuditTrail, ReadEvent, RecordedClosure
from records.erasure import key_for_reading, was_deleted
from records.erasures import evidence_list, read_erasures
from records.lookups import closure_row, event_rows, opener, policy_content
from records.personal import NotOpened, open_personal
from records.record import Record
from records.rows import closure_of, event_of, trail_of
from records.tables import record_closures


class ClosureRecords:
    """What commands, pages and tests read."""

    def __init__(self, record: Record) -> None:
        self._record = record

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

    async def closure_ids(self, account_id: str) -> tuple[str, ...]:
        """All closures of the account, in the order of their opening."""
        query = (
            select(record_closures.c.closure_id)
            .where(record_closures.c.account_id == account_id)
            .order_by(record_closures.c.opened_sequence)
        )
        return await self._record.read(lambda connection: tuple(connection.scalars(query).all()))

    async def items(
        self, closure_id: str, *, limit: int | None = None, offset: int = 0
    ) -> Sequence[ChecklistItem]:
        """The checklist in its order; `limit` items from `offset` on."""
        return await self._record.read(
            lambda each: plans.read_items(each, closure_id, limit=limit, offset=offset)
        )

    async def item_counts(self, closure_id: str) -> tuple[ItemCount, ...]:
        """How many items there are of each kind, however many these are."""
        return await self._record.read(lambda each: count_items(each, closure_id))

    async def find_items(
        self, closure_id: str, wanted: ItemFilter, *, limit: int, offset: int = 0
    ) -> tuple[Sequence[ChecklistItem], int]:
        """`limit` of the items that are looked for, from `offset` on, and how many there are in all."""
        return await self._record.read(
            lambda each: find_items(each, closure_id, wanted, limit=limit, offset=offset)
        )

    async def can_renounce(self, closure_id: str) -> bool:
        """Whether the checklist has an item that can still be given up."""
        return await self._record.read(lambda each: plans.can_renounce(each, closure_id))

    async def losses(self, closure_id: str, *, limit: int | None = None) -> tuple[str, ...]:
        """Item ids of what can't come back (A26)."""
        return await self._record.read(lambda each: plans.read_losses(each, closure_id, limit=limit))

    async def plan(self, closure_id: str, plan_hash: str | None) -> Plan | None:
        """A plan of this closure; None for an unknown one, and when the account was deleted."""
        return await self._record.read(lambda each: plans.find_plan(each, closure_id, plan_hash))

    async def policy(self, closure_id: str) -> Policy:
        """The policy that the closure runs under, whatever its file says now.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`.
        """
        return Policy.from_json(await self._record.read(lambda each: pinned_content(each, closure_id)))

    async def events(self, closure_id: str) -> tuple[ReadEvent, ...]:
        """The closure's audit events by sequence; empty for an unknown closure.

        Raises:
            ValueError: a row was made unreadable; `trail` says which.
        """
        return await self._record.read(lambda each: read_events(each, closure_id))

    async def trail(self, closure_id: str) -> AuditTrail | None:
        """The closure's events and whether their chain holds, all from one snapshot."""
        return await self._record.read(lambda each: read_trail(each, closure_id))

    async def certificate(self, closure_id: str) -> KeptCertificate | None:
        """The certificate of this closure, once it is issued."""
        return await self._record.read(lambda each: certificate_of_closure(each, closure_id))

    async def erasures(self, closure_id: str) -> bytes:
        """The list of what became of each data store, whose hash the certificate of a large account has."""
        return await self._record.read(lambda each: evidence_list(read_erasures(each, closure_id)))

    async def claimed(self, closure_id: str) -> tuple[str, ...]:
        """Ids of the accounts that the closure holds."""
        return await self._record.read(lambda each: claimed_by(each, closure_id))

    async def goes_with_owner(self, account_id: str) -> bool:
        """Whether the closure of the account that owns this one holds it."""
        return await self._record.read(lambda each: is_claimed_by_owner(each, account_id))

    async def act(self, act_id: str) -> Act | None:
        """The act with this id."""
        return await self._record.read(lambda each: acts.find_act(each, act_id))

    async def last_close(self, account_id: str) -> Act | None:
        """The account's newest act of closing, whatever became of it."""
        return await self._record.read(lambda each: acts.last_close(each, account_id))

    async def close_of(self, closure_id: str) -> tuple[Act, CloseWords | None] | None:
        """The act that asked for this closure, and its words unless they are erased."""
        return await self._record.read(lambda each: acts.close_of(each, closure_id))

    async def record_id(self) -> str:
        """What this record is called in its anchors."""
        return self._record.installation.installation_id

    async def _first(self, *conditions: ColumnElement[bool]) -> RecordedClosure | None:
        return await self._record.read(lambda each: _last_opened(each, conditions))


def _last_opened(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> RecordedClosure | None:
    query = select(record_closures).where(*conditions).order_by(record_closures.c.opened_sequence.desc())
    row = connection.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else closure_of(row, opener(connection, row["closure_id"]))


def pinned_content(connection: Connection, closure_id: str) -> str:
    """The canonical JSON of the policy that the closure runs under.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`.
    """
    row = closure_row(connection, closure_id)
    if row is None:
        raise closure_not_found(closure_id)
    return policy_content(connection, row["policy_hash"])


def read_events(connection: Connection, closure_id: str) -> tuple[ReadEvent, ...]:
    """See `ClosureRecords.events`."""
    closure = closure_row(connection, closure_id)
    if closure is None:
        return ()
    key = key_for_reading(connection, closure["account_id"])
    try:
        return tuple(open_personal(event_of(row), key) for row in event_rows(connection, closure_id))
    except NotOpened as error:
        raise ValueError("an event's personal part does not open: somebody changed it") from error


def read_trail(connection: Connection, closure_id: str) -> AuditTrail | None:
    """See `ClosureRecords.trail`."""
    closure = closure_row(connection, closure_id)
    if closure is None:
        return None
    return trail_of(
        closure,
        event_rows(connection, closure_id),
        key_for_reading(connection, closure["account_id"]),
        policy_content=policy_content(connection, closure["policy_hash"]),
        erased=was_deleted(connection, closure["account_id"]),
    )
