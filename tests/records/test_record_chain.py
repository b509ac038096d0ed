"""The hash chain: stable for ever, and no change to any column of any row goes unseen."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import ColumnElement, Connection, Executable, delete, insert, text, update

from closure.events import EventType
from closure.lifecycle import Stage
from closure.state import STATE
from database import Database
from records.chain import (
    GENESIS_HASH,
    canonical_time,
    hash_event,
    seal,
    verify_chain,
)
from records.entries import AuditEvent, AuditTrail
from records.policies import register_policies
from records.reading import ClosureRecords
from records.tables import record_closures, record_events, record_policies
from tests.records.samples import Closures, execute, new_state, rows
from tests.unit.examples import acme

EVENT = AuditEvent(
    closure_id="c-1",
    sequence=2,
    event=EventType.CONFIRMED,
    time=datetime(2026, 11, 20, 8, 30, 0, 123, tzinfo=UTC),
    stage_from=Stage.READY,
    stage_to=Stage.ENTERING,
    actor="u-1",
    details={"reason": "账户 closed", "plan": {"b": 1, "a": [True, None, 1.5]}},
    previous_hash=GENESIS_HASH,
    hash="",
)
EVENT_HASH = "e5c3973914864fa7bc40df7f831bc4bb9429bf79c69cb5b7afec55911fcf4645"


def test_the_hash_of_an_event_never_changes() -> None:
    # Chains that installations have written are verified with this for ever: never adjust the literal.
    assert hash_event(EVENT) == EVENT_HASH
    elsewhere = EVENT.time.astimezone(timezone(timedelta(hours=8)))
    same = EVENT.model_copy(update={"time": elsewhere, "hash": "f" * 64})
    assert hash_event(same) == EVENT_HASH


def test_the_hash_can_be_computed_without_this_program() -> None:
    content = (
        '{"actor":"u-1","closure_id":"c-1","details":{"plan":{"a":[true,null,1.5],"b":1},'
        '"reason":"账户 closed"},"event":"confirmed","previous_hash":"' + "0" * 64 + '",'
        '"sequence":2,"stage_from":"ready","stage_to":"entering","time":"2026-11-20T08:30:00.000123Z"}'
    )
    assert hashlib.sha256(content.encode("utf-8")).hexdigest() == EVENT_HASH


@pytest.mark.parametrize(
    "change",
    [
        {"closure_id": "c-2"},
        {"sequence": 3},
        {"event": EventType.WITHDRAWN},
        {"time": EVENT.time + timedelta(microseconds=1)},
        {"stage_from": None},
        {"stage_to": None},
        {"actor": None},
        {"details": {}},
        {"previous_hash": "1" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_field_is_part_of_the_hash(change: Mapping[str, object]) -> None:
    assert hash_event(EVENT.model_copy(update=dict(change))) != EVENT_HASH


def test_an_instant_has_one_spelling() -> None:
    assert canonical_time(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"


def chain(count: int, closure_id: str = "c-1") -> list[AuditEvent]:
    events: list[AuditEvent] = []
    for sequence in range(1, count + 1):
        previous = events[-1].hash if events else GENESIS_HASH
        events.append(
            seal(
                EVENT.model_copy(
                    update={"closure_id": closure_id, "sequence": sequence, "previous_hash": previous}
                )
            )
        )
    return events


WHOLE = chain(5)
FOREIGN = chain(5, "c-2")


@pytest.mark.parametrize(
    ("events", "sequence", "words"),
    [
        pytest.param([*WHOLE[:2], *WHOLE[3:]], 3, "missing or out of order", id="removed in the middle"),
        pytest.param(WHOLE[1:], 1, "missing or out of order", id="cut head"),
        pytest.param(WHOLE[:4], 5, "5 events recorded, 4 are there", id="cut tail"),
        pytest.param([], 1, "5 events recorded, 0 are there", id="nothing left"),
        pytest.param([*WHOLE, FOREIGN[4]], 6, "another closure", id="foreign event added"),
        pytest.param([*WHOLE[:2], FOREIGN[2], *WHOLE[3:]], 3, "another closure", id="foreign event"),
        pytest.param(
            [WHOLE[0], WHOLE[2], WHOLE[1], *WHOLE[3:]], 2, "missing or out of order", id="reordered"
        ),
        pytest.param(
            [*WHOLE[:4], WHOLE[4].model_copy(update={"actor": "u-9"})], 5, "match its hash", id="changed"
        ),
        pytest.param(
            [*WHOLE[:4], seal(WHOLE[4].model_copy(update={"actor": "u-9"}))],
            5,
            "not the one that the closure names",
            id="changed and sealed again",
        ),
        pytest.param(
            [*WHOLE[:2], seal(WHOLE[2].model_copy(update={"actor": "u-9"})), *WHOLE[3:]],
            4,
            "does not continue",
            id="sealed again in the middle",
        ),
    ],
)
def test_the_first_fault_of_a_chain_is_found(events: list[AuditEvent], sequence: int, words: str) -> None:
    fault = verify_chain(events, closure_id="c-1", event_count=5, head_hash=WHOLE[4].hash)
    assert fault is not None
    assert fault.sequence == sequence
    assert words in fault.reason


def test_a_whole_chain_has_no_fault() -> None:
    assert verify_chain(WHOLE, closure_id="c-1", event_count=5, head_hash=WHOLE[4].hash) is None


def unlock(connection: Connection, table: str = "record_events") -> None:
    """What an administrator of the database can do, too."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    for name in ("no_update", "no_delete", "no_replace"):
        connection.execute(text(f"DROP TRIGGER {table}_{name}"))


