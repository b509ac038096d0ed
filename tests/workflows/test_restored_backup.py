"""A restored backup brings no deleted account back to life."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from activities.certificates import Certificates
from client.erasures import ErasedAccount, ErasureResult, ErasuresAgain
from closure.accounts import Access
from closure.events import EventType
from closure.lifecycle import Outcome
from closure.policy import Policy
from connectors.embedded import embedded_platform, tables
from connectors.embedded.holds import hold, unhold
from database import Database
from records.anchor_check import public_keys, readable_lines, verified_lines
from records.anchors import AnchorFile
from records.installation import installation_of
from records.lookbacks import RecordIsOlder, require_not_older
from records.reading import ClosureRecords
from records.record import Record
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import TestInstallation, database_url
from tests.harness.twilio import retained, twilio_account

pytestmark = pytest.mark.sqlite

PROJECT = Path(__file__).resolve().parents[2]
STORES = [{"id": "mine", "store": "usage-history", "objects": 7}]
CONTENT = {"data": STORES, "bindings": [{"id": "b-1", "third_party": "github"}]}


def backup(installation: TestInstallation) -> Path:
    """The database as it is now, in a file of its own."""
    copy = installation.database_file.with_suffix(".backup.db")
    with sqlite3.connect(installation.database_file) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    return copy


class Restored:
    """The installation on the older database, with what lies outside of it as it is."""

    def __init__(self, database: Database, record: Record, installation: TestInstallation) -> None:
        self.database = database
        self.record = record
        self.records = ClosureRecords(record)
        self._installation = installation

    def account(self, account_id: str, provider: str = "alibaba-cloud") -> AccountDriver:
        old = self._installation
        return AccountDriver(
            TestInstallation(
                client=old.client,
                database=self.database,
                database_file=old.database_file,
                record=self.record,
                client_record=self.record,
                platform=embedded_platform(self.database),
                policies=old.policies,
                task_queue=old.task_queue,
            ),
            account_id,
            provider,
        )

    async def require_not_older(self) -> None:
        lines = readable_lines(self._installation.anchor_file)
        record_id = self.record.installation.installation_id
        await self.record.read(lambda each: require_not_older(each, lines, record_id))

    async def erase_again(self) -> tuple[ErasedAccount, ...]:
        old = self._installation
        keys = public_keys(old.signing_key_file.parent)
        erasures = ErasuresAgain(
            self.record,
            embedded_platform(self.database),
            old.policies,
            Certificates(self.record.installation.kind, old.signing_key_file),
        )
        return await erasures.erase(
            verified_lines(old.erasures_file, keys), anchor_lines=len(readable_lines(old.anchor_file))
        )


@asynccontextmanager
async def restored(installation: TestInstallation, copy: Path) -> AsyncIterator[Restored]:
    database = Database(database_url(copy))
    anchors = AnchorFile(installation.anchor_file, installation.signing_key_file)
    yield Restored(database, Record(database, await installation_of(database), anchors), installation)
    await database.dispose()


async def starts(installation: TestInstallation, copy: Path) -> tuple[int, str]:
    """The real worker on the older database; there is no server, so it never gets beyond connecting."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROJECT / "worker.py"),
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("CLOSURE_")},
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "TEMPORAL_ADDRESS": "127.0.0.1:1",
            "CLOSURE_DATABASE_URL": database_url(copy),
            "CLOSURE_POLICY_DIR": str(PROJECT / "policies"),
            "CLOSURE_SIGNING_KEY_FILE": str(installation.signing_key_file),
            "CLOSURE_ANCHOR_FILE": str(installation.anchor_file),
            "CLOSURE_ERASURES_FILE": str(installation.erasures_file),
        },
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.parametrize("moment", ["before the closure", "in the silence"])
async def test_a_deleted_account_that_a_backup_brings_back_is_erased_again_before_a_worker_starts(
    installation: TestInstallation, moment: str
) -> None:
    closing = await installation.account(**CONTENT)
    neighbour = await installation.account(**CONTENT)
    copy = backup(installation) if moment == "before the closure" else None
    await closing.silent()
    copy = copy or backup(installation)
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED

    code, said = await starts(installation, copy)
    assert code == 2
    assert "erase-again" in said
    assert len(said.strip().splitlines()) == 1
    async with restored(installation, copy) as older:
        again = older.account(closing.account_id)
        assert len(await again.rows(tables.data_stores)) == 1
        with pytest.raises(RecordIsOlder):
            await older.require_not_older()

        (erased,) = await older.erase_again()
        assert (erased.account_id, erased.result) == (closing.account_id, ErasureResult.ERASED_AGAIN)
        assert await again.access() is Access.CLOSED
        assert await again.rows(tables.data_stores) == []
        assert await again.rows(tables.bindings) == []
        record = await older.records.last(closing.account_id)
        assert record is not None
        assert record.state.outcome is Outcome.DELETED
        trail = await older.records.trail(record.closure_id)
        assert trail is not None
        assert trail.fault is None
        assert trail.events[-1].event is EventType.ERASED_AGAIN
        assert await older.records.certificate(record.closure_id) is not None
        await older.require_not_older()
        assert await older.erase_again() == ()
        assert len(await older.account(neighbour.account_id).rows(tables.data_stores)) == 1
    code, said = await starts(installation, copy)
    assert "erase-again" not in said


async def test_subaccounts_that_a_backup_brings_back_are_erased_again_once_no_hold_stands(
    installation: TestInstallation, policies: dict[str, Policy]
) -> None:
    owner = await twilio_account(installation, **CONTENT, subaccounts=[{"id": "owned", **CONTENT}])
    await retained(owner)
    copy = backup(installation)
    await owner.end_of_retention()
    assert (await owner.outcome()).outcome is Outcome.DELETED
    async with restored(installation, copy) as older:
        await hold(older.database, "owned", "court order")
        results = {each.account_id: each.result for each in await older.erase_again()}
        assert results == {
            "owned": ErasureResult.HELD,
            owner.account_id: ErasureResult.ERASED_AGAIN,
        }
        with pytest.raises(RecordIsOlder):
            await older.require_not_older()
        await unhold(older.database, "owned")
        assert [each.account_id for each in await older.erase_again()] == ["owned"]
        await older.require_not_older()
        for name in (owner.account_id, "owned"):
            assert await older.account(name, "twilio").access() is Access.CLOSED


async def test_a_record_that_is_as_new_as_its_anchors_starts_and_has_nothing_to_erase(
    installation: TestInstallation,
) -> None:
    closing = await installation.account(**CONTENT)
    await closing.silent()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    async with restored(installation, installation.database_file) as same:
        await same.require_not_older()
        assert await same.erase_again() == ()
