"""Before anything starts: whose account it is, what will happen and when, what is lost and what stays."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import Request
from starlette.responses import Response

from client.planning import DryRun
from closure.accounts import AccountProfile
from closure.errors import RefusalType, Refused
from closure.lifecycle import Mode, Outcome
from closure.messages import ItemCategory
from closure.translations import in_language
from closure.visible_text import printable
from records.entries import RecordedClosure
from web.browser.languages import Reader
from web.browser.refusals import refusal_of
from web.browser.rendering import page, reader_for
from web.browser.sessions import CustomerSession
from web.customer.facts import Fact
from web.customer.losses import left, losses, stays
from web.customer.timeline import Happening, timeline
from web.service import WebService, service_of

PATIENCE: Final = timedelta(seconds=3)
"""How long the page waits for a source; the system check of the closure itself has more."""
_NOT_HERE: Final = frozenset({RefusalType.ACCOUNT_KIND_REFUSED, RefusalType.ACCOUNT_CLOSED})
_STARTS_AGAIN: Final = frozenset({Outcome.RESTORED, Outcome.WITHDRAWN, Outcome.EXPIRED, Outcome.DORMANT})


@dataclass(frozen=True)
class Findings:
    """How much the account has of what must be settled first; the checklist has each."""

    manual: int
    renounceable: int
    unknown: int

    @property
    def number(self) -> int:
        return self.manual + self.renounceable + self.unknown


@dataclass(frozen=True)
class Earlier:
    """A closure of the account that has ended, and the account goes on."""

    outcome: Outcome
    ended_at: datetime
    restart_advice: str


@dataclass(frozen=True)
class Overview:
    """What the page shows to who may close the account; a session that only views starts nothing."""

    account: str
    kind: str
    currency: str
    happenings: tuple[Happening, ...]
    losses: tuple[Fact, ...]
    refund: str | None
    stays: tuple[Fact, ...]
    left: tuple[Fact, ...]
    advice: tuple[str, ...]
    findings: Findings
    deletes: bool
    keeps_data: bool
    draft_lifetime: str
    can_start: bool
    earlier: Earlier | None


async def show_overview(request: Request, session: CustomerSession) -> Response:
    """The page that a closure is started from.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND` or `POLICY_NOT_FOUND`.
        DatabaseUnreachable: the record can't be read.
    """
    service, reader = service_of(request), reader_for(request, session)
    account_id, contact = session.account_id, None
    try:
        profile = await service.platform.directory.profile(account_id)
        policy = service.closures.policy_for(profile, None)
        contact = in_language(policy, reader.language).eligibility.refused_kinds.get(profile.kind)
        mode = Mode.DELETE if Mode.DELETE in policy.modes else Mode.KEEP_DATA
        found = await service.closures.planning.dry_run(
            account_id, mode=mode, language=reader.language, within=PATIENCE
        )
    except Refused as refused:
        if refused.type not in _NOT_HERE:
            raise
        reason = contact or refusal_of(refused, reader).sentence
        values = {"account": printable(account_id), "reason": reason, "refusal": refused.type.name}
        return page(request, "customer/not_here.html", values, session=session)
    shown = Overview(
        account=printable(account_id),
        kind=reader.text(profile.kind),
        currency=profile.currency,
        happenings=timeline(found.policy, found.plan, profile.kind, datetime.now(UTC), reader),
        losses=losses(found.plan, reader),
        refund=_refund(found, profile, reader),
        stays=stays(found.policy, reader),
        left=left(found.plan, reader),
        advice=found.policy.advice,
        findings=_findings(found),
        deletes=Mode.DELETE in policy.modes,
        keeps_data=Mode.KEEP_DATA in policy.modes,
        draft_lifetime=reader.duration(policy.draft_lifetime),
        can_start=not session.web.is_view_only,
        earlier=await _earlier(service, account_id, reader),
    )
    return page(request, "customer/overview.html", {"overview": shown}, session=session)


def _findings(found: DryRun) -> Findings:
    counted = Counter(each.category for each in found.items)
    return Findings(
        manual=counted[ItemCategory.MANUAL],
        renounceable=counted[ItemCategory.RENOUNCEABLE],
        unknown=counted[ItemCategory.UNKNOWN],
    )


def _refund(found: DryRun, profile: AccountProfile, reader: Reader) -> str | None:
    total = found.plan.refund_total
    return None if total is None else reader.money(str(total), profile.currency)


async def _earlier(service: WebService, account_id: str, reader: Reader) -> Earlier | None:
    last: RecordedClosure | None = await service.closures.records.last(account_id)
    outcome = last.state.outcome if last is not None else None
    if last is None or outcome not in _STARTS_AGAIN:
        return None
    status = await service.closures.in_language(reader.language).status(closure_id=last.closure_id)
    return Earlier(outcome, last.updated_at, status.restart_advice or "")
