"""From facts to checklist: what a policy's checks find, and what the customer may give up of it."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

from closure.accounts import (
    Access,
    AccountProfile,
    BillingStatement,
    BillStatus,
    CreditNoteStatus,
    Inventory,
    Relationship,
    Resource,
    Subscription,
)
from closure.errors import RefusalType, Refused
from closure.item_texts import FINAL_CHECKS, INSPECTS, worded
from closure.lifecycle import Mode
from closure.long_lists import in_order
from closure.messages import ChecklistItem, ItemCategory, ItemText, ItemWording
from closure.money import Money
from closure.policy import Policy
from closure.policy_checks import Check, Disposition, Inspects
from closure.release_order import caught_in_cycles
from closure.survey import AccountFacts, Source, SurveyFacts
from closure.typed_text import as_compared

LEGAL_HOLD = "legal-hold"
"""Id of the item that a legal hold yields, whatever the policy."""
LONGEST_REASON = 200
"""Characters of a reason for closing (A17)."""

SOURCE_OF: dict[Inspects, Source] = {
    Inspects.BILLS: Source.BILLING,
    Inspects.CREDIT_NOTES: Source.BILLING,
    Inspects.BALANCE: Source.BILLING,
    Inspects.DEBT: Source.BILLING,
    Inspects.RESOURCES: Source.INVENTORY,
    Inspects.SUBSCRIPTIONS: Source.INVENTORY,
    Inspects.DOMAINS: Source.INVENTORY,
    Inspects.ICP_FILINGS: Source.INVENTORY,
    Inspects.RELATIONSHIPS: Source.RELATIONSHIPS,
}
_FINAL_RULE = "F1"
"""Stands for a rule where a policy has no check of what the final check looks at."""
_LEFT_WITH_THE_ACCOUNT = frozenset({Inspects.BALANCE, Inspects.DEBT})


def evaluate(policy: Policy, facts: SurveyFacts, now: datetime, mode: Mode) -> Sequence[ChecklistItem]:
    """The items of one survey, in the order of the policy's checks and within a check by id.

    `now` is an aware time of the closure's clock: what has expired by then is no item (A6). A source that
    could not be read yields one `unknown` item when a check or the plan needs it: unknown blocks.
    """
    return worded(_items_of(policy, facts, now, mode), policy)


def _items_of(policy: Policy, facts: SurveyFacts, now: datetime, mode: Mode) -> Iterator[ChecklistItem]:
    """The items without their texts."""
    yield from _account_items(policy, facts, now, mode)
    if facts.profile.access is not Access.OPEN:
        yield _STOPPED_ITEM
    for subaccount in sorted(facts.subaccounts or (), key=lambda each: each.profile.account_id):
        found = _account_items(policy, subaccount, now, mode)
        yield from (_of_subaccount(item, subaccount.profile.account_id) for item in found)
        if subaccount.profile.currency != facts.profile.currency:
            yield _other_currency(subaccount.profile, facts.profile.currency)


def is_legal_hold(item_id: str) -> bool:
    """Whether an item says that an account, or one that it owns, is under legal hold."""
    return item_id == LEGAL_HOLD or item_id.endswith(f"/{LEGAL_HOLD}")


def subaccount_prefix(account_id: str) -> str:
    """What item ids of a subaccount begin with; no two subaccounts' prefixes are alike."""
    return f"subaccount/{quote(account_id, safe='')}/"


def of_subaccount(policy: Policy, item: ChecklistItem, account_id: str) -> ChecklistItem:
    """The item with an id and a title that say whose it is."""
    (owned,) = worded([_of_subaccount(item, account_id)], policy)
    return owned


def _of_subaccount(item: ChecklistItem, account_id: str) -> ChecklistItem:
    wording = item.wording and _wording(item.wording.text, item.wording.values, account_id)
    return item.model_copy(
        update={"item_id": subaccount_prefix(account_id) + item.item_id, "wording": wording}
    )


def _account_items(policy: Policy, facts: AccountFacts, now: datetime, mode: Mode) -> Iterator[ChecklistItem]:
    if facts.held:
        yield _LEGAL_HOLD_ITEM
    for check in policy.checks:
        # Keeping the data keeps the account's money too, so neither balance nor debt is given up.
        if mode is Mode.KEEP_DATA and check.inspects in _LEFT_WITH_THE_ACCOUNT:
            continue
        yield from _items(check, facts, now)
    yield from _unorderable(policy, facts)
    unread = facts.unreadable & _needed_sources(policy, mode)
    yield from (_unknown(source) for source in Source if source in unread)


