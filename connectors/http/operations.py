"""The operations of the contract (`openapi.yaml`), one for each method of the ports, for both sides of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from closure.accounts import AccountProfile, BillingStatement
from closure.model import Model, WireModel
from connectors.http import answered, asked
from connectors.ports import Forfeited, StoppedAccounts

VERSION_PATH: Final = "/v1"
"""What the addresses of this version begin with where our own server serves it."""
IDEMPOTENCY_KEY: Final = "Idempotency-Key"

Asked = TypeVar("Asked", bound=Model)
Answered = TypeVar("Answered", bound=WireModel)


class Kind(StrEnum):
    READ = "read"
    """GET, by its query."""
    QUESTION = "question"
    """POST without a key: a read whose question must stand in no address."""
    CHECK = "check"
    """As a question, but never sent twice: a code is good once, and a guess counts."""
    EFFECT = "effect"
    """POST with an idempotency key."""


@dataclass(frozen=True)
class Operation(Generic[Asked, Answered]):
    """`name` is a port's field of `Platform` and a method of it."""

    name: str
    kind: Kind
    asked: type[Asked]
    answered: type[Answered]
    is_optional: bool = False
    """Whether a service may leave it out."""

    @property
    def path(self) -> str:
        """Below the address of the service: ``/data-stores/remaining-objects``."""
        return "/" + self.name.replace(".", "/").replace("_", "-")

    @property
    def method(self) -> str:
        return "GET" if self.kind is Kind.READ else "POST"


def _read(name: str, what: type[Asked], answer: type[Answered]) -> Operation[Asked, Answered]:
    return Operation(name, Kind.READ, what, answer)


def _question(name: str, what: type[Asked], answer: type[Answered]) -> Operation[Asked, Answered]:
    return Operation(name, Kind.QUESTION, what, answer)


def _check(name: str, what: type[Asked], answer: type[Answered]) -> Operation[Asked, Answered]:
    return Operation(name, Kind.CHECK, what, answer)


def _effect(name: str, what: type[Asked], answer: type[Answered]) -> Operation[Asked, Answered]:
    return Operation(name, Kind.EFFECT, what, answer)


PROFILE: Final = _read("directory.profile", asked.OfAccount, AccountProfile)
ROLE_OF: Final = _read("directory.role_of", asked.OfUser, answered.UserRole)
PERSON_OF: Final = _read("directory.person_of", asked.OfUser, answered.Person)
ACCOUNTS_OF: Final = _question("directory.accounts_of", asked.OfName, answered.Accounts)
VERIFY_PASSWORD: Final = _check("directory.verify_password", asked.PasswordCheck, answered.Verified)
VERIFY_TOTP: Final = _check("directory.verify_totp", asked.CodeCheck, answered.Verified)
SUBACCOUNTS: Final = _read("directory.subaccounts", asked.OfAccount, answered.Accounts)
RELATIONSHIPS: Final = _read("directory.relationships", asked.OfAccount, answered.Relationships)

STATEMENT: Final = _read("billing.statement", asked.OfAccount, BillingStatement)
FORFEIT: Final = _effect("billing.forfeit", asked.Forfeit, Forfeited)
VOID_DEBT: Final = _effect("billing.void_debt", asked.VoidDebt, answered.Voided)
HAND_OVER: Final = _effect("billing.hand_over", asked.HandOver, answered.Done)

INVENTORY: Final = _read("inventory.inventory", asked.OfPage, answered.InventoryPage)
RELEASE_RESOURCE: Final = _effect("inventory.release_resource", asked.OfResource, answered.Done)
CANCEL_SUBSCRIPTION: Final = _effect("inventory.cancel_subscription", asked.OfSubscription, answered.Done)

STOP: Final = _effect("access.stop", asked.Stop, StoppedAccounts)
REOPEN: Final = _effect("access.reopen", asked.Reopen, answered.Done)
CREATE_SERVICE_ROLE: Final = _effect("access.create_service_role", asked.OfServiceRole, answered.Done)
DELETE_SERVICE_ROLE: Final = _effect("access.delete_service_role", asked.OfServiceRole, answered.Done)
DELETE_BINDINGS: Final = _effect("access.delete_bindings", asked.OfAccount, answered.DeletedBindings)
CLOSE: Final = _effect("access.close", asked.Close, answered.Done)

STORES: Final = _read("data_stores.stores", asked.OfPage, answered.StoresPage)
ERASE: Final = _effect("data_stores.erase", asked.OfStore, answered.Erased)
REMAINING_OBJECTS: Final = _read("data_stores.remaining_objects", asked.OfStore, answered.RemainingObjects)

PAYMENTS: Final = _read("refunds.payments", asked.OfAccount, answered.Payments)
ATTEMPTS: Final = _read("refunds.attempts", asked.OfClosure, answered.RefundAttempts)
ORDER: Final = _effect("refunds.order", asked.RefundOrder, answered.Done)
PAID_OTHERWISE: Final = _effect("refunds.paid_otherwise", asked.PaidOtherwise, answered.Paid)

IS_HELD: Final = _read("holds.is_held", asked.OfAccount, answered.Held)

SEND: Final = _effect("messages.send", asked.MessageToSend, answered.Sent)
READ_ACCOUNTS: Final = Operation(
    "accounts.read", Kind.QUESTION, asked.OfAccounts, answered.AccountsRead, is_optional=True
)
ADDRESSEES: Final = _question("addresses.addressees", asked.OfRecipients, answered.Addressees)
