"""The plan: what a closure would do to what. Its hash is what the customer confirms."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Annotated, Final

from pydantic import BeforeValidator, SerializerFunctionWrapHandler, field_serializer

from closure.accounts import IDS
from closure.canonical import Content, sha256_of
from closure.checks import subaccount_prefix
from closure.dues import (
    Due,
)
from closure.duration import Duration
from closure.lifecycle import Mode
from closure.long_lists import GrowingList, Long
from closure.messages import ItemCategory
from closure.model import Instant, WireModel
from closure.money import Money
from closure.policy_checks import Inspects


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
