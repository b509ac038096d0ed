"""From facts to checklist: what a policy's checks find, and what the customer may give up of it."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
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
from closure.lifecycle import Mode
from closure.messages import ChecklistItem, ItemCategory, RenounceRequest
from closure.money import Money
from closure.policy import Check, Disposition, Inspects, Policy
from closure.release_order import caught_in_cycles
from closure.survey import AccountFacts, Source, SurveyFacts
from closure.templates import fill

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
_SOURCE_NAMES: dict[Source, str] = {
    Source.BILLING: "Billing",
    Source.INVENTORY: "The inventory of resources",
    Source.RELATIONSHIPS: "The list of related accounts",
    Source.DATA_STORES: "The list of data stores",
    Source.SUBACCOUNTS: "The list of subaccounts",
    Source.LEGAL_HOLDS: "The list of legal holds",
}
_LEFT_WITH_THE_ACCOUNT = frozenset({Inspects.BALANCE, Inspects.DEBT})


def evaluate(policy: Policy, facts: SurveyFacts, now: datetime, mode: Mode) -> tuple[ChecklistItem, ...]:
    """The items of one survey, in the order of the policy's checks and within a check by id.

    `now` is an aware time of the closure's clock: what has expired by then is no item (A6). A source that
    could not be read yields one `unknown` item when a check or the plan needs it: unknown blocks.
    """
    items = list(_account_items(policy, facts, now, mode))
    if facts.profile.access is not Access.OPEN:
        items.append(_STOPPED_ITEM)
    for subaccount in sorted(facts.subaccounts or (), key=lambda each: each.profile.account_id):
        found = _account_items(policy, subaccount, now, mode)
        items += [of_subaccount(item, subaccount.profile.account_id) for item in found]
        if subaccount.profile.currency != facts.profile.currency:
            items.append(_other_currency(subaccount.profile, facts.profile.currency))
    return tuple(items)


def subaccount_prefix(account_id: str) -> str:
    """What item ids of a subaccount begin with; no two subaccounts' prefixes are alike."""
    return f"subaccount/{quote(account_id, safe='')}/"


