"""The plan: what a closure would do to what. Its hash is what the customer confirms."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from pydantic import JsonValue

from closure.accounts import Access, DataStore, Resource
from closure.checks import subaccount_prefix
from closure.duration import Duration
from closure.lifecycle import Mode
from closure.messages import ChecklistItem, ItemCategory
from closure.model import WireModel
from closure.money import Money
from closure.policy import Inspects, Policy
from closure.release_order import caught_in_cycles, release_batches
from closure.survey import AccountFacts, SurveyFacts


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


class PlannedRetention(WireModel):
    """A data store that the law keeps from being erased, under this retention class of the policy."""

    store_id: str
    store: str
    objects: int
    retained_as: str


class AccountPlan(WireModel):
    """What the closure would do to one account.

    Amounts are positive decimal strings in `currency`; None where nothing is lost or the source was unread.
    `releases` are batches of resource ids, dependents first; `cancellations` subscription ids.
    """

    account_id: str
    currency: str
    releases: tuple[tuple[str, ...], ...] = ()
    cancellations: tuple[str, ...] = ()
    products: Mapping[str, str] = {}
    """Product of each resource and subscription that goes: ``resource/i-1`` or ``subscription/s-1``."""
    forfeited_cash: str | None = None
    forfeited_promo: str | None = None
    voided_debt: str | None = None
    refund: str | None = None
    erasures: tuple[PlannedErasure, ...] = ()
    retained: tuple[PlannedRetention, ...] = ()

    @property
    def writes_off(self) -> bool:
        """Whether any money is given up or any debt voided."""
        return any((self.forfeited_cash, self.forfeited_promo, self.voided_debt))

    @property
    def released_ids(self) -> tuple[str, ...]:
        """All resources that go, in the order of release."""
        return tuple(resource_id for batch in self.releases for resource_id in batch)

    def hashed(self) -> dict[str, JsonValue]:
        """What of this account the plan's hash covers."""
        # Only where there is any: plans without keep the hashes that they had before there was such a thing.
        retained = sorted([kept.store_id, kept.retained_as] for kept in self.retained)
        kept: dict[str, JsonValue] = {"retained": [[*pair] for pair in retained]} if retained else {}
        return {
            **kept,
            "releases": [*sorted(self.released_ids)],
            "cancellations": [*sorted(self.cancellations)],
            "currency": self.currency,
            "forfeited_cash": self.forfeited_cash,
            "forfeited_promo": self.forfeited_promo,
            "voided_debt": self.voided_debt,
            "refund": self.refund,
            "erasures": [*sorted(erasure.store_id for erasure in self.erasures)],
        }


class Plan(AccountPlan):
    """What the closure would do, from one survey under one policy: to the account and all that it owns."""

    policy: str
    policy_version: str
    policy_hash: str
    mode: Mode
    silent_period: Duration = timedelta(0)
    retention: Duration = timedelta(0)
    items: tuple[PlanItem, ...] = ()
    deletes_bindings: bool = False
    subaccounts: tuple[AccountPlan, ...] = ()

    @property
    def accounts(self) -> tuple[AccountPlan, ...]:
        """The account itself, then its subaccounts."""
        return (self, *self.subaccounts)

    @property
    def refund_total(self) -> Money | None:
        """What goes back in all; None when nothing does.

        A subaccount in another currency is not in it: it blocks the closure.
        """
        alike = (each for each in self.accounts if each.currency == self.currency)
        refunds = [Money.parse(each.refund, each.currency) for each in alike if each.refund]
        return sum(refunds, Money.zero(self.currency)) if refunds else None

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
            "deletes_bindings": self.deletes_bindings,
            **self.hashed(),
        }
        if self.subaccounts:
            content["subaccounts"] = {each.account_id: each.hashed() for each in self.subaccounts}
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def make_plan(
    policy: Policy,
    facts: SurveyFacts,
    items: tuple[ChecklistItem, ...],
    mode: Mode,
    *,
    stopped: frozenset[str] | None = None,
) -> Plan:
    """The plan after one survey, whose `items` were evaluated under the same policy, facts and mode.

    What is manual is not in it: the customer deals with that first, and the plan changes then. Nor are
    subaccounts that another closure has stopped: their things and money are that one's. Once this closure
    has stopped some, `stopped` are those that are in it.
    """
    delete = mode is Mode.DELETE
    inspected = policy.inspected
    planned = tuple(_plan_item(item, inspected.get(item.check)) for item in items)
    refunds = policy.refunds(facts.profile.kind, mode)
    own = [
        each
        for each in facts.subaccounts or ()
        if (each.profile.access is Access.OPEN if stopped is None else each.profile.account_id in stopped)
    ]
    subaccounts = sorted(own, key=lambda each: each.profile.account_id)
    return Plan(
        **_account_plan(policy, facts, items_of(planned, None), mode, refunds).model_dump(),
        policy=policy.name,
        policy_version=policy.version,
        policy_hash=policy.content_hash,
        mode=mode,
        silent_period=policy.silent_period if delete else timedelta(0),
        retention=policy.retention if delete else timedelta(0),
        items=planned,
        deletes_bindings=delete,
        subaccounts=tuple(
            _account_plan(policy, each, items_of(planned, each.profile.account_id), mode, refunds)
            for each in subaccounts
        ),
    )


