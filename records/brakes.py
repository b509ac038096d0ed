"""Operators' brakes: while one is on, no effect but giving back proceeds; deadlines stay."""

from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, RowMapping, and_, bindparam, insert, or_, select, update

from closure.model import Instant, WireModel
from closure.state import ClosureState
from database.database import database_time
from records.rows import require_storable
from records.tables import record_brakes


class BrakeScope(StrEnum):
    INSTALLATION = "installation"
    PROVIDER = "provider"
    CLOSURE = "closure"


_row = record_brakes.c
_CONCERNING: Final = (
    select(record_brakes)
    .where(
        _row.lifted_at.is_(None),
        or_(
            _row.scope == BrakeScope.INSTALLATION.value,
            and_(_row.scope == BrakeScope.PROVIDER.value, _row.target == bindparam("provider")),
            and_(_row.scope == BrakeScope.CLOSURE.value, _row.target == bindparam("closure")),
        ),
    )
    .limit(1)
)


class Brake(WireModel):
    """`target` is a provider or a closure id, empty for the whole installation. Times are the database's."""

    scope: BrakeScope
    target: str
    reason: str
    set_at: Instant
    lifted_at: Instant | None = None
    lifted_because: str | None = None


def put_on(connection: Connection, scope: BrakeScope, target: str, reason: str) -> bool:
    """Puts the brake on; one that is on already stays as it is. Whether it was off.

    Raises:
        Refused: `MALFORMED_INPUT` when a text can't be stored.
    """
    require_storable(record_brakes, {"target": target, "reason": reason})
    row = record_brakes.c
    is_on = select(row.brake_id).where(
        row.scope == scope.value, row.target == target, row.lifted_at.is_(None)
    )
    if connection.scalar(is_on) is not None:
        return False
    connection.execute(
        insert(record_brakes).values(
            scope=scope.value, target=target, reason=reason, set_at=database_time(connection)
        )
    )
    return True


def lift(connection: Connection, scope: BrakeScope, target: str, reason: str) -> bool:
    """Lifts the brake of exactly this scope and target; whether one was on. Raises as `put_on` does."""
    require_storable(record_brakes, {"target": target, "lifted_because": reason})
    lifted = connection.execute(
        update(record_brakes)
        .where(
            record_brakes.c.scope == scope.value,
            record_brakes.c.target == target,
            record_brakes.c.lifted_at.is_(None),
        )
        .values(lifted_at=database_time(connection), lifted_because=reason)
    )
    return lifted.rowcount > 0


def brakes_on(connection: Connection) -> tuple[Brake, ...]:
    """All that are on, oldest first."""
    query = select(record_brakes).where(record_brakes.c.lifted_at.is_(None))
    rows = connection.execute(query.order_by(record_brakes.c.brake_id)).mappings()
    return tuple(_brake_of(row) for row in rows)


def brake_on(connection: Connection, state: ClosureState) -> Brake | None:
    """The brake that keeps this closure from going on, if one does."""
    concerned = {"provider": state.provider, "closure": state.closure_id}
    found = connection.execute(_CONCERNING, concerned).mappings().one_or_none()
    return None if found is None else _brake_of(found)


def _brake_of(row: RowMapping) -> Brake:
    return Brake.model_validate({name: row[name] for name in Brake.model_fields})
