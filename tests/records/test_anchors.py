"""Anchors: what the owner of the database does to a whole chain shows against the file, and the reverse."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, update

from closure.lifecycle import Stage
from closure.state import STATE
from database import Database
from keys.signing import load_or_create_signer, rotate_signer
from records.anchor_check import AnchorState, AnchorVerdict, check_anchors, public_keys
from records.anchors import ANCHORED, AnchorFile, AnchorLine, AnchorNotWritten, Anchors, ChainHead
from records.chain import GENESIS_HASH, hash_event
from records.entries import AuditEvent
from records.reading import ClosureRecords
from records.record import Record
from records.rows import event_columns, event_of
from records.tables import record_closures, record_events, record_plans
from tests.records.samples import OPENED_AT, Closures
from tests.records.test_record_chain import unlock
from tests.records.wall_clock import WallClock

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Vault:
    """The anchor file of a record, and an administrator's hand in both."""

    record: Record
    file: Path
    signing_key_file: Path

    @property
    def records(self) -> ClosureRecords:
        return ClosureRecords(self.record)

    @property
    def closures(self) -> Closures:
        return Closures(self.record)

    def with_anchors(self, anchors: Anchors | None) -> Closures:
        """Another worker on the same record."""
        return Closures(Record(self.record.database, self.record.installation, anchors))

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

        def work(connection: Connection) -> None:
            unlock(connection)
            query = select(record_events).where(record_events.c.closure_id == "c-1")
            rows = connection.execute(query.order_by(record_events.c.sequence)).mappings().all()
            previous = GENESIS_HASH
            for row in rows:
                event = change(event_of(row)).model_copy(update={"previous_hash": previous})
                event = event.model_copy(update={"hash": hash_event(event)})
                previous = event.hash
                connection.execute(
                    update(record_events)
                    .where(record_events.c.closure_id == "c-1", record_events.c.sequence == row["sequence"])
                    .values(event_columns(event))
                )
            connection.execute(
                update(record_closures)
                .where(record_closures.c.closure_id == "c-1")
                .values(head_hash=previous)
            )

        await self.record.write(work)


@pytest.fixture
async def vault(record: Record, tmp_path: Path, clock: WallClock) -> Vault:
    """Closures `c-1` and `c-2`, both silent: two anchors each."""
    key = tmp_path / "keys" / "signing.pem"
    file = tmp_path / "evidence" / "anchors.jsonl"
    vault = Vault(Record(record.database, record.installation, AnchorFile(file, key, clock)), file, key)
    await vault.closures.carry_to(Stage.SILENT)
    await vault.closures.carry_to(Stage.SILENT, "c-2", "a-2")
    return vault


def faulty(verdict: AnchorVerdict, words: str) -> bool:
    return verdict.state is AnchorState.BROKEN and verdict.fault is not None and words in verdict.fault


async def test_the_moments_that_matter_are_anchored_and_verify(vault: Vault, clock: WallClock) -> None:
    lines = [AnchorLine.model_validate_json(line) for line in vault.lines()]
    assert [(line.closure_id, line.event_count) for line in lines] == [
        ("c-1", 4),
        ("c-1", 5),
        ("c-2", 4),
        ("c-2", 5),
    ]
    events = await vault.records.events("c-1")
    assert [line.head_hash for line in lines[:2]] == [event.hash for event in events[3:]]
    assert {line.time for line in lines} == {clock()}
    assert await vault.verdict() == AnchorVerdict(state=AnchorState.WHOLE, anchored=2)


async def test_the_end_is_anchored_too_and_verifies_after_the_erasure(vault: Vault) -> None:
    await vault.closures.go_on_to(Stage.DELETED)
    assert json.loads(vault.lines()[-1])["event_count"] == 8
    assert await vault.verdict() == AnchorVerdict(state=AnchorState.WHOLE, anchored=3)


async def test_every_outcome_is_anchored() -> None:
    assert {stage for stage in Stage if stage.outcome is not None} < ANCHORED
    assert {Stage.ENTERING, Stage.SILENT, Stage.RETAINED} < ANCHORED