def of_subaccount(item: ChecklistItem, account_id: str) -> ChecklistItem:
    """The item with an id and a title that say whose it is."""
    return item.model_copy(
        update={
            "item_id": subaccount_prefix(account_id) + item.item_id,
            "title": f"Subaccount {account_id}: {item.title}",
        }
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


def carry_renounced(
    previous: tuple[ChecklistItem, ...], current: tuple[ChecklistItem, ...]
) -> tuple[ChecklistItem, ...]:
    """The `current` items, renounced where the very same item was renounced before (A15, A16).

    An item whose amount, currency, resource or category changed must be renounced again.
    """
    given_up = {_identity(item) for item in previous if item.renounced}
    return tuple(
        item.model_copy(update={"renounced": True})
        if item.category is ItemCategory.RENOUNCEABLE and _identity(item) in given_up
        else item
        for item in current
    )


def renounce(items: tuple[ChecklistItem, ...], request: RenounceRequest) -> tuple[ChecklistItem, ...]:
    """The items after the customer gave up those named, or with `all` every renounceable one (A16).

    Giving up what is given up already changes nothing.

    Raises:
        Refused: the risk isn't accepted, nothing is selected, an item isn't there or can't be given up.
    """
    if not request.accept_risk:
        raise Refused(
            RefusalType.RISK_NOT_ACCEPTED,
            "What is discarded or released can't be recovered: accept the risk to go on.",
        )
    by_id = {item.item_id: item for item in items}
    for item_id in request.item_ids:
        if item_id not in by_id:
            raise Refused(RefusalType.ITEM_NOT_FOUND, f"The checklist has no item {item_id!r}.")
        if by_id[item_id].category is not ItemCategory.RENOUNCEABLE:
            raise Refused(
                RefusalType.ITEM_NOT_RENOUNCEABLE,
                f"{item_id} can't be given up here. {by_id[item_id].how_to}",
            )
    selected = set(request.item_ids)
    if request.all:
        selected |= {item.item_id for item in items if item.category is ItemCategory.RENOUNCEABLE}
    if not selected:
        reason = "Nothing on the checklist can be given up here." if request.all else "No item is selected."
        raise Refused(RefusalType.ITEM_NOT_FOUND, reason)
    return tuple(
        item.model_copy(update={"renounced": True}) if item.item_id in selected else item for item in items
    )


def check_reason(policy: Policy, reason: str) -> str:
    """The reason for closing without surrounding space (A17). The policy's reasons are suggestions only.

    Raises:
        Refused: longer than 200 characters, with control characters, or empty where the policy asks for one.
    """
    stripped = reason.strip()
    if not stripped and policy.require_reason:
        raise Refused(RefusalType.INVALID_REASON, "Give a reason for closing the account.")
    if len(stripped) > LONGEST_REASON:
        raise Refused(
            RefusalType.INVALID_REASON,
            f"The reason has {len(stripped)} characters; at most {LONGEST_REASON} are allowed.",
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
    for inspects, fallback in _FINANCIAL.items():
        if inspects is Inspects.BALANCE and refunds:
            continue
        check = checks.get(inspects, fallback)
        strict = check.model_copy(
            update={
                "disposition": Disposition.MANUAL,
                # Texts that offer to give something up don't fit: at the end nothing can be given up.
                "how_to": check.how_to if check.disposition is Disposition.MANUAL else fallback.how_to,
                "how_to_manual": None,
            }
        )
        title = fallback.title if "{limit}" in check.title else check.title
        items.extend(_financial(strict.model_copy(update={"title": title}), statement))
    return tuple(items)


def is_billing_final(statement: BillingStatement, access_stopped_at: datetime) -> bool:
    """Whether all usage up to the moment access stopped has been billed (A21)."""
    return statement.usage_final_until is None or statement.usage_final_until >= access_stopped_at


def _identity(item: ChecklistItem) -> tuple[str, ItemCategory, str | None, str | None, str | None]:
    return item.item_id, item.category, item.amount, item.currency, item.resource_id


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
                    yield _amount_item(check, bill.amount, bill.bill_id, {"status": bill.status})
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
            for resource in sorted(inventory.resources, key=lambda resource: resource.resource_id):
                yield _resource_item(check, resource, orderable=resource.resource_id not in caught)
        case Inspects.SUBSCRIPTIONS:
            for subscription in sorted(inventory.subscriptions, key=lambda each: each.subscription_id):
                if subscription.expires_at > now:
                    yield _subscription_item(check, subscription)
        case Inspects.DOMAINS:
            yield from (_thing_item(check, domain) for domain in sorted(inventory.domains))
        case _:
            yield from (_thing_item(check, filing) for filing in sorted(inventory.icp_filings))


def _related(check: Check, relationships: Iterable[Relationship]) -> Iterator[ChecklistItem]:
    for relationship in sorted(relationships, key=lambda each: each.relationship_id):
        where = check.where
        if where is not None and where.type is not relationship.type:
            continue
        if where is not None and where.role not in (None, relationship.role):
            continue
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
    values = {"amount": str(amount), "currency": amount.currency, "limit": str(limit), **(more or {})}
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
    all_values = {"id": thing_id or "", **(values or {})}
    how_to = check.how_to if renounceable else check.how_to_manual or check.how_to
    return ChecklistItem(
        item_id=check.id if thing_id is None else f"{check.id}/{thing_id}",
        check=check.id,
        category=ItemCategory.RENOUNCEABLE if renounceable else ItemCategory.MANUAL,
        title=fill(check.title, all_values),
        how_to=fill(how_to, all_values),
        resource_id=thing_id,
        amount=str(amount) if amount is not None else None,
        currency=amount.currency if amount is not None else None,
    )


def _needed_sources(policy: Policy, mode: Mode) -> frozenset[Source]:
    needed = {SOURCE_OF[check.inspects] for check in policy.checks}
    # In either mode the plan releases what is deployed, in subaccounts too.
    needed |= {Source.INVENTORY, Source.SUBACCOUNTS, Source.LEGAL_HOLDS}
    if mode is Mode.DELETE:
        needed |= {Source.BILLING, Source.DATA_STORES}
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
            title=f"No order to release {resource_id} in",
            how_to="It depends on itself through others. Release one of them yourself, then recheck.",
            resource_id=resource_id,
        )


def _other_currency(profile: AccountProfile, currency: str) -> ChecklistItem:
    return ChecklistItem(
        item_id=f"{subaccount_prefix(profile.account_id)}unknown/currency",
        check="unknown",
        category=ItemCategory.UNKNOWN,
        title=f"Subaccount {profile.account_id} settles in {profile.currency}, not in {currency}",
        how_to=f"Two currencies can't be settled together: move it to {currency}, or out. Then recheck.",
    )


def _unknown(source: Source) -> ChecklistItem:
    return ChecklistItem(
        item_id=f"unknown/{source}",
        check="unknown",
        category=ItemCategory.UNKNOWN,
        title=f"{_SOURCE_NAMES[source]} could not be read",
        how_to="The closure waits while this is unknown. Recheck in a few minutes, then contact support.",
    )


_LEGAL_HOLD_ITEM = ChecklistItem(
    item_id=LEGAL_HOLD,
    check=LEGAL_HOLD,
    category=ItemCategory.MANUAL,
    title="The account is under legal hold",
    how_to="Nothing of it may be destroyed while the hold stands. Contact support, then recheck.",
)

_STOPPED_ITEM = ChecklistItem(
    item_id="unknown/access",
    check="unknown",
    category=ItemCategory.UNKNOWN,
    title="The account has been stopped",
    how_to="The closure of an account that owns this one has stopped it, and decides. Recheck after that.",
)

_FINANCIAL: dict[Inspects, Check] = {
    check.inspects: check
    for check in (
        Check(
            id="bills",
            rule="F1",
            inspects=Inspects.BILLS,
            disposition=Disposition.MANUAL,
            title="Bill {id} over {amount} {currency} is {status}",
            how_to="Pay the bill, then start the closure again.",
        ),
        Check(
            id="credit-notes",
            rule="F2",
            inspects=Inspects.CREDIT_NOTES,
            disposition=Disposition.MANUAL,
            title="Credit note {id} over {amount} {currency} is open",
            how_to="Settle the credit note, then start the closure again.",
        ),
        Check(
            id="balance",
            rule="F3",
            inspects=Inspects.BALANCE,
            disposition=Disposition.MANUAL,
            title="New balance of {amount} {currency}",
            how_to="It arrived after the closure was confirmed. Use it, or discard it when you start again.",
        ),
        Check(
            id="debt",
            rule="F4",
            inspects=Inspects.DEBT,
            disposition=Disposition.MANUAL,
            title="Debt of {amount} {currency}",
            how_to="Pay the debt, then start the closure again.",
        ),
    )
}
"""How the final check words its findings where the policy's own texts don't fit."""
