"""The whole plan as people read it: money first, then what is lost, what stays, and what happens when."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from closure.dues import owed_item
from closure.lifecycle import Mode
from closure.losses import losses_in_words
from closure.messages import Becomes
from closure.money_parts import planned_parts
from closure.plan import Plan
from closure.policy import Policy
from closure.visible_text import printable
from web.browser.languages import Reader

WHAT_BECOMES: Final = {
    Becomes.RELEASED: "%(what)s is released.",
    Becomes.REFUNDED: "%(what)s goes back to you.",
    Becomes.FORFEITED: "%(what)s is lost.",
    Becomes.STAYS_DUE: "%(what)s stays due.",
    Becomes.TAKEN_FROM_REFUND: "%(what)s is taken from the refund.",
    Becomes.LEFT_BEHIND: "%(what)s stays where it is, and nobody looks after it any more.",
}
NAMED: Final = 20
"""So many of a kind are named; the rest is counted."""


@dataclass(frozen=True)
class MoneyLine:
    """One movement of money. `tone` is a class of the page: good, warn or nothing."""

    name: str
    amount: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Turn:
    """What happens at one time."""

    when: str
    what: str


@dataclass(frozen=True)
class ShownPlan:
    """What confirming does."""

    plan_hash: str
    is_pause: bool
    money: tuple[MoneyLine, ...]
    products: tuple[tuple[str, str], ...]
    """What is released, by kind: name and number."""
    lost: tuple[str, ...]
    lost_number: int
    erased: tuple[str, ...]
    erased_number: int
    left: tuple[str, ...]
    """What stays due or is left behind."""
    kept: tuple[str, ...]
    subaccounts: tuple[str, ...]
    turns: tuple[Turn, ...]

    @property
    def lost_more(self) -> int:
        return self.lost_number - len(self.lost)

    @property
    def erased_more(self) -> int:
        return self.erased_number - len(self.erased)


@dataclass(frozen=True)
class Change:
    """What has changed between two plans, in the reader's words."""

    came: tuple[str, ...]
    went: tuple[str, ...]
    more: int = 0


def shown_plan(plan: Plan, policy: Policy, reader: Reader) -> ShownPlan:
    """A plan for a reader; `policy` is in their language."""
    losses = losses_in_words(_without_money(plan), reader.language)
    erased = tuple(_erased(plan, reader))
    products = Counter(product for account in plan.accounts for _, product in account.products)
    return ShownPlan(
        plan_hash=plan.plan_hash,
        is_pause=plan.mode is Mode.KEEP_DATA,
        money=tuple(_money(plan, policy, reader)),
        products=tuple(
            (printable(name), reader.count(number)) for name, number in products.most_common(NAMED)
        ),
        lost=tuple(map(printable, losses[:NAMED])),
        lost_number=len(losses),
        erased=tuple(map(printable, erased[:NAMED])),
        erased_number=len(erased),
        left=tuple(_left(plan, reader)),
        kept=tuple(each.what for each in policy.retained) if plan.mode is Mode.DELETE else (),
        subaccounts=tuple(printable(each.account_id) for each in plan.subaccounts),
        turns=tuple(_turns(plan, policy, reader, datetime.now(UTC))),
    )


def change_between(before: Plan, after: Plan, policy: Policy, reader: Reader) -> Change:
    """What a person sees that is new, and what is gone."""
    old, new = list(_lines(before, policy, reader)), list(_lines(after, policy, reader))
    were, are = set(old), set(new)
    came = [each for each in new if each not in were]
    went = [each for each in old if each not in are]
    more = max(0, len(came) - NAMED) + max(0, len(went) - NAMED)
    return Change(tuple(map(printable, came[:NAMED])), tuple(map(printable, went[:NAMED])), more)


