"""How a closure ended, and what there is to do now."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fastapi import Request
from starlette.responses import Response

from closure.certificate import SignedCertificate, StoreState
from closure.errors import RefusalType, Refused
from closure.item_texts import process_link
from closure.lifecycle import Outcome
from closure.losses import losses_in_words
from closure.messages import StatusDocument
from closure.translations import in_language
from closure.visible_text import printable
from keys.certificate_links import CertificateLink
from web.browser.languages import Reader
from web.browser.refusals import refusal_of
from web.browser.rendering import page, reader_for
from web.browser.sessions import CustomerSession
from web.customer.facts import Fact, given_up
from web.customer.following import events_url
from web.customer.refund_progress import refund_progress
from web.service import WebService, service_of

_LISTED: Final = 200
_AGAIN: Final = frozenset({Outcome.RESTORED, Outcome.WITHDRAWN, Outcome.EXPIRED, Outcome.REFUSED})


@dataclass(frozen=True)
class Kept:
    """What stays for the law, until when."""

    what: str
    ground: str
    until: datetime | None
    """None: for as long as nobody knows."""


@dataclass(frozen=True)
class Owed:
    """What has to be settled, or stays due; `link` leads to where the customer settles it.

    How the checklist would have it done is not told: this closure checks nothing again.
    """

    title: str
    amount: str
    link: str | None


@dataclass(frozen=True)
class Result:
    """What the page shows. `starts_again`: this session may open a new closure."""

    account: str
    closure_id: str
    outcome: Outcome
    tone: str
    title: str
    lead: str
    reason: str
    ended_at: datetime | None
    money: tuple[Fact, ...]
    owed: tuple[Owed, ...]
    lost: tuple[str, ...]
    more_lost: int
    kept: tuple[Kept, ...]
    certificate: CertificateLink | None
    restart_advice: str
    starts_again: bool
    is_over: bool
    events_url: str


async def show_result(request: Request, session: CustomerSession, status: StatusDocument) -> Response:
    """The page of a closure that has its outcome.

    Raises:
        DatabaseUnreachable: the record can't be read.
    """
    service, reader = service_of(request), reader_for(request, session)
    assert status.outcome is not None
    lost = await _lost(service, status, reader)
    certificate = await _certificate(service, status)
    keeps_data = certificate is not None and any(_kept_besides(certificate))
    title, lead, tone = _headline(status.outcome, reader, keeps_data=keeps_data)
    is_certified = certificate is not None
    result = Result(
        account=printable(status.account_id),
        closure_id=status.closure_id,
        outcome=status.outcome,
        tone=tone,
        title=title,
        lead=lead,
        reason=await _why_refused(service, status, reader),
        ended_at=certificate.ended_at if certificate is not None else None,
        money=(*_refunded(status, reader), *given_up(reader, status)),
        owed=await _owed(service, status, reader),
        lost=tuple(map(printable, lost[:_LISTED])),
        more_lost=max(0, len(lost) - _LISTED),
        kept=await _kept(service, status, certificate, reader),
        certificate=_link(service, status) if is_certified else None,
        restart_advice=status.restart_advice or "",
        starts_again=status.outcome in _AGAIN and not session.web.is_view_only,
        is_over=is_certified or status.outcome not in (Outcome.DELETED, Outcome.RESTORED, Outcome.DORMANT),
        events_url=events_url(status),
    )
    return page(request, "customer/result.html", {"result": result}, session=session)


def _headline(outcome: Outcome, reader: Reader, *, keeps_data: bool) -> tuple[str, str, str]:
    text = reader.text
    match outcome:
        case Outcome.DELETED if keeps_data:
            return (
                text("Your account has been closed"),
                text(
                    "The account has been deleted for good, and so has its data but for what the law keeps."
                ),
                "good",
            )
        case Outcome.DELETED:
            return (
                text("Your account has been closed"),
                text("The account and its data have been deleted for good. Nobody can bring them back."),
                "good",
            )
        case Outcome.RESTORED:
            return (
                text("Your account was not closed"),
                text("Something had to be settled first, so the account is in normal use again."),
                "warn",
            )
        case Outcome.DORMANT:
            return (
                text("Your account is dormant"),
                text(
                    "There are no more recurring charges. Your balance and your data are kept; "
                    "sign in whenever you want to return."
                ),
                "good",
            )
        case Outcome.REFUSED:
            return text("The closure was not started"), text("Nothing has changed."), "warn"
        case Outcome.WITHDRAWN:
            return (
                text("The closure was withdrawn"),
                text("The account stays as it is. You can start again whenever you want."),
                "",
            )
        case Outcome.EXPIRED:
            return (
                text("The closure has expired"),
                text("Nobody confirmed it in time. The account stays as it is, and you can start again."),
                "",
            )


async def _why_refused(service: WebService, status: StatusDocument, reader: Reader) -> str:
    """In the reader's language; of an account that isn't closed here the policy says whom to contact (T2)."""
    asked = await service.closures.records.close_of(status.closure_id)
    answer = asked[0].answer if asked is not None else None
    if status.outcome is not Outcome.REFUSED or answer is None:
        return ""
    refused = Refused(RefusalType(answer.type), answer.message, facts=answer.facts)
    if refused.type is RefusalType.ACCOUNT_KIND_REFUSED:
        profile = await service.platform.directory.profile(status.account_id)
        policy = in_language(service.closures.policy_for(profile, status.policy), reader.language)
        contact = policy.eligibility.refused_kinds.get(profile.kind)
        if contact is not None:
            return contact
    return refusal_of(refused, reader).sentence


async def _lost(service: WebService, status: StatusDocument, reader: Reader) -> tuple[str, ...]:
    """What can't come back although the account has (A26), in words where the plan is still known."""
    if status.outcome not in (Outcome.RESTORED, Outcome.DORMANT) or not status.unrecoverable:
        return ()
    plan = await service.closures.records.plan(status.closure_id, status.plan_hash)
    return losses_in_words(plan, reader.language) if plan is not None else status.unrecoverable


