"""Giving things up here: the risk prompt names what goes, then it is given up (A16)."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints
from starlette.responses import Response

from closure.canonical import sha256_of
from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from closure.messages import ITEM_ID, IdentityMethod, ItemCategory, StatusDocument
from closure.money import Money
from records.checklists import ItemFilter
from web.browser.refusals import Refusal, busy, refusal_of, refused_here
from web.customer.checklist import ITEMS_A_PAGE, ShownItem, name_of_check, shown_items
from web.customer.confirming import PATIENCE, tell_alone
from web.customer.proving import ProvingForm, asked_again, proof_for, proving_by, proving_for, send_code
from web.customer.told import Told
from web.customer.visit import HOME, Acting, Detour, PageRoute, Procedure, Visit, Visiting, go_to
from web.customer.ways import Step, steps_of
from web.underway import Busy

router = APIRouter(route_class=PageRoute, include_in_schema=False)

RENOUNCE: Final = f"{HOME}/renounce"
_MOST: Final = 2 * ITEMS_A_PAGE

ItemId = Annotated[str, StringConstraints(pattern=ITEM_ID)]


class RenounceForm(ProvingForm):
    """What is given up: those items, or all that can be. `survey` is the check that they were seen after."""

    item: tuple[ItemId, ...] = Field(default=(), max_length=_MOST)
    all: bool = False
    accept_risk: bool = False
    survey: int = 0

    @property
    def fingerprint(self) -> str:
        """The same for the same choice, in every process."""
        return sha256_of({"all": self.all, "items": lambda: sorted(self.item)})


@dataclass(frozen=True)
class _Chosen:
    """What goes, as far as a page can name it; `money` is what of it is money."""

    items: tuple[ShownItem, ...]
    number: int
    kinds: tuple[tuple[str, str], ...]
    money: str | None

    @property
    def more(self) -> int:
        return self.number - len(self.items)


@router.get(RENOUNCE)
async def ask_about_risk(
    visit: Visiting,
    item: Annotated[list[ItemId] | None, Query(max_length=_MOST)] = None,
    all: bool = False,
) -> Response:
    """The risk prompt."""
    document, procedure = await _renounceable(visit)
    form, told = RenounceForm(item=tuple(item or ()), all=all), visit.told
    if not (form.item or form.all):
        return go_to(f"{HOME}?nothing=1")
    return await _page(visit, document, procedure, form, told)


@router.post(RENOUNCE)
async def renounce(visit: Acting) -> Response:
    """Gives up what was named."""
    form = await visit.form(RenounceForm)
    document, procedure = await _renounceable(visit)
    closure_id, policy = document.closure_id, procedure.policy
    try:
        if form.send is not None:
            await send_code(visit, form.send)
            return _again(visit, form, sent=form.send)
        if form.survey != document.survey_number:
            sentence = visit.reader.text("The list has changed since you chose. This is what goes now.")
            return _again(visit, form, refusal=refused_here(sentence))
        if not form.accept_risk:
            raise Refused(RefusalType.RISK_NOT_ACCEPTED, "")
        proof = await proof_for(visit, policy, closure_id, form)
        await visit.service.underway.carry(
            visit.session.web,
            f"renounce/{closure_id}/{form.fingerprint}",
            lambda act_id: visit.closures.renounce(
                visit.account_id,
                visit.user_id,
                item_ids=() if form.all else form.item,
                all=form.all,
                accept_risk=True,
                proof=proof,
                closure_id=closure_id,
                act_id=act_id,
            ),
            PATIENCE,
        )
    except Busy:
        return _again(visit, form, refusal=busy(visit.reader))
    except Refused as refused:
        return _again(visit, form, refusal=refusal_of(refused, visit.reader))
    return go_to(HOME)


def _again(
    visit: Visit, form: RenounceForm, *, refusal: Refusal | None = None, sent: IdentityMethod | None = None
) -> Response:
    """The risk prompt for the same choice."""
    chosen = [("all", "1")] if form.all else [("item", each) for each in form.item]
    said = {"accept_risk": "1"} if form.accept_risk else {}
    return visit.lead_to(f"{RENOUNCE}?{urlencode(chosen)}", refusal=refusal, sent=sent, said=said)


async def _renounceable(visit: Visit) -> tuple[StatusDocument, Procedure]:
    """The closure whose items can be given up now. Raises `Detour` where there is none."""
    document = await visit.status()
    if document is None or document.stage is not Stage.BLOCKED:
        raise Detour(go_to(HOME))
    return document, await visit.procedure(document.closure_id)


async def _page(
    visit: Visit,
    document: StatusDocument,
    procedure: Procedure,
    form: RenounceForm,
    told: Told | None,
) -> Response:
    policy = procedure.policy
    refusal, sent = (told.refusal, told.sent) if told is not None else (None, None)
    proving = proving_by(policy, sent) if sent else await proving_for(visit, policy, document.closure_id)
    chosen = await _chosen(visit, document, procedure, form)
    if not chosen.number:
        if refusal is not None and refusal.field is None:
            return tell_alone(visit, refusal)
        return visit.telling(go_to(f"{HOME}?nothing=1"))
    values = {
        "account_id": visit.account_id,
        "chosen": chosen,
        "form": RenounceForm(
            item=tuple(each.item_id for each in chosen.items) if not form.all else (),
            all=form.all,
            accept_risk=told is not None and bool(told.typed("accept_risk")),
            survey=document.survey_number,
        ),
        "proving": asked_again(policy, proving, refusal),
        "steps": steps_of(visit.reader, Step.CHECKLIST),
    }
    return visit.telling(visit.page("renounce.html", values, refusal=refusal))


async def _chosen(
    visit: Visit, document: StatusDocument, procedure: Procedure, form: RenounceForm
) -> _Chosen:
    wanted = ItemFilter(
        categories=(ItemCategory.RENOUNCEABLE,),
        renounced=False,
        item_ids=None if form.all else form.item,
    )
    records, policy = visit.closures.records, procedure.policy
    found, number = await records.find_items(
        document.closure_id, wanted, limit=ITEMS_A_PAGE if form.all else _MOST
    )
    counted: Counter[str] = Counter(each.check for each in found)
    if form.all:
        counts = await records.item_counts(document.closure_id)
        open_counts = (
            each for each in counts if each.category is ItemCategory.RENOUNCEABLE and not each.renounced
        )
        counted = Counter({each.check: each.number for each in open_counts})
    moneys, _ = await records.find_items(document.closure_id, replace(wanted, with_amount=True), limit=_MOST)
    amounts = [Money.parse(each.amount, each.currency) for each in moneys if each.amount and each.currency]
    total = sum(amounts[1:], amounts[0]) if len({each.currency for each in amounts}) == 1 else None
    return _Chosen(
        items=shown_items(visit, policy, found),
        number=number,
        kinds=tuple(
            (name_of_check(visit, policy, check), visit.reader.count(times))
            for check, times in counted.items()
        ),
        money=visit.reader.money(str(total), total.currency) if total is not None else None,
    )