@dataclass(frozen=True)
class Tampering:
    """An administrator's hand in the tables of closure `c-1`, which is ready and has three events."""

    database: Database
    records: ClosureRecords

    async def change_event(self, sequence: int, /, **values: object) -> AuditTrail:
        return await self.do(update(record_events).where(*_of(sequence)).values(**values))

    async def remove_event(self, sequence: int) -> AuditTrail:
        return await self.do(delete(record_events).where(*_of(sequence)))

    async def change_closure(self, **values: object) -> AuditTrail:
        await execute(
            self.database,
            update(record_closures).where(record_closures.c.closure_id == "c-1").values(**values),
        )
        return await self.trail()

    async def do(self, *statements: Executable) -> AuditTrail:
        def work(connection: Connection) -> None:
            unlock(connection)
            for statement in statements:
                connection.execute(statement)

        await self.database.write(work)
        return await self.trail()

    async def trail(self) -> AuditTrail:
        trail = await self.records.trail("c-1")
        assert trail is not None
        return trail


def _of(sequence: int) -> tuple[ColumnElement[bool], ...]:
    return record_events.c.closure_id == "c-1", record_events.c.sequence == sequence


@pytest.fixture
async def tampering(database: Database, closures: Closures, records: ClosureRecords) -> Tampering:
    await closures.carry_to(Stage.READY)
    await closures.carry_to(Stage.READY, "c-2", "a-2")
    made = Tampering(database, records)
    trail = await made.trail()
    assert (trail.fault, trail.unreadable, len(trail.events)) == (None, 0, 3)
    return made


@pytest.mark.parametrize(
    "values",
    [
        {"event": "deleted"},
        {"time": "2026-11-20T08:31:00.123457Z"},
        {"stage_from": "blocked"},
        {"stage_from": None},
        {"stage_to": "blocked"},
        {"stage_to": None},
        {"actor": "u-9"},
        {"details": '{"a":1}'},
        {"previous_hash": "1" * 64},
        {"hash": "1" * 64},
    ],
    ids=str,
)
async def test_a_changed_column_of_an_event_is_found(
    tampering: Tampering, values: Mapping[str, object]
) -> None:
    trail = await tampering.change_event(2, **values)
    assert trail.fault is not None
    assert trail.fault.sequence == 2


