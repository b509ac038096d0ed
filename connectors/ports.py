"""Ports to the adopter's world. Every system that a closure touches is one Protocol here.

Rules for an implementation; `python -m connectors.conformance` tries them all:

- **Failing.** A read that fails raises (any exception): the engine takes the source as unknown, never as
  empty. An effect that fails is called again with its key, for ever; `connectors.faults.Unavailable` says
  when.
- **Key.** An effect takes an idempotency `key`. A second call with it, also one at the same time, finds the
  first effect, does nothing and returns the first answer: so an answer that got lost is had again. A
  refused effect has not happened: its key may be tried again.
- **Unknown.** An unknown account raises `closure.errors.Refused` with `ACCOUNT_NOT_FOUND`, in reads and
  effects. An unknown user is an answer (None, False). An unknown thing is one that is gone, and that is
  success.
- **Gone.** An account that is closed may be forgotten, or kept: every call on it answers as before, or is
  refused with `ACCOUNT_NOT_FOUND` or `ACCOUNT_CLOSED`; beyond the point of no return the engine takes the
  former as done. What is still asked after `AccessControl.close`: all calls of the deletion once more where
  an answer was lost; `Directory.profile` and `subaccounts`; and all of `Refunds` with `Billing.statement`,
  as long as money is on its way: who forgets earlier can't bring back what failed.
- **Accepted is not done.** Releases, cancellations and erasures may take days: accept them, and go on
  showing in reads what is still there. The engine reads again until it is gone.
- **In part.** An answer is whole, or the call raises: no first page, no account without its subaccounts. An
  implementation that reads page by page reads all pages, and raises where one of them is missing. An effect
  on several things (`stop`) happens to all or to none.
- **Time.** `time` is the closure's clock (UTC), which on a local server can be ahead of the wall. A read
  that takes longer than the setting `source_time_limit` counts as unknown; an effect has
  `effect_time_limit`, then it is called again with its key. What takes longer is accepted (above).
- **Holds.** While `LegalHolds.is_held`, forfeit, void_debt, release_resource, cancel_subscription, erase,
  delete_bindings and close are refused with `LEGAL_HOLD` within the transaction that would have destroyed.
- **Money** below zero or in another currency than the account's is refused (`MALFORMED_INPUT`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
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
from closure.dues import Due
from closure.model import Instant, WireModel
from closure.money import Money
from closure.refunds import Payment, RefundAttempt
from connectors.account_reader import AccountReader


class OutgoingMessage(WireModel):
    """One message to every user of the account that holds one of `roles` and has an address for `channel`.

    `user_id` narrows the recipients to one user. `subjects` (of an e-mail) and `bodies` map a language tag to
    the rendered text, `pages` (of an e-mail) to the same as an HTML document; the recipient's language is
    chosen, else English. Who has templates of their own fills the one named `template` with `values`, by
    language and placeholder; `status_url` is where the closure can be seen, or the certificate of a deleted
    account. Addresses are looked up by the implementation.
    """

    key: str
    account_id: str
    channel: Channel
    template: str
    subjects: Mapping[str, str] = {}
    bodies: Mapping[str, str]
    pages: Mapping[str, str] = {}
    values: Mapping[str, Mapping[str, str]] = {}
    status_url: str | None = None
    roles: tuple[str, ...] = ()
    user_id: str | None = None
    time: Instant


class Directory(Protocol):
    """Accounts, their users and how they hang together."""

    async def profile(self, account_id: str) -> AccountProfile:
        """What the account is. `access` is how it stands now: after `AccessControl.stop` no longer `open`."""
        ...

    async def role_of(self, account_id: str, user_id: str) -> str | None:
        """The user's role in the account now; None when the user isn't there."""
        ...

    async def person_of(self, account_id: str, user_id: str) -> str | None:
        """An opaque name of the person behind the user, the same for all users of one sign-in everywhere.

        None when the user isn't there.
        """
        ...

    async def accounts_of(self, name: str) -> tuple[str, ...]:
        """Ids of the accounts that have a user with this login or e-mail address, for support to find them.

        Empty for a name that nobody has (any more).
        """
        ...

    async def verify_password(self, account_id: str, user_id: str, password: str) -> bool:
        """Whether it is the user's password (T8). As slow for an unknown user, who is no error."""
        ...

    async def verify_totp(self, account_id: str, user_id: str, code: str) -> bool:
        """Whether it is the current code of the user's authenticator app; each code is good once."""
        ...

    async def subaccounts(self, account_id: str) -> tuple[str, ...]:
        """Ids of what this account owns, directly or through others, but for what is closed for good.

        Each once, none of them this account.
        """
        ...

    async def relationships(self, account_id: str) -> tuple[Relationship, ...]:
        """All ties to accounts that it doesn't own."""
        ...


