"""What a rule is, and what one try of it has at hand."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import uuid4

from closure.errors import RefusalType, Refused
from closure.money import Money
from connectors.conformance.subject import AccountWanted, ConformanceSubject, OpenedAccount
from connectors.ports import MustRetain, Platform

Answer = TypeVar("Answer")

LOOKS_EVERY: Final = timedelta(milliseconds=50)
GONE: Final = frozenset({RefusalType.ACCOUNT_NOT_FOUND, RefusalType.ACCOUNT_CLOSED})
"""How an implementation may say that an account has met its end."""


class Broken(Exception):
    """The implementation broke the rule; the message says how."""


def require(holds: bool, otherwise: str) -> None:
    """Raises `Broken`."""
    if not holds:
        raise Broken(otherwise)


@dataclass(frozen=True)
class Trial:
    """One rule, one implementation, one test account. `patience` is how long what is accepted may take."""

    subject: ConformanceSubject
    account: OpenedAccount
    patience: timedelta
    trial_id: str
    time: datetime

    @classmethod
    def of(cls, subject: ConformanceSubject, account: OpenedAccount, patience: timedelta) -> "Trial":
        return cls(subject, account, patience, f"conformance-{uuid4().hex}", datetime.now(UTC))

    @property
    def platform(self) -> Platform:
        return self.subject.platform

    @property
    def account_id(self) -> str:
        return self.account.account_id

    def key(self, *parts: str) -> str:
        """A key that no other trial has."""
        return "/".join((self.trial_id, *parts))

    async def money(self, minor: int) -> Money:
        """So much, in the account's currency."""
        profile = await self.platform.directory.profile(self.account_id)
        return Money(minor=minor, currency=profile.currency)

    async def cash(self) -> Money:
        return (await self.platform.billing.statement(self.account_id)).cash

    async def eventually(self, holds: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        """Looks again until it holds. Raises `Broken` when patience ends."""
        deadline = asyncio.get_running_loop().time() + self.patience.total_seconds()
        while not await holds():
            require(asyncio.get_running_loop().time() < deadline, f"{otherwise} after {self.patience}")
            await asyncio.sleep(LOOKS_EVERY.total_seconds())


async def require_refusal(asked: Awaitable[object], *types: RefusalType) -> None:
    """Raises `Broken` unless the call is refused for one of these reasons."""
    wanted = " or ".join(each.value for each in types)
    try:
        answer = await asked
    except Refused as refused:
        require(refused.type in types, f"refused with {refused.type.value} instead of {wanted}")
        return
    raise Broken(f"answered {type(answer).__name__} instead of refusing with {wanted}")


async def require_retained(ask: Callable[[], Awaitable[object]], otherwise: str) -> None:
    """Raises `Broken` unless the call says, the same every time, why and until when the law keeps it."""
    said: list[tuple[str, datetime | None]] = []
    for _ in range(2):
        try:
            await ask()
        except MustRetain as kept:
            said.append((kept.because, kept.until))
        else:
            raise Broken(otherwise)
    (because, until), again = said
    require(again == (because, until), "asked again, it says something else")
    require(bool(because.strip()), "does not say why")
    require(until is None or until.tzinfo is not None, "the moment until when has no time zone")


async def or_gone(asked: Awaitable[Answer], *, unless: frozenset[RefusalType] = GONE) -> Answer | None:
    """The answer; None where the account is said to have met its end."""
    try:
        return await asked
    except Refused as refused:
        if refused.type not in unless:
            raise Broken(f"refused with {refused.type.value}") from refused
        return None


Check = Callable[[Trial], Awaitable[None]]


@dataclass(frozen=True)
class Rule:
    """`check` raises where the rule is broken, `Broken` or anything; `NotOffered` where it can't be tried."""

    name: str
    says: str
    check: Check
    wants: AccountWanted = AccountWanted()  # noqa: RUF009 - frozen
    changes: bool = True
    """Whether trying it changes the account."""


def rule(
    name: str,
    says: str,
    *,
    wants: AccountWanted = AccountWanted(),  # noqa: B008 - frozen
    changes: bool = True,
) -> Callable[[Check], Rule]:
    """Makes a rule of its check."""
    return lambda check: Rule(name, says, check, wants, changes)
