"""Making a plan of what was found: what a closure under a policy would do."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from closure.accounts import IDS, RESOURCES, Access, DataStore, Inventory, Resource
from closure.dues import (
    cash_to_refund,
    money_due,
    things_left,
    unchecked_dues,
    unchecked_things,
)
from closure.lifecycle import Mode
from closure.long_lists import in_order
from closure.messages import ChecklistItem, ItemCategory
from closure.money import Money
from closure.plan import (
    ERASURES,
    ITEMS,
    PRODUCTS,
    RETENTIONS,
    AccountPlan,
    ItemsByAccount,
    Plan,
    PlanItem,
    PlannedErasure,
    PlannedRetention,
)
from closure.policy import Policy
from closure.policy_checks import Inspects
from closure.release_order import caught_in_cycles, release_batches
from closure.survey import AccountFacts, SurveyFacts


def make_plan(
    policy: Policy,
    facts: SurveyFacts,
    items: Iterable[ChecklistItem],
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
    planned = ITEMS.of(_plan_item(item, inspected.get(item.check)) for item in items)
    by_account = ItemsByAccount(planned)
    refunds = policy.refunds(facts.profile.kind, mode)
    own = [
        each
        for each in facts.subaccounts or ()
        if (each.profile.access is Access.OPEN if stopped is None else each.profile.account_id in stopped)
    ]
    subaccounts = sorted(own, key=lambda each: each.profile.account_id)
    return Plan(
        **dict(_account_plan(policy, facts, by_account.of(None), mode, refunds)),
        policy=policy.name,
        policy_version=policy.version,
        policy_hash=policy.content_hash,
        mode=mode,
        silent_period=policy.silent_period if delete else timedelta(0),
        retention=policy.retention if delete else timedelta(0),
        items=planned,
        deletes_bindings=delete,
        subaccounts=tuple(
            _account_plan(policy, each, by_account.of(each.profile.account_id), mode, refunds)
            for each in subaccounts
        ),
    )


def joined_plan(
    policy: Policy, facts: AccountFacts, now: datetime, *, currency: str, refunds: bool
) -> AccountPlan:
    """What becomes of a subaccount that goes along late, once its own closure has ended otherwise.

    Nothing of it is released, forfeited or voided. Its cash goes back with its owner's, where that goes back;
    all else stays due or is left behind.

    Args:
        policy: of its owner's closure.
        facts: all of them read.
        now: the closure's clock; it has stopped by then.
        currency: its owner's. In another one no refund can go along.
        refunds: whether its owner's cash goes back.
    """
    goes_back = refunds and facts.profile.currency == currency
    inventory = facts.inventory or Inventory()
    return AccountPlan(
        account_id=facts.profile.account_id,
        currency=facts.profile.currency,
        refund=_refund(policy, facts) if goes_back else None,
        refundable=_refundable(facts) if goes_back else None,
        erasures=ERASURES.of(_erased(policy, facts)),
        retained=RETENTIONS.of(_retained(policy, facts)),
        dues=money_due(policy, facts.statement, refunds=goes_back) if facts.statement is not None else (),
        left_behind=things_left(inventory, facts.relationships or (), now),
        stopped_at=now,
    )


def _account_plan(
    policy: Policy, facts: AccountFacts, items: Sequence[PlanItem], mode: Mode, refunds: bool
) -> AccountPlan:
    delete = mode is Mode.DELETE
    resources = _released(facts, items)
    subscriptions = _cancelled(policy, facts, items)
    cash, promo, debt = _written_off(facts, items) if delete else (None, None, None)
    return AccountPlan(
        account_id=facts.profile.account_id,
        currency=facts.profile.currency,
        releases=release_batches(resources),
        cancellations=IDS.of(name for name, _ in subscriptions),
        products=PRODUCTS.of(_products(resources, subscriptions)),
        forfeited_cash=None if refunds else cash,
        forfeited_promo=promo,
        voided_debt=debt,
        refund=_refund(policy, facts) if refunds else None,
        refundable=_refundable(facts) if refunds else None,
        erasures=ERASURES.of(_erased(policy, facts)) if delete else (),
        retained=RETENTIONS.of(_retained(policy, facts)) if delete else (),
        dues=unchecked_dues(policy, facts, refunds=refunds) if delete else (),
        left_behind=unchecked_things(policy, facts) if delete else (),
    )


def _refund(policy: Policy, facts: AccountFacts) -> str | None:
    if facts.statement is None:
        return None
    cash = cash_to_refund(policy, facts.statement)
    return str(cash) if cash.minor > 0 else None


def _refundable(facts: AccountFacts) -> str | None:
    if facts.payments is None:
        return None
    zero = Money.zero(facts.profile.currency)
    return str(sum((each.refundable for each in facts.payments), zero))


def _products(
    resources: Sequence[Resource], subscriptions: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    by_id = in_order(resources, lambda each: each.resource_id)
    yield from ((f"resource/{each.resource_id}", each.product) for each in by_id)
    yield from ((f"subscription/{name}", product) for name, product in subscriptions)


def _plan_item(item: ChecklistItem, inspects: Inspects | None) -> PlanItem:
    return PlanItem(
        item_id=item.item_id,
        inspects=inspects,
        category=item.category,
        resource_id=item.resource_id,
        amount=item.amount,
        currency=item.currency,
    )


def _released(facts: AccountFacts, items: Iterable[PlanItem]) -> Sequence[Resource]:
    if facts.inventory is None:
        return ()
    manual = _things(items, Inspects.RESOURCES, ItemCategory.MANUAL)
    # What no order can release blocks by an item of its own; leaving it out lets the rest be planned.
    left = manual | caught_in_cycles(facts.inventory.resources)
    if not left:
        return facts.inventory.resources
    return RESOURCES.of(each for each in facts.inventory.resources if each.resource_id not in left)


def _cancelled(policy: Policy, facts: AccountFacts, items: Iterable[PlanItem]) -> Sequence[tuple[str, str]]:
    """The subscriptions to cancel by id, with their products. With a check, only what it found unexpired."""
    if facts.inventory is None:
        return ()
    is_checked = Inspects.SUBSCRIPTIONS in policy.inspected.values()
    found = _things(items, Inspects.SUBSCRIPTIONS, ItemCategory.RENOUNCEABLE) if is_checked else frozenset()
    return PRODUCTS.of(
        (each.subscription_id, each.product)
        for each in in_order(facts.inventory.subscriptions, lambda each: each.subscription_id)
        if not is_checked or each.subscription_id in found
    )


def _written_off(facts: AccountFacts, items: Iterable[PlanItem]) -> tuple[str | None, str | None, str | None]:
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


def _erased(policy: Policy, facts: AccountFacts) -> Iterator[PlannedErasure]:
    return (
        PlannedErasure(store_id=each.store_id, store=each.store, objects=each.objects)
        for each in _stores(facts)
        if policy.retains(each.store) is None
    )


def _retained(policy: Policy, facts: AccountFacts) -> Iterator[PlannedRetention]:
    found = ((each, policy.retains(each.store)) for each in _stores(facts))
    return (
        PlannedRetention(
            store_id=each.store_id, store=each.store, objects=each.objects, retained_as=kept.name
        )
        for each, kept in found
        if kept is not None
    )


def _stores(facts: AccountFacts) -> Iterable[DataStore]:
    return in_order(facts.stores or (), lambda store: store.store_id)


def _things(items: Iterable[PlanItem], inspects: Inspects, category: ItemCategory) -> set[str]:
    return {
        item.resource_id
        for item in items
        if item.inspects is inspects and item.category is category and item.resource_id is not None
    }