async def test_a_write_again_anchors_nothing_twice(vault: Vault) -> None:
    before = vault.lines()
    await vault.record.anchor("c-1")
    other = vault.with_anchors(AnchorFile(vault.file, vault.signing_key_file))
    await other.record.anchor("c-1")
    assert vault.lines() == before


async def test_a_write_whose_anchor_failed_is_anchored_by_its_repetition(vault: Vault) -> None:
    """Between the commit and the anchor the worker may die, or the disk be full."""
    await vault.with_anchors(None).go_on_to(Stage.DELETED)
    assert faulty(await vault.verdict(), "event 8 (deleted) of closure c-1 has no line")
    await vault.record.anchor("c-1")
    assert (await vault.verdict()).state is AnchorState.WHOLE


async def test_an_anchor_that_cannot_be_written_is_said_and_can_follow_later(vault: Vault) -> None:
    blocked = vault.file.with_suffix(".dir")
    blocked.mkdir()
    closures = vault.with_anchors(AnchorFile(blocked, vault.signing_key_file))
    with pytest.raises(AnchorNotWritten, match="Is a directory"):
        await closures.record.anchor("c-1")
    await vault.closures.go_on_to(Stage.DELETING)
    with pytest.raises(AnchorNotWritten, match="Is a directory"):
        await closures.go_on_to(Stage.DELETED)
    with pytest.raises(AnchorNotWritten, match="Is a directory"):
        await AnchorFile(blocked, vault.signing_key_file).require_writable()
    blocked.rmdir()
    await closures.record.anchor("c-1")
    assert json.loads(blocked.read_text())["event_count"] == 8


async def test_a_signing_key_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    key = tmp_path / "signing.pem"
    key.write_text("no key")
    with pytest.raises(AnchorNotWritten, match="no unencrypted PEM private key"):
        await AnchorFile(tmp_path / "anchors.jsonl", key).require_writable()


async def test_a_changed_event_of_a_reforged_chain_is_found(vault: Vault) -> None:
    def change(event: AuditEvent) -> AuditEvent:
        return event.model_copy(update={"time": OPENED_AT}) if event.sequence == 2 else event

    await vault.reforge(change)
    assert await vault.chain_holds()
    assert faulty(await vault.verdict(), "event 4 of closure c-1, anchored 2026-11-20 08:30:00 UTC")
    assert (await vault.verdict("c-2", "a-2")).state is AnchorState.WHOLE


async def test_exchanged_events_of_a_reforged_chain_are_found(vault: Vault) -> None:
    events = {event.sequence: event for event in await vault.records.events("c-1")}
    exchanged = {2: events[3], 3: events[2]}

    def exchange(event: AuditEvent) -> AuditEvent:
        other = exchanged.get(event.sequence)
        if other is None:
            return event
        return event.model_copy(update={"event": other.event, "details": other.hashed.details})

    await vault.reforge(exchange)
    assert await vault.chain_holds()
    assert faulty(await vault.verdict(), "the chain was rewritten")


async def test_a_cut_chain_whose_row_was_set_back_is_found(vault: Vault) -> None:
    events = await vault.records.events("c-1")
    recorded = await vault.records.get("c-1")
    assert recorded is not None
    state = STATE.dump_json(replace(recorded.state, stage=Stage.ENTERING)).decode()

    def cut(connection: Connection) -> None:
        unlock(connection)
        connection.execute(
            delete(record_events).where(record_events.c.closure_id == "c-1", record_events.c.sequence > 4)
        )
        connection.execute(
            update(record_closures)
            .where(record_closures.c.closure_id == "c-1")
            .values(event_count=4, head_hash=events[3].hash, stage="entering", state=state)
        )

    await vault.record.write(cut)
    assert await vault.chain_holds()
    assert faulty(await vault.verdict(), "event 5 of closure c-1")
    assert faulty(await vault.verdict(), "its end was cut off")


async def test_a_closure_that_was_deleted_with_its_events_is_found(vault: Vault) -> None:
    def remove(connection: Connection) -> None:
        unlock(connection)
        for table in (record_events, record_plans, record_closures):
            connection.execute(delete(table).where(table.c.closure_id == "c-1"))

    await vault.record.write(remove)
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


