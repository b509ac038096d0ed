"""The plan: what a closure would do to what. Its hash is what the customer confirms."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from pydantic import JsonValue

from closure.accounts import Resource
from closure.duration import Duration
from closure.lifecycle import Mode
from closure.messages import ChecklistItem, ItemCategory
from closure.model import WireModel
from closure.policy import Inspects, Policy
from closure.release_order import caught_in_cycles, release_batches
from closure.survey import SurveyFacts


class PlanItem(WireModel):
    """A checklist item without its texts. `inspects` is None for an item that no check yielded."""

    item_id: str
    inspects: Inspects | None = None
    category: ItemCategory
    resource_id: str | None = None
    amount: str | None = None
    currency: str | None = None


class PlannedErasure(WireModel):
    """A data store that will be erased; `objects` at the time of the survey."""

    store_id: str
    store: str
    objects: int


class Plan(WireModel):
    """What the closure would do, from one survey under one policy.

    Amounts are positive decimal strings in `currency`; None where nothing is lost or the source was unread.
    `releases` are batches of resource ids, dependents first; `cancellations` subscription ids.
    """

    account_id: str
    policy: str
    policy_version: str
    policy_hash: str
    mode: Mode
    currency: str
    silent_period: Duration = timedelta(0)
    retention: Duration = timedelta(0)
    items: tuple[PlanItem, ...] = ()
    releases: tuple[tuple[str, ...], ...] = ()
    cancellations: tuple[str, ...] = ()
    products: Mapping[str, str] = {}
    """Product of each resource and subscription that goes: ``resource/i-1`` or ``subscription/s-1``."""
    forfeited_cash: str | None = None
    forfeited_promo: str | None = None
    voided_debt: str | None = None
    refund: str | None = None
    erasures: tuple[PlannedErasure, ...] = ()
    deletes_bindings: bool = False

    @property
    def writes_off(self) -> bool:
        """Whether any money is given up or any debt voided."""
        return any((self.forfeited_cash, self.forfeited_promo, self.voided_debt))

    @property
    def released_ids(self) -> tuple[str, ...]:
        """All resources that go, in the order of release."""
        return tuple(resource_id for batch in self.releases for resource_id in batch)

    @property
    def plan_hash(self) -> str:
        """SHA-256, in hex, of everything the customer agrees to.

        Nothing that drifts by itself is in it: not the time, the number of surveys, renounced flags, texts,
        object counts or the order in which the sources answered.
        """
        content: dict[str, JsonValue] = {
            "account": self.account_id,
            "policy": self.policy_hash,
            "mode": self.mode,
            "items": [
                [item.item_id, item.category, item.amount, item.currency]
                for item in sorted(self.items, key=lambda item: item.item_id)
            ],
            "releases": [*sorted(self.released_ids)],
            "cancellations": [*sorted(self.cancellations)],
            "currency": self.currency,
            "forfeited_cash": self.forfeited_cash,
            "forfeited_promo": self.forfeited_promo,
            "voided_debt": self.voided_debt,
            "refund": self.refund,
            "erasures": [*sorted(erasure.store_id for erasure in self.erasures)],
            "deletes_bindings": self.deletes_bindings,
        }
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def make_plan(policy: Policy, facts: SurveyFacts, items: tuple[ChecklistItem, ...], mode: Mode) -> Plan:
    """The plan after one survey, whose `items` were evaluated under the same policy, facts and mode.

    What is manual is not in it: the customer deals with that first, and the plan changes then.
    """
    delete = mode is Mode.DELETE
    inspected = policy.inspected
    planned = tuple(_plan_item(item, inspected.get(item.check)) for item in items)
    resources = _released(facts, planned)
    subscriptions = _cancelled(policy, facts, planned)
    cash, promo, debt = _written_off(facts, planned) if delete else (None, None, None)
    return Plan(
        account_id=facts.profile.account_id,
        policy=policy.name,
        policy_version=policy.version,
        policy_hash=policy.content_hash,
        mode=mode,
        currency=facts.profile.currency,
        silent_period=policy.silent_period if delete else timedelta(0),
        retention=policy.retention if delete else timedelta(0),
        items=planned,
        releases=release_batches(resources, {resource.resource_id for resource in resources}),
        cancellations=tuple(sorted(subscriptions)),
        products={
            **{f"resource/{resource.resource_id}": resource.product for resource in resources},
            **{f"subscription/{each}": product for each, product in subscriptions.items()},
        },
        forfeited_cash=cash,
        forfeited_promo=promo,
        voided_debt=debt,
        erasures=_erased(facts) if delete else (),
        deletes_bindings=delete,
    )


def unrecoverable_ids(plan: Plan) -> tuple[str, ...]:
    """Item ids of what is lost for good once entering has begun, even if all is restored (A26).

    Where no check yielded an item, the id is ``resources/ID``, ``subscriptions/ID``, ``balance`` or
    ``promo``.
    """
    released = _item_ids(plan, Inspects.RESOURCES)
    cancelled = _item_ids(plan, Inspects.SUBSCRIPTIONS)
    lost = [released.get(each, f"resources/{each}") for each in plan.released_ids]
    lost += [cancelled.get(each, f"subscriptions/{each}") for each in plan.cancellations]
    if plan.forfeited_cash is not None:
        lost.append(_item_ids(plan, Inspects.BALANCE).get(None, "balance"))
    if plan.forfeited_promo is not None:
        lost.append("promo")
    return tuple(lost)


def difference(before: Plan, after: Plan) -> tuple[str, ...]:
    """What changed, one line for people per change: ``+`` came, ``-`` went, ``~`` changed.

    Empty exactly when both plans have the same hash.
    """
    return tuple(_difference(before, after))


def _plan_item(item: ChecklistItem, inspects: Inspects | None) -> PlanItem:
    return PlanItem(
        item_id=item.item_id,
        inspects=inspects,
        category=item.category,
        resource_id=item.resource_id,
        amount=item.amount,
        currency=item.currency,
    )


def _released(facts: SurveyFacts, items: tuple[PlanItem, ...]) -> tuple[Resource, ...]:
    if facts.inventory is None:
        return ()
    manual = _things(items, Inspects.RESOURCES, ItemCategory.MANUAL)
    # What no order can release blocks by an item of its own; leaving it out lets the rest be planned.
    left = manual | caught_in_cycles(facts.inventory.resources)
    return tuple(resource for resource in facts.inventory.resources if resource.resource_id not in left)


def _cancelled(policy: Policy, facts: SurveyFacts, items: tuple[PlanItem, ...]) -> dict[str, str]:
    """Products of the subscriptions to cancel, by id. With a check, only what it found unexpired."""
    if facts.inventory is None:
        return {}
    products = {each.subscription_id: each.product for each in facts.inventory.subscriptions}
    if Inspects.SUBSCRIPTIONS not in policy.inspected.values():
        return products
    found = _things(items, Inspects.SUBSCRIPTIONS, ItemCategory.RENOUNCEABLE)
    return {each: product for each, product in products.items() if each in found}


def _written_off(
    facts: SurveyFacts, items: tuple[PlanItem, ...]
) -> tuple[str | None, str | None, str | None]:
    """Cash, promotional value and debt given up. A debt is voided only where a check allows it."""
    statement = facts.statement
    if statement is None:
        return None, None, None
    categories = {item.inspects: item.category for item in items}
    cash_goes = statement.cash.minor > 0 and categories.get(Inspects.BALANCE) is not ItemCategory.MANUAL
    debt_goes = statement.cash.minor < 0 and categories.get(Inspects.DEBT) is ItemCategory.RENOUNCEABLE
    return (
        str(statement.cash) if cash_goes else None,
        str(statement.promo) if statement.promo.minor > 0 else None,
        str(-statement.cash) if debt_goes else None,
    )


def _erased(facts: SurveyFacts) -> tuple[PlannedErasure, ...]:
    stores = sorted(facts.stores or (), key=lambda store: store.store_id)
    return tuple(
        PlannedErasure(store_id=store.store_id, store=store.store, objects=store.objects) for store in stores
    )


def _things(items: Iterable[PlanItem], inspects: Inspects, category: ItemCategory) -> set[str]:
    return {
        item.resource_id
        for item in items
        if item.inspects is inspects and item.category is category and item.resource_id is not None
    }


def _item_ids(plan: Plan, inspects: Inspects) -> dict[str | None, str]:
    return {item.resource_id: item.item_id for item in plan.items if item.inspects is inspects}


def _difference(before: Plan, after: Plan) -> Iterator[str]:
    if before.account_id != after.account_id:
        yield f"~ account {before.account_id} → {after.account_id}"
    if before.policy_hash != after.policy_hash:
        yield _policy_change(before, after)
    if before.mode is not after.mode:
        yield f"~ mode {before.mode} → {after.mode}"
    if before.currency != after.currency:
        yield f"~ currency {before.currency} → {after.currency}"
    yield from _item_changes(before, after)
    yield from _set_changes("release", _named(before, "resource"), _named(after, "resource"))
    yield from _set_changes("cancel", _named(before, "subscription"), _named(after, "subscription"))
    shown = {item.inspects for plan in (before, after) for item in plan.items}
    if Inspects.BALANCE not in shown:  # else the item's own line says it
        yield from _amount_change("balance", before.forfeited_cash, after.forfeited_cash, after.currency)
    if Inspects.DEBT not in shown:
        yield from _amount_change("debt", before.voided_debt, after.voided_debt, after.currency)
    yield from _amount_change("promo", before.forfeited_promo, after.forfeited_promo, after.currency)
    yield from _amount_change("refund", before.refund, after.refund, after.currency)
    yield from _set_changes("erase", _stores(before), _stores(after))
    if before.deletes_bindings is not after.deletes_bindings:
        yield f"{'+' if after.deletes_bindings else '-'} delete bindings to third parties"


def _policy_change(before: Plan, after: Plan) -> str:
    old, new = f"{before.policy} {before.policy_version}", f"{after.policy} {after.policy_version}"
    return f"~ policy {old} → {new}" if old != new else f"~ policy {old}: its content changed"


def _named(plan: Plan, kind: str) -> dict[str, str]:
    ids = plan.released_ids if kind == "resource" else plan.cancellations
    return {each: f"{each} ({plan.products.get(f'{kind}/{each}', 'unknown')})" for each in ids}


def _stores(plan: Plan) -> dict[str, str]:
    return {erasure.store_id: f"{erasure.store_id} ({erasure.store})" for erasure in plan.erasures}


def _set_changes(verb: str, before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    for each in sorted(after.keys() - before.keys()):
        yield f"+ {verb} {after[each]}"
    for each in sorted(before.keys() - after.keys()):
        yield f"- {verb} {before[each]}"


def _amount_change(label: str, old: str | None, new: str | None, currency: str) -> Iterator[str]:
    if old == new:
        return
    if old is None:
        yield f"+ {label} {new} {currency}"
    elif new is None:
        yield f"- {label} {old} {currency}"
    else:
        yield f"~ {label} {old} → {new} {currency}"


def _item_changes(before: Plan, after: Plan) -> Iterator[str]:
    old, new = ({item.item_id: item for item in plan.items} for plan in (before, after))
    going = [{*plan.released_ids, *plan.cancellations} for plan in (before, after)]
    for item_id in sorted(new.keys() - old.keys()):
        if not _goes(new[item_id], going[1]):
            yield f"+ {_described(new[item_id])}"
    for item_id in sorted(old.keys() - new.keys()):
        if not _goes(old[item_id], going[0]):
            yield f"- {_described(old[item_id])}"
    for item_id in sorted(old.keys() & new.keys()):
        yield from _item_change(old[item_id], new[item_id])


def _goes(item: PlanItem, going: set[str]) -> bool:
    """Whether a line about its release or cancellation says it already."""
    return (
        item.inspects in (Inspects.RESOURCES, Inspects.SUBSCRIPTIONS)
        and item.category is ItemCategory.RENOUNCEABLE
        and item.resource_id in going
    )


def _item_change(old: PlanItem, new: PlanItem) -> Iterator[str]:
    if old.category is not new.category:
        yield f"~ {old.item_id} {old.category} → {new.category}"
    if (old.amount, old.currency) == (new.amount, new.currency):
        return
    if old.currency == new.currency:
        yield f"~ {old.item_id} {old.amount} → {new.amount} {new.currency}"
    else:
        yield f"~ {old.item_id} {old.amount} {old.currency} → {new.amount} {new.currency}"


def _described(item: PlanItem) -> str:
    amount = f" {item.amount} {item.currency}" if item.amount is not None else ""
    return f"{item.item_id}{amount} ({item.category})"
