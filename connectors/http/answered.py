"""What the contract's operations answer, where a port's own model isn't the answer."""

from typing import Annotated

from pydantic import Field

from closure.accounts import (
    AccountProfile,
    BillingStatement,
    DataStore,
    Relationship,
    Resource,
    SourceAmount,
    SourceId,
    Subscription,
)
from closure.model import Instant, WireModel
from closure.refunds import Payment, RefundAttempt
from connectors.ports import Addressee

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


class Done(WireModel):
    """Nothing more is to be said: 204, without a body."""


class UserRole(WireModel):
    """None: the user isn't there."""

    role: str | None


class Person(WireModel):
    """None: the user isn't there."""

    person: str | None


class Accounts(WireModel):
    account_ids: tuple[SourceId, ...]


class Verified(WireModel):
    matches: bool


class Relationships(WireModel):
    relationships: tuple[Relationship, ...]


class Voided(WireModel):
    debt: SourceAmount


class Page(WireModel):
    """A part of a list; None ends it."""

    next_cursor: Annotated[str, Field(min_length=1, max_length=1_000)] | None


class InventoryPage(Page):
    resources: tuple[Resource, ...]
    subscriptions: tuple[Subscription, ...]
    domains: tuple[SourceId, ...]
    icp_filings: tuple[SourceId, ...]


class StoresPage(Page):
    stores: tuple[DataStore, ...]


class Things(WireModel):
    resources: tuple[Resource, ...]
    subscriptions: tuple[Subscription, ...]
    domains: tuple[SourceId, ...]
    icp_filings: tuple[SourceId, ...]


class AccountRead(WireModel):
    """One of many accounts. None: this is asked for alone."""

    profile: AccountProfile
    statement: BillingStatement | None
    inventory: Things | None
    relationships: tuple[Relationship, ...] | None
    stores: tuple[DataStore, ...] | None
    held: bool | None
    payments: tuple[Payment, ...] | None


class AccountsRead(WireModel):
    """Whoever is left out is asked for alone."""

    accounts: tuple[AccountRead, ...]


class DeletedBindings(WireModel):
    bindings: Count


class Erased(WireModel):
    """`retained_because` says why the provider must keep the store; None: it is erased."""

    objects: Count
    retained_because: Annotated[str, Field(min_length=1, max_length=1_000)] | None
    retained_until: Instant | None


class RemainingObjects(WireModel):
    objects: Count


class Payments(WireModel):
    payments: tuple[Payment, ...]


class RefundAttempts(WireModel):
    attempts: tuple[RefundAttempt, ...]


class Paid(WireModel):
    amount: SourceAmount


class Held(WireModel):
    held: bool


class Undelivered(WireModel):
    """Addresses that were refused for good: how many, and a short code such as ``550 5.1.1``."""

    addresses: Count
    reason: Annotated[str, Field(min_length=1, max_length=100)]


class Sent(WireModel):
    """`undelivered` is None unless an address refuses the message for good."""

    recipients: Count
    undelivered: Undelivered | None


class Addressees(WireModel):
    addressees: tuple[Addressee, ...]
