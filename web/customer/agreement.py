"""The second step: what the customer agrees to and acknowledges (A13, T9); then the closure is asked for."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.responses import Response

from client.identity import ProofOfIdentity
from closure.errors import RefusalType, Refused
from closure.lifecycle import Mode
from closure.typed_text import as_compared
from web.browser.refusals import Refusal, busy, refusal_of
from web.customer.identity import AGREEMENT, IDENTITY, StartForm, admitted, step_url
from web.customer.told import Told
from web.customer.visit import HOME, Acting, Detour, PageRoute, Procedure, Visit, Visiting, go_to
from web.customer.ways import Step, steps_of
from web.underway import Busy

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PATIENCE: Final = timedelta(seconds=1)
"""So long is waited for the first check; one that takes longer is shown live."""
_LONGEST_TEXT: Final = 10_000

Box = Annotated[str, StringConstraints(max_length=_LONGEST_TEXT)]


class AgreementForm(StartForm):
    """Each text by its own box; their values are the texts, word for word."""

    agree: bool = False
    acknowledge: tuple[Box, ...] = Field(default=(), max_length=100)


@router.get(AGREEMENT)
async def show_agreement(visit: Visiting, mode: Mode = Mode.DELETE) -> Response:
    """Shows what there is to agree to."""
    procedure = await admitted(visit, mode)
    _require_proof(visit, mode)
    return visit.telling(_page(visit, procedure, mode, visit.told))


@router.post(AGREEMENT)
async def ask_to_close(visit: Acting) -> Response:
    """Asks for the closure; its first check goes on by itself where it takes long."""
    form = await visit.form(AgreementForm)
    procedure = await admitted(visit, form.mode)
    proof_id = _require_proof(visit, form.mode)
    missing = procedure.policy.missing_consent(
        procedure.profile.kind, form.mode, form.agree, form.acknowledge
    )
    if missing:
        required = Refused(RefusalType.ACKNOWLEDGEMENT_REQUIRED, "", acknowledgements=missing)
        return _again(visit, procedure, form, refusal_of(required, visit.reader))
    try:
        document = await visit.service.underway.carry(
            visit.session.web,
            "close",
            lambda act_id: visit.closures.close(
                visit.account_id,
                visit.user_id,
                ProofOfIdentity(proof_id=proof_id),
                mode=form.mode,
                agree=form.agree,
                acknowledgements=form.acknowledge,
                act_id=act_id,
            ),
            PATIENCE,
        )
    except Busy:
        return _again(visit, procedure, form, busy(visit.reader))
    except Refused as refused:
        return await _refused(visit, procedure, form, refused)
    if document is not None:
        await visit.keep(closure_id=document.closure_id, proof_id=None)
    else:  # the proof is still good for another try, should nothing come of this one
        await visit.keep(closure_id=await _asked_for(visit), proof_id=proof_id)
    return go_to(HOME)


def _require_proof(visit: Visit, mode: Mode) -> str:
    """The proof that this session is at. Raises `Detour` to the step before."""
    proof_id = visit.session.web.proof_id
    if proof_id is None:
        raise Detour(go_to(step_url(IDENTITY, mode)))
    return proof_id


async def _asked_for(visit: Visit) -> str | None:
    """The closure that is not there yet, but asked for."""
    act = await visit.closures.records.last_close(visit.account_id)
    return act.closure_id if act is not None else None


async def _refused(visit: Visit, procedure: Procedure, form: AgreementForm, refused: Refused) -> Response:
    match refused.type:
        case RefusalType.CLOSURE_ALREADY_OPEN:
            return go_to(HOME)
        case RefusalType.IDENTITY_PROOF_REQUIRED | RefusalType.IDENTITY_METHOD_REFUSED:
            await visit.keep(closure_id=None, proof_id=None)  # it is too old, or was used
            return go_to(f"{step_url(IDENTITY, form.mode)}&again=1")
    return _again(visit, procedure, form, refusal_of(refused, visit.reader))


def _again(visit: Visit, procedure: Procedure, form: AgreementForm, refusal: Refusal) -> Response:
    """The same boxes, ticked as they were: each is called by its place among them."""
    given = {as_compared(each) for each in form.acknowledge}
    texts = enumerate(_texts(procedure, form.mode))
    ticked = tuple(str(place) for place, text in texts if as_compared(text) in given)
    return visit.lead_to(
        step_url(AGREEMENT, form.mode),
        refusal=refusal,
        said={"acknowledge": ticked, "agree": "1" if form.agree else ""},
    )


def _texts(procedure: Procedure, mode: Mode) -> Sequence[str]:
    """What has to be acknowledged."""
    return procedure.policy.acknowledgements.get(procedure.profile.kind, ()) if mode is Mode.DELETE else ()


def _page(visit: Visit, procedure: Procedure, mode: Mode, told: Told | None) -> Response:
    given = told.said.get("acknowledge", ()) if told is not None else ()
    values = {
        "account_id": visit.account_id,
        "here": step_url(AGREEMENT, mode),
        "mode": mode,
        "agreement": procedure.policy.agreement,
        "agreed": told is not None and bool(told.typed("agree")),
        "acknowledgements": [
            (text, str(place) in given) for place, text in enumerate(_texts(procedure, mode))
        ],
        "steps": steps_of(visit.reader, Step.AGREEMENT),
    }
    return visit.page("agreement.html", values, refusal=told.refusal if told is not None else None)
