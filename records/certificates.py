"""Certificates as they were issued, to the byte: one for a closure, never changed."""

from sqlalchemy import Connection, insert, select

from closure.model import Instant, WireModel
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


def keep_certificate(connection: Connection, certificate: KeptCertificate) -> KeptCertificate:
    """Keeps the certificate unless the closure has one; returns the one that it has then."""
    there = certificate_of_closure(connection, certificate.closure_id)
    if there is not None:
        return there
    connection.execute(insert(record_certificates).values(certificate.model_dump()))
    return certificate


def certificate_of_closure(connection: Connection, closure_id: str) -> KeptCertificate | None:
    """The certificate of this closure."""
    query = select(record_certificates).where(record_certificates.c.closure_id == closure_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else KeptCertificate.model_validate(dict(row))


def certificates_of_subaccounts(connection: Connection, closure_id: str) -> tuple[KeptCertificate, ...]:
    """Certificates of the subaccounts that went with this closure, by account id."""
    query = select(record_certificates).where(record_certificates.c.owner_closure_id == closure_id)
    found = [KeptCertificate.model_validate(dict(row)) for row in connection.execute(query).mappings()]
    return tuple(sorted(found, key=lambda each: each.account_id))
