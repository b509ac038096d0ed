"""Every port over Acme's services. An account has a balance, machines, buckets of data and one owner."""

import hmac
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from acme_closure.backend import Backend, Json
from closure.accounts import (
    Access,
    AccountProfile,
    BillingStatement,
    DataStore,
    Inventory,
    Relationship,
    Resource,
)
from closure.dues import Due
from closure.errors import RefusalType, Refused
from closure.money import Money
from closure.refunds import AttemptState, Payment, RefundAttempt
from connectors.ports import Forfeited, OutgoingMessage, Platform, StoppedAccounts

OWNER = "owner"
_ROLE = "owner"
PROVIDER = "twilio"
"""Whose policy holds for Acme's accounts."""


def platform(settings: object) -> Platform:
    """What ``CLOSURE_PLATFORM=acme`` chooses."""
    return platform_over(Backend(Path(os.environ["ACME_BACKEND"])))


def platform_over(backend: Backend) -> Platform:
    ports = AcmePorts(backend)
    return Platform(
        directory=ports,
        billing=ports,
        inventory=ports,
        access=ports,
        data_stores=ports,
        messages=ports,
        refunds=ports,
        holds=ports,
    )


class AcmePorts:
    """No port has a method of another's name, so that one class can be all of them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def _once(
        self,
        account_id: str,
        key: str,
        act: Callable[[Json], object],
        *,
        destroys: bool = False,
        late: bool = False,
    ) -> Any:  # noqa: ANN401 - JSON
        """An effect. One that `destroys` minds legal holds; a `late` one may come after the end."""

        def checked(account: Json) -> object:
            if account["access"] == Access.CLOSED and not late:
                raise Refused(RefusalType.ACCOUNT_CLOSED, f"account {account_id!r} is closed")
            if destroys and account["held"]:
                raise Refused(RefusalType.LEGAL_HOLD, f"account {account_id!r} is under legal hold")
            return act(account)

        return self._backend.once(account_id, key, checked)

    # Directory

    async def profile(self, account_id: str) -> AccountProfile:
        account = self._backend.read(account_id)
        return AccountProfile(
            account_id=account_id,
            provider=PROVIDER,
            kind="upgraded",
            currency=account["currency"],
            access=account["access"],
        )

    async def role_of(self, account_id: str, user_id: str) -> str | None:
        return _ROLE if self._backend.read(account_id)["password"] and user_id == OWNER else None

    async def person_of(self, account_id: str, user_id: str) -> str | None:
        return account_id if await self.role_of(account_id, user_id) else None

    async def accounts_of(self, name: str) -> tuple[str, ...]:
        return ()

    async def verify_password(self, account_id: str, user_id: str, password: str) -> bool:
        right = self._backend.read(account_id)["password"] or ""
        return user_id == OWNER and bool(right) and hmac.compare_digest(right.encode(), password.encode())

    async def verify_totp(self, account_id: str, user_id: str, code: str) -> bool:
        self._backend.read(account_id)
        return False

    async def subaccounts(self, account_id: str) -> tuple[str, ...]:
        self._backend.read(account_id)
        return ()

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]:
        self._backend.read(account_id)
        return ()

    # Billing

    async def statement(self, account_id: str) -> BillingStatement:
        account = self._backend.read(account_id)
        return BillingStatement(
            cash=_money(account, account["cash"]), promo=_money(account, account["promo"])
        )

    async def forfeit(
        self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime
    ) -> Forfeited:
        def act(account: Json) -> object:
            asked = {"cash": _minor(account, cash), "promo": _minor(account, promo)}
            taken = {name: min(minor, max(account[name], 0)) for name, minor in asked.items()}
            for name, minor in taken.items():
                account[name] -= minor
            return {name: _money(account, minor).model_dump() for name, minor in taken.items()}

        return Forfeited.model_validate(self._once(account_id, key, act, destroys=True))

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> Money:
        def act(account: Json) -> object:
            voided = min(_minor(account, debt), max(-account["cash"], 0))
            account["cash"] += voided
            return _money(account, voided).model_dump()

        return Money.model_validate(self._once(account_id, key, act, destroys=True))

    async def hand_over(self, account_id: str, dues: tuple[Due, ...], *, key: str, time: datetime) -> None:
        def act(account: Json) -> None:
            taken = sum(
                Money.parse(each.amount or "0", account["currency"]).minor
                for each in dues
                if each.becomes.value == "taken_from_refund"
            )
            if taken > max(account["cash"], 0):
                raise Refused(
                    RefusalType.THING_NOT_ALLOWED, "the cash is less than what is to be taken of it"
                )
            account["cash"] -= taken
            account["dues"] = [each.model_dump(mode="json") for each in dues]

        self._once(account_id, key, act)

    # Machines and data

    async def inventory(self, account_id: str) -> Inventory:
        machines = self._backend.read(account_id)["machines"]
        return Inventory(
            resources=[
                Resource(resource_id=name, product="machine", renounceable=True, depends_on=tuple(needs))
                for name, needs in sorted(machines.items())
            ]
        )

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        def act(account: Json) -> None:
            if any(resource_id in needs for needs in account["machines"].values()):
                raise Refused(RefusalType.THING_NOT_ALLOWED, "another machine needs it")
            account["machines"].pop(resource_id, None)

        self._once(account_id, key, act, destroys=True)

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        self._once(account_id, key, lambda account: None, destroys=True)

    async def stores(self, account_id: str) -> tuple[DataStore, ...]:
        buckets = self._backend.read(account_id)["buckets"]
        return tuple(
            DataStore(store_id=name, store="bucket", objects=objects)
            for name, objects in sorted(buckets.items())
        )

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        def act(account: Json) -> object:
            return account["buckets"].pop(store_id, 0)

        return int(self._once(account_id, key, act, destroys=True, late=True))

    async def remaining_objects(self, account_id: str, store_id: str) -> int:
        return int(self._backend.read(account_id)["buckets"].get(store_id, 0))

    # Access and the end

    async def stop(
        self, account_id: str, *, access: Access, key: str, time: datetime, spared: tuple[str, ...] = ()
    ) -> StoppedAccounts:
        def act(account: Json) -> object:
            if account["access"] == Access.OPEN:
                account.update(access=access, stopped_at=time.isoformat())
            return {"at": account["stopped_at"]}

        return StoppedAccounts.model_validate(self._once(account_id, key, act))

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        self._once(account_id, key, lambda account: account.update(access=Access.OPEN, stopped_at=None))

    async def create_service_role(self, account_id: str, role: str, *, key: str) -> None:
        self._once(account_id, key, lambda account: None)

    async def delete_service_role(self, account_id: str, role: str, *, key: str) -> None:
        self._once(account_id, key, lambda account: None, late=True)

    async def delete_bindings(self, account_id: str, *, key: str) -> int:
        return int(self._once(account_id, key, lambda account: 0, destroys=True, late=True))

    async def close(
        self, account_id: str, *, key: str, time: datetime, retained_stores: tuple[str, ...] = ()
    ) -> None:
        def act(account: Json) -> None:
            kept = {name: each for name, each in account["buckets"].items() if name in retained_stores}
            account.update(access=Access.CLOSED, password=None, machines={}, buckets=kept)

        self._once(account_id, key, act, destroys=True, late=True)

    async def is_held(self, account_id: str) -> bool:
        return bool(self._backend.read(account_id)["held"])

    # Refunds: there is one payment, and each refund settles at once.

    async def payments(self, account_id: str) -> tuple[Payment, ...]:
        account = self._backend.read(account_id)
        refundable = _money(account, account["paid"] - sum(each["minor"] for each in account["refunds"]))
        return (
            Payment(
                payment_id="card", paid_at=datetime.fromisoformat(account["paid_at"]), refundable=refundable
            ),
        )

    async def attempts(
        self, account_id: str, *, closure_id: str, time: datetime
    ) -> tuple[RefundAttempt, ...]:
        account = self._backend.read(account_id)
        return tuple(
            RefundAttempt(
                key=each["key"],
                payment_id=each["payment_id"],
                amount=_money(account, each["minor"]),
                settled=_money(account, each["minor"]),
                state=AttemptState.SETTLED,
            )
            for each in account["refunds"]
            if each["closure_id"] == closure_id
        )

    async def order(
        self,
        account_id: str,
        payment_id: str | None,
        amount: Money,
        *,
        closure_id: str,
        key: str,
        time: datetime,
    ) -> None:
        refundable = {each.payment_id: each.refundable.minor for each in await self.payments(account_id)}

        def act(account: Json) -> None:
            minor = _minor(account, amount)
            if minor == 0:
                raise Refused(RefusalType.MALFORMED_INPUT, "nothing can't be refunded")
            if payment_id is not None and payment_id not in refundable:
                raise Refused(RefusalType.THING_NOT_FOUND, f"there is no payment {payment_id!r}")
            if minor > min(account["cash"], refundable.get(payment_id or "", minor)):
                raise Refused(RefusalType.THING_NOT_ALLOWED, "that is more than can go back")
            account["cash"] -= minor
            refund = {"key": key, "payment_id": payment_id, "minor": minor, "closure_id": closure_id}
            account["refunds"].append(refund)

        self._once(account_id, key, act, late=True)

    async def paid_otherwise(
        self, account_id: str, amount: Money, reference: str, *, closure_id: str, key: str, time: datetime
    ) -> Money:
        def act(account: Json) -> object:
            paid = min(_minor(account, amount), max(account["cash"], 0))
            account["cash"] -= paid
            return _money(account, paid).model_dump()

        return Money.model_validate(self._once(account_id, key, act, late=True))

    async def send(self, message: OutgoingMessage) -> int:
        def act(account: Json) -> object:
            if message.roles and _ROLE not in message.roles:
                return 0
            account["mails"].append(message.template)
            return 1

        return int(self._once(message.account_id, message.key, act))


def _money(account: Json, minor: int) -> Money:
    return Money(minor=minor, currency=account["currency"])


def _minor(account: Json, amount: Money) -> int:
    """Raises `Refused` (`MALFORMED_INPUT`) for less than nothing, or another currency."""
    if amount.minor < 0 or amount.currency != account["currency"]:
        raise Refused(RefusalType.MALFORMED_INPUT, f"{amount} {amount.currency} can't be taken")
    return amount.minor