class Forfeited(WireModel):
    """What was taken, by the first call with the key."""

    cash: Money
    promo: Money


class Billing(Protocol):
    """Balances, bills and credit notes."""

    async def statement(self, account_id: str) -> BillingStatement:
        """Money as of now; what was ordered as a refund is not among the cash."""
        ...

    async def forfeit(
        self, account_id: str, *, cash: Money, promo: Money, key: str, time: datetime
    ) -> Forfeited:
        """Takes up to these amounts (zero or above) out of the account for good; returns what it took.

        Never more than there is: of a debt nothing is taken.
        """
        ...

    async def void_debt(self, account_id: str, *, debt: Money, key: str, time: datetime) -> Money:
        """Writes off up to this (positive) debt; returns how much: the cash balance is higher by it."""
        ...

    async def hand_over(self, account_id: str, dues: tuple[Due, ...], *, key: str, time: datetime) -> None:
        """Billing looks after what stays due when the account goes: `dues` in place of what it had before.

        What becomes `taken_from_refund` is paid from the account's cash now. Each key is for one list.

        Raises:
            Refused: `THING_NOT_ALLOWED` when the cash is less than what is to be taken of it.
        """
        ...


class InventorySource(Protocol):
    """Deployed resources, subscriptions, domains and filings."""

    async def inventory(self, account_id: str) -> Inventory:
        """All of it. Of very many things none need be in hand: `Inventory` takes any iterable."""
        ...

    async def release_resource(self, account_id: str, resource_id: str, *, key: str) -> None:
        """Accepts the release of one resource. Done is when `inventory` no longer lists it.

        Raises:
            Refused: `THING_NOT_ALLOWED` while another resource still depends on it.
        """
        ...

    async def cancel_subscription(self, account_id: str, subscription_id: str, *, key: str) -> None:
        """As `release_resource`."""
        ...


class StoppedAccounts(WireModel):
    """What one stop has stopped: the account and `subaccounts`, at the moment `at` (the first call's)."""

    at: Instant
    subaccounts: tuple[str, ...] = ()


class AccessControl(Protocol):
    """Who may do what with the account, and its end."""

    async def stop(
        self, account_id: str, *, access: Access, key: str, time: datetime, spared: tuple[str, ...] = ()
    ) -> StoppedAccounts:
        """Stops the account and all that it owns but `spared` in one step: all or nothing (A18, A20, T4).

        API keys are disabled and sessions ended; `access` is what is left. A subaccount that is created,
        moved in or moved out at the same time is either stopped too or refused. What another closure has
        stopped before stays as it is and is not among the result; `spared` are what another is about to stop.
        Another key on a stopped account changes nothing and returns the time of the first stop.

        Raises:
            Refused: `ACCOUNT_CLOSED`.
        """
        ...

    async def reopen(self, account_id: str, *, key: str, time: datetime) -> None:
        """What the account's `stop` stopped works again. Ended sessions stay ended.

        What a closure of its own stopped stays stopped.

        Raises:
            Refused: `ACCOUNT_CLOSED`.
        """
        ...

    async def create_service_role(self, account_id: str, role: str, *, key: str) -> None:
        """The role that cleans up (A19); one that is there already stays."""
        ...

    async def delete_service_role(self, account_id: str, role: str, *, key: str) -> None:
        """The role goes; one that isn't there is gone already."""
        ...

    async def delete_bindings(self, account_id: str, *, key: str) -> int:
        """Deletes bindings to third parties; returns how many this key deleted."""
        ...

    async def close(
        self, account_id: str, *, key: str, time: datetime, retained_stores: tuple[str, ...] = ()
    ) -> None:
        """The last act: bills, contact details, users and credentials go; the account is closed for good.

        Message bodies sent to the account are blanked. The law keeps the data stores of `retained_stores`.
        Nothing is asked of `Messages` afterwards.

        Raises:
            MustRetain: the account itself must stay for now, whole: the closure waits, says why, and comes
                again with the same key.
        """
        ...


class LegalHolds(Protocol):
    """What a court or an authority forbids to destroy."""

    async def is_held(self, account_id: str) -> bool:
        """Whether the account, or one that owns it, is under legal hold now.

        Read directly before each effect that destroys. An answer that isn't known has to raise.
        """
        ...