async def _owed(service: WebService, status: StatusDocument, reader: Reader) -> tuple[Owed, ...]:
    links: dict[str, str | None] = {}
    if status.outcome is Outcome.RESTORED:
        records = service.closures.records
        policy = await records.policy(status.closure_id)
        items = await records.items(status.closure_id, limit=len(status.owed))
        links = {each.item_id: process_link(each, policy) for each in items}
    return tuple(
        Owed(
            printable(each.title),
            reader.money(each.amount, each.currency) if each.amount and each.currency else "",
            links.get(each.item_id),
        )
        for each in status.owed
    )


def _refunded(status: StatusDocument, reader: Reader) -> tuple[Fact, ...]:
    return refund_progress(status.refund, reader).facts if status.refund is not None else ()


async def _certificate(service: WebService, status: StatusDocument) -> SignedCertificate | None:
    kept = await service.closures.records.certificate(status.closure_id)
    return SignedCertificate.model_validate_json(kept.content) if kept is not None else None


def _link(service: WebService, status: StatusDocument) -> CertificateLink:
    return service.certificate_links.link(status.closure_id, datetime.now(UTC))


async def _kept(
    service: WebService, status: StatusDocument, certificate: SignedCertificate | None, reader: Reader
) -> tuple[Kept, ...]:
    """The certificate says until when; the policy says what, in the reader's language."""
    if status.outcome is not Outcome.DELETED or certificate is None:
        return ()
    policy = in_language(await service.closures.records.policy(status.closure_id), reader.language)
    words = {each.name: each for each in policy.retained}
    by_policy = (
        Kept(words[each.name].what, words[each.name].ground, each.until)
        for each in certificate.retained
        if each.name in words
    )
    return (*by_policy, *dict.fromkeys(_kept_besides(certificate)))


def _kept_besides(certificate: SignedCertificate) -> Iterator[Kept]:
    """What no class of the policy names: the provider's systems have answered that it must be kept."""
    for store in certificate.stores:
        if store.state is StoreState.RETAINED and store.retained_as is None:
            yield Kept(printable(store.store), printable(store.ground or ""), store.until)
