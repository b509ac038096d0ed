"""Everything that an installation has written down, to see that nothing of it was moved by a stranger."""

import json
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, select

from closure.acts import ActStatus
from closure.events import EventType
from closure.lifecycle import Stage
from connectors.embedded import tables as platform
from records import tables as record
from tests.harness.installation import TestInstallation
from tests.harness.waiting import eventually

Rows = Mapping[str, tuple[str, ...]]

RUNS: Final = frozenset({EventType.RESUMED, EventType.CANCEL_IGNORED})
"""Whoever ends a run, or asks for its end, is seen in the audit; it changes nothing of the closure."""
LOOKS: Final = frozenset({EventType.CHECK_STARTED, EventType.SURVEYED})
"""`recheck` is open to everybody: it looks again, and can't do more."""

DRAFTS: Final = frozenset({Stage.CHECKING, Stage.BLOCKED, Stage.READY})

_OF_RUNS: Final = frozenset(
    {"run_id", "interrupted_at", "updated_at", "event_count", "head_hash", "anchor_due"}
)
_OF_THE_CHAIN: Final = frozenset({"sequence", "hash", "previous_hash"})


async def written_down(installation: TestInstallation) -> Rows:
    """All rows of the platform and of the record, but for what any run of a closure may write."""

    def work(connection: Connection) -> Rows:
        return {
            name: tuple(
                sorted(_said(name, dict(row)) for row in connection.execute(select(table)).mappings())
            )
            for metadata in (record.metadata, platform.metadata)
            for name, table in metadata.tables.items()
        }

    rows = await installation.database.read(work)
    return {name: tuple(filter(None, each)) for name, each in rows.items()}


async def written_down_at_rest(installation: TestInstallation) -> Rows:
    """As `written_down`, once no look is under way: anybody may ask for one, and it goes by `checking`."""

    async def is_looking() -> bool:
        query = select(record.record_closures.c.closure_id).where(
            record.record_closures.c.stage == Stage.CHECKING.value
        )
        return await installation.database.read(lambda each: each.execute(query).first() is not None)

    await eventually(is_looking, lambda looking: not looking, "the end of a look")
    return await written_down(installation)


def changes(before: Rows, after: Rows) -> list[str]:
    """What is in one only, in words; empty when nothing was moved."""
    return [
        f"{sign} {name}: {row}"
        for name in before
        for sign, here, there in (("gone", before, after), ("new", after, before))
        for row in sorted(set(here[name]) - set(there[name]))
    ]


def _said(table: str, row: dict[str, object]) -> str:
    if table == record.record_events.name:
        if row["event"] in RUNS | LOOKS:
            return ""
        row = {name: value for name, value in row.items() if name not in _OF_THE_CHAIN}
    if table == record.record_closures.name:
        row = {name: value for name, value in row.items() if name not in _OF_RUNS}
        state = json.loads(str(row["state"]))
        for name in ("survey_number", "refund_look_at", "refund_looked_by"):  # last looked, and next
            state.pop(name, None)
        if Stage(str(row["stage"])) in DRAFTS:
            row.pop("stage_since")  # a look goes by `checking`
        row["state"] = state
    if table == record.record_acts.name:
        row.pop("run_id")
        if row["status"] in (ActStatus.WAITING.value, ActStatus.TAKEN.value, ActStatus.LAPSED.value):
            row["status"] = row["ended_at"] = None
    if table == record.record_steps.name:
        row.pop("run_id")
    return str(sorted(row.items(), key=lambda item: item[0]))
