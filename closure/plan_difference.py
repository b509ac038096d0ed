"""What changed between two plans, for the person who confirmed the first of them."""

from collections.abc import Iterator

from closure.messages import ItemCategory
from closure.plan import AccountPlan, Plan, PlanItem, items_of
from closure.policy import Inspects


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
    yield from _account_changes(before, after, *(items_of(plan.items, None) for plan in (before, after)))
    if before.deletes_bindings is not after.deletes_bindings:
        yield f"{'+' if after.deletes_bindings else '-'} delete bindings to third parties"
    yield from _subaccount_changes(before, after)


def _subaccount_changes(before: Plan, after: Plan) -> Iterator[str]:
    old, new = ({each.account_id: each for each in plan.subaccounts} for plan in (before, after))
    yield from (f"+ subaccount {each}" for each in sorted(new.keys() - old.keys()))
    yield from (f"- subaccount {each}" for each in sorted(old.keys() - new.keys()))
    for name in sorted(old.keys() & new.keys()):
        items = [items_of(plan.items, name) for plan in (before, after)]
        changes = _account_changes(old[name], new[name], *items)
        for line in (*_currency_change(old[name], new[name]), *changes):
            yield f"{line} of subaccount {name}"


def _currency_change(before: AccountPlan, after: AccountPlan) -> Iterator[str]:
    if before.currency != after.currency:
        yield f"~ currency {before.currency} → {after.currency}"


def _account_changes(
    before: AccountPlan,
    after: AccountPlan,
    old_items: tuple[PlanItem, ...],
    new_items: tuple[PlanItem, ...],
) -> Iterator[str]:
    yield from _set_changes("release", _named(before, "resource"), _named(after, "resource"))
    yield from _set_changes("cancel", _named(before, "subscription"), _named(after, "subscription"))
    shown = {item.inspects for item in (*old_items, *new_items)}
    if Inspects.BALANCE not in shown:  # else the item's own line says it
        yield from _amount_change("balance", before.forfeited_cash, after.forfeited_cash, after.currency)
    if Inspects.DEBT not in shown:
        yield from _amount_change("debt", before.voided_debt, after.voided_debt, after.currency)
    yield from _amount_change("promo", before.forfeited_promo, after.forfeited_promo, after.currency)
    yield from _amount_change("refund", before.refund, after.refund, after.currency)
    yield from _set_changes("erase", _stores(before), _stores(after))
    yield from _set_changes("retain", _kept(before), _kept(after))


def _policy_change(before: Plan, after: Plan) -> str:
    old, new = f"{before.policy} {before.policy_version}", f"{after.policy} {after.policy_version}"
    return f"~ policy {old} → {new}" if old != new else f"~ policy {old}: its content changed"


def _named(plan: AccountPlan, kind: str) -> dict[str, str]:
    ids = plan.released_ids if kind == "resource" else plan.cancellations
    return {each: f"{each} ({plan.products.get(f'{kind}/{each}', 'unknown')})" for each in ids}


def _stores(plan: AccountPlan) -> dict[str, str]:
    return {erasure.store_id: f"{erasure.store_id} ({erasure.store})" for erasure in plan.erasures}


def _kept(plan: AccountPlan) -> dict[str, str]:
    """A store that is kept under another class is another thing."""
    named = {f"{kept.store_id} ({kept.store}) as {kept.retained_as}" for kept in plan.retained}
    return {name: name for name in named}


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
    going = [_going(plan) for plan in (before, after)]
    for item_id in sorted(new.keys() - old.keys()):
        if not _goes(new[item_id], going[1]):
            yield f"+ {_described(new[item_id])}"
    for item_id in sorted(old.keys() - new.keys()):
        if not _goes(old[item_id], going[0]):
            yield f"- {_described(old[item_id])}"
    for item_id in sorted(old.keys() & new.keys()):
        yield from _item_change(old[item_id], new[item_id])


def _going(plan: Plan) -> set[str]:
    """Ids of the items about whose release or cancellation a line of its own is said."""
    going = set()
    for account in plan.accounts:
        things = {*account.released_ids, *account.cancellations}
        name = None if account is plan else account.account_id
        going |= {item.item_id for item in items_of(plan.items, name) if item.resource_id in things}
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