def check_reason(policy: Policy, reason: str) -> str:
    """The reason for closing without surrounding space (A17). The policy's reasons are suggestions only.

    Raises:
        Refused: longer than 200 characters, with control characters, or unseen where one is asked for.
    """
    stripped = reason.strip()
    if policy.require_reason and not as_compared(stripped):
        raise Refused(RefusalType.INVALID_REASON, "Give a reason for closing the account.")
    if len(stripped) > LONGEST_REASON:
        raise Refused(
            RefusalType.INVALID_REASON,
            f"The reason has {len(stripped)} characters; at most {LONGEST_REASON} are allowed.",
            facts={"length": len(stripped), "longest": LONGEST_REASON},
        )
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in stripped):
        raise Refused(RefusalType.INVALID_REASON, "The reason must be one line without control characters.")
    return stripped


def newly_owed(
    policy: Policy, statement: BillingStatement, now: datetime, *, refunds: bool = False
) -> tuple[ChecklistItem, ...]:
    """What the final check finds open, whatever its size (A4, A23): every finding is `manual`.

    A positive cash balance counts too, unless it `refunds`: all that was there has been given up, so this is
    new money.
    `now` is the closure's clock. The texts are those of the policy's checks, where it has them.
    """
    checks = {check.inspects: check for check in policy.checks}
    items: list[ChecklistItem] = []
    for check_id, inspects in FINAL_CHECKS.items():
        if inspects is Inspects.BALANCE and refunds:
            continue
        check = checks.get(inspects)
        manual = Check(
            id=check_id if check is None else check.id,
            rule=_FINAL_RULE if check is None else check.rule,
            inspects=inspects,
            disposition=Disposition.MANUAL,
            title=check_id,
            how_to=check_id,
        )
        items.extend(_at_the_end(item, inspects) for item in _financial(manual, statement))
    return tuple(worded(items, policy))


def _at_the_end(item: ChecklistItem, inspects: Inspects) -> ChecklistItem:
    values = item.wording.values if item.wording is not None else ()
    return item.model_copy(
        update={"wording": _wording(ItemText.FINAL, (*values, (INSPECTS, inspects.value)))}
    )


@lru_cache(maxsize=4096)
def _wording(
    text: ItemText, values: tuple[tuple[str, str], ...] = (), subaccount: str | None = None
) -> ItemWording:
    """Many items are worded alike: of 100,000 instances of one product all share one."""
    return ItemWording(text=text, values=values, subaccount=subaccount)


def is_billing_final(statement: BillingStatement, access_stopped_at: datetime) -> bool:
    """Whether all usage up to the moment access stopped has been billed (A21)."""
    return statement.usage_final_until is None or statement.usage_final_until >= access_stopped_at


def _items(check: Check, facts: AccountFacts, now: datetime) -> Iterable[ChecklistItem]:
    source = SOURCE_OF[check.inspects]
    if source is Source.BILLING:
        return _financial(check, facts.statement) if facts.statement is not None else ()
    if source is Source.INVENTORY:
        return _deployed(check, facts.inventory, now) if facts.inventory is not None else ()
    return _related(check, facts.relationships) if facts.relationships is not None else ()


def _financial(check: Check, statement: BillingStatement) -> Iterator[ChecklistItem]:
    match check.inspects:
        case Inspects.BILLS:
            for bill in sorted(statement.bills, key=lambda bill: bill.bill_id):
                if bill.status is not BillStatus.PAID:
                    yield _amount_item(check, bill.amount, bill.bill_id, {"status": bill.status.value})
        case Inspects.CREDIT_NOTES:
            for note in sorted(statement.credit_notes, key=lambda note: note.credit_note_id):
                if note.status is CreditNoteStatus.OPEN:
                    yield _amount_item(check, note.amount, note.credit_note_id)
        case Inspects.BALANCE:
            if statement.cash.minor > 0:
                yield _amount_item(check, statement.cash)
        case _:
            if statement.cash.minor < 0:
                yield _amount_item(check, -statement.cash)


def _deployed(check: Check, inventory: Inventory, now: datetime) -> Iterator[ChecklistItem]:
    match check.inspects:
        case Inspects.RESOURCES:
            caught = caught_in_cycles(inventory.resources)
            for resource in in_order(inventory.resources, lambda resource: resource.resource_id):
                yield _resource_item(check, resource, orderable=resource.resource_id not in caught)
        case Inspects.SUBSCRIPTIONS:
            for subscription in in_order(inventory.subscriptions, lambda each: each.subscription_id):
                if subscription.expires_at > now:
                    yield _subscription_item(check, subscription)
        case Inspects.DOMAINS:
            yield from (_thing_item(check, domain) for domain in in_order(inventory.domains, str))
        case _:
            yield from (_thing_item(check, filing) for filing in in_order(inventory.icp_filings, str))


