"""An account platform as a whole."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from connectors.account_reader import AccountReader
from connectors.ports.access import AccessControl, LegalHolds
from connectors.ports.directory import Directory
from connectors.ports.messages import AddressBook, Messages
from connectors.ports.money import Billing, Refunds
from connectors.ports.things import DataStores, InventorySource


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
