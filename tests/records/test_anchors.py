"""Anchors: what the owner of the database does to a whole chain shows against the file, and the reverse."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.lifecycle import Stage
from database import transaction
from keys.signing import load_or_create_signer
from records.anchor_check import AnchorState, AnchorVerdict, check_anchors, public_keys
from records.anchors import ANCHORED, AnchorFile, AnchorLine, AnchorNotWritten, ChainHead
from records.chain import GENESIS_HASH, hash_event
from records.closures import ClosureRecords
from records.entries import AuditEvent
from records.rows import event_columns, event_of
from records.tables import record_closures, record_events, record_names, record_plans
from tests.records.samples import OPENED_AT, WallClock, carry_to, entry
from tests.records.test_record_chain import unlock_events

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Vault:
    """The anchor file of a record, and an administrator's hand in both."""

    engine: AsyncEngine
    records: ClosureRecords
    file: Path
    signing_key_file: Path

    async def verdict(self, closure_id: str = "c-1", account_id: str = "a-1") -> AnchorVerdict:
        return check_anchors(
            self.file,
            public_keys(self.signing_key_file.parent),
            record_id=await self.records.record_id(),
            account_id=account_id,
            closure_ids=await self.records.closure_ids(account_id),
            trail=await self.records.trail(closure_id),
        )

    async def chain_holds(self) -> bool:
        trail = await self.records.trail("c-1")
        return trail is not None and trail.fault is None

    def lines(self) -> list[str]:
        return self.file.read_text(encoding="utf-8").splitlines()

    def rewrite(self, lines: Iterable[str]) -> None:
        self.file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    async def reforge(self, change: Callable[[AuditEvent], AuditEvent]) -> None:
        """Rewrites the whole chain so that it verifies again."""
        async with transaction(self.engine) as connection:
            await unlock_events(connection)
            query = select(record_events).where(record_events.c.closure_id == "c-1")
            rows = (await connection.execute(query.order_by(record_events.c.sequence))).mappings().all()
            previous = GENESIS_HASH
            for row in rows:
                event = change(event_of(row)).model_copy(update={"previous_hash": previous})
                event = event.model_copy(update={"hash": hash_event(event)})
                previous = event.hash
                await connection.execute(
                    update(record_events)
                    .where(record_events.c.closure_id == "c-1", record_events.c.sequence == row["sequence"])
                    .values(event_columns(event))
                )
            await connection.execute(
                update(record_closures)
                .where(record_closures.c.closure_id == "c-1")
                .values(head_hash=previous)
            )


@pytest.fixture
async def vault(engine: AsyncEngine, tmp_path: Path, clock: WallClock) -> Vault:
    """Closures `c-1` and `c-2`, both silent: two anchors each."""
    key = tmp_path / "keys" / "signing.pem"
    file = tmp_path / "evidence" / "anchors.jsonl"
    records = ClosureRecords(engine, AnchorFile(file, key, clock))
    await carry_to(records, Stage.SILENT)
    await carry_to(records, Stage.SILENT, "c-2", "a-2")
    return Vault(engine, records, file, key)


def faulty(verdict: AnchorVerdict, words: str) -> bool:
    return verdict.state is AnchorState.BROKEN and verdict.fault is not None and words in verdict.fault


async def test_the_moments_that_matter_are_anchored_and_verify(vault: Vault) -> None:
    lines = [AnchorLine.model_validate_json(line) for line in vault.lines()]
    assert [(line.closure_id, line.event_count) for line in lines] == [
        ("c-1", 4),
        ("c-1", 5),
        ("c-2", 4),
        ("c-2", 5),
    ]
    events = await vault.records.events("c-1")
    assert [line.head_hash for line in lines[:2]] == [event.hash for event in events[3:]]
    assert {line.time for line in lines} == {OPENED_AT}
    assert await vault.verdict() == AnchorVerdict(state=AnchorState.WHOLE, anchored=2)


async def test_the_end_is_anchored_too_and_verifies_after_the_erasure(vault: Vault) -> None:
    for stage in (Stage.FINAL_CHECK, Stage.DELETING, Stage.DELETED):
        await vault.records.write(entry(stage))
    assert json.loads(vault.lines()[-1])["event_count"] == 8
    assert await vault.verdict() == AnchorVerdict(state=AnchorState.WHOLE, anchored=3)


