"""The plan: what a closure would do to what. Its hash is what the customer confirms."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Annotated, Final

from pydantic import BeforeValidator, SerializerFunctionWrapHandler, field_serializer

from closure.accounts import IDS, RESOURCES, Access, DataStore, Inventory, Resource
from closure.canonical import Content, sha256_of
from closure.checks import subaccount_prefix
from closure.dues import (
    Due,
    cash_to_refund,
    money_due,
    things_left,
    unchecked_dues,
    unchecked_things,
)
from closure.duration import Duration
from closure.lifecycle import Mode
from closure.long_lists import GrowingList, Long, in_order
from closure.messages import ChecklistItem, ItemCategory
from closure.model import Instant, WireModel
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


ITEMS: Final = Long(PlanItem)
ERASURES: Final = Long(PlannedErasure, attrgetter("store_id"))
RETENTIONS: Final = Long(PlannedRetention)
DUES: Final = Long(Due)
PRODUCTS: Final = Long(tuple[str, str])


def _as_pairs(products: object) -> object:
    """Plans that were kept before have a mapping."""
    return products.items() if isinstance(products, Mapping) and "parts" not in products else products


class AccountPlan(WireModel):
    """What the closure would do to one account.

    Amounts are positive decimal strings in `currency`; None where nothing is lost or the source was unread.
    `releases` are batches of resource ids, dependents first; `cancellations` subscription ids.
    """

    account_id: str
    currency: str
    releases: tuple[Annotated[Sequence[str], IDS], ...] = ()
    cancellations: Annotated[Sequence[str], IDS] = ()
    products: Annotated[Sequence[tuple[str, str]], PRODUCTS, BeforeValidator(_as_pairs)] = ()
    """Product of each resource and subscription that goes: of ``resource/i-1`` or ``subscription/s-1``."""
    forfeited_cash: str | None = None
    forfeited_promo: str | None = None
    voided_debt: str | None = None
    refund: str | None = None
    """What would go back now. The rule is consented to, not the amount: usage may take of it until then."""
    refundable: str | None = None
    """What payments that funded the account can still give back; less than before is a chargeback."""
    erasures: Annotated[Sequence[PlannedErasure], ERASURES] = ()
    retained: Annotated[Sequence[PlannedRetention], RETENTIONS] = ()
    dues: Annotated[Sequence[Due], DUES] = ()
    """What stays due, as it was seen last; nobody consents to it, so the hash doesn't cover it."""
    left_behind: Annotated[Sequence[Due], DUES] = ()
    stopped_at: Instant | None = None
    """Of a subaccount that goes along late; the others stopped with their owner."""

    @field_serializer("products", mode="wrap")
    def _as_before(self, products: Sequence[tuple[str, str]], write: SerializerFunctionWrapHandler) -> object:
        """A mapping, which an older program reads after a roll-back, too."""
        return dict(products) if isinstance(products, tuple) else write(products)

    @property
    def refund_applies(self) -> bool:
        """Whether cash of the account goes back, whenever it arrives."""
        return self.refundable is not None

    @property
    def writes_off(self) -> bool:
        """Whether any money is given up or any debt voided."""
        return any((self.forfeited_cash, self.forfeited_promo, self.voided_debt))

    @property
    def released_ids(self) -> Sequence[str]:
        """All resources that go, in the order of release."""
        return self.releases[0] if len(self.releases) == 1 else IDS.of(chain.from_iterable(self.releases))

    @property
    def releases_number(self) -> int:
        """How many resources go, and subscriptions."""
        return sum(map(len, self.releases)) + len(self.cancellations)

    def hashed(self) -> dict[str, Content]:
        """What of this account the plan's hash covers; lists are made when their turn comes."""
        # Only where there is any: plans without keep the hashes that they had before there was such a thing.
        retained = sorted([kept.store_id, kept.retained_as] for kept in self.retained)
        kept: dict[str, Content] = {"retained": [[*pair] for pair in retained]} if retained else {}
        return {
            **kept,
            "releases": lambda: sorted(self.released_ids),
            "cancellations": lambda: sorted(self.cancellations),
            "currency": self.currency,
            "forfeited_cash": self.forfeited_cash,
            "forfeited_promo": self.forfeited_promo,
            "voided_debt": self.voided_debt,
            "refunds": self.refund is not None,
            "erasures": lambda: sorted(erasure.store_id for erasure in self.erasures),
        }


