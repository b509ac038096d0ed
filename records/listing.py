"""Lists of closures: which are wanted, page by page, and how many of them are in each stage.

Decides and changes nothing. What it filters by has indexes, so that a list of any length answers at once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, false, func, not_, or_, select

from closure.lifecycle import Outcome, Stage
from closure.messages import ItemCategory, RefundState
from closure.model import Instant, WireModel
from closure.state import ClosureState
from database.database import database_time
from database.parts import in_parts
from records.record import Record
from records.rows import state_of
from records.tables import record_closures, record_items

PAGE: Final = 100
"""So many closures a page holds unless another number is asked for."""

_BLOCKS: Final = not_(
    and_(record_items.c.category == ItemCategory.RENOUNCEABLE.value, record_items.c.renounced)
)


class ClosureFilter(WireModel):
    """Which closures are wanted: those that meet all that is given. Times are UTC.

    `waiting`: for something other than time and their customer. `late`: their refund should have arrived.
    `overdue`: still open past the moment at which they should have gone on. `interrupted`: no workflow
    carried them on when the watchman looked last. `blocked_by` is the id of a check that blocks them now.
    """

    stage: Stage | None = None
    provider: str | None = None
    outcome: Outcome | None = None
    blocked_by: str | None = None
    waiting: bool = False
    waiting_for: str | None = None
    """For this reason."""
    late: bool = False
    overdue: bool = False
    interrupted: bool = False
    opened_after: Instant | None = None
    """Then or later."""
    opened_before: Instant | None = None
    ends_after: Instant | None = None
    """As `ends_before`: then or later."""
    ends_before: Instant | None = None
    """Open, and the next moment at which something happens by itself is before this."""
    account_ids: tuple[str, ...] | None = None

    @property
    def has_range(self) -> bool:
        """Whether it asks for a span of time."""
        spans = (self.opened_after, self.opened_before, self.ends_after, self.ends_before)
        return self.late or self.overdue or any(each is not None for each in spans)

    @property
    def is_by_provider(self) -> bool:
        """Whether it asks for a provider's closures, and for nothing else."""
        return self.model_copy(update={"provider": None}) == ALL

    @property
    def is_by_stage(self) -> bool:
        """Whether it asks for a stage, or for nothing that has an index of its own."""
        other = self.model_copy(update={"stage": None, "outcome": None})
        return self.stage is not None or self.outcome is not None or other == ALL


ALL: Final = ClosureFilter()


class ClosureRow(WireModel):
    """One closure in a list, as its row tells it; `state` is None where what is written there is none.

    `stage` and `outcome` are words here: a row that somebody has broken is shown as it is.
    """

    sequence: int
    closure_id: str
    account_id: str
    provider: str
    stage: str
    outcome: str | None
    stage_since: Instant | None
    opened_at: Instant
    deadline: Instant | None
    waiting_for: str | None
    is_late: bool
    is_overdue: bool
    is_interrupted: bool
    blocking: Mapping[str, int]
    """How many items block, by the id of their check."""
    workflow_id: str
    run_id: str | None
    state: ClosureState | None


class ClosurePage(WireModel):
    """Some closures, those opened last first; `next` is where the rest begins, None after the last."""

    closures: tuple[ClosureRow, ...]
    next: int | None


class ClosureLists:
    """What lists read. Every method may raise `database.DatabaseUnreachable`."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def page(
        self, wanted: ClosureFilter = ALL, *, limit: int = PAGE, after: int | None = None
    ) -> ClosurePage:
        """At most `limit` closures from one page's `next` on, or from the start."""
        return await self._record.read(lambda each: _page(each, wanted, limit, after))

    async def count(self, wanted: ClosureFilter = ALL) -> Mapping[str, int]:
        """How many closures there are, by stage."""
        return await self._record.read(lambda each: _count(each, wanted))

    async def totals(self, wanted: Sequence[ClosureFilter]) -> tuple[int, ...]:
        """How many closures meet each of these, all at one moment."""
        return await self._record.read(lambda each: tuple(_total(each, one) for one in wanted))

    async def blocked_by(self, provider: str | None = None) -> Mapping[str, int]:
        """How many closures each check blocks now, those that block most first."""
        return await self._record.read(lambda each: _blocked_by(each, provider))

    async def waiting_for(self, provider: str | None = None) -> Mapping[str, int]:
        """How many closures wait for each reason, those that most wait for first."""
        return await self._record.read(lambda each: _waiting_for(each, provider))


def _page(connection: Connection, wanted: ClosureFilter, limit: int, after: int | None) -> ClosurePage:
    now = database_time(connection)
    sequence = record_closures.c.opened_sequence
    conditions = list(_conditions(wanted, now))
    if after is not None:
        conditions.append(sequence < after)
    # Sorted by an expression, so that SQLite searches the index of a time instead of walking all closures.
    order = sequence + 0 if wanted.has_range else sequence
    found = select(sequence).where(*conditions).order_by(order.desc()).limit(limit + 1)
    query = (
        select(record_closures, _is_late(now).label("is_late"), _is_overdue(now).label("is_overdue"))
        .where(sequence.in_(found))
        .order_by(sequence.desc())
    )
    rows = connection.execute(query).mappings().all()
    shown = rows[:limit]
    blocking = _blocking(connection, [row["closure_id"] for row in shown if row["stage"] == Stage.BLOCKED])
    return ClosurePage(
        closures=tuple(_row(row, blocking.get(row["closure_id"], {})) for row in shown),
        next=shown[-1]["opened_sequence"] if len(rows) > limit else None,
    )


