"""What staff have paid of a refund past its payments: told once, then taken up by the closure's next look."""

import hashlib

from sqlalchemy import Connection, RowMapping, insert, select, update

from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from closure.model import Instant, WireModel
from closure.money import Money
from closure.state import ClosureState
from database.database import database_time
from records.closures import lock_closure
from records.rows import require_storable
from records.tables import record_settlements


class Settlement(WireModel):
    """`reference` is the staff's own, None once it was taken up; of `amount`, `taken` was still there."""

    settlement_id: str
    closure_id: str
    reference: str | None
    amount: str
    currency: str
    written_at: Instant
    taken_at: Instant | None = None
    taken: str | None = None


def add_settlement(connection: Connection, closure_id: str, amount: str, reference: str) -> Settlement:
    """Writes it down; told again with the same reference, it is the one that is there.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`; `MALFORMED_INPUT` for no amount of the refund's currency;
            `THING_NOT_ALLOWED` when so much can't be paid otherwise, and for another amount under a known
            reference.
    """
    require_storable(record_settlements, {"reference": reference, "amount": amount})
    state = lock_closure(connection, closure_id).state
    money = _amount(state, amount)
    settlement_id = hashlib.sha256(f"{closure_id}/{reference}".encode()).hexdigest()
    known = find_settlement(connection, settlement_id)
    if known is not None:
        if known.amount != str(money):
            raise _refused(state, f"{known.amount} was told under this reference before")
        return known
    _require_payable(connection, state, money)
    connection.execute(
        insert(record_settlements).values(
            settlement_id=settlement_id,
            closure_id=closure_id,
            reference=reference,
            amount=str(money),
            currency=money.currency,
            written_at=database_time(connection),
        )
    )
    added = find_settlement(connection, settlement_id)
    assert added is not None
    return added


def find_settlement(connection: Connection, settlement_id: str) -> Settlement | None:
    query = select(record_settlements).where(record_settlements.c.settlement_id == settlement_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _settlement(row)


def open_settlements(connection: Connection, closure_id: str) -> tuple[Settlement, ...]:
    """What has not been taken up yet, oldest first."""
    row = record_settlements.c
    query = (
        select(record_settlements)
        .where(row.closure_id == closure_id, row.taken_at.is_(None))
        .order_by(row.written_at, row.settlement_id)
    )
    return tuple(_settlement(each) for each in connection.execute(query).mappings())


def take_up(connection: Connection, settlement_id: str, taken: Money) -> bool:
    """It was taken up, in the transaction of its event; False when it was before."""
    row = record_settlements.c
    done = connection.execute(
        update(record_settlements)
        .where(row.settlement_id == settlement_id, row.taken_at.is_(None))
        .values(taken_at=database_time(connection), taken=str(taken), reference=None)
    )
    return done.rowcount == 1


def _amount(state: ClosureState, text: str) -> Money:
    if state.refund is None:
        raise _refused(state, "it refunds nothing")
    try:
        amount = Money.parse(text, state.refund.currency)
    except ValueError as error:
        raise Refused(RefusalType.MALFORMED_INPUT, str(error)) from error
    if amount.minor <= 0:
        raise Refused(RefusalType.MALFORMED_INPUT, f"{text!r} is not above zero")
    return amount


def _require_payable(connection: Connection, state: ClosureState, amount: Money) -> None:
    refund = state.refund
    assert refund is not None
    waiting = (refund.money(each.amount) for each in open_settlements(connection, state.closure_id))
    payable = refund.money(refund.failed) - sum(waiting, Money.zero(amount.currency))
    if state.stage not in (Stage.RETAINED, Stage.DELETING) or payable < amount:
        raise _refused(state, f"of it {payable} {amount.currency} has failed and can be paid otherwise")


def _refused(state: ClosureState, why: str) -> Refused:
    return Refused(
        RefusalType.THING_NOT_ALLOWED,
        f"nothing was changed at the refund of closure {state.closure_id}: {why}",
        facts={"closure_id": state.closure_id},
    )


def _settlement(row: RowMapping) -> Settlement:
    return Settlement.model_validate(dict(row))
