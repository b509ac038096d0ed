"""What an implementation brings to be tried: its ports, and test accounts that may be destroyed."""

from abc import ABC, abstractmethod

from pydantic import Field, SecretStr

from closure.model import Model
from closure.refunds import AttemptState
from connectors.ports import Platform


class NotOffered(Exception):
    """This can't be tried here; the message says what is missing."""


class AccountWanted(Model):
    """What a test account has to have, at least. Amounts are minor units of the currency it settles in."""

    cash: int = 0
    """Below zero: a debt of exactly so much."""
    promo: int = 0
    payments: int = 0
    """So many payments that funded the cash, all of the same amount."""
    resources: int = 0
    """Renounceable ones. Where there are two or more, the first in order of their ids needs the last."""
    subscriptions: int = 0
    stores: int = 0
    """Data stores with at least one object each."""
    bindings: int = 0
    subaccounts: int = 0
    """Open accounts that it owns directly, in the same currency."""
    password: bool = False
    """Whether a user's password has to be known."""


class OpenedAccount(Model):
    """A test account, open; `subaccounts` are those that it owns directly."""

    account_id: str
    subaccounts: tuple[str, ...] = ()
    bindings: int | None = None
    """How many it has; None where nobody knows."""
    user_id: str | None = None
    password: SecretStr | None = Field(default=None, repr=False)


class ConformanceSubject(ABC):
    """One implementation under trial. What it can't do raises `NotOffered`: then a rule doesn't apply."""

    platform: Platform

    @abstractmethod
    async def open_account(self, wanted: AccountWanted) -> OpenedAccount:
        """A test account of its own for one rule, which may destroy it. Raises `NotOffered`."""

    async def hold(self, account_id: str, *, held: bool) -> None:
        """Puts the account under legal hold, or lifts that. Raises `NotOffered`."""
        raise NotOffered("legal holds can't be set here")

    async def must_retain(self, account_id: str, store_id: str) -> None:
        """Has the law make the provider keep this data store. Raises `NotOffered`."""
        raise NotOffered("what the law keeps can't be set here")

    async def must_retain_account(self, account_id: str, *, must: bool) -> None:
        """Has the law make the provider keep the account as a whole, or lifts that. Raises `NotOffered`."""
        raise NotOffered("what the law keeps can't be set here")

    async def answer_refunds(self, account_id: str, answer: AttemptState) -> None:
        """Has the payment provider settle, or fail, all refunds of the account. Raises `NotOffered`."""
        raise NotOffered("the payment provider's answers can't be played here")

    async def aclose(self) -> None:
        """Frees what it holds open, its platform too."""
        await self.platform.aclose()
