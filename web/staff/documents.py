"""What support downloads for a customer or an auditor: the certificate, and the account's records."""

import asyncio
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from client.certificate_pdf import certificate_pdf
from client.certificates import issued_certificate
from client.exporting import export_records
from closure.certificate import SignedCertificate
from web.api.access import account_of_closure, require_patience
from web.browser.sessions import Staff
from web.service import service_of
from web.staff.access import note_act
from web.staff.closure_page import ClosureId

_SAFE: Final = frozenset("-_.")

router = APIRouter()


@router.get("/staff/closures/{closure_id}/certificate.json")
async def read_certificate(request: Request, session: Staff, closure_id: ClosureId) -> Response:
    """As it was signed, to the byte."""
    service = service_of(request)
    await account_of_closure(service, session, closure_id)
    kept = await issued_certificate(service.closures.records, closure_id)
    return _file(kept.content.encode(), "application/json", f"{closure_id}.json")


@router.get("/staff/closures/{closure_id}/certificate.pdf")
async def read_certificate_as_pdf(request: Request, session: Staff, closure_id: ClosureId) -> Response:
    """For people; the signed file is attached to it."""
    service = service_of(request)
    await account_of_closure(service, session, closure_id)
    kept = await issued_certificate(service.closures.records, closure_id)
    signed = SignedCertificate.model_validate_json(kept.content)
    content = await asyncio.to_thread(certificate_pdf, signed, kept.content)
    return _file(content, "application/pdf", f"{closure_id}.pdf")


@router.get("/staff/closures/{closure_id}/export")
async def export(request: Request, session: Staff, closure_id: ClosureId) -> Response:
    """The account's bills, credit notes, payments and balances, for a customer who asks for them (A5)."""
    service = service_of(request)
    account_id = await account_of_closure(service, session, closure_id)
    require_patience(service, account_id)
    exported = await export_records(service.platform, account_id)
    note_act(session, "export", closure_id=closure_id)
    return _file(exported.content, "application/zip", exported.file_name)


def _file(content: bytes, media_type: str, name: str) -> Response:
    """To be saved, never shown within our origin."""
    safe = "".join(each if each.isascii() and (each.isalnum() or each in _SAFE) else "_" for each in name)
    headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
    return Response(content, HTTPStatus.OK, headers, media_type)
