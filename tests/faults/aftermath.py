"""What a closure left behind, in a form that two closures of equal accounts can be compared by."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import zip_longest

from pydantic import JsonValue
from sqlalchemy import or_, select

from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from connectors.embedded.ledger import sum_of_postings
from database.engine import reading
from records.entries import EventType
from tests.workflows.house import Closing

OWN = frozenset({"access_stopped_at", "plan_hash"})
"""Details of audit events that are each closure's own."""


@dataclass(frozen=True)
class AuditLine:
    event: EventType
    stage_from: Stage | None
    stage_to: Stage | None
    actor: str | None
    details: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Aftermath:
    """Account and closure ids are cut out, so that equal closures of equal accounts leave equal ones."""

    outcome: Outcome | None
    unrecoverable: tuple[str, ...]
    movements: Counter[tuple[str, int]]
    """Reason and minor units of each movement of the account's money."""
    effects: Counter[str]
    messages: Counter[tuple[str, str, str]]
    """Template, channel and recipient."""
    things: Mapping[str, int]
    """Rows left, by table."""
    audit: tuple[AuditLine, ...]

    def differences(self, expected: "Aftermath") -> list[str]:
        """One line for each thing that is not as expected; long ones, since they are read in failures."""
        lines = [
            f"{field.name}: {getattr(self, field.name)} instead of {getattr(expected, field.name)}"
            for field in fields(self)
            if field.name != "audit" and getattr(self, field.name) != getattr(expected, field.name)
        ]
        for number, (found, wanted) in enumerate(zip_longest(self.audit, expected.audit), start=1):
            if found != wanted:
                lines.append(f"audit event {number}: {found} instead of {wanted}")
        return lines


async def aftermath(closing: Closing) -> Aftermath:
    """Reads it, and checks what must hold whatever happened."""
    trail = await closing.house.records.trail(closing.closure_id)
    recorded = await closing.house.records.get(closing.closure_id)
    assert trail is not None
    assert recorded is not None
    assert trail.fault is None, trail.fault
    assert trail.unreadable == 0
    keys = [event.key for event in trail.events]
    assert len(keys) == len(set(keys)), keys
    async with reading(closing.house.engine) as connection:
        assert await sum_of_postings(connection) == 0
    return Aftermath(
        outcome=recorded.document.outcome,
        unrecoverable=recorded.document.unrecoverable,
        movements=await _movements(closing),
        effects=Counter(
            str(_without(str(row["key"]).removeprefix(closing.closure_id), closing.account_id))
            for row in await closing.rows(tables.effects)
        ),
        messages=Counter(
            (str(row["template"]), str(row["channel"]), str(row["user_id"]))
            for row in await closing.rows(tables.outbox)
        ),
        things={table.name: len(await closing.rows(table)) for table in tables.OWNED},
        audit=tuple(
            AuditLine(
                event.event,
                event.stage_from,
                event.stage_to,
                event.actor,
                {
                    name: _without(value, closing.account_id)
                    for name, value in event.details.items()
                    if name not in OWN
                },
            )
            for event in trail.events
        ),
    )


async def _movements(closing: Closing) -> Counter[tuple[str, int]]:
    movement, account = tables.ledger_movements.c, tables.ledger_accounts.c
    own = select(account.id).where(account.owner == closing.account_id)
    query = select(movement.reason, movement.amount).where(
        or_(movement.debit_account.in_(own), movement.credit_account.in_(own))
    )
    async with reading(closing.house.engine) as connection:
        return Counter((str(reason), amount) for reason, amount in await connection.execute(query))


def _without(value: JsonValue, account_id: str) -> JsonValue:
    """Without the account's id, and without references, which are made from the closure's."""
    if isinstance(value, list):
        return [_without(member, account_id) for member in value]
    if isinstance(value, dict):
        return {key: _without(each, account_id) for key, each in value.items() if key != "reference"}
    return value.replace(account_id, "…") if isinstance(value, str) else value