def items_of(items: tuple[PlanItem, ...], subaccount: str | None) -> tuple[PlanItem, ...]:
    """The items of one subaccount, or (None) of the account itself."""
    prefix = "subaccount/" if subaccount is None else subaccount_prefix(subaccount)
    return tuple(item for item in items if item.item_id.startswith(prefix) is (subaccount is not None))


def _account_plan(
    policy: Policy, facts: AccountFacts, items: tuple[PlanItem, ...], mode: Mode, refunds: bool
) -> AccountPlan:
    delete = mode is Mode.DELETE
    resources = _released(facts, items)
    subscriptions = _cancelled(policy, facts, items)
    cash, promo, debt = _written_off(facts, items) if delete else (None, None, None)
    return AccountPlan(
        account_id=facts.profile.account_id,
        currency=facts.profile.currency,
        releases=release_batches(resources, {resource.resource_id for resource in resources}),
        cancellations=tuple(sorted(subscriptions)),
        products={
            **{f"resource/{resource.resource_id}": resource.product for resource in resources},
            **{f"subscription/{each}": product for each, product in subscriptions.items()},
        },
        forfeited_cash=None if refunds else cash,
        forfeited_promo=promo,
        voided_debt=debt,
        refund=cash if refunds else None,
        erasures=_erased(policy, facts) if delete else (),
        retained=_retained(policy, facts) if delete else (),
    )


def unrecoverable_ids(plan: Plan) -> tuple[str, ...]:
    """Item ids of what is lost for good once entering has begun, even if all is restored (A26).

    Where no check yielded an item, the id is ``resources/ID``, ``subscriptions/ID``, ``balance`` or
    ``promo``; of a subaccount's things it begins with its prefix.
    """
    lost = list(_lost(plan, items_of(plan.items, None), ""))
    for each in plan.subaccounts:
        prefix = subaccount_prefix(each.account_id)
        lost += _lost(each, items_of(plan.items, each.account_id), prefix)
    return tuple(lost)


def _lost(plan: AccountPlan, items: tuple[PlanItem, ...], prefix: str) -> Iterator[str]:
    released, cancelled, balance = (
        {item.resource_id: item.item_id for item in items if item.inspects is inspects}
        for inspects in (Inspects.RESOURCES, Inspects.SUBSCRIPTIONS, Inspects.BALANCE)
    )
    yield from (released.get(each, f"{prefix}resources/{each}") for each in plan.released_ids)
    yield from (cancelled.get(each, f"{prefix}subscriptions/{each}") for each in plan.cancellations)
    if plan.forfeited_cash is not None:
        yield balance.get(None, f"{prefix}balance")
    if plan.forfeited_promo is not None:
        yield f"{prefix}promo"


def _plan_item(item: ChecklistItem, inspects: Inspects | None) -> PlanItem:
    return PlanItem(
        item_id=item.item_id,
        inspects=inspects,
        category=item.category,
        resource_id=item.resource_id,
        amount=item.amount,
        currency=item.currency,
    )


def _released(facts: AccountFacts, items: tuple[PlanItem, ...]) -> tuple[Resource, ...]:
    if facts.inventory is None:
        return ()
    manual = _things(items, Inspects.RESOURCES, ItemCategory.MANUAL)
    # What no order can release blocks by an item of its own; leaving it out lets the rest be planned.
    left = manual | caught_in_cycles(facts.inventory.resources)
    return tuple(resource for resource in facts.inventory.resources if resource.resource_id not in left)


def _cancelled(policy: Policy, facts: AccountFacts, items: tuple[PlanItem, ...]) -> dict[str, str]:
    """Products of the subscriptions to cancel, by id. With a check, only what it found unexpired."""
    if facts.inventory is None:
        return {}
    products = {each.subscription_id: each.product for each in facts.inventory.subscriptions}
    if Inspects.SUBSCRIPTIONS not in policy.inspected.values():
        return products
    found = _things(items, Inspects.SUBSCRIPTIONS, ItemCategory.RENOUNCEABLE)
    return {each: product for each, product in products.items() if each in found}


def _written_off(
    facts: AccountFacts, items: tuple[PlanItem, ...]
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


def _erased(policy: Policy, facts: AccountFacts) -> tuple[PlannedErasure, ...]:
    return tuple(
        PlannedErasure(store_id=each.store_id, store=each.store, objects=each.objects)
        for each in _stores(facts)
        if policy.retains(each.store) is None
    )


def _retained(policy: Policy, facts: AccountFacts) -> tuple[PlannedRetention, ...]:
    found = ((each, policy.retains(each.store)) for each in _stores(facts))
    return tuple(
        PlannedRetention(
            store_id=each.store_id, store=each.store, objects=each.objects, retained_as=kept.name
        )
        for each, kept in found
        if kept is not None
    )


def _stores(facts: AccountFacts) -> list[DataStore]:
    return sorted(facts.stores or (), key=lambda store: store.store_id)


def _things(items: Iterable[PlanItem], inspects: Inspects, category: ItemCategory) -> set[str]:
    return {
        item.resource_id
        for item in items
        if item.inspects is inspects and item.category is category and item.resource_id is not None
    }
