"""Certificates as they were issued, to the byte: one for a closure, never changed."""

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.model import Instant, WireModel
from database.engine import reading, transaction
from records.tables import record_certificates


class KeptCertificate(WireModel):
    """`content` is the file as issued; `public_key` the PEM of the key that verifies it.

    `owner_closure_id` is set for a subaccount that went with the account that owns it.
    """

    closure_id: str
    owner_closure_id: str | None
    account_id: str
    certificate_id: str
    key_id: str
    public_key: str
    content: str
    issued_at: Instant


class CertificateRecords:
    """Needs the tables of `records.schema.MIGRATIONS`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(self, certificate: KeptCertificate) -> KeptCertificate:
        """Keeps the certificate unless the closure has one; returns the one that it has then."""
        try:
            async with transaction(self._engine) as connection:
                await connection.execute(insert(record_certificates).values(certificate.model_dump()))
        except IntegrityError:
            kept = await self.get(certificate.closure_id)
            if kept is None:  # it has no closure
                raise
            return kept
        return certificate

    async def get(self, closure_id: str) -> KeptCertificate | None:
        """The certificate of this closure."""
        query = select(record_certificates).where(record_certificates.c.closure_id == closure_id)
        async with reading(self._engine) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else KeptCertificate.model_validate(row)

    async def of_subaccounts(self, closure_id: str) -> tuple[KeptCertificate, ...]:
        """Certificates of the subaccounts that went with this closure, by account id."""
        query = (
            select(record_certificates)
            .where(record_certificates.c.owner_closure_id == closure_id)
            .order_by(record_certificates.c.account_id)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return tuple(KeptCertificate.model_validate(row) for row in rows)
