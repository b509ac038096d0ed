"""What is looked at beside the closure's own page: how it ended, records, certificate, turns."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from client.certificate_pdf import certificate_pdf
from client.exporting import export_records
from closure.certificate import SignedCertificate
from closure.errors import RefusalType, Refused
from closure.lifecycle import IRREVOCABLE
from records.certificates import KeptCertificate
from records.web_sessions import Audience, session_of
from web.browser.cookies import session_secret
from web.browser.rendering import page
from web.browser.sessions import Customer, CustomerSession
from web.customer.facts import masked
from web.customer.following import recorded_mark, turns
from web.customer.outcome import show_progress
from web.customer.routes import show_start
from web.customer.visit import HOME, Visiting, go_to
from web.service import WebService, service_of

_LONGEST_MARK: Final = 64

router = APIRouter(include_in_schema=False)


@router.get(f"{HOME}/overview")
async def start_again(visit: Visiting) -> Response:
    """The overview, also where an earlier closure has ended; where one is open, that one."""
    if await visit.closures.records.open_closure(visit.account_id) is not None:
        return go_to(HOME)
    return await show_start(visit)


@router.get(f"{HOME}/result")
async def read_result(visit: Visiting) -> Response:
    """The account's last closure, as it stands or ended."""
    return await show_progress(visit.request, visit.session, await visit.closures.status(visit.account_id))


@router.get(f"{HOME}/export")
async def export(request: Request, session: Customer) -> Response:
    """The financial records as a ZIP file, for who may close the account (A5)."""
    service = service_of(request)
    await _require_closer(service, session)
    found = await export_records(service.platform, session.account_id)
    headers = {"Content-Disposition": f'attachment; filename="{_ascii(found.file_name)}"'}
    return Response(found.content, media_type="application/zip", headers=headers)


@router.get(f"{HOME}/events")
async def follow(
    request: Request,
    session: Customer,
    closure: Annotated[str, Query(max_length=200)],
    seen: Annotated[str, Query(max_length=_LONGEST_MARK)] = "",
    last_event_id: Annotated[str, Header(alias="Last-Event-ID", max_length=_LONGEST_MARK)] = "",
) -> Response:
    """Tells an open page that there is something new to see, after what it has `seen`."""
    service = service_of(request)
    records = service.closures.records
    known = await records.get(closure)
    asked = await records.close_of(closure) if known is None else None
    whose = known.state.account_id if known else asked[0].account_id if asked else None
    if whose != session.account_id:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    mark, is_last = await recorded_mark(records, closure)
    if is_last and mark == (last_event_id or seen):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    secret = session_secret(request, Audience.CUSTOMER) or ""

    async def is_welcome() -> bool:
        return await service.record.read(lambda each: session_of(each, secret)) is not None

    return StreamingResponse(
        turns(service, closure, last_event_id or seen, is_welcome),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


@router.get("/certificate/{token}")
async def read_certificate(request: Request, token: str) -> Response:
    """The certificate's page, for who has the link: no session is needed.

    Mails of a closure's end may be read before it is over: until then the page says that it is being issued.
    """
    linked = await _opened(request, token)
    if linked.kept is None:
        return page(request, "customer/certificate_coming.html", {"path": f"/certificate/{token}"})
    kept, until = linked.kept, linked.holds_until
    signed = SignedCertificate.model_validate_json(kept.content)
    values = {
        "certificate": signed,
        "account": masked(signed.account_id),
        "path": f"/certificate/{token}",
        "holds_until": until,
    }
    return page(request, "customer/certificate.html", values)


@router.get("/certificate/{token}/certificate.json")
async def download_json(request: Request, token: str) -> Response:
    """As it was signed, to the byte."""
    kept = await _issued(request, token)
    return _download(kept.content.encode(), "application/json", "certificate.json")


@router.get("/certificate/{token}/certificate.pdf")
async def download_pdf(request: Request, token: str) -> Response:
    """For people, with the signed text in it."""
    kept = await _issued(request, token)
    signed = SignedCertificate.model_validate_json(kept.content)
    return _download(
        await asyncio.to_thread(certificate_pdf, signed, kept.content), "application/pdf", "certificate.pdf"
    )


@dataclass(frozen=True)
class _Linked:
    """What a link opens. `kept` is None as long as the closure has not got its certificate."""

    kept: KeptCertificate | None
    holds_until: datetime


async def _opened(request: Request, token: str) -> _Linked:
    """A link that holds no more is as good as none: 404."""
    service = service_of(request)
    opened = service.certificate_links.opened(token, datetime.now(UTC))
    if opened is None or await service.closures.records.get(opened.closure_id) is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _Linked(await service.closures.records.certificate(opened.closure_id), opened.holds_until)


async def _issued(request: Request, token: str) -> KeptCertificate:
    """404 as long as there is none."""
    linked = await _opened(request, token)
    if linked.kept is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return linked.kept


async def _require_closer(service: WebService, session: CustomerSession) -> None:
    """Raises `Refused` (`ACCESS_REFUSED`) for who may not close the account, or only views.

    From confirm on that is everybody, whenever their session began (A18).
    """
    directory = service.platform.directory
    role = await directory.role_of(session.account_id, session.user_id)
    policy = service.closures.policy_for(await directory.profile(session.account_id), None)
    opened = await service.closures.records.open_closure(session.account_id)
    only_looks = session.web.is_view_only or (opened is not None and opened.state.stage in IRREVOCABLE)
    if only_looks or role not in policy.eligibility.roles:
        raise Refused(RefusalType.ACCESS_REFUSED, "the financial records are for who may close the account")


def _download(content: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


def _ascii(name: str) -> str:
    """As a header may have it."""
    return "".join(each if each.isascii() else "_" for each in name)
