"""The world around an account: what its customer does elsewhere, what systems answer, how time passes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from temporalio.client import Client

from closure.accounts import BillStatus, CreditNoteStatus
from closure.messages import StatusDocument
from closure.policy import Policy
from closure.translations import languages_of
from connectors.embedded import elsewhere
from connectors.embedded.exhibit import SentMessage, ShownAccount, read_outbox, show_account
from connectors.embedded.holds import hold, unhold
from connectors.embedded.refunds import play_answer
from connectors.embedded.tables import RefundAnswer
from database import Database
from local.fast_forward import Arrival, fast_forward
from local.play.samples import load_set, newest_set

_BEYOND: Final = timedelta(seconds=2)
"""So far past a deadline, that it is reached."""
_HOLD_REASON: Final = "played: a court's order"


class Deed(StrEnum):
    """What can be played of an account's surroundings."""

    PAY = "pay"
    SETTLE = "settle"
    TRANSFER = "transfer"
    CANCEL_FILING = "cancel-filing"
    UNLINK = "unlink"
    RELEASE = "release"
    CHARGE = "charge"
    REFUND = "refund"
    HOLD = "hold"
    UNHOLD = "unhold"


@dataclass(frozen=True)
class Chance:
    """Something that can happen now: a button. `thing` is what it happens to."""

    deed: Deed
    thing: str
    label: str


class Leap(StrEnum):
    """How far a closure's clock is moved."""

    MINUTES = "6m"
    DAY = "1d"
    DEADLINE = "deadline"


class CannotHappen(Exception):
    """What was asked for is not possible now; the message says why."""


class World:
    """The embedded platform and the local server, as who plays sees them."""

    def __init__(self, database: Database, temporal: Client, policies: Mapping[str, Policy]) -> None:
        self._database = database
        self._temporal = temporal
        self._policies = policies

    def _languages(self) -> Collection[str]:
        return languages_of(self._policies.values())

    def pays_back(self, account: ShownAccount) -> bool:
        """Whether its provider's procedure refunds anything."""
        policy = self._policies.get(account.provider)
        return policy is not None and policy.refund is not None

    async def current_set(self) -> int:
        """The number of the sample accounts to play with; loads the first ones."""
        number = await newest_set(self._database)
        return number or await self.fresh_set()

    async def fresh_set(self) -> int:
        """Loads new sample accounts; returns the number of their set."""
        number = await newest_set(self._database) + 1
        await load_set(self._database, number, self._languages)
        return number

    async def account(self, account_id: str) -> ShownAccount:
        """As it stands. Raises `Refused` (`ACCOUNT_NOT_FOUND`)."""
        return await show_account(self._database, account_id)

    async def mails(self, account_id: str) -> tuple[SentMessage, ...]:
        """What was sent to its users, in sending order. Raises `Refused` (`ACCOUNT_NOT_FOUND`)."""
        return await read_outbox(self._database, account_id)

    async def play(self, account_id: str, deed: Deed, thing: str) -> None:
        """Has something happen to the account; `thing` is an id, an amount or an answer.

        Raises:
            CannotHappen: there is no such thing, or it can't be.
            Refused: the account is not there, or closed.
        """
        there = self._database
        match deed:
            case Deed.PAY:
                await elsewhere.pay_bill(there, account_id, thing)
            case Deed.SETTLE:
                await elsewhere.settle_credit_note(there, account_id, thing)
            case Deed.TRANSFER:
                await elsewhere.transfer_domain(there, account_id, thing)
            case Deed.CANCEL_FILING:
                await elsewhere.cancel_filing(there, account_id, thing)
            case Deed.UNLINK:
                await elsewhere.unlink(there, account_id, thing)
            case Deed.RELEASE:
                await elsewhere.release_resource(there, account_id, thing)
            case Deed.CHARGE:
                await self._charge(account_id, thing)
            case Deed.REFUND:
                await play_answer(there, account_id, _answer(thing))
            case Deed.HOLD:
                await hold(there, account_id, _HOLD_REASON)
            case Deed.UNHOLD:
                await unhold(there, account_id)

    async def leap(self, status: StatusDocument, leap: Leap) -> None:
        """Moves the closure's own clock on.

        Raises:
            CannotHappen: it waits for nothing that time brings, or no worker answers.
        """
        if leap is Leap.DEADLINE and status.remaining_seconds is None:
            raise CannotHappen("the closure waits for no moment")
        left = timedelta(seconds=max(0, status.remaining_seconds or 0)) + _BEYOND
        duration = {Leap.MINUTES: timedelta(minutes=6), Leap.DAY: timedelta(days=1)}.get(leap, left)
        arrival = await fast_forward(self._temporal, status.workflow_id, duration)
        if arrival is Arrival.NO_WORKER:
            raise CannotHappen("no worker answers; start one with make up")

    async def _charge(self, account_id: str, amount: str) -> None:
        try:
            await elsewhere.charge(self._database, account_id, amount, "ecs")
        except elsewhere.BadCharge as error:
            raise CannotHappen(str(error)) from error


def chances(account: ShownAccount) -> tuple[Chance, ...]:
    """What its customer can handle elsewhere now."""
    return (
        *(
            Chance(Deed.PAY, each.id, f"Pay bill {each.id}: {each.amount} {account.currency}")
            for each in account.bills
            if each.status is not BillStatus.PAID
        ),
        *(
            Chance(Deed.SETTLE, each.id, f"Settle credit note {each.id}")
            for each in account.credit_notes
            if each.status is CreditNoteStatus.OPEN
        ),
        *(Chance(Deed.TRANSFER, each.id, f"Transfer {each.id}") for each in account.domains),
        *(Chance(Deed.CANCEL_FILING, each.id, f"Cancel filing {each.id}") for each in account.icp_filings),
        *(Chance(Deed.UNLINK, each.id, f"Unlink {each.id}") for each in account.relationships),
        *(
            Chance(Deed.RELEASE, each.id, f"Release {each.id}")
            for each in account.resources
            if not each.renounceable
        ),
    )


def _answer(name: str) -> RefundAnswer:
    try:
        return RefundAnswer(name)
    except ValueError:
        raise CannotHappen("the payment provider has no such answer") from None
