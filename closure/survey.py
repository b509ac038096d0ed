"""What one survey read of an account, source by source."""

from enum import StrEnum

from closure.accounts import AccountProfile, BillingStatement, DataStore, Inventory, Relationship
from closure.model import WireModel


class Source(StrEnum):
    """Where facts come from. Each can fail on its own."""

    BILLING = "billing"
    INVENTORY = "inventory"
    RELATIONSHIPS = "relationships"
    DATA_STORES = "data_stores"
    SUBACCOUNTS = "subaccounts"
    LEGAL_HOLDS = "legal_holds"


class AccountFacts(WireModel):
    """What was read of one account. None means that the source could not be read, never "nothing there"."""

    profile: AccountProfile
    statement: BillingStatement | None = None
    inventory: Inventory | None = None
    relationships: tuple[Relationship, ...] | None = None
    stores: tuple[DataStore, ...] | None = None
    held: bool | None = False
    """Whether a legal hold forbids destroying anything."""

    @property
    def unreadable(self) -> frozenset[Source]:
        """The sources that could not be read."""
        read = {
            Source.BILLING: self.statement,
            Source.INVENTORY: self.inventory,
            Source.RELATIONSHIPS: self.relationships,
            Source.DATA_STORES: self.stores,
            Source.LEGAL_HOLDS: self.held,
        }
        return frozenset(source for source, facts in read.items() if facts is None)


class SurveyFacts(AccountFacts):
    """The facts of one survey: the account's own, and those of every subaccount that it owns (T4, T5)."""

    subaccounts: tuple[AccountFacts, ...] | None = ()

    @property
    def unreadable(self) -> frozenset[Source]:
        """The sources of the account itself that could not be read, its list of subaccounts among them."""
        own = super().unreadable
        return own if self.subaccounts is not None else own | {Source.SUBACCOUNTS}
