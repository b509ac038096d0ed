"""Which port's method each operation of the contract calls."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from closure.dues import Due
from closure.model import WireModel
from connectors.http import answered, asked, operations
from connectors.http.operations import Answered, Asked, Kind, Operation
from connectors.http.serving.accounts import read_accounts
from connectors.http.serving.lists import PagedPlatform
from connectors.ports import (
    AddressBook,
    Billing,
    DataStores,
    Directory,
    Messages,
    MustRetain,
    OutgoingMessage,
    Platform,
    Refunds,
    Undeliverable,
)


@dataclass(frozen=True)
class Given:
    """What a request gives: the query of a GET, the body of a POST, the key of an effect (else empty)."""

    query: Mapping[str, str]
    body: bytes
    key: str


@dataclass(frozen=True)
class Binding:
    """An operation without the types of what it is asked and answers.

    `read` raises `pydantic.ValidationError`; what it returns then calls the port.
    """

    name: str
    kind: Kind
    method: str
    path: str
    read: Callable[[Given], Callable[[], Awaitable[WireModel]]]


def bindings(platform: Platform) -> tuple[Binding, ...]:
    """Every operation of the contract, on this platform."""

    async def is_held(what: asked.OfAccount, _: str) -> answered.Held:
        return answered.Held(held=await platform.holds.is_held(what.account_id))

    return (
        *_directory(platform.directory),
        *_billing(platform.billing),
        *_lists(platform),
        *_access(platform),
        *_data_stores(platform.data_stores),
        *_refunds(platform.refunds),
        _bind(operations.IS_HELD, is_held),
        _bind(operations.READ_ACCOUNTS, lambda what, _: read_accounts(platform.accounts, what)),
        *_messages(platform.messages, platform.addresses),
    )


def _bind(operation: Operation[Asked, Answered], run: Callable[[Asked, str], Awaitable[Answered]]) -> Binding:
    def read(given: Given) -> Callable[[], Awaitable[WireModel]]:
        if operation.kind is Kind.READ:
            what = operation.asked.model_validate(given.query)
        else:
            what = operation.asked.model_validate_json(given.body, strict=True)
        return lambda: run(what, given.key)

    return Binding(operation.name, operation.kind, operation.method, operation.path, read)


def _directory(port: Directory) -> tuple[Binding, ...]:
    async def role_of(what: asked.OfUser, _: str) -> answered.UserRole:
        return answered.UserRole(role=await port.role_of(what.account_id, what.user_id))

    async def person_of(what: asked.OfUser, _: str) -> answered.Person:
        return answered.Person(person=await port.person_of(what.account_id, what.user_id))

    async def accounts_of(what: asked.OfName, _: str) -> answered.Accounts:
        return answered.Accounts(account_ids=await port.accounts_of(what.name))

    async def verify_password(what: asked.PasswordCheck, _: str) -> answered.Verified:
        matches = await port.verify_password(what.account_id, what.user_id, what.password)
        return answered.Verified(matches=matches)

    async def verify_totp(what: asked.CodeCheck, _: str) -> answered.Verified:
        return answered.Verified(matches=await port.verify_totp(what.account_id, what.user_id, what.code))

    async def subaccounts(what: asked.OfAccount, _: str) -> answered.Accounts:
        return answered.Accounts(account_ids=await port.subaccounts(what.account_id))

    async def relationships(what: asked.OfAccount, _: str) -> answered.Relationships:
        return answered.Relationships(relationships=await port.relationships(what.account_id))

    return (
        _bind(operations.PROFILE, lambda what, _: port.profile(what.account_id)),
        _bind(operations.ROLE_OF, role_of),
        _bind(operations.PERSON_OF, person_of),
        _bind(operations.ACCOUNTS_OF, accounts_of),
        _bind(operations.VERIFY_PASSWORD, verify_password),
        _bind(operations.VERIFY_TOTP, verify_totp),
        _bind(operations.SUBACCOUNTS, subaccounts),
        _bind(operations.RELATIONSHIPS, relationships),
    )


def _billing(port: Billing) -> tuple[Binding, ...]:
    async def void_debt(what: asked.VoidDebt, key: str) -> answered.Voided:
        voided = await port.void_debt(what.account_id, debt=what.debt, key=key, time=what.time)
        return answered.Voided(debt=voided)

    async def hand_over(what: asked.HandOver, key: str) -> answered.Done:
        dues = tuple(Due.model_validate(each.model_dump()) for each in what.dues)
        return await _done(port.hand_over(what.account_id, dues, key=key, time=what.time))

    return (
        _bind(operations.STATEMENT, lambda what, _: port.statement(what.account_id)),
        _bind(
            operations.FORFEIT,
            lambda what, key: port.forfeit(
                what.account_id, cash=what.cash, promo=what.promo, key=key, time=what.time
            ),
        ),
        _bind(operations.VOID_DEBT, void_debt),
        _bind(operations.HAND_OVER, hand_over),
    )


def _lists(platform: Platform) -> tuple[Binding, ...]:
    port, paged = platform.inventory, PagedPlatform(platform)
    return (
        _bind(operations.INVENTORY, lambda what, _: paged.inventory(what)),
        _bind(operations.STORES, lambda what, _: paged.stores(what)),
        _bind(
            operations.RELEASE_RESOURCE,
            lambda what, key: _done(port.release_resource(what.account_id, what.resource_id, key=key)),
        ),
        _bind(
            operations.CANCEL_SUBSCRIPTION,
            lambda what, key: _done(port.cancel_subscription(what.account_id, what.subscription_id, key=key)),
        ),
    )


def _access(platform: Platform) -> tuple[Binding, ...]:
    port = platform.access

    async def delete_bindings(what: asked.OfAccount, key: str) -> answered.DeletedBindings:
        return answered.DeletedBindings(bindings=await port.delete_bindings(what.account_id, key=key))

    async def close(what: asked.Close, key: str) -> answered.Done:
        closing = port.close(what.account_id, key=key, time=what.time, retained_stores=what.retained_stores)
        return await _done(closing)

    return (
        _bind(
            operations.STOP,
            lambda what, key: port.stop(
                what.account_id, access=what.access, key=key, time=what.time, spared=what.spared
            ),
        ),
        _bind(
            operations.REOPEN,
            lambda what, key: _done(port.reopen(what.account_id, key=key, time=what.time)),
        ),
        _bind(
            operations.CREATE_SERVICE_ROLE,
            lambda what, key: _done(port.create_service_role(what.account_id, what.role, key=key)),
        ),
        _bind(
            operations.DELETE_SERVICE_ROLE,
            lambda what, key: _done(port.delete_service_role(what.account_id, what.role, key=key)),
        ),
        _bind(operations.DELETE_BINDINGS, delete_bindings),
        _bind(operations.CLOSE, close),
    )


def _data_stores(port: DataStores) -> tuple[Binding, ...]:
    async def erase(what: asked.OfStore, key: str) -> answered.Erased:
        try:
            objects = await port.erase(what.account_id, what.store_id, key=key)
        except MustRetain as kept:
            return answered.Erased(objects=0, retained_because=kept.because, retained_until=kept.until)
        return answered.Erased(objects=objects, retained_because=None, retained_until=None)

    async def remaining_objects(what: asked.OfStore, _: str) -> answered.RemainingObjects:
        objects = await port.remaining_objects(what.account_id, what.store_id)
        return answered.RemainingObjects(objects=objects)

    return (
        _bind(operations.ERASE, erase),
        _bind(operations.REMAINING_OBJECTS, remaining_objects),
    )


def _refunds(port: Refunds) -> tuple[Binding, ...]:
    async def payments(what: asked.OfAccount, _: str) -> answered.Payments:
        return answered.Payments(payments=await port.payments(what.account_id))

    async def attempts(what: asked.OfClosure, _: str) -> answered.RefundAttempts:
        found = await port.attempts(what.account_id, closure_id=what.closure_id, time=what.time)
        return answered.RefundAttempts(attempts=found)

    async def order(what: asked.RefundOrder, key: str) -> answered.Done:
        ordering = port.order(
            what.account_id,
            what.payment_id,
            what.amount,
            closure_id=what.closure_id,
            key=key,
            time=what.time,
        )
        return await _done(ordering)

    async def paid_otherwise(what: asked.PaidOtherwise, key: str) -> answered.Paid:
        paid = await port.paid_otherwise(
            what.account_id,
            what.amount,
            what.reference,
            closure_id=what.closure_id,
            key=key,
            time=what.time,
        )
        return answered.Paid(amount=paid)

    return (
        _bind(operations.PAYMENTS, payments),
        _bind(operations.ATTEMPTS, attempts),
        _bind(operations.ORDER, order),
        _bind(operations.PAID_OTHERWISE, paid_otherwise),
    )


def _messages(port: Messages, addresses: AddressBook | None) -> tuple[Binding, ...]:
    async def send(what: asked.MessageToSend, key: str) -> answered.Sent:
        message = OutgoingMessage.model_validate({**what.model_dump(), "key": key})
        try:
            return answered.Sent(recipients=await port.send(message), undelivered=None)
        except Undeliverable as fault:
            undelivered = answered.Undelivered(addresses=fault.addresses, reason=fault.reason)
            return answered.Sent(recipients=0, undelivered=undelivered)

    async def addressees(what: asked.OfRecipients, _: str) -> answered.Addressees:
        message = OutgoingMessage.model_validate({**what.model_dump(), "key": "", "bodies": {}})
        found = () if addresses is None else await addresses.addressees(message)
        return answered.Addressees(addressees=found)

    return (_bind(operations.SEND, send), _bind(operations.ADDRESSEES, addressees))


async def _done(effect: Awaitable[None]) -> answered.Done:
    await effect
    return answered.Done()
