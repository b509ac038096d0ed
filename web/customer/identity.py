"""The first step: the customer proves who they are (A12, T8)."""

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from client.identity import ProofOfIdentity
from closure.errors import RefusalType, Refused
from closure.lifecycle import Mode
from closure.model import Model
from web.browser.refusals import Refusal, refusal_of
from web.customer.proving import Proving, ProvingForm, nothing_typed, proving_by, send_code
from web.customer.visit import HOME, Acting, Detour, PageRoute, Procedure, Visit, Visiting, go_to
from web.customer.ways import Step, steps_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

IDENTITY: Final = f"{HOME}/identity"
AGREEMENT: Final = f"{HOME}/agreement"


class StartForm(Model):
    """Which of the ways that the policy offers."""

    mode: Mode = Mode.DELETE


class IdentityForm(StartForm, ProvingForm):
    """A proof, on the way to a closure in this mode."""


@router.post(f"{HOME}/start")
async def start(visit: Acting) -> Response:
    """Begins a closure: nothing is written down but what this session is at."""
    form = await visit.form(StartForm)
    procedure = await admitted(visit, form.mode)
    await visit.keep(closure_id=None, proof_id=None)
    vouched_at = visit.vouched_at(procedure.policy)
    if vouched_at is None:
        return go_to(step_url(IDENTITY, form.mode))
    return await _proven(visit, form.mode, ProofOfIdentity(verified_at=vouched_at))


@router.get(IDENTITY)
async def show_identity(visit: Visiting, mode: Mode = Mode.DELETE, again: bool = False) -> Response:
    """Asks for a proof, `again` where one was too old."""
    procedure, told = await admitted(visit, mode), visit.told
    required = Refused(RefusalType.IDENTITY_PROOF_REQUIRED, "")
    refusal = refusal_of(required, visit.reader) if again else None
    sent = told.sent if told is not None else None
    if told is not None:
        refusal = told.refusal
    return visit.telling(_page(visit, procedure, mode, proving_by(procedure.policy, sent), refusal))


@router.post(IDENTITY)
async def prove_identity(visit: Acting) -> Response:
    """Sends a code, or takes the proof."""
    form = await visit.form(IdentityForm)
    procedure, here = await admitted(visit, form.mode), step_url(IDENTITY, form.mode)
    proving = proving_by(procedure.policy, form.sent)
    try:
        if form.send is not None:
            await send_code(visit, form.send)
            return visit.lead_to(here, sent=form.send)
        if proving.is_asked and not form.proves:
            return visit.lead_to(here, refusal=nothing_typed(visit.reader, proving), sent=form.sent)
        return await _proven(visit, form.mode, form.proof(visit))
    except Refused as refused:
        return visit.lead_to(here, refusal=refusal_of(refused, visit.reader), sent=form.sent)


async def admitted(visit: Visit, mode: Mode) -> Procedure:
    """The rules for a new closure, for who may start one.

    Raises:
        Detour: one is open already, or somebody else must start it.
        Refused: `MODE_NOT_OFFERED` or `ACCOUNT_KIND_REFUSED`, and what `Visit.procedure` raises.
    """
    if await visit.closures.records.open_closure(visit.account_id) is not None:
        raise Detour(go_to(HOME))
    procedure = await visit.procedure()
    if not procedure.may_close:
        raise Detour(who_may(visit, procedure))
    procedure.policy.require_mode(mode)
    procedure.policy.require_kind(procedure.profile.kind)
    return procedure


def who_may(visit: Visit, procedure: Procedure) -> Response:
    """For a user whose role doesn't do (A11, T1): who may."""
    values = {"account_id": visit.account_id, "roles": procedure.policy.eligibility.roles}
    return visit.page("who_may.html", values, status=403)


def step_url(path: str, mode: Mode) -> str:
    """A step on the way to a closure in this mode."""
    return f"{path}?{urlencode({'mode': mode.value})}"


async def _proven(visit: Visit, mode: Mode, proof: ProofOfIdentity) -> Response:
    proof_id = await visit.closures.prove(visit.account_id, visit.user_id, proof)
    if proof_id is None:
        return go_to(step_url(IDENTITY, mode))  # nothing was given
    await visit.keep(closure_id=None, proof_id=proof_id)
    return go_to(step_url(AGREEMENT, mode))


def _page(
    visit: Visit, procedure: Procedure, mode: Mode, proving: Proving, refusal: Refusal | None
) -> Response:
    values = {
        "account_id": visit.account_id,
        "here": step_url(IDENTITY, mode),
        "mode": mode,
        "proving": proving,
        "steps": steps_of(visit.reader, Step.IDENTITY),
    }
    return visit.page("identity.html", values, refusal=refusal)