def _lines(plan: Plan, policy: Policy, reader: Reader) -> Iterator[str]:
    yield from (f"{each.name}: {each.amount}" for each in _money(plan, policy, reader))
    yield from losses_in_words(_without_money(plan), reader.language)
    yield from _erased(plan, reader)
    yield from (reader.text("Subaccount %(id)s", id=each.account_id) for each in plan.subaccounts)


def _without_money(plan: Plan) -> Plan:
    """What of the plan is things: its money has lines of its own."""
    nothing = {"forfeited_cash": None, "forfeited_promo": None}
    subaccounts = tuple(each.model_copy(update=nothing) for each in plan.subaccounts)
    return plan.model_copy(update={**nothing, "subaccounts": subaccounts})


def _money(plan: Plan, policy: Policy, reader: Reader) -> Iterator[MoneyLine]:
    parts = planned_parts(plan)
    if parts is None:
        return
    if parts.refund is not None:
        days = policy.refund.business_days if policy.refund is not None else 0
        yield MoneyLine(
            reader.text("Goes back to you"),
            reader.money(parts.refund, parts.currency),
            reader.text("To the payment methods it came from, within %(days)s business days.", days=days),
            "good",
        )
    if parts.forfeited_cash is not None:
        yield MoneyLine(
            reader.text("Balance that is lost"),
            reader.money(parts.forfeited_cash, parts.currency),
            reader.text("It can't be withdrawn or recovered later."),
            "warn",
        )
    if parts.forfeited_promo is not None:
        yield MoneyLine(
            reader.text("Promotional balance that is lost"),
            reader.money(parts.forfeited_promo, parts.currency),
            reader.text("It is not refunded."),
            "warn",
        )
    if parts.voided_debt is not None:
        yield MoneyLine(
            reader.text("Debt that is written off"), reader.money(parts.voided_debt, parts.currency)
        )


def _erased(plan: Plan, reader: Reader) -> Iterator[str]:
    for account in plan.accounts:
        for each in account.erasures:
            yield reader.text(
                "%(store)s %(id)s with %(objects)s objects",
                store=each.store,
                id=each.store_id,
                objects=reader.count(each.objects),
            )


def _left(plan: Plan, reader: Reader) -> Iterator[str]:
    for account in plan.accounts:
        whose = "" if account is plan else account.account_id
        for due in (*account.dues, *account.left_behind)[:NAMED]:
            title = printable(owed_item(due, whose, language=reader.language).title)
            yield reader.text(WHAT_BECOMES[due.becomes], what=title)


def _turns(plan: Plan, policy: Policy, reader: Reader, now: datetime) -> Iterator[Turn]:
    at = now
    if policy.cool_off is not None:
        at += policy.cool_off.duration
        yield Turn(
            reader.text("For %(time)s", time=reader.duration(policy.cool_off.duration)),
            reader.text("You can still withdraw. Nothing is changed yet."),
        )
    entering = policy.entering_duration if plan.mode is Mode.DELETE else timedelta(0)
    when = (
        reader.text("About %(time)s later", time=reader.duration(entering))
        if entering
        else reader.text("At once")
    )
    if plan.mode is Mode.KEEP_DATA:
        yield Turn(
            when,
            reader.text(
                "Numbers are released and subscriptions cancelled. The account is dormant; "
                "its data and balance are kept."
            ),
        )
        return
    yield Turn(
        when,
        reader.text(
            "Access and API keys stop working and everybody is signed out. "
            "What you have given up is released and discarded for good."
        ),
    )
    at += entering
    if policy.silent_period:
        at += policy.silent_period
        yield Turn(
            reader.text("Until %(date)s", date=reader.date(at)),
            reader.text("Silent period: nobody can stop or shorten it. Signing in shows only the time left."),
        )
    if policy.final_check is not None:
        yield Turn(
            reader.text("Then"),
            reader.text("We check your bills one last time. If something is owed, the account comes back."),
        )
    at += policy.retention
    yield Turn(
        reader.text("On %(date)s", date=reader.date(at)),
        reader.text("All data is deleted for good. Nobody can reopen the account."),
    )
