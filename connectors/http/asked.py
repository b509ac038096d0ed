"""What the contract's operations are asked: the query of a GET, the body of a POST; nothing beside it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from closure.accounts import Access, Channel, SourceAmount, SourceId
from closure.messages import Becomes
from closure.model import Instant, Model
from closure.money import Currency, Money
from closure.policy_checks import Inspects
from connectors.account_reader import READ_TOGETHER

LARGEST_PAGE: Final = 1_000
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def _within_reason(moment: datetime) -> datetime:
    if not _FIRST <= moment < _LAST:
        raise ValueError("must be within the years 2000 to 2199")
    return moment


Moment = Annotated[Instant, AfterValidator(_within_reason)]
"""The closure's clock, UTC."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Secret = Annotated[str, Field(max_length=10_000, repr=False)]
Ids = tuple[SourceId, ...]


class OfAccount(Model):
    account_id: SourceId


class OfUser(OfAccount):
    user_id: SourceId


class OfName(Model):
    """A login or an e-mail address: in a body, since addresses of requests are written to logs."""

    name: Annotated[str, Field(max_length=10_000, repr=False)]


class PasswordCheck(OfUser):
    password: Secret


class CodeCheck(OfUser):
    code: Secret


class OfAccounts(Model):
    account_ids: Annotated[Ids, Field(min_length=1, max_length=READ_TOGETHER)]
    with_payments: bool


class OfPage(OfAccount):
    """`cursor` is the `next_cursor` of the page before; absent for the first one."""

    cursor: Text | None = None
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = LARGEST_PAGE


class Forfeit(OfAccount):
    cash: SourceAmount
    promo: SourceAmount
    time: Moment


class VoidDebt(OfAccount):
    debt: SourceAmount
    time: Moment


class HandedOverDue(Model):
    """Money that stays due: a positive decimal amount in the currency's own number of decimals."""

    kind: Inspects
    becomes: Becomes
    thing_id: SourceId | None = None
    amount: str
    currency: Currency

    @model_validator(mode="after")
    def _is_an_amount(self) -> Self:
        Money.parse(self.amount, self.currency)
        return self


class HandOver(OfAccount):
    dues: tuple[HandedOverDue, ...]
    time: Moment

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len({(each.kind, each.thing_id) for each in self.dues}) < len(self.dues):
            raise ValueError("a thing is due once")
        return self


class OfResource(OfAccount):
    resource_id: SourceId


class OfSubscription(OfAccount):
    subscription_id: SourceId


class Stop(OfAccount):
    access: Access
    time: Moment
    spared: Ids = ()


class Reopen(OfAccount):
    time: Moment


class OfServiceRole(OfAccount):
    role: SourceId


class Close(OfAccount):
    time: Moment
    retained_stores: Ids = ()


class OfStore(OfAccount):
    store_id: SourceId


class OfClosure(OfAccount):
    closure_id: SourceId
    time: Moment


class RefundOrder(OfClosure):
    payment_id: SourceId | None
    amount: SourceAmount


class PaidOtherwise(OfClosure):
    amount: SourceAmount
    reference: Text


class OfRecipients(OfAccount):
    """Whom a message is for, as `connectors.ports.OutgoingMessage` says."""

    channel: Channel
    template: SourceId
    roles: Ids = ()
    user_id: SourceId | None = None
    time: Moment


class MessageToSend(OfRecipients):
    """As `connectors.ports.OutgoingMessage`, whose key is the request's."""

    subjects: Mapping[str, str] = {}
    bodies: Mapping[str, str]
    pages: Mapping[str, str] = {}
    values: Mapping[str, Mapping[str, str]] = {}
    status_url: str | None = None
