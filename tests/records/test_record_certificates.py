"""Certificates stay as they were issued, on both databases, whoever asks and however often."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import transaction
from records.certificates import CertificateRecords, KeptCertificate
from records.closures import ClosureRecords
from tests.records.samples import OPENED_AT, new_closure


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


async def test_it_is_read_as_it_was_kept(engine: AsyncEngine, records: ClosureRecords) -> None:
    await records.open(new_closure())
    certificates = CertificateRecords(engine)
    assert await certificates.get("c-1") is None
    assert await certificates.keep(issued()) == issued()
    assert await certificates.get("c-1") == issued()


async def test_of_two_that_are_issued_at_once_one_is_the_certificate(
    engine: AsyncEngine, records: ClosureRecords
) -> None:
    await records.open(new_closure())
    certificates = CertificateRecords(engine)
    answers = await asyncio.gather(*(certificates.keep(issued(content=f"{each}")) for each in range(5)))
    assert len({answer.content for answer in answers}) == 1
    assert await certificates.get("c-1") == answers[0]


async def test_a_subaccounts_is_found_by_its_owners_closure(
    engine: AsyncEngine, records: ClosureRecords
) -> None:
    certificates = CertificateRecords(engine)
    for number, owner in ((3, "c-1"), (2, "c-1"), (4, "c-9")):
        await records.open(new_closure(f"c-{number}", f"a-{number}"))
        await certificates.keep(issued(f"c-{number}", owner_closure_id=owner, account_id=f"a-{number}"))
    assert [each.closure_id for each in await certificates.of_subaccounts("c-1")] == ["c-2", "c-3"]
    assert await certificates.of_subaccounts("c-2") == ()


async def test_a_certificate_needs_its_closure(engine: AsyncEngine) -> None:
    with pytest.raises(IntegrityError):
        await CertificateRecords(engine).keep(issued())


@pytest.mark.parametrize(
    "statement", ["UPDATE record_certificates SET content = 'x'", "DELETE FROM record_certificates"]
)
async def test_the_database_lets_nobody_change_it(
    engine: AsyncEngine, records: ClosureRecords, statement: str
) -> None:
    await records.open(new_closure())
    await CertificateRecords(engine).keep(issued())
    with pytest.raises(DBAPIError, match="certificates are never changed"):
        async with transaction(engine) as connection:
            await connection.execute(text(statement))
    assert await CertificateRecords(engine).get("c-1") == issued()
