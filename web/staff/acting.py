"""What operators do with one closure. Each act has a page that says what will happen, then a form."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from client.faults import TakesLonger
from client.refunding import LONGEST_REFERENCE
from closure.errors import RefusalType, Refused
from closure.languages import ENGLISH
from closure.messages import RefundStatus, Standing, StatusDocument
from closure.model import Model
from closure.visible_text import printable
from web.api.access import account_of_closure, require_patience
from web.browser.forms import read_form
from web.browser.languages import Reader
from web.browser.rendering import page, reader_for
from web.browser.sessions import Session, StaffSession
from web.service import service_of
from web.staff.access import Operator, note_act, require_calm, require_writer
from web.staff.closure_page import ClosureId, Done
from web.staff.rows import closure_url

LOOKING: Final = timedelta(seconds=15)
"""How long a page waits for what a recheck finds: the check itself may take minutes (A14)."""
_TEMPLATE: Final = "staff/act.html"
_LONGEST_AMOUNT: Final = 60

router = APIRouter()


@dataclass(frozen=True)
class Input:
    """An input of the form."""

    name: str
    label: str
    hint: str
    value: str = ""
    longest: int = 500
    is_amount: bool = False


@dataclass(frozen=True)
class Asked:
    """An act that waits for its confirmation."""

    title: str
    what: str
    button: str
    back: str
    about: str
    fields: tuple[Input, ...] = ()
    hidden: tuple[tuple[str, str], ...] = ()
    fault: str = ""
    is_grave: bool = False


def ask(request: Request, session: Session, asked: Asked) -> Response:
    """The page with the form; with a fault it is shown again."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY if asked.fault else HTTPStatus.OK
    return page(request, _TEMPLATE, {"asked": asked}, session=session, status=status)


class Nothing(Model):
    """A form of a button alone."""


class Settling(Model):
    """What staff have paid past the payments."""

    amount: str = Field(default="", max_length=_LONGEST_AMOUNT)
    reference: str = Field(default="", max_length=LONGEST_REFERENCE)


@router.get("/staff/closures/{closure_id}/recheck")
async def ask_recheck(request: Request, session: Operator, closure_id: ClosureId) -> Response:
    """What a recheck does."""
    await account_of_closure(service_of(request), session, closure_id)
    reader = reader_for(request, session)
    asked = Asked(
        title=reader.text("Recheck"),
        what=reader.text(
            "The closure looks again at what it waits for: the account's checklist, holds, brakes, billing, "
            "the refund. It shortens no wait and skips no step."
        ),
        button=reader.text("Recheck"),
        back=closure_url(closure_id),
        about=printable(closure_id),
    )
    return ask(request, session, asked)


@router.post("/staff/closures/{closure_id}/recheck")
async def recheck(request: Request, session: Operator, closure_id: ClosureId) -> Response:
    """Has the closure look again; what takes longer is shown when it is there."""
    account_id = await _read_act(request, session, closure_id)
    note_act(session, "recheck", closure_id=closure_id)
    try:
        async with asyncio.timeout(LOOKING.total_seconds()):
            await service_of(request).closures.recheck(account_id, closure_id=closure_id)
    except (TimeoutError, TakesLonger):
        return _back(closure_id, Done.STILL_LOOKING)
    return _back(closure_id, Done.RECHECK)


@router.get("/staff/closures/{closure_id}/resume")
async def ask_resume(request: Request, session: Operator, closure_id: ClosureId) -> Response:
    """What resuming does."""
    service, reader = service_of(request), reader_for(request, session)
    await account_of_closure(service, session, closure_id)
    _require_interrupted(await service.closures.status(closure_id=closure_id))
    asked = Asked(
        title=reader.text("Resume"),
        what=reader.text(
            "A new run takes the closure up from the record, with its deadlines as they were. Whatever else "
            "runs under its workflow id is ended: it only looks as if it carried the closure on."
        ),
        button=reader.text("Resume"),
        back=closure_url(closure_id),
        about=printable(closure_id),
    )
    return ask(request, session, asked)


@router.post("/staff/closures/{closure_id}/resume")
async def resume(request: Request, session: Operator, closure_id: ClosureId) -> Response:
    """Lets an interrupted closure go on; any other goes on by itself."""
    await _read_act(request, session, closure_id)
    closures = service_of(request).closures
    _require_interrupted(await closures.status(closure_id=closure_id))
    note_act(session, "resume", closure_id=closure_id)
    await closures.resume(closure_id)
    return _back(closure_id, Done.RESUME)


