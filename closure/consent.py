"""What a customer has consented to, and whether it covers what would happen now.

Less than was consented to is covered: fewer releases, a smaller forfeit, a subaccount that is gone. More is
not, whoever caused it: nothing is released, forfeited, voided or erased beyond consent.
"""

from collections.abc import Iterable, Iterator, Mapping

from closure.checks import is_legal_hold
from closure.long_lists import added, differing
from closure.messages import ItemCategory
from closure.money import Money
from closure.plan import AccountPlan, Plan, PlanItem


def covers(consented: Plan, now: Plan) -> bool:
    """Whether what was consented to covers the plan of now. Reflexive and transitive."""
    return not uncovered(consented, now)


def uncovered(consented: Plan, now: Plan) -> tuple[str, ...]:
    """In words, one line for each, what the plan of now has beyond what was consented to.

    A refund is consented to as a rule, not as an amount: what usage has taken of it is no more. What was
    refundable and isn't any more (a chargeback) is another matter.
    """
    return tuple(_uncovered(consented, now))


def _uncovered(consented: Plan, now: Plan) -> Iterator[str]:
    if (consented.account_id, consented.mode) != (now.account_id, now.mode):
        yield f"~ {consented.account_id} ({consented.mode}) → {now.account_id} ({now.mode})"
    if consented.policy_hash != now.policy_hash:
        yield f"~ policy {consented.policy} {consented.policy_version} → {now.policy} {now.policy_version}"
    if now.deletes_bindings and not consented.deletes_bindings:
        yield "+ delete bindings to third parties"
    yield from _new_items(consented.items, now.items)
    known = {each.account_id: each for each in consented.accounts}
    for account in now.accounts:
        before = known.get(account.account_id)
        if before is None:
            yield f"+ subaccount {account.account_id}"
        else:
            yield from _account(before, account, _prefix(consented, account))


def _new_items(before: Iterable[PlanItem], now: Iterable[PlanItem]) -> Iterator[str]:
    """What the customer would have to handle elsewhere was not there."""
    for item in added(before, now, lambda each: each.item_id):
        # A hold and a source that can't be read have the closure wait: they are no things.
        if item.category is ItemCategory.MANUAL and not is_legal_hold(item.item_id):
            yield f"+ {item.item_id}{_amount(item)}"


def _account(before: AccountPlan, now: AccountPlan, prefix: str) -> Iterator[str]:
    if before.currency != now.currency:
        yield f"{prefix}~ currency {before.currency} → {now.currency}"
        return
    yield from _more(f"{prefix}+ release", before.released_ids, now.released_ids)
    yield from _more(f"{prefix}+ cancel", before.cancellations, now.cancellations)
    yield from _more(
        f"{prefix}+ erase",
        (each.store_id for each in before.erasures),
        (each.store_id for each in now.erasures),
    )
    for old_store, store in differing(before.retained, now.retained, lambda each: each.store_id):
        if store is not None and (old_store is None or old_store.retained_as != store.retained_as):
            yield f"{prefix}~ {store.store_id} is kept as {store.retained_as}"
    amounts: Mapping[str, tuple[str | None, str | None]] = {
        "forfeit": (before.forfeited_cash, now.forfeited_cash),
        "forfeit promotional value of": (before.forfeited_promo, now.forfeited_promo),
        "void a debt of": (before.voided_debt, now.voided_debt),
    }
    for what, (old, new) in amounts.items():
        if _minor(old, now.currency) < _minor(new, now.currency):
            yield f"{prefix}~ {what} {new} {now.currency} instead of {old or '0'}"
    if _minor(now.refundable, now.currency) < _minor(before.refundable, now.currency):
        yield f"{prefix}~ refundable {now.refundable or '0'} {now.currency} instead of {before.refundable}"


def _more(verb: str, before: Iterable[str], now: Iterable[str]) -> Iterator[str]:
    yield from (f"{verb} {new}" for new in added(before, now, str))


def _minor(amount: str | None, currency: str) -> int:
    return Money.parse(amount, currency).minor if amount else 0


def _prefix(plan: Plan, account: AccountPlan) -> str:
    return "" if account.account_id == plan.account_id else f"subaccount {account.account_id}: "


def _amount(item: PlanItem) -> str:
    return f" {item.amount} {item.currency or ''}".rstrip() if item.amount else ""
