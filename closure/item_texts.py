"""The texts of checklist items, in whatever language their policy is read in."""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from closure.messages import CHECKLIST, ChecklistItem, ItemCategory, ItemText, ItemWording
from closure.policy import Policy
from closure.policy_checks import Check, Disposition, Inspects
from closure.survey import Source
from closure.templates import fill
from closure.wording import ItemTexts, Words, words_of

FINAL_CHECKS: Final = {
    "bills": Inspects.BILLS,
    "credit-notes": Inspects.CREDIT_NOTES,
    "balance": Inspects.BALANCE,
    "debt": Inspects.DEBT,
}
"""What the final check calls its findings where the policy has no check of its own for them (A23)."""

INSPECTS: Final = "inspects"
"""The value of an item of the final check that says what was looked at."""


def worded(items: Iterable[ChecklistItem], policy: Policy) -> Sequence[ChecklistItem]:
    """The items with their texts in the language that `policy` is in.

    Items of before there were other languages stay as they are.
    """
    words = words_of(policy.languages[0])
    checks = {check.id: check for check in policy.checks}
    return CHECKLIST.of(_worded(item, checks.get(item.check), words) for item in items)


def process_link(item: ChecklistItem, policy: Policy) -> str | None:
    """Where the customer deals with an item that can't be dealt with here (A15); None where it isn't said."""
    check = next((each for each in policy.checks if each.id == item.check), None)
    is_of_check = item.wording is not None and item.wording.text in (ItemText.CHECK, ItemText.FINAL)
    if check is None or check.link is None or not is_of_check or item.category is not ItemCategory.MANUAL:
        return None
    own = {"id": item.resource_id or "", "amount": item.amount or "", "currency": item.currency or ""}
    values = {**own, **dict(item.wording.values if item.wording else ())}
    return fill(check.link, {name: quote(value, safe="") for name, value in values.items()})


def _worded(item: ChecklistItem, check: Check | None, words: Words) -> ChecklistItem:
    wording = item.wording
    if wording is None:
        return item
    texts = _texts(item, check, wording, words)
    own = {"id": item.resource_id or "", "amount": item.amount or "", "currency": item.currency or ""}
    values = {**own, **_spoken(wording, words)}
    title = fill(texts.title, values)
    if wording.subaccount is not None:
        title = fill(words.subaccount, {"subaccount": wording.subaccount, "title": title})
    # Not a copy: that is larger, and there may be 100,000 of them.
    return ChecklistItem(**{**dict(item), "title": title, "how_to": fill(texts.how_to, values)})


def _texts(item: ChecklistItem, check: Check | None, wording: ItemWording, words: Words) -> ItemTexts:
    if wording.text is ItemText.FINAL:
        inspects = Inspects(dict(wording.values)[INSPECTS])
        own = check if check is not None and check.inspects is inspects else None
        return _at_the_end(own, words.final[inspects])
    if wording.text is not ItemText.CHECK:
        return words.items[wording.text]
    assert check is not None, f"the policy has no check {item.check}"
    is_manual = item.category is not ItemCategory.RENOUNCEABLE and check.how_to_manual is not None
    return ItemTexts(check.title, check.how_to_manual or "" if is_manual else check.how_to)


def _at_the_end(check: Check | None, otherwise: ItemTexts) -> ItemTexts:
    """The policy's own texts where they don't offer to give something up: at the end nothing can be."""
    if check is None:
        return otherwise
    return ItemTexts(
        otherwise.title if "{limit}" in check.title else check.title,
        check.how_to if check.disposition is Disposition.MANUAL else otherwise.how_to,
    )


def _spoken(wording: ItemWording, words: Words) -> dict[str, str]:
    """The values of an item, where they are words in the words of the language."""
    values = dict(wording.values)
    if "status" in values:
        values["status"] = next(
            (said for status, said in words.bill_status.items() if status.value == values["status"]),
            values["status"],
        )
    if "source" in values:
        values["source"] = words.sources[Source(values["source"])]
    return values
