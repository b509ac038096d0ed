"""Closures of drawn accounts, with drawn acts of their customers, of billing and of the payment provider."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from closure.lifecycle import Mode
from closure.money import Money
from connectors.embedded.tables import RefundAnswer
from tests.harness.strategies import (
    ALIBABA_CLOUD,
    NOW,
    TWILIO,
    AccountDocument,
    Provider,
    Value,
    account_documents,
    currencies,
    money,
)

Drawn = TypeVar("Drawn")


class Act(StrEnum):
    """What may happen at any moment of a closure."""

    RECHECK = "recheck"
    RENOUNCE = "renounce"
    CHARGE = "charge"
    PAY = "pay"
    SETTLE = "settle"
    CONFIRM = "confirm"
    CONFIRM_STALE = "confirm-stale"
    CANCEL = "cancel"


class Ending(StrEnum):
    """What the customer does in the end."""

    CONFIRM = "confirm"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


@dataclass(frozen=True)
class Answer:
    """What the payment provider says from now on (None: nothing), for so many days."""

    says: RefundAnswer | None
    days: int


@dataclass(frozen=True)
class Scene:
    """One closure: of the first account, which owns those that its entry names.

    `clears`: before the end the customer handles elsewhere whatever can be.
    """

    provider: Provider
    accounts: tuple[AccountDocument, ...]
    mode: Mode
    drafting: tuple[Act, ...]
    clears: bool
    ending: Ending
    closing: tuple[Act, ...]
    answers: tuple[Answer, ...]


_KINDS = {ALIBABA_CLOUD: ("standard",), TWILIO: (*("upgraded",) * 5, "trial", "trial", "invoiced")}


def _mostly(usual: Drawn, *others: Drawn) -> SearchStrategy[Drawn]:
    return st.sampled_from((*(usual,) * 5, *others))


@st.composite
def scenes(draw: st.DrawFn, provider: Provider) -> Scene:
    acts = st.lists(st.sampled_from(Act), max_size=3).map(tuple)
    late = st.lists(st.sampled_from((*Act, Act.CHARGE, Act.CHARGE)), max_size=3).map(tuple)
    said = st.builds(Answer, st.none() | st.sampled_from(RefundAnswer), st.integers(1, 3))
    return Scene(
        provider=provider,
        accounts=draw(_trees(provider)),
        mode=draw(_mostly(Mode.DELETE, Mode.KEEP_DATA)),
        drafting=draw(acts),
        clears=draw(_mostly(True, False)),
        ending=draw(_mostly(Ending.CONFIRM, Ending.WITHDRAW, Ending.EXPIRE)),
        closing=draw(late),
        answers=draw(st.lists(said, min_size=1, max_size=2).map(tuple)),
    )


@st.composite
def _trees(draw: st.DrawFn, provider: Provider) -> tuple[AccountDocument, ...]:
    """An account, mostly with subaccounts in its own currency, and one that has nothing to do with it."""
    currency = draw(currencies)
    own = draw(_funded(provider, "own", st.just(currency)))
    own["kind"] = draw(st.sampled_from(_KINDS[provider]))
    alike = draw(_mostly(st.just(currency), currencies))
    subs = [draw(_funded(provider, f"sub-{number}", alike)) for number in range(draw(st.integers(0, 2)))]
    names: list[Value] = [each["id"] for each in subs]
    if len(names) == 2 and draw(st.booleans()):
        subs[0]["subaccounts"] = names[1:]
        names = names[:1]
    own["subaccounts"] = names
    return (own, *subs, draw(_funded(provider, "other", currencies)))


@st.composite
def _funded(
    draw: st.DrawFn, provider: Provider, name: str, settled_in: SearchStrategy[str]
) -> AccountDocument:
    """Mostly with little enough money to close it, paid in up to three payments, used in part."""
    document = draw(account_documents(provider, name, settled_in))
    currency = str(document["currency"])
    unit = 10 ** len(str(Money.zero(currency)).partition(".")[2])
    little = st.integers(-10 * unit, 1_000 * unit).map(lambda minor: Money(minor=minor, currency=currency))
    cash = draw(draw(_mostly(little, money(currency))))
    used = Money(minor=draw(st.integers(0, 50 * unit)), currency=currency)
    paid = max(cash, Money.zero(currency)) + used
    document["balance"] = {"cash": str(cash), "promo": str(draw(money(currency, at_least=0)))}
    document["payments"] = _payments(paid, draw(st.integers(1, 3)))
    return document


def _payments(paid: Money, count: int) -> list[Value]:
    shares = [paid.minor // count] * (count - 1)
    shares.append(paid.minor - sum(shares))
    return [
        {
            "id": f"p-{number}",
            "amount": str(Money(minor=share, currency=paid.currency)),
            "paid_at": NOW - timedelta(days=number),
        }
        for number, share in enumerate(shares)
        if share > 0
    ]