class Plan(AccountPlan):
    """What the closure would do, from one survey under one policy: to the account and all that it owns."""

    policy: str
    policy_version: str
    policy_hash: str
    mode: Mode
    silent_period: Duration = timedelta(0)
    retention: Duration = timedelta(0)
    items: Annotated[Sequence[PlanItem], ITEMS] = ()
    deletes_bindings: bool = False
    subaccounts: tuple[AccountPlan, ...] = ()
    joined: tuple[AccountPlan, ...] = ()
    """Subaccounts that go along late. They lose nothing that needs consent: the hash doesn't cover them."""

    @property
    def accounts(self) -> tuple[AccountPlan, ...]:
        """The account itself, then its subaccounts."""
        return (self, *self.subaccounts, *self.joined)

    @property
    def refund_total(self) -> Money | None:
        """What goes back in all; None when nothing does.

        A subaccount in another currency is not in it: it blocks the closure.
        """
        alike = (each for each in self.accounts if each.currency == self.currency)
        refunds = [Money.parse(each.refund, each.currency) for each in alike if each.refund]
        return sum(refunds, Money.zero(self.currency)) if refunds else None

    @property
    def leaves(self) -> int:
        """How many things stay due or are left behind."""
        return sum(len(each.dues) + len(each.left_behind) for each in self.accounts)

    def with_left(self, account_id: str, dues: Sequence[Due], left_behind: Sequence[Due]) -> "Plan":
        """The same plan, with what one of its accounts leaves as it was seen last."""
        left = {"dues": dues, "left_behind": left_behind}
        if account_id == self.account_id:
            return self.model_copy(update=left)
        changed = tuple(
            each.model_copy(update=left) if each.account_id == account_id else each
            for each in self.subaccounts
        )
        return self.model_copy(update={"subaccounts": changed})

    @property
    def plan_hash(self) -> str:
        """SHA-256, in hex, of everything the customer agrees to.

        Nothing that drifts by itself is in it: not the time, the number of surveys, renounced flags, texts,
        object counts, what is refunded as long as something is, or the order in which the sources answered.
        """
        content: dict[str, Content] = {
            "account": self.account_id,
            "policy": self.policy_hash,
            "mode": self.mode,
            "items": self._hashed_items,
            "deletes_bindings": self.deletes_bindings,
            **self.hashed(),
        }
        if self.subaccounts:
            content["subaccounts"] = {each.account_id: each.hashed() for each in self.subaccounts}
        return sha256_of(content)

    def _hashed_items(self) -> Iterable[tuple[str | None, ...]]:
        items = ((each.item_id, each.category, each.amount, each.currency) for each in self.items)
        return sorted(items, key=itemgetter(0))


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


class ItemsByAccount:
    """A plan's items, looked through once for all accounts."""

    def __init__(self, items: Sequence[PlanItem]) -> None:
        if not any(_prefix_of(item.item_id) for item in items):
            self._found = {"": items}
            return
        found: dict[str, GrowingList[PlanItem]] = {}
        for item in items:
            found.setdefault(_prefix_of(item.item_id), ITEMS.growing()).append(item)
        self._found = {prefix: of_one.packed() for prefix, of_one in found.items()}

    def of(self, subaccount: str | None) -> Sequence[PlanItem]:
        """The items of one subaccount, or (None) of the account itself."""
        return self._found.get("" if subaccount is None else subaccount_prefix(subaccount), ())


def _prefix_of(item_id: str) -> str:
    """`subaccount_prefix` of the item's account; its name is quoted and has no slash."""
    kind, slash, rest = item_id.partition("/")
    return f"{kind}/{rest.partition('/')[0]}/" if slash and kind == "subaccount" else ""


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


def unrecoverable_ids(plan: Plan) -> Sequence[str]:
    """Item ids of what is lost for good once entering has begun, even if all is restored (A26).

    Where no check yielded an item, the id is ``resources/ID``, ``subscriptions/ID``, ``balance`` or
    ``promo``; of a subaccount's things it begins with its prefix.
    """
    return IDS.of(_all_lost(plan))


def _all_lost(plan: Plan) -> Iterator[str]:
    by_account = ItemsByAccount(plan.items)
    yield from _lost(plan, by_account.of(None), "")
    for each in plan.subaccounts:
        yield from _lost(each, by_account.of(each.account_id), subaccount_prefix(each.account_id))


def _lost(plan: AccountPlan, items: Sequence[PlanItem], prefix: str) -> Iterator[str]:
    yield from _called(items, Inspects.RESOURCES, f"{prefix}resources/", plan.released_ids)
    yield from _called(items, Inspects.SUBSCRIPTIONS, f"{prefix}subscriptions/", plan.cancellations)
    if plan.forfeited_cash is not None:
        balance = (item.item_id for item in items if item.inspects is Inspects.BALANCE)
        yield next(balance, f"{prefix}balance")
    if plan.forfeited_promo is not None:
        yield f"{prefix}promo"


def _called(
    items: Iterable[PlanItem], inspects: Inspects, prefix: str, things: Iterable[str]
) -> Iterator[str]:
    """Item ids of the things; few are kept in hand where a check is called as what it inspects."""
    called = {
        item.resource_id: item.item_id
        for item in items
        if item.inspects is inspects and item.item_id != f"{prefix}{item.resource_id}"
    }
    yield from (called.get(each, f"{prefix}{each}") for each in things)


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
