"""Ports around the embedded ones whose weather a test makes: unreadable, late, slow to forget, watched."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from closure.accounts import (
    Access,
    AccountProfile,
    BillingStatement,
    Channel,
    DataStore,
    Inventory,
    Relationship,
    Resource,
)
from closure.dues import Due
from closure.money import Money
from closure.refunds import Payment, RefundAttempt
from connectors.ports import (
    AccessControl,
    Billing,
    DataStores,
    Directory,
    Forfeited,
    InventorySource,
    Messages,
    MustRetain,
    OutgoingMessage,
    Platform,
    Refunds,
    StoppedAccounts,
    Undeliverable,
)

_NOTICES = tuple(
    f"send {turn} "
    for turn in (
        "closure_opened",
        "closure_confirmed",
        "silence_began",
        "closure_withdrawn",
        "closure_expired",
    )
)


class SourceDown(Exception):
    """What a broken connector raises."""


@dataclass
class Weather:
    """What goes wrong from now on, and what was done so far."""

    unreadable: set[str] = field(default_factory=set)
    """Of: billing, inventory, relationships, data_stores, subaccounts, payments, refunds, messages,
    `store S of A`, `erasing S`."""
    retained: dict[str, MustRetain] = field(default_factory=dict)
    """What the law keeps, by the id of the store, or of the account."""
    dead: set[Channel] = field(default_factory=set)
    """Where every address refuses for good."""
    watermark: Callable[[], datetime] | None = None
    """The metering watermark, in place of the platform's."""
    lag: int = 0
    """Fresh lists that still show a released resource."""
    after_stop: Callable[[], Awaitable[None]] | None = None
    """What happens in the world right after the account has stopped, once."""
    billing_reads: int = 0
    sent: list[OutgoingMessage] = field(default_factory=list)
    """What was given to the mail service."""
    journal: list[str] = field(default_factory=list)
    """Effects in the order in which they happened."""

    @property
    def effects(self) -> list[str]:
        """The journal without the notices of turns, which change nothing and may be told again."""
        return [done for done in self.journal if not done.startswith(_NOTICES)]

    def strike(self, source: str) -> None:
        if source in self.unreadable:
            raise SourceDown(source)

    def require_free(self, name: str) -> None:
        if name in self.retained:
            raise self.retained[name]

    def over(self, platform: Platform) -> Platform:
        """The platform in this weather; nobody reads past it."""
        return replace(
            platform,
            accounts=None,
            directory=_Directory(platform.directory, self),
            billing=_Billing(platform.billing, self),
            inventory=_Inventory(platform.inventory, self),
            access=_Access(platform.access, self),
            data_stores=_DataStores(platform.data_stores, self),
            messages=_Messages(platform.messages, self),
            refunds=_Refunds(platform.refunds, self),
        )


class _Directory:
    def __init__(self, inner: Directory, weather: Weather) -> None:
        self._inner = inner
        self._weather = weather

    async def profile(self, account_id: str) -> AccountProfile:
        return await self._inner.profile(account_id)

    async def role_of(self, account_id: str, user_id: str) -> str | None:
        return await self._inner.role_of(account_id, user_id)

    async def person_of(self, account_id: str, user_id: str) -> str | None:
        return await self._inner.person_of(account_id, user_id)

    async def accounts_of(self, name: str) -> tuple[str, ...]:
        return await self._inner.accounts_of(name)

    async def verify_password(self, account_id: str, user_id: str, password: str) -> bool:
        return await self._inner.verify_password(account_id, user_id, password)

    async def verify_totp(self, account_id: str, user_id: str, code: str) -> bool:
        return await self._inner.verify_totp(account_id, user_id, code)

    async def subaccounts(self, account_id: str) -> tuple[str, ...]:
        self._weather.strike("subaccounts")
        return await self._inner.subaccounts(account_id)

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]:
        self._weather.strike("relationships")
        return await self._inner.relationships(account_id)


class _Billing:
    def __init__(self, inner: Billing, weather: Weather) -> None:
        self._inner = inner
        self._weather = weather

    async def statement(self, account_id: str) -> BillingStatement:
        self._weather.billing_reads += 1
        self._weather.strike("billing")
        statement = await self._inner.statement(account_id)
        if self._weather.watermark is None:
            return statement
        return statement.model_copy(update={"usage_final_until": self._weather.watermark()})

    async def forfeit(
        self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime
    ) -> Forfeited:
        forfeited = await self._inner.forfeit(account_id, cash=cash, promo=promo, key=key, time=time)
        self._weather.journal.append("forfeit")
        return forfeited

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> Money:
        voided = await self._inner.void_debt(account_id, debt=debt, key=key, time=time)
        self._weather.journal.append("void debt")
        return voided

    async def hand_over(self, account_id: str, dues: tuple[Due, ...], *, key: str, time: datetime) -> None:
        await self._inner.hand_over(account_id, dues, key=key, time=time)
        self._weather.journal.append(f"hand over {len(dues)} dues")


