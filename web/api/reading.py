"""Calls that read: the dry run, statuses, lists, audit, certificate, export."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from client.certificate_pdf import certificate_pdf
from client.certificates import issued_certificate
from client.exporting import export_records
from client.planning import PlanDocument, plan_document
from closure.certificate import SignedCertificate
from closure.errors import RefusalType, Refused
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import IDENTIFIER, ItemCategory, StatusDocument
from records.listing import ClosureFilter, ClosureLists
from web.api.accepting import preferred
from web.api.access import Reader, account_of_closure, closure_not_found, require_account
from web.api.description import READING, AccountId, ClosureId, Service, problems
from web.api.documents import Audit, ClosureList, ItemList
from web.api.listing import LARGEST_PAGE, PAGE, list_of_closures, list_of_items
from web.api.once import ApiRoute
from web.service import WebService

router = APIRouter(route_class=ApiRoute, tags=["read"])

_JSON: Final = "application/json"
_PDF: Final = "application/pdf"
_ZIP: Final = "application/zip"
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_LONGEST_CURSOR: Final = 500

Name = Annotated[str | None, Query(pattern=IDENTIFIER)]
Cursor = Annotated[str | None, Query(max_length=_LONGEST_CURSOR)]


@router.get("/accounts/{account_id:path}/plan", responses={**READING, **problems(409)})
async def read_plan(
    service: Service, caller: Reader, account_id: AccountId, policy: Name = None, mode: Mode = Mode.DELETE
) -> PlanDocument:
    """The dry run: what a closure would find, release, forfeit, refund and delete now. Changes nothing."""
    await require_account(service, caller, account_id)
    return plan_document(await service.closures.planning.dry_run(account_id, policy=policy, mode=mode))


@router.get("/accounts/{account_id:path}/closure", responses=READING)
async def read_account_closure(service: Service, caller: Reader, account_id: AccountId) -> StatusDocument:
    """How the account's closure stands that was asked for last."""
    document = await service.closures.status(account_id)
    if not caller.may_see(document.provider):
        raise Refused(
            RefusalType.CLOSURE_NOT_FOUND,
            f"account {account_id} has no closure",
            facts={"account_id": account_id},
        )
    return shown(service, document)


@router.get(
    "/accounts/{account_id:path}/export",
    responses={**READING, 200: {"description": "A ZIP file.", "content": {_ZIP: _BINARY}}},
    response_class=Response,
)
async def export_account(service: Service, caller: Reader, account_id: AccountId) -> Response:
    """The account's bills, credit notes, payments and balances, to be kept before they are gone (A5)."""
    await require_account(service, caller, account_id)
    exported = await export_records(service.platform, account_id)
    name = exported.file_name.encode("ascii", "replace").decode().replace("?", "_")
    return Response(
        exported.content, media_type=_ZIP, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.get("/closures", responses=READING)
async def list_closures(
    service: Service,
    caller: Reader,
    stage: Stage | None = None,
    provider: Name = None,
    outcome: Outcome | None = None,
    account: Name = None,
    waiting: Annotated[bool, Query(description="For something beside time and their customer.")] = False,
    late: Annotated[bool, Query(description="Their refund should have arrived.")] = False,
    interrupted: Annotated[bool, Query(description="No workflow carries them on.")] = False,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
) -> ClosureList:
    """Closures, those opened last first."""
    if provider is not None and not caller.may_see(provider):
        return ClosureList(closures=(), next_cursor=None)
    wanted = ClosureFilter(
        stage=stage,
        provider=provider or caller.provider,
        outcome=outcome,
        account_ids=None if account is None else (account,),
        waiting=waiting,
        late=late,
        interrupted=interrupted,
    )
    return await list_of_closures(ClosureLists(service.record), wanted, limit=limit, cursor=cursor)


@router.get("/closures/{closure_id}", responses=READING)
async def read_closure(service: Service, caller: Reader, closure_id: ClosureId) -> StatusDocument:
    """How a closure stands."""
    await account_of_closure(service, caller, closure_id)
    return shown(service, await service.closures.status(closure_id=closure_id))


@router.get("/closures/{closure_id}/items", responses=READING)
async def list_items(
    service: Service,
    caller: Reader,
    closure_id: ClosureId,
    category: ItemCategory | None = None,
    cursor: Cursor = None,
) -> ItemList:
    """The whole checklist; a status holds its first part only."""
    await account_of_closure(service, caller, closure_id)
    return await list_of_items(service.closures.records, closure_id, category, cursor)


@router.get("/closures/{closure_id}/audit", responses=READING)
async def read_audit(service: Service, caller: Reader, closure_id: ClosureId) -> Audit:
    """The audit events, and whether their hash chain holds."""
    await account_of_closure(service, caller, closure_id)
    trail = await service.closures.records.trail(closure_id)
    if trail is None:
        raise closure_not_found(closure_id)
    return Audit.of(trail)


@router.get(
    "/closures/{closure_id}/certificate",
    responses={**READING, **problems(409), 200: {"content": {_PDF: _BINARY}}},
    response_model=SignedCertificate,
)
async def read_certificate(
    service: Service,
    caller: Reader,
    closure_id: ClosureId,
    accept: Annotated[str, Header(include_in_schema=False)] = _JSON,
) -> Response:
    """The certificate of a closure that has ended: as it was signed, to the byte, or as a PDF."""
    await account_of_closure(service, caller, closure_id)
    kept = await issued_certificate(service.closures.records, closure_id)
    if preferred(accept, (_JSON, _PDF)) == _JSON:
        return Response(kept.content, media_type=_JSON)
    signed = SignedCertificate.model_validate_json(kept.content)
    return Response(await asyncio.to_thread(certificate_pdf, signed, kept.content), media_type=_PDF)


def shown(service: WebService, document: StatusDocument) -> StatusDocument:
    """The document with the Web UI's address, where there is one."""
    return document.model_copy(update={"web_url": service.run_url(document.workflow_id, document.run_id)})
