"""What `make demo` reads of the documents that the starter's commands print with ``--json``.

They hold more; the demo reads these fields only.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from closure.accounts import Access, Channel
from closure.lifecycle import Stage
from closure.messages import ItemCategory, RefundState


class Document(BaseModel):
    """Part of a document: fields that the demo doesn't tell of are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Item(Document):
    """One finding of a survey."""

    item_id: str = ""
    title: str
    category: ItemCategory | None = None
    resource_id: str | None = None
    amount: str | None = None
    currency: str | None = None

    @property
    def short(self) -> str:
        """``42.00 USD`` or ``ecs-1``."""
        return f"{self.amount} {self.currency}" if self.amount else self.resource_id or self.title


class Refund(Document):
    status: RefundState
    amount: str
    currency: str
    due_by: datetime


class Status(Document):
    """How a closure stands: `status`, and every command that changes a closure."""

    closure_id: str
    stage: Stage
    checklist: tuple[Item, ...] = ()
    plan_hash: str | None = None
    remaining_seconds: int | None = None
    refund: Refund | None = None
    owed: tuple[Item, ...] = ()
    unrecoverable: tuple[str, ...] = ()

    def of(self, category: ItemCategory) -> tuple[Item, ...]:
        """The checklist's items of one category."""
        return tuple(item for item in self.checklist if item.category is category)


class Store(Document):
    store_id: str
    objects: int


class AccountPlan(Document):
    """`plan`, of one account."""

    currency: str
    releases: tuple[tuple[str, ...], ...] = ()
    cancellations: tuple[str, ...] = ()
    forfeited_promo: str | None = None
    refund: str | None = None
    erasures: tuple[Store, ...] = ()


class Plan(AccountPlan):
    """`plan`: what a closure would do, to the account and to those that it owns."""

    subaccounts: tuple[AccountPlan, ...] = ()

    @property
    def accounts(self) -> tuple[AccountPlan, ...]:
        return (self, *self.subaccounts)


class Refusal(Document):
    message: str
    acknowledgements: tuple[str, ...] = ()


class Refused(Document):
    """What a command prints that a rule refuses."""

    error: Refusal


class Message(Document):
    """A mail or text message in the embedded platform's outbox, with empty texts once the account is gone."""

    channel: Channel
    template: str
    subject: str | None = None
    body: str


class Outbox(Document):
    """`platform outbox`, in sending order."""

    messages: tuple[Message, ...]


class Balance(Document):
    cash: str
    promo: str


class Thing(Document):
    id: str


class Bill(Thing):
    status: str


class DataStore(Thing):
    objects: int


class Account(Document):
    """An account by the embedded platform's own books."""

    access: Access
    currency: str
    balance: Balance
    bills: tuple[Bill, ...] = ()
    resources: tuple[Thing, ...] = ()
    data: tuple[DataStore, ...] = ()


class Shown(Document):
    """`platform show`."""

    accounts: tuple[Account, ...]


class Audit(Document):
    """`audit --verify`."""

    events: tuple[Document, ...]
    verified: bool


class Nothing(Document):
    """The document of a command of which nothing is told."""