async def test_every_outcome_is_anchored() -> None:
    assert {stage for stage in Stage if stage.outcome is not None} < ANCHORED
    assert {Stage.ENTERING, Stage.SILENT, Stage.RETAINED} < ANCHORED


async def test_a_write_again_anchors_nothing_twice(vault: Vault) -> None:
    before = vault.lines()
    await vault.records.write(entry(Stage.SILENT))
    other = ClosureRecords(vault.engine, AnchorFile(vault.file, vault.signing_key_file))
    await other.write(entry(Stage.SILENT))
    assert vault.lines() == before


async def test_a_write_whose_anchor_failed_is_anchored_by_its_repetition(vault: Vault) -> None:
    """Between the commit and the anchor the worker may die, or the disk be full."""
    unanchored = ClosureRecords(vault.engine)
    for stage in (Stage.FINAL_CHECK, Stage.DELETING, Stage.DELETED):
        await unanchored.write(entry(stage))
    assert faulty(await vault.verdict(), "event 8 (deleted) of closure c-1 has no line")
    await vault.records.write(entry(Stage.DELETED))
    assert (await vault.verdict()).state is AnchorState.WHOLE


async def test_an_anchor_that_cannot_be_written_is_said_and_can_follow_later(vault: Vault) -> None:
    blocked = vault.file.with_suffix(".dir")
    blocked.mkdir()
    records = ClosureRecords(vault.engine, AnchorFile(blocked, vault.signing_key_file))
    for stage in (Stage.FINAL_CHECK, Stage.DELETING):
        await records.write(entry(stage))
    with pytest.raises(AnchorNotWritten, match="Is a directory"):
        await records.write(entry(Stage.DELETED))
    with pytest.raises(AnchorNotWritten, match="Is a directory"):
        await AnchorFile(blocked, vault.signing_key_file).require_writable()
    blocked.rmdir()
    await records.write(entry(Stage.DELETED))
    assert json.loads(blocked.read_text())["event_count"] == 8


async def test_a_signing_key_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    key = tmp_path / "signing.pem"
    key.write_text("no key")
    with pytest.raises(AnchorNotWritten, match="no unencrypted PEM private key"):
        await AnchorFile(tmp_path / "anchors.jsonl", key).require_writable()


async def test_a_changed_event_of_a_reforged_chain_is_found(vault: Vault) -> None:
    def change(event: AuditEvent) -> AuditEvent:
        return event.model_copy(update={"key": "other"}) if event.sequence == 2 else event

    await vault.reforge(change)
    assert await vault.chain_holds()
    assert faulty(await vault.verdict(), "event 4 of closure c-1, anchored 2026-11-20 08:30:00 UTC")
    assert (await vault.verdict("c-2", "a-2")).state is AnchorState.WHOLE


async def test_exchanged_events_of_a_reforged_chain_are_found(vault: Vault) -> None:
    keys = {2: "to/ready", 3: "to/checking"}

    def exchange(event: AuditEvent) -> AuditEvent:
        key = keys.get(event.sequence)
        return event if key is None else event.model_copy(update={"key": f"{key}/exchanged"})

    await vault.reforge(exchange)
    assert await vault.chain_holds()
    assert faulty(await vault.verdict(), "the chain was rewritten")


async def test_a_cut_chain_whose_row_was_set_back_is_found(vault: Vault) -> None:
    events = await vault.records.events("c-1")
    async with transaction(vault.engine) as connection:
        await unlock_events(connection)
        await connection.execute(
            delete(record_events).where(record_events.c.closure_id == "c-1", record_events.c.sequence > 4)
        )
        recorded = await vault.records.get("c-1")
        assert recorded is not None
        document = recorded.document.model_copy(update={"stage": Stage.ENTERING}).model_dump_json()
        await connection.execute(
            update(record_closures)
            .where(record_closures.c.closure_id == "c-1")
            .values(event_count=4, head_hash=events[3].hash, stage="entering", document=document)
        )
    assert await vault.chain_holds()
    assert faulty(await vault.verdict(), "event 5 of closure c-1")
    assert faulty(await vault.verdict(), "its end was cut off")


