"""Issuing the certificate of a closure that has ended: read from the record, signed once, kept for good."""

import asyncio
from pathlib import Path

from sqlalchemy import Connection

from activities.certificate_facts import NotCertifiable, certificate_of, owner_of
from activities.held import HeldClosure, Writing
from closure.certificate import CERTIFIED, Certificate, CertifiedSubaccount, SignedCertificate
from closure.installation import InstallationKind
from closure.model import Instant
from closure.policy import Policy
from closure.state import ClosureView, MovedMoney
from closure.steps import Step
from keys.signing import Signer, load_or_create_signer, public_pem
from records.certificates import (
    KeptCertificate,
    certificate_of_closure,
    certificates_of_subaccounts,
    keep_certificate,
)
from records.lookups import closure_row, policy_content
from records.plans import read_items
from records.reading import read_events, read_trail
from records.rows import closure_of
from records.steps import OpenedStep


class Certificates:
    """Signs with the key of `signing_key_file`, made there on first use."""

    def __init__(self, installation: InstallationKind, signing_key_file: Path) -> None:
        self._installation = installation
        self._signing_key_file = signing_key_file

    async def issue(self, closure: HeldClosure) -> None:
        """Issues it, once: what was issued first is the certificate.

        Raises:
            NotCertifiable: the audit is not whole or says too little.
            SigningKeyFault: the signing key can't be used.
        """
        if closure.state.outcome in CERTIFIED:
            await closure.effect(Step.CERTIFY, lambda opened: self._issue(closure, opened), _keep)

    async def _issue(self, closure: HeldClosure, opened: OpenedStep) -> KeptCertificate:
        signer = await self.signer()
        return await closure.read(
            lambda each: self.certify(each, closure.closure_id, opened.opened_at, signer)
        )

    async def signer(self) -> Signer:
        """Raises `SigningKeyFault`."""
        return await asyncio.to_thread(load_or_create_signer, self._signing_key_file)

    def certify(
        self, connection: Connection, closure_id: str, issued_at: Instant, signer: Signer
    ) -> KeptCertificate:
        """The certificate of a closure that has ended, signed. Raises `NotCertifiable`."""
        certificate = self._certificate(connection, closure_id, issued_at, signer)
        return KeptCertificate(
            closure_id=certificate.closure_id,
            owner_closure_id=certificate.owner.closure_id if certificate.owner else None,
            account_id=certificate.account_id,
            certificate_id=certificate.certificate_id,
            key_id=signer.key_id,
            public_key=public_pem(signer.public_key),
            content=certificate.signed(signer.sign(certificate.canonical_bytes())),
            issued_at=certificate.issued_at,
        )

    def _certificate(
        self, connection: Connection, closure_id: str, issued_at: Instant, signer: Signer
    ) -> Certificate:
        row = closure_row(connection, closure_id)
        trail = read_trail(connection, closure_id)
        if row is None or trail is None:
            raise NotCertifiable(f"the record has no closure {closure_id}")
        if trail.fault is not None:
            raise NotCertifiable(f"the audit of closure {closure_id} is not whole: {trail.fault.reason}")
        owner = owner_of(trail.events)
        return certificate_of(
            closure_of(row, None),
            trail.events,
            Policy.from_json(policy_content(connection, row["policy_hash"])),
            installation=self._installation,
            items=read_items(connection, closure_id),
            owner=owner,
            owner_events=read_events(connection, owner.closure_id) if owner is not None else (),
            subaccounts=[
                CertifiedSubaccount(
                    account_id=each.account_id,
                    closure_id=each.closure_id,
                    certificate_id=each.certificate_id,
                )
                for each in certificates_of_subaccounts(connection, closure_id)
            ],
            issued_at=issued_at,
            key_id=signer.key_id,
        )


def certified(connection: Connection, view: ClosureView) -> ClosureView:
    """The view of a closure that has ended, with what its certificate says of money."""
    kept = certificate_of_closure(connection, view.closure_id) if view.outcome in CERTIFIED else None
    if kept is None:
        return view
    money = SignedCertificate.model_validate_json(kept.content).money
    moved = None if money is None else MovedMoney(**money.model_dump())
    return view.model_copy(update={"certificate_id": kept.certificate_id, "moved_money": moved})


def _keep(writing: Writing, certificate: KeptCertificate) -> None:
    keep_certificate(writing.connection, certificate)
