"""Ports to the adopter's world. Every system that a closure touches is one Protocol here.

Rules for an implementation:

- A read that fails raises (any exception): the engine treats the source as unknown, never as empty.
- An effect takes an idempotency `key`; a second call with the same key finds the first effect and does nothing.
- "Already gone" is success.
- An unknown account raises `closure.errors.Refused` with `ACCOUNT_NOT_FOUND`.
- `time` is the closure's clock (UTC), which on a local server can be ahead of the wall.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from closure.accounts import (
    AccountProfile,
    BillingStatement,
    Channel,
    DataStore,
    Inventory,
    Relationship,
)
from closure.model import Instant, WireModel
from closure.money import Money


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

    async def has_channel(self, account_id: str, user_id: str, channel: Channel) -> bool:
        """Whether the user has an address for the channel; False for an unknown user."""
        ...

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]: ...


class Billing(Protocol):
    """Balances, bills and credit notes."""

    async def statement(self, account_id: str) -> BillingStatement: ...

    async def forfeit(self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime) -> None:
        """Takes these positive amounts out of the account for good; never more than is there.

        Raises:
            Refused: the balance is smaller than the amount.
        """
        ...

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> None:
        """Writes off this (positive) debt; afterwards the cash balance is higher by it."""
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


class AccessControl(Protocol):
    """Who may do what with the account, and its end."""

    async def stop(self, account_id: str, *, key: str, time: datetime) -> datetime:
        """Disables access and API keys and ends all sessions; sign-in shows the closure's status only.

        Returns the moment access stopped (the first call's `time`).
        """
        ...

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        """Access and API keys work again. Ended sessions stay ended."""
        ...

    async def create_service_role(self, account_id: str, role: str, *, key: str) -> None: ...

    async def delete_service_role(self, account_id: str, role: str, *, key: str) -> None: ...

    async def delete_bindings(self, account_id: str, *, key: str) -> int:
        """Deletes bindings to third parties; returns how many this key deleted."""
        ...

    async def close(self, account_id: str, *, key: str, time: datetime) -> None:
        """The last act: bills, contact details, users and credentials go; the account is closed for good.

        Message bodies sent to the account are blanked.
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
