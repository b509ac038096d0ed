"""Why a closure doesn't go on as it was confirmed, in sentences for its customer (A23)."""

from collections.abc import Iterable

from closure.item_texts import worded
from closure.messages import ChecklistItem, ItemText
from closure.plan import Plan
from closure.policy import Policy
from closure.wording import words_of


def why_restored(policy: Policy, consented: Plan, items: Iterable[ChecklistItem]) -> tuple[str, ...]:
    """The titles of what is owed, and of what was not in the plan that was consented to.

    Args:
        policy: in the reader's language.
        consented: what was confirmed.
        items: the checklist that the closure goes back with.
    """
    known = {(item.item_id, item.amount) for item in consented.items}
    reasons = [item for item in items if _is_owed(item) or (item.item_id, item.amount) not in known]
    return _titles(policy, reasons) or (words_of(policy.languages[0]).something_else,)


def why_asked_again(policy: Policy, items: Iterable[ChecklistItem]) -> tuple[str, ...]:
    """The titles of what blocks now; `policy` is in the reader's language."""
    blocking = [item for item in items if item.blocks]
    return _titles(policy, blocking) or (words_of(policy.languages[0]).account_changed,)


def _titles(policy: Policy, items: Iterable[ChecklistItem]) -> tuple[str, ...]:
    return tuple(item.title for item in worded(items, policy))


def _is_owed(item: ChecklistItem) -> bool:
    return item.wording is not None and item.wording.text is ItemText.FINAL
