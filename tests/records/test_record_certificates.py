"""Certificates stay as they were issued, on both databases, whoever asks and however often."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from database import Database
from records.certificates import KeptCertificate, certificates_of_subaccounts, keep_certificate
from records.reading import ClosureRecords
from records.record import Record
from tests.records.samples import OPENED_AT, Closures, execute, new_state


def issued(closure_id: str = "c-1", **changes: str) -> KeptCertificate:
    first = KeptCertificate(
        closure_id=closure_id,
        owner_closure_id=None,
        account_id="a-1",
        certificate_id="0" * 64,
        key_id="1" * 16,
        public_key="PEM",
        content='{"ground":"§ 147 AO \\u0000 数据"}\n',
        issued_at=OPENED_AT,
    )
    return first.model_copy(update=changes)


async def keep(record: Record, certificate: KeptCertificate) -> KeptCertificate:
    return await record.write(lambda connection: keep_certificate(connection, certificate))


async def test_it_is_read_as_it_was_kept(closures: Closures, record: Record, records: ClosureRecords) -> None:
    await closures.open()
    assert await records.certificate("c-1") is None
    assert await keep(record, issued()) == issued()
    assert await records.certificate("c-1") == issued()


async def test_of_two_that_are_issued_at_once_one_is_the_certificate(
    closures: Closures, record: Record, records: ClosureRecords
) -> None:
    await closures.open()
    answers = await asyncio.gather(*(keep(record, issued(content=f"{each}")) for each in range(5)))
    assert len({answer.content for answer in answers}) == 1
    assert await records.certificate("c-1") == answers[0]


async def test_a_subaccounts_is_found_by_its_owners_closure(closures: Closures, record: Record) -> None:
    for number, owner in ((3, "c-1"), (2, "c-1"), (4, "c-9")):
        await closures.open(new_state(f"c-{number}", f"a-{number}"))
        await keep(record, issued(f"c-{number}", owner_closure_id=owner, account_id=f"a-{number}"))
    found = await record.read(lambda connection: certificates_of_subaccounts(connection, "c-1"))
    assert [each.closure_id for each in found] == ["c-2", "c-3"]
    assert await record.read(lambda connection: certificates_of_subaccounts(connection, "c-2")) == ()


async def test_a_certificate_needs_its_closure(record: Record) -> None:
    with pytest.raises(IntegrityError):
        await keep(record, issued())


@pytest.mark.parametrize(
    "statement", ["UPDATE record_certificates SET content = 'x'", "DELETE FROM record_certificates"]
)
async def test_the_database_lets_nobody_change_it(
    closures: Closures, record: Record, records: ClosureRecords, database: Database, statement: str
) -> None:
    await closures.open()
    await keep(record, issued())
    with pytest.raises(DBAPIError, match="certificates are never changed"):
        await execute(database, text(statement))
    assert await records.certificate("c-1") == issued()