async def test_a_closure_that_was_deleted_with_its_events_is_found(vault: Vault) -> None:
    async with transaction(vault.engine) as connection:
        await unlock_events(connection)
        for table in (record_events, record_plans, record_closures):
            await connection.execute(delete(table).where(table.c.closure_id == "c-1"))
    verdict = await vault.verdict()
    assert faulty(
        verdict, "closure c-1, anchored 2026-11-20 08:30:00 UTC with 5 events, is not in the record"
    )
    # An account that closed nothing else is not accused.
    assert (await vault.verdict("c-2", "a-2")).state is AnchorState.WHOLE


@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_a_line_that_was_taken_out_is_found(vault: Vault, number: int) -> None:
    lines = vault.lines()
    del lines[number - 1]
    vault.rewrite(lines)
    closure = ("c-1", "a-1") if number < 4 else ("c-2", "a-2")
    words = f"line {number} of the anchor file does not follow" if number < 4 else "has no line"
    assert faulty(await vault.verdict(*closure), words)


async def test_a_cut_file_is_found_by_what_the_record_says_was_anchored(vault: Vault) -> None:
    vault.rewrite(vault.lines()[:1])
    assert faulty(await vault.verdict(), "event 5 (silence_began) of closure c-1 has no line")
    assert faulty(await vault.verdict("c-2", "a-2"), "event 4 (confirmed) of closure c-2 has no line")


@pytest.mark.parametrize("number", [1, 4], ids=["first", "last"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event_count", 3),
        ("head_hash", "1" * 64),
        ("closure_id", "c-9"),
        ("account_id", "a-9"),
        ("record_id", "other"),
        ("time", "2026-11-20T08:30:00.123457Z"),
        ("previous", "1" * 64),
    ],
)
async def test_a_changed_line_is_found(vault: Vault, number: int, name: str, value: object) -> None:
    lines = vault.lines()
    content = {**json.loads(lines[number - 1]), name: value}
    lines[number - 1] = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    vault.rewrite(lines)
    assert faulty(await vault.verdict(), f"line {number} of the anchor file does not match its signature")


async def test_lines_signed_anew_with_another_key_are_found(vault: Vault, tmp_path: Path) -> None:
    """A forger with the file and the database, but without the key."""
    forger = tmp_path / "forger" / "signing.pem"
    (head,) = [
        ChainHead.model_validate(json.loads(line), extra="ignore")
        for line in vault.lines()
        if '"c-1","event_count":5' in line
    ]
    vault.file.unlink()
    await AnchorFile(vault.file, forger).append(head)
    assert faulty(await vault.verdict(), "line 1 of the anchor file is signed with an unknown key")


async def test_lines_of_an_earlier_key_verify_as_long_as_its_public_key_is_there(vault: Vault) -> None:
    for file in vault.signing_key_file.parent.iterdir():
        file.rename(file.with_name(file.name.replace("signing", "earlier")))
    later = ClosureRecords(vault.engine, AnchorFile(vault.file, vault.signing_key_file))
    for stage in (Stage.FINAL_CHECK, Stage.DELETING, Stage.DELETED):
        await later.write(entry(stage))
    assert (await vault.verdict()).state is AnchorState.WHOLE
    (vault.signing_key_file.parent / "earlier.pem.pub").unlink()
    assert faulty(await vault.verdict(), "line 1 of the anchor file is signed with an unknown key")


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "[1]", "\ud7ff", '{"record_id": 1}'])
async def test_a_line_that_is_none_is_found(vault: Vault, text: str) -> None:
    vault.rewrite([*vault.lines(), text])
    assert faulty(await vault.verdict(), "line 5 of the anchor file is no anchor")


async def test_a_line_spelled_otherwise_is_found(vault: Vault) -> None:
    lines = vault.lines()
    lines[3] = json.dumps(json.loads(lines[3]))
    vault.rewrite(lines)
    assert faulty(await vault.verdict(), "line 4 of the anchor file is spelled otherwise")