async def test_several_heads_are_anchored_at_once_and_only_those_that_are_new(vault: Vault) -> None:
    before = vault.lines()
    known = ChainHead.model_validate(json.loads(before[-1]), extra="ignore")
    heads = [known.model_copy(update={"closure_id": f"other-{number}"}) for number in range(3)]
    anchors = AnchorFile(vault.file, vault.signing_key_file)
    await anchors.append(heads[0])
    await anchors.append(known, *heads)
    added = [AnchorLine.model_validate_json(line) for line in vault.lines()[len(before) :]]
    assert [line.closure_id for line in added] == ["other-0", "other-1", "other-2"]
    assert (await vault.verdict()).state is AnchorState.WHOLE


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
    earlier = load_or_create_signer(vault.signing_key_file).key_id
    rotated = rotate_signer(vault.signing_key_file)
    await vault.closures.go_on_to(Stage.DELETED)
    assert json.loads(vault.lines()[-1])["key_id"] == rotated.key_id, "a running worker takes it up"
    assert (await vault.verdict()).state is AnchorState.WHOLE
    (vault.signing_key_file.parent / f"signing.pem.{earlier}.pub").unlink()
    assert faulty(await vault.verdict(), "line 1 of the anchor file is signed with an unknown key")


@pytest.mark.parametrize("lost", ["the private key", "the folder of keys"])
async def test_a_signing_key_that_has_anchored_is_never_replaced_unasked(vault: Vault, lost: str) -> None:
    before = vault.lines()
    vault.signing_key_file.unlink()
    if lost == "the folder of keys":
        shutil.rmtree(vault.signing_key_file.parent)
    restarted = AnchorFile(vault.file, vault.signing_key_file)
    with pytest.raises(AnchorNotWritten, match="is missing: put it back from its backup"):
        await restarted.require_writable()
    with pytest.raises(AnchorNotWritten, match="is missing"):
        await vault.closures.go_on_to(Stage.DELETED)
    assert not vault.signing_key_file.exists()
    assert vault.lines() == before
    rotate_signer(vault.signing_key_file)
    await restarted.require_writable()


async def test_the_file_and_its_folder_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await AnchorFile(tmp_path / "evidence" / "anchors", tmp_path / "keys" / "s.pem").require_writable()
    finally:
        os.umask(before)
    assert (tmp_path / "evidence").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "evidence" / "anchors").stat().st_mode & 0o777 == 0o600


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
    await vault.closures.go_on_to(Stage.DELETED)
    assert vault.lines()[:4] == whole
    assert (await vault.verdict()).state is AnchorState.WHOLE


async def test_a_missing_file_that_must_have_lines_is_a_fault(vault: Vault) -> None:
    vault.file.unlink()
    assert faulty(
        await vault.verdict(),
        f"the anchor file {vault.file} is missing, and event 4 (confirmed) of closure c-1 must be in it",
    )
    vault.file.touch()
    assert faulty(await vault.verdict(), "event 4 (confirmed) of closure c-1 has no line in the anchor file")


async def test_lines_of_another_record_are_not_this_ones(vault: Vault) -> None:
    another = vault.record.installation.model_copy(update={"installation_id": "another"})
    elsewhere = Vault(Record(vault.record.database, another), vault.file, vault.signing_key_file)
    assert faulty(
        await elsewhere.verdict(), "event 4 (confirmed) of closure c-1 has no line in the anchor file"
    )


async def test_before_anything_must_be_anchored_a_missing_file_is_none(
    database: Database, record: Record, tmp_path: Path, clock: WallClock
) -> None:
    file, key = tmp_path / "anchors.jsonl", tmp_path / "signing.pem"
    vault = Vault(Record(database, record.installation, AnchorFile(file, key, clock)), file, key)
    await vault.closures.carry_to(Stage.READY)
    assert await vault.verdict() == AnchorVerdict(state=AnchorState.NONE)


async def test_a_new_file_in_the_place_of_the_old_one_is_not_continued_by_heart(vault: Vault) -> None:
    vault.file.rename(vault.file.with_suffix(".old"))
    await vault.closures.go_on_to(Stage.DELETED)
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
