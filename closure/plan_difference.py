"""What changed between two plans, for the person who confirmed the first of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import chain
from typing import TypeAlias

from closure.long_lists import differing
from closure.messages import ItemCategory
from closure.plan import AccountPlan, ItemsByAccount, Plan, PlanItem
from closure.policy_checks import Inspects

Naming: TypeAlias = Callable[[Set[str]], dict[str, str]]
"""How people call things, by id: asked only for those that are to be named."""


def difference(before: Plan, after: Plan) -> tuple[str, ...]:
    """What changed, one line for people per change: ``+`` came, ``-`` went, ``~`` changed.

    Empty exactly when both plans have the same hash.
    """
    return tuple(_difference(before, after))


def _difference(before: Plan, after: Plan) -> Iterator[str]:
    if before.account_id != after.account_id:
        yield f"~ account {before.account_id} → {after.account_id}"
    if before.policy_hash != after.policy_hash:
        yield _policy_change(before, after)
    if before.mode is not after.mode:
        yield f"~ mode {before.mode} → {after.mode}"
    yield from _currency_change(before, after)
    yield from _item_changes(before, after)
    yield from _account_changes(
        before, after, *(ItemsByAccount(plan.items).of(None) for plan in (before, after))
    )
    if before.deletes_bindings is not after.deletes_bindings:
        yield f"{'+' if after.deletes_bindings else '-'} delete bindings to third parties"
    yield from _subaccount_changes(before, after)


def _subaccount_changes(before: Plan, after: Plan) -> Iterator[str]:
    old, new = ({each.account_id: each for each in plan.subaccounts} for plan in (before, after))
    yield from (f"+ subaccount {each}" for each in sorted(new.keys() - old.keys()))
    yield from (f"- subaccount {each}" for each in sorted(old.keys() - new.keys()))
    items = [ItemsByAccount(plan.items) for plan in (before, after)]
    for name in sorted(old.keys() & new.keys()):
        changes = _account_changes(old[name], new[name], *(each.of(name) for each in items))
        for line in (*_currency_change(old[name], new[name]), *changes):
            yield f"{line} of subaccount {name}"


def _currency_change(before: AccountPlan, after: AccountPlan) -> Iterator[str]:
    if before.currency != after.currency:
        yield f"~ currency {before.currency} → {after.currency}"


def _account_changes(
    before: AccountPlan,
    after: AccountPlan,
    old_items: Sequence[PlanItem],
    new_items: Sequence[PlanItem],
) -> Iterator[str]:
    yield from _set_changes(
        "release",
        (before.released_ids, after.released_ids),
        (_with_products(before, "resource"), _with_products(after, "resource")),
    )
    yield from _set_changes(
        "cancel",
        (before.cancellations, after.cancellations),
        (_with_products(before, "subscription"), _with_products(after, "subscription")),
    )
    shown = {item.inspects for items in (old_items, new_items) for item in items}
    if Inspects.BALANCE not in shown:  # else the item's own line says it
        yield from _amount_change("balance", before.forfeited_cash, after.forfeited_cash, after.currency)
    if Inspects.DEBT not in shown:
        yield from _amount_change("debt", before.voided_debt, after.voided_debt, after.currency)
    yield from _amount_change("promo", before.forfeited_promo, after.forfeited_promo, after.currency)
    yield from _amount_change("refund", before.refund, after.refund, after.currency)
    yield from _set_changes(
        "erase", (_store_ids(before), _store_ids(after)), (_with_kinds(before), _with_kinds(after))
    )
    yield from _set_changes("retain", (_kept(before), _kept(after)), (_by_themselves, _by_themselves))


def _policy_change(before: Plan, after: Plan) -> str:
    old, new = f"{before.policy} {before.policy_version}", f"{after.policy} {after.policy_version}"
    return f"~ policy {old} → {new}" if old != new else f"~ policy {old}: its content changed"


def _with_products(plan: AccountPlan, kind: str) -> Naming:
    def named(ids: Set[str]) -> dict[str, str]:
        wanted = {f"{kind}/{each}" for each in ids}
        products = {name: product for name, product in plan.products if name in wanted} if wanted else {}
        return {each: f"{each} ({products.get(f'{kind}/{each}', 'unknown')})" for each in ids}

    return named


def _store_ids(plan: AccountPlan) -> Iterator[str]:
    return (erasure.store_id for erasure in plan.erasures)


def _with_kinds(plan: AccountPlan) -> Naming:
    def named(ids: Set[str]) -> dict[str, str]:
        wanted = (each for each in plan.erasures if each.store_id in ids) if ids else ()
        return {each.store_id: f"{each.store_id} ({each.store})" for each in wanted}

    return named


def _kept(plan: AccountPlan) -> Iterator[str]:
    """A store that is kept under another class is another thing."""
    return (f"{kept.store_id} ({kept.store}) as {kept.retained_as}" for kept in plan.retained)


def _by_themselves(names: Set[str]) -> dict[str, str]:
    return {name: name for name in names}


def _set_changes(
    verb: str, ids: tuple[Iterable[str], Iterable[str]], naming: tuple[Naming, Naming]
) -> Iterator[str]:
    """Of long lists only what differs is in hand."""
    went, came = set(), set()
    for old, new in differing(*ids, str):
        if new is not None:
            came.add(new)
        elif old is not None:
            went.add(old)
    for sign, changed, name in (("+", came, naming[1]), ("-", went, naming[0])):
        named = name(changed)
        yield from (f"{sign} {verb} {named[each]}" for each in sorted(changed))


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
    came: list[PlanItem] = []
    went: list[PlanItem] = []
    changed: list[tuple[PlanItem, PlanItem]] = []
    for old, new in differing(before.items, after.items, lambda item: item.item_id):
        if old is not None and new is not None:
            changed.append((old, new))
        elif new is not None:
            came.append(new)
        elif old is not None:
            went.append(old)
    for sign, items, plan in (("+", came, after), ("-", went, before)):
        going = _going(plan, items)
        for item in sorted(items, key=lambda each: each.item_id):
            if not _goes(item, going):
                yield f"{sign} {_described(item)}"
    for pair in sorted(changed, key=lambda each: each[0].item_id):
        yield from _item_change(*pair)


def _going(plan: Plan, items: Sequence[PlanItem]) -> set[str]:
    """Ids of those items about whose release or cancellation a line of its own is said."""
    by_account = ItemsByAccount(items)
    going = set()
    for account in plan.accounts:
        asked = by_account.of(None if account is plan else account.account_id)
        ids = {item.resource_id for item in asked}
        things = {each for each in chain(account.released_ids, account.cancellations) if each in ids}
        going |= {item.item_id for item in asked if item.resource_id in things}
    return going


def _goes(item: PlanItem, going: set[str]) -> bool:
    return (
        item.inspects in (Inspects.RESOURCES, Inspects.SUBSCRIPTIONS)
        and item.category is ItemCategory.RENOUNCEABLE
        and item.item_id in going
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