def _related(check: Check, relationships: Iterable[Relationship]) -> Iterator[ChecklistItem]:
    for relationship in sorted(relationships, key=lambda each: each.relationship_id):
        if check.where is None or check.where.matches(relationship.type, relationship.role):
            yield _thing_item(check, relationship.relationship_id)


def _resource_item(check: Check, resource: Resource, *, orderable: bool) -> ChecklistItem:
    # What depends on itself in a circle can't be released in any order: only the customer can untie it.
    return _thing_item(
        check,
        resource.resource_id,
        {"product": resource.product},
        renounceable=_by_flag(check, resource.renounceable) and orderable,
    )


def _subscription_item(check: Check, subscription: Subscription) -> ChecklistItem:
    return _thing_item(
        check,
        subscription.subscription_id,
        {"product": subscription.product, "expires": subscription.expires_at.strftime("%Y-%m-%d %H:%M UTC")},
        renounceable=_by_flag(check, subscription.renounceable),
    )


def _by_flag(check: Check, flag: bool) -> bool:
    if check.disposition is Disposition.BY_THING:
        return flag
    return check.disposition is Disposition.RENOUNCEABLE


def _amount_item(
    check: Check, amount: Money, thing_id: str | None = None, more: Mapping[str, str] | None = None
) -> ChecklistItem:
    limit = check.limit(amount.currency)
    within = check.disposition is Disposition.WITHIN_LIMIT and limit is not None and amount <= limit
    values = {**({"limit": str(limit)} if limit is not None else {}), **(more or {})}
    return _thing_item(
        check,
        thing_id,
        values,
        renounceable=within or check.disposition is Disposition.RENOUNCEABLE,
        amount=amount,
    )


def _thing_item(
    check: Check,
    thing_id: str | None,
    values: Mapping[str, str] | None = None,
    *,
    renounceable: bool = False,
    amount: Money | None = None,
) -> ChecklistItem:
    return ChecklistItem(
        item_id=check.id if thing_id is None else f"{check.id}/{thing_id}",
        check=check.id,
        category=ItemCategory.RENOUNCEABLE if renounceable else ItemCategory.MANUAL,
        wording=_wording(ItemText.CHECK, tuple(values.items()) if values else ()),
        resource_id=thing_id,
        amount=str(amount) if amount is not None else None,
        currency=amount.currency if amount is not None else None,
    )


def _needed_sources(policy: Policy, mode: Mode) -> frozenset[Source]:
    needed = {SOURCE_OF[check.inspects] for check in policy.checks}
    # In either mode the plan releases what is deployed, in subaccounts too.
    needed |= {Source.INVENTORY, Source.SUBACCOUNTS, Source.LEGAL_HOLDS}
    if mode is Mode.DELETE:
        # What no check asks about is shown all the same: it stays due, or is left behind.
        needed |= {Source.BILLING, Source.DATA_STORES, Source.RELATIONSHIPS}
        needed |= {Source.PAYMENTS} if policy.refund is not None else set()
    return frozenset(needed)


def _unorderable(policy: Policy, facts: AccountFacts) -> Iterator[ChecklistItem]:
    """Without a check of resources nothing else would stop a closure that can't release them."""
    if facts.inventory is None or Inspects.RESOURCES in policy.inspected.values():
        return
    for resource_id in sorted(caught_in_cycles(facts.inventory.resources)):
        yield ChecklistItem(
            item_id=f"unknown/release-order/{resource_id}",
            check="unknown",
            category=ItemCategory.UNKNOWN,
            wording=_wording(ItemText.RELEASE_ORDER),
            resource_id=resource_id,
        )


def _other_currency(profile: AccountProfile, currency: str) -> ChecklistItem:
    return ChecklistItem(
        item_id=f"{subaccount_prefix(profile.account_id)}unknown/currency",
        check="unknown",
        category=ItemCategory.UNKNOWN,
        wording=_wording(
            ItemText.OTHER_CURRENCY,
            (("account", profile.account_id), ("currency", profile.currency), ("wanted", currency)),
        ),
    )


def _unknown(source: Source) -> ChecklistItem:
    return ChecklistItem(
        item_id=f"unknown/{source}",
        check="unknown",
        category=ItemCategory.UNKNOWN,
        wording=_wording(ItemText.UNREADABLE, (("source", source.value),)),
    )


_LEGAL_HOLD_ITEM = ChecklistItem(
    item_id=LEGAL_HOLD,
    check=LEGAL_HOLD,
    category=ItemCategory.MANUAL,
    wording=ItemWording(text=ItemText.LEGAL_HOLD),
)

_STOPPED_ITEM = ChecklistItem(
    item_id="unknown/access",
    check="unknown",
    category=ItemCategory.UNKNOWN,
    wording=ItemWording(text=ItemText.STOPPED),
)
