"""What the engine knows of an account: facts as its sources report them, without contact details."""

from collections.abc import Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from closure.long_lists import Long
from closure.messages import IDENTIFIER
from closure.model import Instant, WireModel
from closure.money import Currency, Money

_LARGEST_COUNT: Final = 2**63 - 1


def _can_be_written_down(amount: Money) -> Money:
    Money.parse(str(amount), amount.currency)
    return amount


SourceId = Annotated[str, Field(pattern=IDENTIFIER)]
"""An id or a short name as a source gives it. What the record couldn't hold is refused where it comes in."""
SourceAmount = Annotated[Money, AfterValidator(_can_be_written_down)]
"""An amount as a source gives it, which can be written as a decimal string and read again."""


class Access(StrEnum):
    """What an account lets its users do."""

    OPEN = "open"
    CLOSURE_STATUS_ONLY = "closure-status-only"
    STOPPED = "stopped"
    CLOSED = "closed"


class RequestKind(StrEnum):
    """Ways to use an account; a closure stops them all (T4)."""

    API = "api"
    CALL = "call"
    MESSAGE = "message"
    VERIFY = "verify"
    SIGN_IN = "sign-in"


class BillStatus(StrEnum):
    UNPAID = "unpaid"
    ISSUED = "issued"
    OVERDUE = "overdue"
    PAID = "paid"


class CreditNoteStatus(StrEnum):
    OPEN = "open"
    SETTLED = "settled"


class BillingMethod(StrEnum):
    PAY_AS_YOU_GO = "pay-as-you-go"
    SUBSCRIPTION = "subscription"


class RelationshipType(StrEnum):
    RESOURCE_DIRECTORY = "resource-directory"
    FINANCE_TRUSTEESHIP = "finance-trusteeship"
    PARTNER = "partner"


class RelationshipRole(StrEnum):
    ADMINISTRATOR = "administrator"
    MEMBER = "member"


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"


class AccountProfile(WireModel):
    """The account itself. `provider` names its default policy."""

    account_id: SourceId
    provider: str
    kind: str
    currency: Currency
    access: Access


class Bill(WireModel):
    bill_id: SourceId
    amount: SourceAmount
    status: BillStatus


class CreditNote(WireModel):
    credit_note_id: SourceId
    amount: SourceAmount
    status: CreditNoteStatus


class BillingStatement(WireModel):
    """Where the money stands. Cash below zero is a debt.

    `usage_final_until`: all usage before it has been billed; None means billing never lags.
    """

    cash: SourceAmount
    promo: SourceAmount
    bills: tuple[Bill, ...] = ()
    credit_notes: tuple[CreditNote, ...] = ()
    usage_final_until: Instant | None = None

    @model_validator(mode="after")
    def _has_one_currency(self) -> Self:
        bills, notes = ([each.amount for each in owed] for owed in (self.bills, self.credit_notes))
        amounts = (self.promo, *bills, *notes)
        if any(each.currency != self.cash.currency for each in amounts):
            raise ValueError("a statement has one currency")
        return self


class Resource(WireModel):
    """A running instance; `depends_on` names resources that must outlive it."""

    resource_id: SourceId
    product: SourceId
    billing: BillingMethod = BillingMethod.PAY_AS_YOU_GO
    renounceable: bool = False
    depends_on: tuple[SourceId, ...] = ()


class Subscription(WireModel):
    subscription_id: SourceId
    product: SourceId
    expires_at: Instant
    renounceable: bool = False


IDS: Final = Long[str](SourceId, str)
RESOURCES: Final = Long(Resource, attrgetter("resource_id"))
SUBSCRIPTIONS: Final = Long(Subscription, attrgetter("subscription_id"))


class Inventory(WireModel):
    """What is deployed or registered under the account, best by id.

    There may be a hundred thousand of each. A source hands over any iterable, such as one that reads row by
    row, and never has all of them in hand.
    """

    resources: Annotated[Sequence[Resource], RESOURCES] = ()
    subscriptions: Annotated[Sequence[Subscription], SUBSCRIPTIONS] = ()
    domains: Annotated[Sequence[str], IDS] = ()
    icp_filings: Annotated[Sequence[str], IDS] = ()


class Relationship(WireModel):
    """A tie to other accounts. A partner relationship needs no role.

    Any other without a role is refused: no check would find it, so its source has to count as unreadable.
    """

    relationship_id: SourceId
    type: RelationshipType
    role: RelationshipRole | None = None

    @model_validator(mode="after")
    def _has_its_role(self) -> Self:
        if self.role is None and self.type is not RelationshipType.PARTNER:
            raise ValueError(f"a {self.type} relationship needs a role")
        return self


class DataStore(WireModel):
    store_id: SourceId
    store: SourceId
    objects: int = Field(ge=0, le=_LARGEST_COUNT)


DATA_STORES: Final = Long(DataStore, attrgetter("store_id"))