class _Inventory:
    """A released resource stays listed for `lag` more reads, as in an eventually consistent API."""

    def __init__(self, inner: InventorySource, weather: Weather) -> None:
        self._inner = inner
        self._weather = weather
        self._ghosts: dict[str, tuple[int, Resource]] = {}

    async def inventory(self, account_id: str) -> Inventory:
        self._weather.strike("inventory")
        inventory = await self._inner.inventory(account_id)
        lingering = tuple(ghost for reads, ghost in self._ghosts.values() if reads > 0)
        self._ghosts = {name: (reads - 1, ghost) for name, (reads, ghost) in self._ghosts.items()}
        return inventory.model_copy(update={"resources": (*inventory.resources, *lingering)})

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        before = {each.resource_id: each for each in (await self._inner.inventory(account_id)).resources}
        await self._inner.release_resource(account_id, resource_id, key=key)
        if resource_id in before:
            self._weather.journal.append(f"release {resource_id}")
            self._ghosts[resource_id] = (self._weather.lag, before[resource_id])

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        await self._inner.cancel_subscription(account_id, subscription_id, key=key)
        self._weather.journal.append(f"cancel {subscription_id}")


class _Access:
    def __init__(self, inner: AccessControl, weather: Weather) -> None:
        self._inner = inner
        self._weather = weather

    async def stop(
        self, account_id: str, *, access: Access, key: str, time: datetime, spared: tuple[str, ...] = ()
    ) -> StoppedAccounts:
        stopped = await self._inner.stop(account_id, access=access, key=key, time=time, spared=spared)
        self._weather.journal.append("stop access")
        happens, self._weather.after_stop = self._weather.after_stop, None
        if happens is not None:
            await happens()
        return stopped

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        await self._inner.reopen(account_id, key=key, time=time)
        self._weather.journal.append("reopen access")

    async def create_service_role(self, account_id: str, role: str, *, key: str) -> None:
        await self._inner.create_service_role(account_id, role, key=key)
        self._weather.journal.append("create role")

    async def delete_service_role(self, account_id: str, role: str, *, key: str) -> None:
        await self._inner.delete_service_role(account_id, role, key=key)
        self._weather.journal.append("delete role")

    async def delete_bindings(self, account_id: str, *, key: str) -> int:
        deleted = await self._inner.delete_bindings(account_id, key=key)
        self._weather.journal.append("delete bindings")
        return deleted

    async def close(
        self, account_id: str, *, key: str, time: datetime, retained_stores: tuple[str, ...] = ()
    ) -> None:
        self._weather.require_free(account_id)
        await self._inner.close(account_id, key=key, time=time, retained_stores=retained_stores)
        self._weather.journal.append("close account")


class _DataStores:
    def __init__(self, inner: DataStores, weather: Weather) -> None:
        self._inner = inner
        self._weather = weather

    async def stores(self, account_id: str) -> Sequence[DataStore]:
        self._weather.strike("data_stores")
        return await self._inner.stores(account_id)

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        self._weather.require_free(store_id)
        self._weather.strike(f"erasing {store_id}")
        erased = await self._inner.erase(account_id, store_id, key=key)
        self._weather.journal.append(f"erase {store_id}")
        return erased

    async def remaining_objects(self, account_id: str, store_id: str) -> int:
        return await self._inner.remaining_objects(account_id, store_id)


class _Messages:
    def __init__(self, inner: Messages, weather: Weather) -> None:
        self._inner = inner
        self._weather = weather

    async def send(self, message: OutgoingMessage) -> int:
        self._weather.strike("messages")
        if message.channel in self._weather.dead:
            raise Undeliverable(1, "550 5.1.1")
        sent = await self._inner.send(message)
        self._weather.sent.append(message)
        self._weather.journal.append(f"send {message.template} by {message.channel.value}")
        return sent


class _Refunds:
    def __init__(self, inner: Refunds, weather: Weather) -> None:
        self._inner = inner
        self._weather = weather

    async def payments(self, account_id: str) -> tuple[Payment, ...]:
        self._weather.strike("payments")
        return await self._inner.payments(account_id)

    async def attempts(
        self, account_id: str, *, closure_id: str, time: datetime
    ) -> tuple[RefundAttempt, ...]:
        self._weather.strike("refunds")
        return await self._inner.attempts(account_id, closure_id=closure_id, time=time)

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
        await self._inner.order(account_id, payment_id, amount, closure_id=closure_id, key=key, time=time)
        self._weather.journal.append(f"order refund of {amount} to {payment_id}")

    async def paid_otherwise(
        self,
        account_id: str,
        amount: Money,
        reference: str,
        *,
        closure_id: str,
        key: str,
        time: datetime,
    ) -> Money:
        paid = await self._inner.paid_otherwise(
            account_id, amount, reference, closure_id=closure_id, key=key, time=time
        )
        self._weather.journal.append(f"paid {paid} otherwise")
        return paid
