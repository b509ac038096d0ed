"""All pages of this room; the application includes them. `/closure` shows the one that fits the closure."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from closure.errors import Refused
from closure.lifecycle import IRREVOCABLE, REVOCABLE, UNCONFIRMED, Stage
from closure.messages import Standing, StatusDocument
from records.acts import withdrawal_stands
from web.browser.refusals import refusal_of
from web.customer import agreement, checking, checklist, confirming, identity, renouncing, withdrawing
from web.customer.again import Again
from web.customer.identity import who_may
from web.customer.outcome import show_progress, show_standing_withdrawal
from web.customer.overview import show_overview
from web.customer.visit import HOME, Detour, PageRoute, Procedure, Visit, Visiting, go_to
from web.underway import Fault

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(HOME)
async def show_closure(
    visit: Visiting,
    since: Annotated[int | None, Query(ge=0)] = None,
    changed: bool = False,
    nothing: bool = False,
) -> Response:
    """The page for how things stand.

    What led here: a new check was asked for `since` the one of this number, the account has `changed`, or
    `nothing` was chosen.
    """
    document, told = await visit.status(), visit.told
    if told is not None and document is not None and document.stage is Stage.READY:
        return await confirming.show_ready(visit, document, await _for_who_may(visit, document), told=told)
    if told is not None and told.refusal is not None:
        return confirming.tell_alone(visit, told.refusal)
    if await checking.is_checking(visit, document):
        return await checking.show_check(visit, document)
    fault = await visit.service.underway.take_fault(visit.session.web)
    if fault is not None and not _is_told(fault, document):
        return _show_fault(visit, fault)
    if document is None or document.standing is Standing.UNANSWERED:
        return await show_start(visit)
    if document.stage not in REVOCABLE:
        return await _progress(visit, document)
    if await _withdrawal_stands(visit, document):
        return show_standing_withdrawal(visit.request, visit.session, document)
    if document.stage not in UNCONFIRMED:
        return await _progress(visit, document)
    procedure = await _for_who_may(visit, document)
    again = None if since is None else Again.of(document, since)
    if document.stage is Stage.BLOCKED:
        return await checklist.show_checklist(
            visit,
            document,
            checklist.Looking(),
            again=again,
            changed=changed or fault is not None,
            nothing=nothing,
        )
    if fault is not None and isinstance(fault.error, Refused):
        return await confirming.show_unconfirmed(visit, document, procedure, fault.what, fault.error)
    return await confirming.show_ready(visit, document, procedure, again=again)


def _is_told(fault: Fault, document: StatusDocument | None) -> bool:
    """Whether the closure's own page tells, as things stand now, what became of the act."""
    if not isinstance(fault.error, Refused) or document is None or document.standing is Standing.UNANSWERED:
        return False
    if document.stage is Stage.READY:
        return True
    if document.stage is Stage.BLOCKED:
        return confirming.is_about_plan(fault.what)
    return fault.error.type in confirming.ELSEWHERE


def _show_fault(visit: Visit, fault: Fault) -> Response:
    """That nothing came of an act that took long. Raises what is no refusal."""
    if not isinstance(fault.error, Refused):
        raise fault.error
    return confirming.tell_alone(visit, refusal_of(fault.error, visit.reader))


@router.get(f"{HOME}/start")
@router.get(f"{HOME}/recheck")
@router.get(confirming.CONFIRM)
@router.get(confirming.APPROVE)
async def look_again(_: Visiting) -> Response:
    """What only forms go to: where one could not be taken, its answer leads to the same place again."""
    return go_to(HOME)


async def show_start(visit: Visit) -> Response:
    """What could be started, for who may; everybody else is told who may."""
    procedure = await visit.procedure()
    if not procedure.may_close:
        return who_may(visit, procedure)
    return await show_overview(visit.request, visit.session)


async def _withdrawal_stands(visit: Visit, document: StatusDocument) -> bool:
    """Whether the closure ends at the next look of a worker: until then nobody is asked to go on with it."""
    return await visit.service.record.read(lambda each: withdrawal_stands(each, document.closure_id))


async def _progress(visit: Visit, document: StatusDocument) -> Response:
    """Everything after confirming; from then on all sessions of the account only look (A18, A20)."""
    if document.stage in IRREVOCABLE and not visit.session.web.is_view_only:
        await confirming.leave_only_looking(visit)
    return await show_progress(visit.request, visit.session, document)


async def _for_who_may(visit: Visit, document: StatusDocument) -> Procedure:
    """The rules of an unconfirmed closure, for who closes or approves; it is this session's from now on."""
    procedure = await visit.procedure(document.closure_id)
    if not procedure.may_close and not procedure.may_approve:
        raise Detour(who_may(visit, procedure))
    web = visit.session.web
    if web.closure_id != document.closure_id or web.proof_id is not None:
        await visit.keep(closure_id=document.closure_id, proof_id=None)
    return procedure


for room in (identity, agreement, checking, checklist, renouncing, confirming, withdrawing):
    router.include_router(room.router)