class Refunds(Protocol):
    """Money on its way back to what it was paid with."""

    async def payments(self, account_id: str) -> tuple[Payment, ...]:
        """The payments that funded the account, each with what can still be refunded of it."""
        ...

    async def attempts(
        self, account_id: str, *, closure_id: str, time: datetime
    ) -> tuple[RefundAttempt, ...]:
        """All refunds ordered for this closure, as the payment provider has them at `time`.

        One that was accepted is there at once, with its key. How one stands may change for weeks: pending,
        then settled or failed for good.
        """
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

        The cash leaves the account now, and comes back if the refund fails; so does what `payments` says can
        still go back. Accepted also for an account that is closed, as long as it is known.

        Raises:
            Refused: `THING_NOT_ALLOWED` when the cash, or what of the payment can go back, is less;
                `THING_NOT_FOUND` for an unknown payment; `MALFORMED_INPUT` for nothing.
        """
        ...

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
        """Staff have paid this past the payments: up to `amount` leaves the account's cash for good.

        Returns what has left it, by the first call with the key; `reference` is the staff's own.
        """
        ...


class MustRetain(Exception):
    """The law makes the provider keep it; `until` in UTC, None for as long as nobody knows.

    `because` is the ground, such as a paragraph of a tax law. The customer reads it, and the certificate has
    it: it names no person and no case. When the time is over the provider erases it: nobody asks again.
    """

    def __init__(self, because: str, until: datetime | None = None) -> None:
        super().__init__("the provider must retain it")
        self.because = because
        self.until = until


class DataStores(Protocol):
    """Customer data, store by store."""

    async def stores(self, account_id: str) -> Sequence[DataStore]:
        """All that hold something, best by id; `closure.accounts.DATA_STORES` holds very many, one by one."""
        ...

    async def erase(self, account_id: str, store_id: str, *, key: str) -> int:
        """Accepts the erasure; returns how many objects this key has erased, 0 when the store was gone.

        Done is when `remaining_objects` finds none and `stores` lists it no more. A deletion that takes days
        is accepted again by the same key until then.

        Raises:
            MustRetain: nothing of it was erased, and `stores` goes on listing it. That is an answer, final:
                the closure goes on without it.
        """
        ...

    async def remaining_objects(self, account_id: str, store_id: str) -> int:
        """Objects that a fresh read still finds; 0 when the store is gone."""
        ...


class Undeliverable(Exception):
    """Addresses of a message were refused for good, such as dead ones; whoever else there is has got it.

    `addresses` is how many, `reason` a short code such as ``550 5.1.1``: never an address, never a carrier's
    own words, which may name one.
    """

    def __init__(self, addresses: int, reason: str) -> None:
        super().__init__(f"{addresses} refused for good: {reason}")
        self.addresses = addresses
        self.reason = reason


class Messages(Protocol):
    """E-mail and text messages to the account's users."""

    async def send(self, message: OutgoingMessage) -> int:
        """Stores or sends the message once per key and recipient; returns the number of recipients.

        Where the carrier can't tell whether it took a message, that may reach its recipient again.

        Raises:
            Undeliverable: asking again with the key sends nothing more and raises the same. Any other
                exception may pass: asked again, it sends what has not been sent.
        """
        ...


class Addressee(WireModel):
    """One user whom a message is for. `address` is an e-mail address or a phone number."""

    user_id: str
    address: str
    language: str


class AddressBook(Protocol):
    """Where the account's users are reached, for a carrier that doesn't look that up itself."""

    async def addressees(self, message: OutgoingMessage) -> tuple[Addressee, ...]:
        """Whom the message is for, as `OutgoingMessage` says; nobody, for an unknown account or one gone."""
        ...


@dataclass(frozen=True)
class Callback:
    """What came from outside: `target` is path and query as they stand in the request line."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Callbacks(Protocol):
    """What the platform says on its own, where it does."""

    def effect_done(self, callback: Callback) -> str:
        """The key of an effect that is done. Only a hint: the effect is asked about by its port.

        Raises:
            CallbackRefused: (`connectors.faults`) it is not the platform's, or has come before.
            ValueError: it is the platform's, and unreadable.
        """
        ...


@dataclass(frozen=True)
class Platform:
    """An account platform: one implementation of every port, worker and starter use the same."""

    directory: Directory
    billing: Billing
    inventory: InventorySource
    access: AccessControl
    data_stores: DataStores
    messages: Messages
    refunds: Refunds
    holds: LegalHolds
    addresses: AddressBook | None = None
    """For e-mail that the platform doesn't send itself."""
    accounts: AccountReader | None = None
    """For a platform that reads many accounts at a time. It speaks for the ports beside it: who puts another
    in the place of one that is read takes this away, too."""
    callbacks: Callbacks | None = None
    """For a platform that tells when what it has accepted is done."""
    answers_at_once: bool = False
    """Whether reads and effects are short local transactions, so that they may run in a local activity."""
    closing: Callable[[], Awaitable[None]] | None = None
    """Frees what the ports hold open: connections, say."""

    async def aclose(self) -> None:
        """Frees what the ports hold open; no port may be used after it."""
        if self.closing is not None:
            await self.closing()
