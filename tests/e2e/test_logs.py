"""What a worker logs of a closure's life: events with fields, and nothing of persons or secrets."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

from local.temporal_server import RunningServer
from tests.harness.installed_program import InstalledProgram, Json, Worker, installed, sample_account
from tests.harness.waiting import eventually

ACCOUNT: Final = "logged-1"
OWNER: Final = "ida-main"
PASSWORD: Final = "correct horse battery staple"
REASON: Final = "Ida has had enough"
USERS: Final = (
    {"id": OWNER, "role": "main", "email": "ida@mail.example", "phone": "+15550177", "password": PASSWORD},
    {"id": "rolf-ram", "role": "ram", "email": "rolf@mail.example"},
)
PERSONAL: Final = (OWNER, "rolf-ram", "mail.example", "15550177", PASSWORD, REASON)
FACTS: Final = ("closure_id", "account", "provider", "run")
PATIENCE: Final = timedelta(seconds=60)


async def test_a_closures_life_is_logged_as_events_with_fields(
    temporal_server: RunningServer, tmp_path: Path
) -> None:
    there = installed(temporal_server, tmp_path, "account-closure-logs")
    worker = await asyncio.to_thread(Worker, there)
    try:
        closure_id, code = await asyncio.to_thread(_enter_in_vain, there)
        await eventually(lambda: _failures(worker), bool, "an activity that fails", within=PATIENCE)
        _rename(there, "platform_lost", "platform_sessions")
        await _reach(there, "silent", "5m")
        await _reach(there, "deleted", "8d")
    finally:
        assert await asyncio.to_thread(worker.stop) == 0
    text = "".join(worker.log)
    assert [each for each in (*PERSONAL, code) if each in text] == []

    lines: list[Json] = [json.loads(line) for line in worker.log]
    assert [line["event"] for line in lines if "{" in line["event"] or ACCOUNT in line["event"]] == []
    reached = [line for line in lines if line["event"] == "a closure reached a stage"]
    assert [line["stage"] for line in reached] == ["ready", "entering", "silent", "deleted"]
    failed = [line for line in lines if "exception" in line]
    assert failed
    for line in (*reached, *failed):
        assert [line.get(each) for each in FACTS[:3]] == [closure_id, ACCOUNT, "alibaba-cloud"], line
        assert line["run"], line
    for line in failed:
        assert line["attempt"] >= 1, line
        assert (line["activity"], line["stage"], bool(line["error"])) == ("enter", "entering", True), line
    assert {line["error"] for line in failed} >= {"OperationalError"}


def _enter_in_vain(there: InstalledProgram) -> tuple[str, str]:
    """Up to a confirmed closure whose sessions can't be ended: its id, and the code that was used."""
    there.load(sample_account(ACCOUNT, users=USERS))
    code = there.code_for(ACCOUNT, OWNER)
    closed = there.ask("close", ACCOUNT, "--as", OWNER, "--code", code, "--agree")
    _rename(there, "platform_sessions", "platform_lost")
    there.ask("confirm", ACCOUNT, "--as", OWNER, "--reason", REASON, "--yes")
    return str(closed["closure_id"]), code


def _rename(there: InstalledProgram, table: str, name: str) -> None:
    with closing(sqlite3.connect(there.database, timeout=30)) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {name}")


async def _failures(worker: Worker) -> list[str]:
    return [line for line in worker.log if "is tried again" in line]


async def _reach(there: InstalledProgram, stage: str, after: str) -> None:
    async def look() -> object:
        await asyncio.to_thread(there.start, "fast-forward", ACCOUNT, after)
        return (await asyncio.to_thread(there.ask, "status", ACCOUNT))["stage"]

    await eventually(look, lambda seen: seen == stage, stage, within=PATIENCE)
