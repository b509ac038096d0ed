"""What a procedure leaves when it is done: what stays due, and what is left with nobody to look after it."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from closure.accounts import BillingStatement, BillStatus, CreditNoteStatus, Inventory, Relationship
from closure.languages import ENGLISH
from closure.messages import Becomes, OwedItem
from closure.model import WireModel
from closure.money import Money
from closure.policy import Policy
from closure.policy_checks import Inspects
from closure.survey import AccountFacts
from closure.templates import fill
from closure.wording import words_of

_MONEY: Final = frozenset({Inspects.BILLS, Inspects.CREDIT_NOTES, Inspects.BALANCE, Inspects.DEBT})
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Due(WireModel):
    """One thing that is left: money as a positive decimal amount of `currency`, else a thing by its id.

    A due of kind `balance` is owed to the customer; all other money is owed by them or open with them.
    """

    kind: Inspects
    becomes: Becomes
    thing_id: str | None = None
    amount: str | None = None
    currency: str | None = None


def money_due(policy: Policy, statement: BillingStatement, *, refunds: bool) -> tuple[Due, ...]:
    """All that is open in a statement. `refunds`: the balance goes back, and is no due."""
    return tuple(_money_due(policy, statement, refunds=refunds))


def things_left(
    inventory: Inventory, relationships: Iterable[Relationship], now: datetime
) -> tuple[Due, ...]:
    """All that is still registered, deployed or tied to others; `now` is the closure's clock."""
    named = {
        Inspects.RESOURCES: [each.resource_id for each in inventory.resources],
        Inspects.SUBSCRIPTIONS: [
            each.subscription_id for each in inventory.subscriptions if each.expires_at > now
        ],
        Inspects.DOMAINS: inventory.domains,
        Inspects.ICP_FILINGS: inventory.icp_filings,
        Inspects.RELATIONSHIPS: [each.relationship_id for each in relationships],
    }
    return tuple(
        Due(kind=kind, becomes=Becomes.LEFT_BEHIND, thing_id=thing_id)
        for kind, ids in named.items()
        for thing_id in sorted(ids)
    )


def unchecked_dues(policy: Policy, facts: AccountFacts, *, refunds: bool) -> tuple[Due, ...]:
    """What the policy asks nobody about, and lets stay due."""
    if facts.statement is None:
        return ()
    found = money_due(policy, facts.statement, refunds=refunds)
    return tuple(
        each for each in found if each.kind in policy.unchecked and each.kind is not Inspects.BALANCE
    )


def unchecked_things(policy: Policy, facts: AccountFacts) -> tuple[Due, ...]:
    """What the policy asks nobody about, and leaves behind."""
    inventory = facts.inventory or Inventory()
    ties = [each for each in facts.relationships or () if not policy.checks_relationship(each)]
    kept = Inventory(domains=inventory.domains, icp_filings=inventory.icp_filings)
    unchecked = policy.unchecked | {Inspects.RELATIONSHIPS}
    return tuple(each for each in things_left(kept, ties, _NEVER) if each.kind in unchecked)


def cash_to_refund(policy: Policy, statement: BillingStatement) -> Money:
    """The cash that goes back: what is there, less what is taken of it for bills; never below zero."""
    zero = Money.zero(statement.cash.currency)
    taken = (
        Money.parse(each.amount, zero.currency)
        for each in money_due(policy, statement, refunds=True)
        if each.becomes is Becomes.TAKEN_FROM_REFUND and each.amount is not None
    )
    return max(statement.cash, zero) - sum(taken, zero)


def owed_item(due: Due, whose: str = "", *, language: str = ENGLISH) -> OwedItem:
    """A due as status documents show it; `whose` begins the id and the title of a subaccount's.

    After a deletion nobody knows which thing it was: then the title has the kind alone.
    """
    words = words_of(language)
    title = words.left[due.kind]
    if due.thing_id is not None:
        is_money = due.kind in _MONEY
        values = {"name": title, "id": due.thing_id}
        title = f"{title} {due.thing_id}" if is_money else fill(words.left_thing, values)
    if due.amount is not None:
        money = {"name": title, "amount": due.amount, "currency": due.currency or ""}
        title = fill(words.left_amount, money)
    return OwedItem(
        item_id="/".join(part for part in (whose, due.kind.value, due.thing_id) if part),
        check=due.kind.value,
        title=fill(words.subaccount, {"subaccount": whose, "title": title}) if whose else title,
        resource_id=due.thing_id,
        amount=due.amount,
        currency=due.currency,
        becomes=due.becomes,
    )


def _money_due(policy: Policy, statement: BillingStatement, *, refunds: bool) -> Iterator[Due]:
    cash = statement.cash
    for bill in sorted(statement.bills, key=lambda each: each.bill_id):
        if bill.status is BillStatus.PAID:
            continue
        # A bill is taken whole or not at all: what the cash doesn't cover stays due.
        becomes = policy.becomes(Inspects.BILLS)
        if becomes is Becomes.TAKEN_FROM_REFUND and not (refunds and bill.amount <= cash):
            becomes = Becomes.STAYS_DUE
        if becomes is Becomes.TAKEN_FROM_REFUND:
            cash -= bill.amount
        yield _due(Inspects.BILLS, becomes, bill.amount, bill.bill_id)
    for note in sorted(statement.credit_notes, key=lambda each: each.credit_note_id):
        if note.status is CreditNoteStatus.OPEN:
            yield _due(Inspects.CREDIT_NOTES, Becomes.STAYS_DUE, note.amount, note.credit_note_id)
    if statement.cash.minor < 0:
        yield _due(Inspects.DEBT, Becomes.STAYS_DUE, -statement.cash)
    elif statement.cash.minor > 0 and not refunds:
        yield _due(Inspects.BALANCE, Becomes.STAYS_DUE, statement.cash)


def _due(kind: Inspects, becomes: Becomes, amount: Money, thing_id: str | None = None) -> Due:
    return Due(kind=kind, becomes=becomes, thing_id=thing_id, amount=str(amount), currency=amount.currency)