@router.get("/staff/closures/{closure_id}/settle")
async def ask_settling(request: Request, session: Operator, closure_id: ClosureId) -> Response:
    """How much can't go back by the payments, and a form for what was paid another way."""
    service = service_of(request)
    await account_of_closure(service, session, closure_id)
    await require_writer(service)
    refund = _require_refund(await service.closures.status(closure_id=closure_id))
    form = Settling(amount=refund.failed or "")
    return ask(request, session, _settling(request, session, closure_id, form))


@router.post("/staff/closures/{closure_id}/settle")
async def settle(request: Request, session: Operator, closure_id: ClosureId) -> Response:
    """Records the payment, once for each reference."""
    service = service_of(request)
    await account_of_closure(service, session, closure_id)
    require_calm(request)
    form = await read_form(request, session, Settling)
    await require_writer(service)
    _require_refund(await service.closures.status(closure_id=closure_id))
    if not form.reference.strip():
        reader = reader_for(request, session)
        fault = reader.text("The payment needs a reference.")
        return ask(request, session, _settling(request, session, closure_id, form, fault))
    note_act(session, "settle refund", closure_id=closure_id, amount=printable(form.amount))
    try:
        await service.closures.settle_refund(closure_id, form.amount.strip(), form.reference.strip())
    except Refused as refused:
        if refused.type not in (RefusalType.MALFORMED_INPUT, RefusalType.THING_NOT_ALLOWED):
            raise
        fault = _settling_fault(reader_for(request, session), refused)
        return ask(request, session, _settling(request, session, closure_id, form, fault))
    return _back(closure_id, Done.SETTLE)


def _settling(
    request: Request, session: StaffSession, closure_id: str, form: Settling, fault: str = ""
) -> Asked:
    reader = reader_for(request, session)
    return Asked(
        title=reader.text("Settle refund"),
        what=reader.text(
            "Say what you have paid of the refund another way. It leaves the account's balance for good. "
            "The same reference is recorded once."
        ),
        button=reader.text("Record the payment"),
        back=closure_url(closure_id),
        about=printable(closure_id),
        fields=(
            Input(
                "amount",
                reader.text("Amount"),
                reader.text("Decimal, in the refund's currency, such as 12.34."),
                printable(form.amount),
                _LONGEST_AMOUNT,
                is_amount=True,
            ),
            Input(
                "reference",
                reader.text("Reference"),
                reader.text("Of the payment, for the audit."),
                printable(form.reference),
                LONGEST_REFERENCE,
            ),
        ),
        fault=fault,
    )


def _settling_fault(reader: Reader, refused: Refused) -> str:
    """In English what the rule says; else how much could be recorded, or that it could not."""
    if reader.language == ENGLISH:
        return printable(refused.message)
    taken, currency = refused.facts.get("taken"), refused.facts.get("currency")
    if isinstance(taken, str) and isinstance(currency, str):
        amount = reader.money(taken, currency)
        return reader.text("Only %(amount)s was still there to be paid another way.", amount=amount)
    if refused.type is RefusalType.MALFORMED_INPUT:
        return reader.text("The amount must be above zero, a decimal number in the refund's currency.")
    return reader.text("So much can't be paid another way, or the reference is known with another amount.")


async def _read_act(request: Request, session: StaffSession, closure_id: str) -> str:
    """The account, once it is sure that our own page has sent the form, and that it isn't one of too many."""
    service = service_of(request)
    account_id = await account_of_closure(service, session, closure_id)
    require_calm(request)
    require_patience(service, account_id)
    await read_form(request, session, Nothing)
    return account_id


def _require_interrupted(document: StatusDocument) -> None:
    if document.standing is not Standing.INTERRUPTED:
        raise Refused(
            RefusalType.STAGE_CONFLICT,
            f"closure {document.closure_id} is not interrupted: there is nothing to resume",
            facts={"closure_id": document.closure_id},
        )


def _require_refund(document: StatusDocument) -> RefundStatus:
    if document.refund is None:
        raise Refused(
            RefusalType.STAGE_CONFLICT,
            f"closure {document.closure_id} has no refund: there is nothing to settle",
            facts={"closure_id": document.closure_id},
        )
    return document.refund


def _back(closure_id: str, done: Done) -> Response:
    return RedirectResponse(f"{closure_url(closure_id)}?done={done.value}", HTTPStatus.SEE_OTHER)
