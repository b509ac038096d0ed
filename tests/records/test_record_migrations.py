"""Closures that were there before a migration are listed like new ones after it."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from closure.installation import InstallationKind
from closure.messages import RefundState, RefundStatus
from closure.state import STATE
from database import Database, upgrade
from database.schema import MigrationSet
from records.installation import create_installation
from records.listing import ClosureFilter, ClosureLists
from records.record import Record
from records.schema import MIGRATIONS
from tests.records.samples import OPENED_AT, execute, new_state

DUE_BY = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
ENTERED = datetime(2026, 11, 21, 9, 0, 0, 500_000, tzinfo=UTC)


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.dispose()


def first_release(folder: Path) -> MigrationSet:
    """The record's tables as they began."""
    shutil.copy(MIGRATIONS.directory / "record_0001_first_tables.py", folder)
    return MigrationSet(name="record", directory=folder, version_table=MIGRATIONS.version_table)


async def insert_closure(database: Database, number: int, refund: RefundStatus | None) -> None:
    state = new_state(f"c-{number}", f"a-{number}", refund=refund)
    values = {
        "number": number,
        "state": STATE.dump_json(state, exclude_defaults=True).decode(),
        "opened_at": OPENED_AT if not database.is_sqlite else OPENED_AT.replace(tzinfo=None).isoformat(" "),
    }
    columns = {
        "opened_sequence": ":number",
        "closure_id": f"'c-{number}'",
        "account_id": f"'a-{number}'",
        "provider": "'alibaba-cloud'",
        "mode": "'delete'",
        "workflow_id": "'w'",
        "stage": "'opened'",
        "policy": "'p'",
        "policy_version": "'1'",
        "policy_hash": "'h'",
        "opened_at": ":opened_at",
        "updated_at": ":opened_at",
        "state": ":state",
        "event_count": "2",
        "head_hash": "'h'",
    }
    sql = f"INSERT INTO record_closures ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"
    await execute(database, text(sql).bindparams(**values))
    for sequence, time, stage in (
        (1, OPENED_AT, "'opened'"),
        (2, ENTERED, "'checking'"),
        (3, DUE_BY, "NULL"),
    ):
        sql = (
            "INSERT INTO record_events "
            "(closure_id, sequence, event, time, stage_to, details, previous_hash, hash) "
            f"VALUES ('c-{number}', {sequence}, 'opened', '{time.isoformat()}', {stage}, '{{}}', '', '')"
        )
        await execute(database, text(sql.replace(":", r"\:")))


async def test_closures_of_the_first_release_are_listed_by_refund_and_since_when(
    empty: Database, tmp_path: Path
) -> None:
    await upgrade(empty, first_release(tmp_path))
    policy = "INSERT INTO record_policies (policy_hash, name, version, content) VALUES ('h', 'p', '1', '{}')"
    await execute(empty, text(policy.replace(":", r"\:")))
    for number, status in enumerate((None, RefundState.PENDING, RefundState.SETTLED), start=1):
        refund = (
            status
            if status is None
            else RefundStatus(status=status, amount="5.00", currency="USD", due_by=DUE_BY)
        )
        await insert_closure(empty, number, refund)
    await upgrade(empty, MIGRATIONS)
    lists = ClosureLists(Record(empty, await create_installation(empty, InstallationKind.LOCAL)))
    page = await lists.page()
    assert [each.stage_since for each in page.closures] == [ENTERED] * 3
    late = await lists.page(ClosureFilter(late=True))
    assert [each.closure_id for each in late.closures] == ["c-2"]