def _count(connection: Connection, wanted: ClosureFilter) -> Mapping[str, int]:
    stage = record_closures.c.stage
    conditions = _conditions(wanted, database_time(connection))
    # By an expression where another index is better than the stage's, which SQLite would walk whole.
    by_stage = stage if wanted.is_by_stage else stage.concat("")
    query = select(by_stage, func.count()).where(*conditions).group_by(by_stage).order_by(by_stage)
    return dict(connection.execute(query).all())


def _total(connection: Connection, wanted: ClosureFilter) -> int:
    conditions = _conditions(wanted, database_time(connection))
    return connection.scalar(select(func.count()).select_from(record_closures).where(*conditions)) or 0


def _blocked_by(connection: Connection, provider: str | None) -> Mapping[str, int]:
    item, wanted = record_items.c, ClosureFilter(stage=Stage.BLOCKED, provider=provider)
    blocked = select(record_closures.c.closure_id).where(*_conditions(wanted, database_time(connection)))
    # In the order of the index, so that nothing has to be sorted.
    pairs = (
        select(item.closure_id, item.check_id)
        .where(item.closure_id.in_(blocked), _BLOCKS)
        .group_by(item.closure_id, item.check_id)
        .subquery()
    )
    return _counted(connection, pairs.c.check_id, ())


def _waiting_for(connection: Connection, provider: str | None) -> Mapping[str, int]:
    wanted = ClosureFilter(waiting=True, provider=provider)
    conditions = list(_conditions(wanted, database_time(connection)))
    return _counted(connection, record_closures.c.waiting_for, conditions)


def _counted(
    connection: Connection, column: ColumnElement[str], conditions: Sequence[ColumnElement[bool]]
) -> Mapping[str, int]:
    number = func.count()
    query = select(column, number).where(*conditions).group_by(column).order_by(number.desc(), column)
    return dict(connection.execute(query).all())


def _conditions(wanted: ClosureFilter, now: datetime) -> Iterator[ColumnElement[bool]]:
    row = record_closures.c
    if wanted.stage is not None:
        yield row.stage == wanted.stage.value
    if wanted.outcome is not None:
        yield row.stage == wanted.outcome.value  # an outcome is the last stage, which has the index
    if wanted.provider is not None:
        # By an expression where another index is better than the provider's, who may have most closures.
        provider = row.provider if wanted.is_by_provider else row.provider.concat("")
        yield provider == wanted.provider
    if wanted.blocked_by is not None:
        yield row.stage == Stage.BLOCKED.value
        blocked = select(record_items.c.closure_id).where(
            record_items.c.check_id == wanted.blocked_by, _BLOCKS
        )
        yield row.closure_id.in_(blocked)
    if wanted.waiting:
        yield row.waiting_for.is_not(None)
    if wanted.waiting_for is not None:
        yield row.waiting_for == wanted.waiting_for
    if wanted.late:
        yield _is_late(now)
    if wanted.overdue:
        yield _is_overdue(now)
    if wanted.interrupted:
        yield row.interrupted_at.is_not(None)
        yield row.outcome.is_(None)
    if wanted.opened_after is not None:
        yield row.opened_at >= wanted.opened_after
    if wanted.opened_before is not None:
        yield row.opened_at < wanted.opened_before
    if wanted.ends_after is not None:
        yield row.outcome.is_(None)
        yield row.deadline >= wanted.ends_after
    if wanted.ends_before is not None:
        yield row.outcome.is_(None)
        yield row.deadline < wanted.ends_before
    if wanted.account_ids is not None:
        parts = [row.account_id.in_(part) for part in in_parts(wanted.account_ids)]
        yield or_(false(), *parts)


def _is_late(now: datetime) -> ColumnElement[bool]:
    """By the database's clock, or by the closure's own when its refund was looked at last."""
    row = record_closures.c
    is_open = row.refund_due_by.is_not(None)
    return and_(is_open, or_(row.refund_due_by < now, row.refund == RefundState.LATE.value))


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    row = record_closures.c
    return and_(row.outcome.is_(None), row.deadline.is_not(None), row.deadline < now)


def _blocking(connection: Connection, closure_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    item = record_items.c
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for part in in_parts(closure_ids):
        query = (
            select(item.closure_id, item.check_id, func.count())
            .where(item.closure_id.in_(part), _BLOCKS)
            .group_by(item.closure_id, item.check_id)
            .order_by(item.check_id)
        )
        for closure_id, check, number in connection.execute(query):
            found[closure_id][check] = number
    return found


def _row(row: RowMapping, blocking: Mapping[str, int]) -> ClosureRow:
    try:
        state = state_of(row)
    except ValidationError:
        state = None  # one that somebody has broken must not hide the others
    return ClosureRow(
        sequence=row["opened_sequence"],
        closure_id=row["closure_id"],
        account_id=row["account_id"],
        provider=row["provider"],
        stage=row["stage"],
        outcome=row["outcome"],
        stage_since=row["stage_since"],
        opened_at=row["opened_at"],
        deadline=row["deadline"],
        waiting_for=row["waiting_for"],
        is_late=bool(row["is_late"]),
        is_overdue=bool(row["is_overdue"]),
        is_interrupted=row["interrupted_at"] is not None and row["outcome"] is None,
        blocking=blocking,
        workflow_id=row["workflow_id"],
        run_id=row["run_id"],
        state=state,
    )
