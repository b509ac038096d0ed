"""What the engine knows of an account: facts as its sources report them, without contact details."""

from enum import StrEnum
from typing import Self

from pydantic import model_validator

from closure.model import Instant, WireModel
from closure.money import Currency, Money


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

    account_id: str
    provider: str
    kind: str
    currency: Currency
    access: Access


class Bill(WireModel):
    bill_id: str
    amount: Money
    status: BillStatus


class CreditNote(WireModel):
    credit_note_id: str
    amount: Money
    status: CreditNoteStatus


class BillingStatement(WireModel):
    """Where the money stands. Cash below zero is a debt.

    `usage_final_until`: all usage before it has been billed; None means billing never lags.
    """

    cash: Money
    promo: Money
    bills: tuple[Bill, ...] = ()
    credit_notes: tuple[CreditNote, ...] = ()
    usage_final_until: Instant | None = None


class Resource(WireModel):
    """A running instance; `depends_on` names resources that must outlive it."""

    resource_id: str
    product: str
    billing: BillingMethod = BillingMethod.PAY_AS_YOU_GO
    renounceable: bool = False
    depends_on: tuple[str, ...] = ()


class Subscription(WireModel):
    subscription_id: str
    product: str
    expires_at: Instant
    renounceable: bool = False


class Inventory(WireModel):
    """What is deployed or registered under the account."""

    resources: tuple[Resource, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    domains: tuple[str, ...] = ()
    icp_filings: tuple[str, ...] = ()


class Relationship(WireModel):
    """A tie to other accounts. A partner relationship needs no role.

    Any other without a role is refused: no check would find it, so its source has to count as unreadable.
    """

    relationship_id: str
    type: RelationshipType
    role: RelationshipRole | None = None

    @model_validator(mode="after")
    def _has_its_role(self) -> Self:
        if self.role is None and self.type is not RelationshipType.PARTNER:
            raise ValueError(f"a {self.type} relationship needs a role")
        return self


class DataStore(WireModel):
    store_id: str
    store: str
    objects: int
