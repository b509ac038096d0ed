"""Withdrawing a closure while it can still be stopped."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from closure.errors import RefusalType, Refused
from closure.lifecycle import REVOCABLE
from closure.messages import StatusDocument
from web.browser.refusals import refusal_of
from web.customer.confirming import PATIENCE
from web.customer.identity import who_may
from web.customer.proving import ProvingForm, asked_again, proof_for, proving_by, proving_for, send_code
from web.customer.visit import HOME, Acting, Detour, PageRoute, Procedure, Visit, Visiting, go_to

router = APIRouter(route_class=PageRoute, include_in_schema=False)

WITHDRAW: Final = f"{HOME}/withdraw"
_TOO_LATE: Final = frozenset({RefusalType.IRREVOCABLE, RefusalType.CLOSURE_ENDED})


@router.get(WITHDRAW)
async def ask_to_withdraw(visit: Visiting) -> Response:
    """What withdrawing means."""
    document, procedure = await _revocable(visit)
    told, policy = visit.told, procedure.policy
    refusal = told.refusal if told is not None else None
    sent = told.sent if told is not None else None
    proving = proving_by(policy, sent) if sent else await proving_for(visit, policy, document.closure_id)
    values = {
        "account_id": visit.account_id,
        "document": document,
        "proving": asked_again(policy, proving, refusal),
    }
    return visit.telling(visit.page("withdraw.html", values, refusal=refusal))


@router.post(WITHDRAW)
async def withdraw(visit: Acting) -> Response:
    """Ends the closure; nothing of the account is changed."""
    form = await visit.form(ProvingForm)
    document, procedure = await _revocable(visit)
    closure_id, policy = document.closure_id, procedure.policy
    try:
        if form.send is not None:
            await send_code(visit, form.send)
            return visit.lead_to(WITHDRAW, sent=form.send)
        proof = await proof_for(visit, policy, closure_id, form)
        await visit.service.underway.carry(
            visit.session.web,
            f"withdraw/{closure_id}",
            lambda act_id: visit.closures.withdraw(
                visit.account_id, visit.user_id, proof=proof, closure_id=closure_id, act_id=act_id
            ),
            PATIENCE,
            overtakes=True,  # nobody must have to wait with it until something else can't be undone
        )
    except Refused as refused:
        if refused.type in _TOO_LATE:
            return go_to(HOME)
        return visit.lead_to(WITHDRAW, refusal=refusal_of(refused, visit.reader))
    await visit.keep(closure_id=closure_id, proof_id=None)
    return go_to(HOME)


async def _revocable(visit: Visit) -> tuple[StatusDocument, Procedure]:
    """The closure that can still be stopped, for who may. Raises `Detour` where there is none."""
    document = await visit.status()
    if document is None or document.stage not in REVOCABLE or visit.session.web.is_view_only:
        raise Detour(go_to(HOME))
    procedure = await visit.procedure(document.closure_id)
    if not procedure.may_close:
        raise Detour(who_may(visit, procedure))
    return document, procedure
