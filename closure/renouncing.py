"""What a customer has given up, and what they may give up (A15, A16)."""

from collections.abc import Iterable, Iterator, Sequence

from closure.acts import RenounceWords
from closure.errors import RefusalType, Refused
from closure.messages import CHECKLIST, ChecklistItem, ItemCategory
from closure.money import Money


def carry_renounced(
    previous: Iterable[ChecklistItem], current: Iterable[ChecklistItem]
) -> Sequence[ChecklistItem]:
    """The `current` items, renounced where the same item was renounced before (A15, A16).

    An item whose amount grew, or whose currency, resource or category changed must be renounced again.
    """
    return CHECKLIST.of(_carried(previous, current))


def _carried(previous: Iterable[ChecklistItem], current: Iterable[ChecklistItem]) -> Iterator[ChecklistItem]:
    """Side by side: what is at about the same place in both is in hand only for a moment."""
    given_up = {}
    left = (item for item in previous if item.renounced)
    for item in current:
        name = _identity(item)
        if item.category is ItemCategory.RENOUNCEABLE:
            while name not in given_up and (before := next(left, None)) is not None:
                given_up[_identity(before)] = before.amount
            if name in given_up and _is_no_more(item, given_up.pop(name)):
                yield item.model_copy(update={"renounced": True})
                continue
        yield item


def renounce(items: Sequence[ChecklistItem], words: RenounceWords) -> Sequence[ChecklistItem]:
    """The items after the customer gave up those named, or with `all` every renounceable one (A16).

    Giving up what is given up already changes nothing.

    Raises:
        Refused: the risk isn't accepted, nothing is selected, an item isn't there or can't be given up.
    """
    if not words.accept_risk:
        raise Refused(
            RefusalType.RISK_NOT_ACCEPTED,
            "What is discarded or released can't be recovered; that risk has not been accepted.",
        )
    selected = set(words.item_ids)
    by_id = {item.item_id: item for item in items if item.item_id in selected}
    for item_id in words.item_ids:
        if item_id not in by_id:
            raise Refused(
                RefusalType.ITEM_NOT_FOUND,
                f"The checklist has no item {item_id!r}.",
                facts={"item_id": item_id},
            )
        if by_id[item_id].category is not ItemCategory.RENOUNCEABLE:
            raise Refused(
                RefusalType.ITEM_NOT_RENOUNCEABLE,
                f"{item_id} can't be given up here. {by_id[item_id].how_to}",
                facts={"item_id": item_id},
            )

    def goes(item: ChecklistItem) -> bool:
        is_meant = words.all and item.category is ItemCategory.RENOUNCEABLE
        return is_meant or item.item_id in selected

    if not any(map(goes, items)):
        reason = "Nothing on the checklist can be given up here." if words.all else "No item is selected."
        raise Refused(RefusalType.ITEM_NOT_FOUND, reason)
    return CHECKLIST.of(item.model_copy(update={"renounced": True}) if goes(item) else item for item in items)


def _identity(item: ChecklistItem) -> tuple[str, ItemCategory, str | None, str | None]:
    return item.item_id, item.category, item.currency, item.resource_id


def _is_no_more(item: ChecklistItem, given_up: str | None) -> bool:
    """Whether the item's amount is at most what was given up: usage, say, has taken of it since."""
    if item.amount is None or given_up is None or item.currency is None:
        return item.amount == given_up
    return Money.parse(item.amount, item.currency) <= Money.parse(given_up, item.currency)