async def test_a_line_that_a_crash_left_unfinished_is_cut_off_by_the_next_and_found_until_then(
    vault: Vault,
) -> None:
    whole = vault.lines()
    with vault.file.open("a") as file:
        file.write(whole[0][:40])
    assert faulty(await vault.verdict(), "line 5 of the anchor file is cut off")
    for stage in (Stage.FINAL_CHECK, Stage.DELETING, Stage.DELETED):
        await vault.records.write(entry(stage))
    assert vault.lines()[:4] == whole
    assert (await vault.verdict()).state is AnchorState.WHOLE


async def test_without_a_file_or_with_another_records_there_is_nothing_to_compare_with(vault: Vault) -> None:
    async with transaction(vault.engine) as connection:
        await connection.execute(update(record_names).values(record_id="another"))
    assert (await vault.verdict()).state is AnchorState.NONE
    vault.file.unlink()
    assert (await vault.verdict()).state is AnchorState.NONE


async def test_a_new_file_in_the_place_of_the_old_one_is_not_continued_by_heart(vault: Vault) -> None:
    vault.file.rename(vault.file.with_suffix(".old"))
    for stage in (Stage.FINAL_CHECK, Stage.DELETING, Stage.DELETED):
        await vault.records.write(entry(stage))
    (line,) = vault.lines()
    assert json.loads(line)["previous"] == GENESIS_HASH


async def test_a_long_file_is_continued_where_it_ends(vault: Vault, clock: WallClock) -> None:
    head = ChainHead(
        record_id=await vault.records.record_id(),
        account_id="a-9",
        closure_id="c-9",
        event_count=1,
        head_hash="9" * 64,
    )
    writer = AnchorFile(vault.file, vault.signing_key_file, clock)
    for number in range(3_000):  # more than is looked through at a start
        await writer.append(head.model_copy(update={"closure_id": f"other-{number}"}))
    await AnchorFile(vault.file, vault.signing_key_file, clock).append(
        head.model_copy(update={"closure_id": "last"})
    )
    content = vault.file.read_bytes()
    assert len(content) > 1 << 20
    assert len(content.splitlines()) == 3_005
    assert (await vault.verdict()).state is AnchorState.WHOLE


WRITER = """
import asyncio, json, sys
from pathlib import Path
from records.anchors import AnchorFile, ChainHead
async def write():
    file = AnchorFile(Path(sys.argv[1]), Path(sys.argv[2]))
    for number in range(40):
        await asyncio.gather(*(file.append(ChainHead(record_id="r", account_id="a", closure_id=sys.argv[3],
            event_count=number, head_hash="0" * 64)) for _ in range(3)))
asyncio.run(write())
"""


async def test_several_workers_write_one_unbroken_file(tmp_path: Path) -> None:
    file, key = tmp_path / "anchors.jsonl", tmp_path / "signing.pem"
    writers = [
        await asyncio.to_thread(
            subprocess.Popen,
            [sys.executable, "-c", WRITER, str(file), str(key), f"c-{number}"],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )
        for number in range(4)
    ]
    for writer in writers:
        assert await asyncio.to_thread(writer.wait) == 0
    lines = file.read_text().splitlines()
    written = [(line["closure_id"], line["event_count"]) for line in map(json.loads, lines)]
    assert sorted(written) == sorted((f"c-{number}", count) for number in range(4) for count in range(40))
    verdict = check_anchors(
        file,
        public_keys(tmp_path),
        record_id="r",
        account_id="a",
        closure_ids=[f"c-{number}" for number in range(4)],
        trail=None,
    )
    assert verdict.state is AnchorState.WHOLE


async def test_a_lock_that_nobody_lets_go_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl
    from datetime import timedelta

    from records import anchors

    monkeypatch.setattr(anchors, "LOCK_DEADLINE", timedelta(milliseconds=50))
    file, key = tmp_path / "anchors.jsonl", tmp_path / "signing.pem"
    load_or_create_signer(key)
    with file.open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(AnchorNotWritten, match="locked by another process"):
            await AnchorFile(file, key).require_writable()
