"""Issuing the certificate of a closure that has ended: read from the record, signed once, kept for good."""

import asyncio
from datetime import datetime
from pathlib import Path

from temporalio import activity

from activities.certificate_facts import NotCertifiable, certificate_of, owner_of
from activities.plans import pinned_policy
from activities.requests import CertificateIssued, CertificateRequest
from closure.certificate import Certificate, CertifiedSubaccount
from keys.signing import load_or_create_signer, public_pem
from records.certificates import CertificateRecords, KeptCertificate
from records.closures import ClosureRecords


class CertificateActivities:
    """Signs with the key of `signing_key_file`, made there on first use."""

    def __init__(
        self, records: ClosureRecords, certificates: CertificateRecords, signing_key_file: Path
    ) -> None:
        self._records = records
        self._certificates = certificates
        self._signing_key_file = signing_key_file

    @activity.defn
    async def issue_certificate(self, request: CertificateRequest) -> CertificateIssued:
        """Issues it, once: what was issued first is the certificate.

        Raises:
            NotCertifiable: the closure hasn't ended, or its audit is not whole or says too little.
            SigningKeyFault: the signing key can't be used.
        """
        kept = await self._certificates.get(request.closure_id)
        if kept is None:
            kept = await self._issue(request)
        return CertificateIssued(certificate_id=kept.certificate_id, key_id=kept.key_id)

    async def _issue(self, request: CertificateRequest) -> KeptCertificate:
        signer = await asyncio.to_thread(load_or_create_signer, self._signing_key_file)
        certificate = await self._certificate(request.closure_id, request.time, signer.key_id)
        return await self._certificates.keep(
            KeptCertificate(
                closure_id=certificate.closure_id,
                owner_closure_id=certificate.owner.closure_id if certificate.owner else None,
                account_id=certificate.account_id,
                certificate_id=certificate.certificate_id,
                key_id=signer.key_id,
                public_key=public_pem(signer.public_key),
                content=certificate.signed(signer.sign(certificate.canonical_bytes())),
                issued_at=certificate.issued_at,
            )
        )

    async def _certificate(self, closure_id: str, issued_at: datetime, key_id: str) -> Certificate:
        closure = await self._records.get(closure_id)
        trail = await self._records.trail(closure_id)
        if closure is None or trail is None:
            raise NotCertifiable(f"the record has no closure {closure_id}")
        if trail.fault is not None:
            raise NotCertifiable(f"the audit of closure {closure_id} is not whole: {trail.fault.reason}")
        owner = owner_of(trail.events)
        return certificate_of(
            closure,
            trail.events,
            await pinned_policy(self._records, closure_id),
            owner=owner,
            owner_events=await self._records.events(owner.closure_id) if owner is not None else (),
            subaccounts=[
                CertifiedSubaccount(
                    account_id=each.account_id,
                    closure_id=each.closure_id,
                    certificate_id=each.certificate_id,
                )
                for each in await self._certificates.of_subaccounts(closure_id)
            ],
            issued_at=issued_at,
            key_id=key_id,
        )
