"""What a closure left behind, in a form that two closures of equal accounts can be compared by."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import zip_longest

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, Table, func, select

from closure.acts import ActStatus
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from records.anchor_check import AnchorState, check_anchors, public_keys
from records.entries import AuditTrail
from records.tables import record_acts, record_certificates, record_claims, record_closures, record_steps
from tests.harness.account_driver import AccountDriver
from tests.harness.books import must_balance

OWN = frozenset(
    {
        *("access_stopped_at", "silent_until", "delete_after", "due_by"),
        *("plan_hash", "opened_by", "owner_closure", "reference"),
    }
)
"""Details of audit events that are each closure's own."""
_MADE_FROM_IDS = re.compile(r"[0-9a-f]{16,}")


@dataclass(frozen=True)
class AuditLine:
    account: str
    event: EventType
    stage_from: Stage | None
    stage_to: Stage | None
    actor: str | None
    details: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Aftermath:
    """Of a whole installation with one closure; ids are cut out, so that equal stories leave equal ones."""

    outcome: Outcome | None
    unrecoverable: tuple[str, ...]
    movements: Counter[tuple[str, int]]
    """Reason and minor units of each movement of money."""
    effects: Counter[str]
    messages: Counter[tuple[str, str, str]]
    """Template, channel and recipient; of a deleted account "erased"."""
    things: Mapping[str, int]
    """Rows left, by table."""
    steps: Mapping[str, bool]
    """Account and step; whether it is closed."""
    acts: Counter[str]
    """Kinds of acts that were carried out."""
    claims: int
    certificates: Counter[str]
    """By account."""
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

    def without(self, *events: EventType) -> "Aftermath":
        """As if these events had never been written."""
        audit = tuple(line for line in self.audit if line.event not in events)
        return Aftermath(**{**{each.name: getattr(self, each.name) for each in fields(self)}, "audit": audit})


async def aftermath(closing: AccountDriver) -> Aftermath:
    """Reads it, and checks what must hold whatever happened."""
    records, database = closing.installation.records, closing.installation.database
    closures = await database.read(lambda each: _rows(each, record_closures))
    trails = {str(row["closure_id"]): await records.trail(str(row["closure_id"])) for row in closures}
    recorded = await records.get(closing.closure_id)
    assert recorded is not None
    for trail in trails.values():
        _must_be_anchored(closing, trail)
    await must_balance(database)
    cut = _Cutting(closing, tuple(trails))

    def read(connection: Connection) -> Aftermath:
        acts = [row for row in _rows(connection, record_acts) if row["status"] == ActStatus.DONE.value]
        accounts = {str(row["closure_id"]): cut.text(str(row["account_id"])) for row in closures}
        return Aftermath(
            outcome=recorded.state.outcome,
            unrecoverable=lost,
            movements=Counter(
                (str(row["reason"]), int(row["amount"])) for row in _rows(connection, tables.ledger_movements)
            ),
            effects=Counter(cut.text(str(row["key"])) for row in _rows(connection, tables.effects)),
            messages=Counter(
                (str(row["template"]), str(row["channel"]), str(row["user_id"]).split("/")[0])
                for row in _rows(connection, tables.outbox)
            ),
            things={
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables.OWNED
            },
            steps={
                f"{accounts[str(row['closure_id'])]} {row['step']}": row["closed_at"] is not None
                for row in _rows(connection, record_steps)
            },
            acts=Counter(str(row["kind"]) for row in acts),
            claims=len(_rows(connection, record_claims)),
            certificates=Counter(
                cut.text(str(row["account_id"])) for row in _rows(connection, record_certificates)
            ),
            audit=tuple(line for trail in trails.values() for line in _lines(trail, cut)),
        )

    lost = await records.losses(closing.closure_id)
    return await database.read(read)


def _must_be_anchored(closing: AccountDriver, trail: AuditTrail | None) -> None:
    assert trail is not None
    installation = closing.installation
    verdict = check_anchors(
        installation.anchor_file,
        public_keys(installation.signing_key_file.parent),
        record_id=installation.record.installation.installation_id,
        account_id=trail.account_id,
        closure_ids=[trail.closure_id],
        trail=trail,
    )
    assert verdict.state is AnchorState.WHOLE, verdict.fault


def _lines(trail: AuditTrail | None, cut: "_Cutting") -> list[AuditLine]:
    assert trail is not None
    assert trail.fault is None, trail.fault
    assert trail.unreadable == 0
    account = cut.text(str(trail.events[0].details["account_id"]))
    return [
        AuditLine(
            account,
            event.event,
            event.stage_from,
            event.stage_to,
            event.actor,
            {name: cut.value(value) for name, value in event.details.items() if name not in OWN},
        )
        for event in trail.events
    ]


class _Cutting:
    """Cuts ids out of texts, and what is made from them."""

    def __init__(self, closing: AccountDriver, closure_ids: tuple[str, ...]) -> None:
        # A subaccount's closure first: its id may begin with its owner's.
        owned = sorted(set(closure_ids) - {closing.closure_id}, key=len, reverse=True)
        self._ids = (
            *((each, "owned-closure") for each in owned),
            (closing.closure_id, "closure"),
            (closing.account_id, "account"),
        )

    def text(self, value: str) -> str:
        for name, placeholder in self._ids:
            value = value.replace(name, placeholder)
        return _MADE_FROM_IDS.sub("…", value)

    def value(self, value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            members = [self.value(member) for member in value]
            # Things are in the order of their references, which are cut out.
            return sorted(members, key=str) if any(isinstance(each, dict) for each in members) else members
        if isinstance(value, dict):
            return {key: self.value(each) for key, each in value.items() if key not in OWN}
        return self.text(value) if isinstance(value, str) else value


def _rows(connection: Connection, table: Table) -> list[RowMapping]:
    return list(connection.execute(select(table)).mappings().all())
