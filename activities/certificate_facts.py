"""What the record and the audit of an ended closure say, as a certificate."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from closure.certificate import (
    CERTIFIED,
    Certificate,
    CertifiedAudit,
    CertifiedMoney,
    CertifiedOwner,
    CertifiedStore,
    CertifiedSubaccount,
    LeftBehind,
    OwedAmount,
    ReleasedThings,
    RetainedRecords,
    StoreState,
    retained_records,
)
from closure.events import (
    AccessStopped,
    BalanceForfeited,
    DataErased,
    DuesHandedOver,
    Event,
    Opened,
    RefundEvent,
    RefundPaidOtherwise,
    ResourcesReleased,
    StoreEvidence,
)
from closure.installation import InstallationKind
from closure.lifecycle import Outcome
from closure.messages import ChecklistItem
from closure.money import Money
from closure.policy import Policy
from closure.settling import handed_over
from records.entries import ReadEvent, RecordedClosure

Wanted = TypeVar("Wanted", bound=Event)


class NotCertifiable(Exception):
    """The record does not have what a certificate has to say; nothing is signed."""


def certificate_of(
    closure: RecordedClosure,
    events: Sequence[ReadEvent],
    policy: Policy,
    *,
    installation: InstallationKind,
    items: Sequence[ChecklistItem],
    owner: CertifiedOwner | None,
    owner_events: Sequence[ReadEvent],
    subaccounts: Sequence[CertifiedSubaccount],
    issued_at: datetime,
    key_id: str,
) -> Certificate:
    """The certificate of a closure; its events are all there are, its items the checklist as it ended.

    Raises:
        NotCertifiable: it hasn't ended, or its audit has no evidence of an erasure that it ended with.
    """
    state = closure.state
    if state.outcome not in CERTIFIED:
        raise NotCertifiable(f"closure {state.closure_id} has no outcome that is certified")
    erased = _first(events, DataErased)  # what a retry finds is gone already
    erased_at = erased[0] if erased else None
    if state.outcome is Outcome.DELETED and erased_at is None:
        raise NotCertifiable(f"the audit of closure {state.closure_id} has no evidence of its erasure")
    stopped = _first((*owner_events, *events), AccessStopped)
    return Certificate(
        installation=installation,
        closure_id=state.closure_id,
        account_id=state.account_id,
        provider=state.provider,
        policy=state.policy,
        policy_version=state.policy_version,
        policy_hash=closure.policy_hash,
        mode=state.mode,
        outcome=state.outcome,
        plan_hash=state.plan_hash,
        opened_at=closure.opened_at,
        confirmed_at=state.confirmed_at,
        stopped_at=stopped[1].access_stopped_at if stopped else None,
        data_deleted_at=erased_at,
        ended_at=events[-1].time,
        stores=_stores(erased[1], retained_records(policy, erased[0])) if erased else (),
        stores_sum=erased[1].stores_sum if erased else None,
        retained=retained_records(policy, erased_at) if erased_at is not None else (),
        released=_released(events),
        money=_money(events),
        owed=_owed(items) if state.outcome is Outcome.RESTORED else _dues(events),
        left_behind=_left_behind(events),
        owner=owner,
        subaccounts=tuple(subaccounts),
        audit=CertifiedAudit(events=closure.event_count, head_hash=closure.head_hash),
        issued_at=issued_at,
        key_id=key_id,
    )


def owner_of(events: Sequence[ReadEvent]) -> CertifiedOwner | None:
    """The closure that a subaccount's closure was opened by."""
    opened = events[0].content
    if not isinstance(opened, Opened) or opened.owner is None or opened.owner_closure is None:
        return None
    return CertifiedOwner(account_id=opened.owner, closure_id=opened.owner_closure)


def _all(events: Iterable[ReadEvent], wanted: type[Wanted]) -> list[tuple[datetime, Wanted]]:
    found = ((event.time, event.content) for event in events)
    return [(time, content) for time, content in found if isinstance(content, wanted)]


def _first(events: Iterable[ReadEvent], wanted: type[Wanted]) -> tuple[datetime, Wanted] | None:
    return next(iter(_all(events, wanted)), None)


def _stores(evidence: DataErased, retained: Iterable[RetainedRecords]) -> tuple[CertifiedStore, ...]:
    kept = {each.name: each for each in retained}
    return (
        *(
            CertifiedStore(
                reference=each.reference, store=each.store, state=StoreState.DELETED, objects=each.objects
            )
            for each in evidence.erased_stores
        ),
        *(_retained(each, kept) for each in evidence.retained_stores),
    )


def _retained(store: StoreEvidence, kept: dict[str, RetainedRecords]) -> CertifiedStore:
    found = CertifiedStore(
        reference=store.reference,
        store=store.store,
        state=StoreState.RETAINED,
        objects=store.objects,
        ground=store.ground,
        until=store.until,
    )
    if store.ground is not None:
        return found
    under = kept.get(store.retained_as or "")
    if under is None:
        raise NotCertifiable(f"the policy has no retention class {store.retained_as}")
    return found.model_copy(update={"retained_as": under.name, "ground": under.ground, "until": under.until})


def _released(events: Iterable[ReadEvent]) -> ReleasedThings | None:
    found = _first(events, ResourcesReleased)
    if found is None:
        return None
    released = found[1]
    return ReleasedThings(
        resources=released.resources,
        subscriptions=released.subscriptions,
        products=dict(sorted(released.products.items())),
    )


def _owed(items: Iterable[ChecklistItem]) -> tuple[OwedAmount, ...]:
    return tuple(OwedAmount(check=item.check, amount=item.amount, currency=item.currency) for item in items)


def _dues(events: Iterable[ReadEvent]) -> tuple[OwedAmount, ...]:
    return tuple(
        OwedAmount(check=due.kind.value, amount=due.amount, currency=due.currency, becomes=due.becomes)
        for due in handed_over(event.content for event in events)
    )


def _left_behind(events: Iterable[ReadEvent]) -> tuple[LeftBehind, ...]:
    handed = _all(events, DuesHandedOver)
    counts = handed[-1][1].left_behind if handed else {}
    return tuple(LeftBehind(kind=kind, number=counts[kind]) for kind in sorted(counts))


def _money(events: Sequence[ReadEvent]) -> CertifiedMoney | None:
    """None when no money was touched. The last word on a refund counts."""
    written = _first(events, BalanceForfeited)
    refunds = [refund for _, refund in _all(events, RefundEvent)]
    otherwise = [paid for _, paid in _all(events, RefundPaidOtherwise)]
    if written is None and not refunds:
        return None
    currency = written[1].currency if written else refunds[-1].currency
    zero = str(Money.zero(currency))
    paid = sum((Money.parse(each.amount, currency) for each in otherwise), Money.zero(currency))
    off = (
        written[1]
        if written
        else BalanceForfeited(currency=currency, forfeited_cash=zero, forfeited_promo=zero, voided_debt=zero)
    )
    refunded = (refunds[-1].settled if refunds else None) or zero
    return CertifiedMoney(**off.model_dump(), refunded=refunded, paid_otherwise=str(paid))
