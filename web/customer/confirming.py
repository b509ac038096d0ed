"""The last word (A17): the whole plan, a reason, the phrase where one is asked; bound to what was shown."""

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import StringConstraints
from starlette.responses import Response

from closure.checks import LONGEST_REASON
from closure.errors import RefusalType, Refused
from closure.lifecycle import IRREVOCABLE, Stage
from closure.messages import Action, IdentityMethod, StatusDocument
from closure.plan import Plan
from closure.policy import Policy
from closure.typed_text import as_compared
from records.web_sessions import limit_sessions_of
from web.browser.refusals import Refusal, busy, refusal_of
from web.customer.again import Again
from web.customer.plan_view import Change, change_between, shown_plan
from web.customer.proving import (
    Proving,
    ProvingForm,
    asked_again,
    proof_for,
    proving_by,
    proving_for,
    send_code,
)
from web.customer.told import Told
from web.customer.visit import HOME, Acting, Detour, PageRoute, Procedure, Visit, go_to
from web.customer.ways import Step, steps_of
from web.underway import Busy

router = APIRouter(route_class=PageRoute, include_in_schema=False)

CONFIRM: Final = f"{HOME}/confirm"
APPROVE: Final = f"{HOME}/approve"
OTHER: Final = "other"
"""The choice of a reason in one's own words."""
PATIENCE: Final = timedelta(seconds=5)
"""So long does a page wait for an act; it goes on, and the closure's page follows it."""
_CONFIRM: Final = "confirm/"
_APPROVE: Final = "approve/"
_LONGEST: Final = 10_000
ELSEWHERE: Final = frozenset(
    {
        *(RefusalType.IRREVOCABLE, RefusalType.ALREADY_CONFIRMED, RefusalType.CLOSURE_ENDED),
        *(RefusalType.NOT_READY, RefusalType.WITHDRAWAL_STANDS),
    }
)
"""The closure's own page says how things stand."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=_LONGEST)]


class PlanForm(ProvingForm):
    """What is said about the plan that was shown."""

    plan_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ConfirmForm(PlanForm):
    """`reason` is one of the policy's, or `other` for what stands in `words`."""

    reason: Text = ""
    words: Text = ""
    phrase: Text = ""

    @property
    def said(self) -> str:
        return self.words if self.reason == OTHER else self.reason


@dataclass(frozen=True)
class Shown:
    """What the page's form has in it; `plan_hash` is the plan that its reader has seen last."""

    plan_hash: str
    reason: str = ""
    words: str = ""
    phrase: str = ""


_SHOWN_AGAIN: Final = tuple(each.name for each in fields(Shown))


def is_about_plan(what: str) -> bool:
    """Whether an act that is called so says yes to a plan."""
    return what.startswith((_CONFIRM, _APPROVE))


async def show_ready(
    visit: Visit,
    document: StatusDocument,
    procedure: Procedure,
    *,
    told: Told | None = None,
    again: Again | None = None,
) -> Response:
    """Nothing blocks: the plan, to be confirmed, or approved by a second person first."""
    if told is None:
        return await _page(visit, document, procedure, Shown(document.plan_hash or ""), again=again)
    proving = proving_by(procedure.policy, told.sent) if told.sent is not None else None
    shown = Shown(*(told.typed(name) for name in _SHOWN_AGAIN))
    return await _page(visit, document, procedure, shown, proving=proving, refusal=told.refusal)


async def show_unconfirmed(
    visit: Visit, document: StatusDocument, procedure: Procedure, what: str, refused: Refused
) -> Response:
    """The same after a confirm that took long and was refused; `what` it was called while under way."""
    seen = what.removeprefix(_CONFIRM) if what.startswith(_CONFIRM) else document.plan_hash or ""
    elsewhere = await _elsewhere(visit, document, refused)
    if elsewhere is not None:
        return elsewhere
    current = await visit.closures.status(closure_id=document.closure_id)
    return await _page(visit, current, procedure, Shown(seen), refusal=refusal_of(refused, visit.reader))


@router.post(CONFIRM)
async def confirm(visit: Acting) -> Response:
    """Confirms the plan that was shown; the same again while it is under way is the same."""
    form = await visit.form(ConfirmForm)
    document, procedure = await _ready(visit)
    closure_id, policy = document.closure_id, procedure.policy
    try:
        if form.send is not None:
            await send_code(visit, form.send)
            return _again(visit, form, sent=form.send)
        _require_reason(form, policy)
        proof = await proof_for(visit, policy, closure_id, form)
        after = await visit.service.underway.carry(
            visit.session.web,
            f"{_CONFIRM}{form.plan_hash}",
            lambda act_id: visit.closures.confirm(
                visit.account_id,
                visit.user_id,
                form.said,
                plan_hash=form.plan_hash,
                phrase=form.phrase or None,
                proof=proof,
                closure_id=closure_id,
                act_id=act_id,
            ),
            PATIENCE,
        )
    except Busy:
        return _again(visit, form, refusal=busy(visit.reader))
    except Refused as refused:
        elsewhere = await _elsewhere(visit, document, refused)
        return elsewhere or _again(visit, form, refusal=refusal_of(refused, visit.reader))
    if after is not None and after.stage in IRREVOCABLE:
        await leave_only_looking(visit)
    return go_to(HOME)


