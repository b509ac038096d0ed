"""What the record and the audit of an ended closure say, as a certificate."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import TypeAdapter

from activities.requests import ErasureEvidence, Released, StoreEvidence, WrittenOff
from closure.certificate import (
    CERTIFIED,
    Certificate,
    CertifiedAudit,
    CertifiedMoney,
    CertifiedOwner,
    CertifiedStore,
    CertifiedSubaccount,
    OwedAmount,
    ReleasedThings,
    RetainedRecords,
    StoreState,
    retained_records,
)
from closure.lifecycle import Outcome
from closure.model import Instant
from closure.money import Money
from closure.policy import Policy
from records.entries import AuditEvent, EventType, RecordedClosure

_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


class NotCertifiable(Exception):
    """The record does not have what a certificate has to say; nothing is signed."""


def certificate_of(
    closure: RecordedClosure,
    events: Sequence[AuditEvent],
    policy: Policy,
    *,
    owner: CertifiedOwner | None,
    owner_events: Sequence[AuditEvent],
    subaccounts: Sequence[CertifiedSubaccount],
    issued_at: datetime,
    key_id: str,
) -> Certificate:
    """The certificate of a closure; its events are all there are.

    Raises:
        NotCertifiable: it hasn't ended, or its audit has no evidence of an erasure that it ended with.
    """
    document = closure.document
    if document.outcome not in CERTIFIED:
        raise NotCertifiable(f"closure {document.closure_id} has no outcome that is certified")
    erased_at, stores = _stores(events, policy)
    deleted = document.outcome is Outcome.DELETED
    if deleted and erased_at is None:
        raise NotCertifiable(f"the audit of closure {document.closure_id} has no evidence of its erasure")
    return Certificate(
        closure_id=document.closure_id,
        account_id=document.account_id,
        provider=document.provider,
        policy=document.policy,
        policy_version=document.policy_version,
        policy_hash=closure.policy_hash,
        mode=document.mode,
        outcome=document.outcome,
        plan_hash=document.plan_hash,
        opened_at=closure.opened_at,
        confirmed_at=document.confirmed_at,
        stopped_at=_stopped_at((*owner_events, *events)),
        data_deleted_at=erased_at,
        ended_at=events[-1].time,
        stores=stores,
        retained=retained_records(policy, erased_at) if erased_at is not None else (),
        released=_released(events),
        money=_money(events),
        owed=tuple(
            OwedAmount(check=item.check, amount=item.amount, currency=item.currency)
            for item in document.checklist
            if document.outcome is Outcome.RESTORED
        ),
        owner=owner,
        subaccounts=tuple(subaccounts),
        audit=CertifiedAudit(events=closure.event_count, head_hash=closure.head_hash),
        issued_at=issued_at,
        key_id=key_id,
    )


def owner_of(events: Sequence[AuditEvent]) -> CertifiedOwner | None:
    """The closure that a subaccount's closure was opened by."""
    match events[0].details:
        case {"owner": str(account_id), "owner_closure": str(closure_id)}:
            return CertifiedOwner(account_id=account_id, closure_id=closure_id)
        case _:
            return None


def _stopped_at(events: Iterable[AuditEvent]) -> datetime | None:
    said = (event.details.get("access_stopped_at") for event in events)
    return next((_INSTANT.validate_python(moment) for moment in said if moment is not None), None)


def _stores(
    events: Iterable[AuditEvent], policy: Policy
) -> tuple[datetime | None, tuple[CertifiedStore, ...]]:
    """The first event that says it: what a retry finds is gone already."""
    event = next((each for each in events if "erased_stores" in each.details), None)
    if event is None:
        return None, ()
    evidence = ErasureEvidence.model_validate(event.details)
    kept = {each.name: each for each in retained_records(policy, event.time)}
    return event.time, (
        *(
            CertifiedStore(
                reference=each.reference, store=each.store, state=StoreState.DELETED, objects=each.objects
            )
            for each in evidence.erased_stores
        ),
        *(_retained(each, kept) for each in evidence.retained_stores),
    )


def _retained(store: StoreEvidence, kept: dict[str, RetainedRecords]) -> CertifiedStore:
    under = kept.get(store.retained_as or "")
    if under is None:
        raise NotCertifiable(f"the policy has no retention class {store.retained_as}")
    return CertifiedStore(
        reference=store.reference,
        store=store.store,
        state=StoreState.RETAINED,
        objects=store.objects,
        retained_as=under.name,
        ground=under.ground,
        until=under.until,
    )


def _released(events: Iterable[AuditEvent]) -> ReleasedThings | None:
    event = next((each for each in events if each.event is EventType.RESOURCES_RELEASED), None)
    if event is None:
        return None
    released = Released.model_validate(event.details)
    return ReleasedThings(
        resources=released.resources,
        subscriptions=released.subscriptions,
        products=dict(sorted(released.products.items())),
    )


def _money(events: Sequence[AuditEvent]) -> CertifiedMoney | None:
    """None when no money was touched. The last word on a refund counts."""
    written = next((each for each in events if each.event is EventType.BALANCE_FORFEITED), None)
    refunds = [each for each in events if each.event.value.startswith("refund_")]
    if written is None and not refunds:
        return None
    currency = str((written or refunds[-1]).details["currency"])
    zero = str(Money.zero(currency))
    off = (
        WrittenOff.model_validate(written.details)
        if written is not None
        else WrittenOff(currency=currency, forfeited_cash=zero, forfeited_promo=zero, voided_debt=zero)
    )
    refunded = str(refunds[-1].details["settled"]) if refunds else zero
    return CertifiedMoney(**off.model_dump(), refunded=refunded)