@pytest.mark.parametrize(
    "values",
    [
        {"details": "not JSON"},
        {"details": "[]"},
        {"details": '{ "spaced": 1 }'},
        {"event": "invented"},
        {"stage_to": "invented"},
        {"time": "yesterday"},
        {"time": "2026-11-20 08:31:00.123456+00:00"},
        {"time": "2026-11-20T16:31:00.123456+08:00"},
    ],
    ids=str,
)
async def test_an_event_made_unreadable_is_found_and_the_others_are_shown(
    tampering: Tampering, values: Mapping[str, object]
) -> None:
    trail = await tampering.change_event(2, **values)
    assert trail.fault is not None
    assert (trail.fault.sequence, trail.unreadable) == (2, 1)
    assert "unreadable" in trail.fault.reason
    assert [event.sequence for event in trail.events] == [1, 3]
    with pytest.raises(ValueError, match=r".+"):
        await tampering.records.events("c-1")


@pytest.mark.parametrize("sequence", [1, 2, 3], ids=["head", "middle", "tail"])
async def test_a_removed_event_is_found(tampering: Tampering, sequence: int) -> None:
    trail = await tampering.remove_event(sequence)
    assert trail.fault is not None
    assert trail.fault.sequence == sequence


async def test_exchanged_events_are_found(tampering: Tampering) -> None:
    trail = await tampering.do(
        *(
            update(record_events).where(*_of(old)).values(sequence=new)
            for old, new in ((2, 9), (3, 2), (9, 3))
        )
    )
    assert trail.fault is not None
    assert trail.fault.sequence == 2


async def test_an_event_of_another_closure_is_found(tampering: Tampering) -> None:
    foreign = next(
        row
        for row in await rows(tampering.database, record_events)
        if (row["closure_id"], row["sequence"]) == ("c-2", 3)
    )
    await execute(
        tampering.database, insert(record_events).values({**foreign, "closure_id": "c-1", "sequence": 4})
    )
    trail = await tampering.trail()
    assert trail.fault is not None
    assert trail.fault.sequence == 4


def stored(stage: Stage = Stage.READY, account_id: str = "a-1") -> str:
    """The state of `c-1` as its row has it, or with changes."""
    return STATE.dump_json(new_state(account_id=account_id, stage=stage)).decode()


@pytest.mark.parametrize(
    "values",
    [
        {"stage": "silent"},
        {"stage": "deleted", "outcome": "deleted"},
        {"account_id": "a-9"},
        {"provider": "twilio"},
        {"policy": "twilio"},
        {"policy_version": "2"},
        {"opened_by": "u-9"},
        {"mode": "keep-data"},
        {"workflow_id": "closure/alibaba-cloud/a-9"},
        {"state": "not JSON"},
        {"state": stored(stage=Stage.SILENT)},
        {"state": stored(account_id="a-9")},
    ],
    ids=str,
)
async def test_a_changed_row_of_a_closure_is_found(
    tampering: Tampering, values: Mapping[str, object]
) -> None:
    trail = await tampering.change_closure(**values)
    assert trail.fault is not None
    assert trail.fault.sequence == 0


@pytest.mark.parametrize("values", [{"event_count": 2}, {"event_count": 4}, {"head_hash": "1" * 64}], ids=str)
async def test_a_changed_end_of_the_chain_is_found(
    tampering: Tampering, values: Mapping[str, object]
) -> None:
    assert (await tampering.change_closure(**values)).fault is not None


async def test_a_step_back_to_an_earlier_state_is_found(tampering: Tampering, closures: Closures) -> None:
    """The row alone set back to what it was one step before: its events know better."""
    before = await tampering.trail()
    await closures.go_on_to(Stage.ENTERING)
    trail = await tampering.change_closure(
        stage="ready", event_count=3, head_hash=before.events[-1].hash, state=stored()
    )
    assert trail.fault is not None


async def test_a_policy_exchanged_together_with_its_hash_is_found(tampering: Tampering) -> None:
    other = acme()
    await tampering.database.write(lambda connection: register_policies(connection, [other]))
    trail = await tampering.change_closure(policy_hash=other.content_hash)
    assert trail.fault is not None
    assert trail.fault.sequence == 0


async def test_a_policy_whose_content_was_changed_is_found(tampering: Tampering) -> None:
    await execute(tampering.database, update(record_policies).values(content='{"silent_period":0}'))
    trail = await tampering.trail()
    assert trail.fault is not None
    assert "policy" in trail.fault.reason