@router.post(APPROVE)
async def approve(visit: Acting) -> Response:
    """The second person's yes to the plan that was shown."""
    form = await visit.form(PlanForm)
    document, procedure = await _ready(visit)
    closure_id, policy = document.closure_id, procedure.policy
    try:
        if form.send is not None:
            await send_code(visit, form.send)
            return _again(visit, form, sent=form.send)
        proof = await proof_for(visit, policy, closure_id, form)
        await visit.service.underway.carry(
            visit.session.web,
            f"{_APPROVE}{form.plan_hash}",
            lambda act_id: visit.closures.approve(
                visit.account_id,
                visit.user_id,
                form.plan_hash,
                proof=proof,
                closure_id=closure_id,
                act_id=act_id,
            ),
            PATIENCE,
        )
    except Busy:
        return _again(visit, form, refusal=busy(visit.reader))
    except Refused as refused:
        elsewhere = await _elsewhere(visit, document, refused)
        return elsewhere or _again(visit, form, refusal=refusal_of(refused, visit.reader))
    return go_to(f"{HOME}?approved=1")


async def leave_only_looking(visit: Visit) -> None:
    """Nobody of the account does anything on these pages any more (A18)."""
    account_id = visit.account_id
    await visit.service.record.write(lambda each: limit_sessions_of(each, account_id))


def _require_reason(form: ConfirmForm, policy: Policy) -> None:
    """One of those that were shown, or what stands where free text is asked for."""
    if form.reason not in ("", OTHER, *policy.reasons):
        raise Refused(RefusalType.INVALID_REASON, "")
    if (policy.require_reason and not as_compared(form.said)) or len(form.said) > LONGEST_REASON:
        raise Refused(RefusalType.INVALID_REASON, "")


async def _ready(visit: Visit) -> tuple[StatusDocument, Procedure]:
    """The closure that nothing blocks. Raises `Detour` where there is none."""
    document = await visit.status()
    if document is None or document.stage is not Stage.READY:
        raise Detour(go_to(HOME))
    return document, await visit.procedure(document.closure_id)


async def _elsewhere(visit: Visit, document: StatusDocument, refused: Refused) -> Response | None:
    """The page that fits better than the plan, as things stand now."""
    if refused.type in ELSEWHERE:
        return go_to(HOME)
    current = await visit.closures.status(closure_id=document.closure_id)
    return go_to(f"{HOME}?changed=1") if current.stage is not Stage.READY else None


def _again(
    visit: Visit, form: PlanForm, *, refusal: Refusal | None = None, sent: IdentityMethod | None = None
) -> Response:
    """The plan once more, as things stand then, with what was typed."""
    said = {name: getattr(form, name, "") for name in _SHOWN_AGAIN}
    return visit.lead_to(HOME, refusal=refusal, sent=sent, said=said)


async def _page(
    visit: Visit,
    document: StatusDocument,
    procedure: Procedure,
    form: Shown,
    *,
    proving: Proving | None = None,
    refusal: Refusal | None = None,
    again: Again | None = None,
) -> Response:
    records, policy, reader = visit.closures.records, procedure.policy, visit.reader
    plan = await records.plan(document.closure_id, document.plan_hash)
    if plan is None:  # the closure has gone on since it was read
        return tell_alone(visit, refusal) if refusal is not None else go_to(HOME)
    asked = proving or await proving_for(visit, policy, document.closure_id)
    lacks_approval = Action.APPROVE in document.actions
    values = {
        "account_id": visit.account_id,
        "here": HOME,
        "document": document,
        "plan": shown_plan(plan, policy, reader),
        "change": await _change(visit, document, procedure, form, plan),
        "form": form,
        "other": OTHER,
        "reasons": policy.reasons,
        "require_reason": policy.require_reason,
        "longest_reason": LONGEST_REASON,
        "proving": asked_again(policy, asked, refusal),
        "again": again,
        "lacks_approval": lacks_approval,
        "approver_roles": policy.approval.roles if policy.approval is not None else (),
        "approves": lacks_approval and procedure.may_approve and document.opened_by != visit.user_id,
        "may_act": procedure.may_close and not visit.session.web.is_view_only,
        "steps": steps_of(reader, Step.CONFIRM),
    }
    return visit.telling(visit.page("confirm.html", values, refusal=refusal))


def tell_alone(visit: Visit, refusal: Refusal) -> Response:
    """That nothing came of what was asked for, where no page beside shows why."""
    return visit.telling(visit.page("refused.html", {"account_id": visit.account_id}, refusal=refusal))


async def _change(
    visit: Visit, document: StatusDocument, procedure: Procedure, form: Shown, plan: Plan
) -> Change | None:
    """What is new since the plan that the form names."""
    if form.plan_hash == document.plan_hash:
        return None
    before = await visit.closures.records.plan(document.closure_id, form.plan_hash)
    return change_between(before, plan, procedure.policy, visit.reader) if before is not None else None
