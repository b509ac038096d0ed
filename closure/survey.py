"""What one survey read of an account, source by source."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import ValidationInfo, field_validator

from closure.accounts import (
    DATA_STORES,
    RESOURCES,
    SUBSCRIPTIONS,
    AccountProfile,
    BillingStatement,
    DataStore,
    Inventory,
    Relationship,
)
from closure.long_lists import is_in_order
from closure.model import WireModel
from closure.refunds import Payment

Thing = TypeVar("Thing")


class Source(StrEnum):
    """Where facts come from. Each can fail on its own."""

    BILLING = "billing"
    INVENTORY = "inventory"
    RELATIONSHIPS = "relationships"
    DATA_STORES = "data_stores"
    SUBACCOUNTS = "subaccounts"
    LEGAL_HOLDS = "legal_holds"
    PAYMENTS = "payments"


def _each_once(things: Sequence[Thing], id_of: Callable[[Thing], str]) -> Sequence[Thing] | None:
    """The things without repetition; None where two that differ have one id."""
    if is_in_order(things, id_of):
        return things  # the way of a source with very many things
    by_id: dict[str, Thing] = {}
    for thing in things:
        if by_id.setdefault(id_of(thing), thing) != thing:
            return None
    return tuple(by_id.values())


def _currency_of(info: ValidationInfo) -> str | None:
    """The currency of the account whose facts are validated; None where its profile is none."""
    profile: AccountProfile | None = info.data.get("profile")
    return profile.currency if profile is not None else None


class AccountFacts(WireModel):
    """What was read of one account. None means that the source could not be read, never "nothing there".

    What a source lists twice counts once. One that lists two different things under one id can't be right:
    it counts as unreadable; so does money in another currency than the account's.
    """

    profile: AccountProfile
    statement: BillingStatement | None = None
    inventory: Inventory | None = None
    relationships: tuple[Relationship, ...] | None = None
    stores: Annotated[Sequence[DataStore], DATA_STORES] | None = None
    held: bool | None = False
    """Whether a legal hold forbids destroying anything."""
    payments: tuple[Payment, ...] | None = ()
    """What funded the account; read only where a policy refunds."""

    @field_validator("statement")
    @classmethod
    def _each_bill_once(
        cls, statement: BillingStatement | None, info: ValidationInfo
    ) -> BillingStatement | None:
        if statement is None or statement.cash.currency != _currency_of(info):
            return None
        bills = _each_once(statement.bills, lambda each: each.bill_id)
        notes = _each_once(statement.credit_notes, lambda each: each.credit_note_id)
        if bills is None or notes is None:
            return None
        return statement.model_copy(update={"bills": bills, "credit_notes": notes})

    @field_validator("inventory")
    @classmethod
    def _each_resource_once(cls, inventory: Inventory | None) -> Inventory | None:
        if inventory is None:
            return None
        resources = _each_once(inventory.resources, lambda each: each.resource_id)
        subscriptions = _each_once(inventory.subscriptions, lambda each: each.subscription_id)
        if resources is None or subscriptions is None:
            return None
        return inventory.model_copy(
            update={
                "resources": RESOURCES.of(resources),
                "subscriptions": SUBSCRIPTIONS.of(subscriptions),
                "domains": _each_once(inventory.domains, str),
                "icp_filings": _each_once(inventory.icp_filings, str),
            }
        )

    @field_validator("relationships")
    @classmethod
    def _each_relationship_once(
        cls, relationships: tuple[Relationship, ...] | None
    ) -> Sequence[Relationship] | None:
        return (
            _each_once(relationships, lambda each: each.relationship_id) if relationships else relationships
        )

    @field_validator("stores")
    @classmethod
    def _each_store_once(cls, stores: Sequence[DataStore] | None) -> Sequence[DataStore] | None:
        found = _each_once(stores, lambda each: each.store_id) if stores else stores
        return DATA_STORES.of(found) if found is not None else None

    @field_validator("payments")
    @classmethod
    def _payments_in_its_currency(
        cls, payments: tuple[Payment, ...] | None, info: ValidationInfo
    ) -> tuple[Payment, ...] | None:
        currency = _currency_of(info)
        is_alike = all(each.refundable.currency == currency for each in payments or ())
        return payments if is_alike else None

    @property
    def unreadable(self) -> frozenset[Source]:
        """The sources that could not be read."""
        read = {
            Source.BILLING: self.statement,
            Source.INVENTORY: self.inventory,
            Source.RELATIONSHIPS: self.relationships,
            Source.DATA_STORES: self.stores,
            Source.LEGAL_HOLDS: self.held,
            Source.PAYMENTS: self.payments,
        }
        return frozenset(source for source, facts in read.items() if facts is None)


class SurveyFacts(AccountFacts):
    """The facts of one survey: the account's own, and those of every subaccount that it owns (T4, T5)."""

    subaccounts: tuple[AccountFacts, ...] | None = ()

    @field_validator("subaccounts")
    @classmethod
    def _each_subaccount_once(
        cls, subaccounts: tuple[AccountFacts, ...] | None, info: ValidationInfo
    ) -> Sequence[AccountFacts] | None:
        """An account that is among its own subaccounts would be given up twice."""
        found = _each_once(subaccounts, lambda each: each.profile.account_id) if subaccounts else subaccounts
        own: AccountProfile | None = info.data.get("profile")
        if own is not None and own.account_id in {each.profile.account_id for each in found or ()}:
            return None
        return found

    @property
    def unreadable(self) -> frozenset[Source]:
        """The sources of the account itself that could not be read, its list of subaccounts among them."""
        own = super().unreadable
        return own if self.subaccounts is not None else own | {Source.SUBACCOUNTS}
