"""Ports to the adopter's world. Every system that a closure touches is one Protocol here.

Rules for an implementation:

- A read that fails raises (any exception): the engine treats the source as unknown, never as empty.
- An effect takes an idempotency `key`; a second call with it finds the first effect and does nothing.
- "Already gone" is success.
- An unknown account raises `closure.errors.Refused` with `ACCOUNT_NOT_FOUND`.
- `time` is the closure's clock (UTC), which on a local server can be ahead of the wall.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from closure.accounts import (
    Access,
    AccountProfile,
    BillingStatement,
    Channel,
    DataStore,
    Inventory,
    Relationship,
)
from closure.model import Instant, WireModel
from closure.money import Money
from closure.refunds import Payment, RefundAttempt


class OutgoingMessage(WireModel):
    """One message to every user of the account that holds one of `roles` and has an address for `channel`.

    `user_id` narrows the recipients to one user. `bodies` maps a language tag to the rendered text; the
    recipient's language is chosen, else English. Addresses are looked up by the implementation.
    """

    key: str
    account_id: str
    channel: Channel
    template: str
    bodies: Mapping[str, str]
    roles: tuple[str, ...] = ()
    user_id: str | None = None
    time: Instant


class Directory(Protocol):
    """Accounts, their users and how they hang together."""

    async def profile(self, account_id: str) -> AccountProfile: ...

    async def role_of(self, account_id: str, user_id: str) -> str | None:
        """The user's role in the account now; None when the user isn't there."""
        ...

    async def verify_password(self, account_id: str, user_id: str, password: str) -> bool:
        """Whether it is the user's password (T8). As slow for an unknown user, who is no error."""
        ...

    async def verify_totp(self, account_id: str, user_id: str, code: str) -> bool:
        """Whether it is the current code of the user's authenticator app; each code is good once."""
        ...

    async def subaccounts(self, account_id: str) -> tuple[str, ...]:
        """Ids of what this account owns, directly or through others, but for what is closed for good."""
        ...

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]: ...


class Forfeited(WireModel):
    """What was taken, by the first call with the key."""

    cash: Money
    promo: Money


class Billing(Protocol):
    """Balances, bills and credit notes."""

    async def statement(self, account_id: str) -> BillingStatement: ...

    async def forfeit(
        self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime
    ) -> Forfeited:
        """Takes up to these amounts (zero or above) out of the account for good; returns what it took."""
        ...

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> Money:
        """Writes off up to this (positive) debt; returns how much: the cash balance is higher by it."""
        ...


class InventorySource(Protocol):
    """Deployed resources, subscriptions, domains and filings."""

    async def inventory(self, account_id: str) -> Inventory: ...

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        """Accepts the release of one resource. Done is when `inventory` no longer lists it.

        Raises:
            Refused: `THING_NOT_ALLOWED` while another resource still depends on it.
        """
        ...

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None: ...


class StoppedAccounts(WireModel):
    """What one stop has stopped: the account and `subaccounts`, at the moment `at` (the first call's)."""

    at: Instant
    subaccounts: tuple[str, ...] = ()


class AccessControl(Protocol):
    """Who may do what with the account, and its end."""

    async def stop(self, account_id: str, *, access: Access, key: str, time: datetime) -> StoppedAccounts:
        """Stops the account and all that it owns in one step: all or nothing (A18, A20, T4).

        API keys are disabled and sessions ended; `access` is what is left. A subaccount that is created,
        moved in or moved out at the same time is either stopped too or refused. What another closure has
        stopped before stays as it is and is not among the result.
        """
        ...

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        """What the account's `stop` stopped works again. Ended sessions stay ended."""
        ...

    async def create_service_role(self, account_id: str, role: str, *, key: str) -> None: ...

    async def delete_service_role(self, account_id: str, role: str, *, key: str) -> None: ...

    async def delete_bindings(self, account_id: str, *, key: str) -> int:
        """Deletes bindings to third parties; returns how many this key deleted."""
        ...

    async def close(
        self, account_id: str, *, key: str, time: datetime, retained_stores: tuple[str, ...] = ()
    ) -> None:
        """The last act: bills, contact details, users and credentials go; the account is closed for good.

        Message bodies sent to the account are blanked. The law keeps the data stores of `retained_stores`.
        """
        ...


class LegalHolds(Protocol):
    """What a court or an authority forbids to destroy."""

    async def is_held(self, account_id: str) -> bool:
        """Whether the account, or one that owns it, is under legal hold now."""
        ...


class Refunds(Protocol):
    """Money on its way back to what it was paid with."""

    async def payments(self, account_id: str) -> tuple[Payment, ...]:
        """The payments that funded the account, each with what can still be refunded of it."""
        ...

    async def attempts(
        self, account_id: str, *, closure_id: str, time: datetime
    ) -> tuple[RefundAttempt, ...]:
        """All refunds ordered for this closure, as the payment provider has them at `time`."""
        ...

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
        """Orders a refund of at most the account's cash: to one payment, or (None) by the provider's means.

        The cash leaves the account now, and comes back if the refund fails.
        """
        ...


class DataStores(Protocol):
    """Customer data, store by store."""

    async def stores(self, account_id: str) -> tuple[DataStore, ...]: ...

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        """Erases the store; returns how many objects this key has erased, 0 when the store was gone."""
        ...

    async def remaining_objects(self, account_id: str, store_id: str) -> int:
        """Objects that a fresh read still finds; 0 when the store is gone."""
        ...


class Messages(Protocol):
    """E-mail and text messages to the account's users."""

    async def send(self, message: OutgoingMessage) -> int:
        """Stores or sends the message once per key and recipient; returns the number of recipients."""
        ...
