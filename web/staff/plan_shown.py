"""What a closure's plan does to what: the first of each kind, and how many there are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from closure.plan import AccountPlan, Plan, PlannedErasure, PlannedRetention
from closure.visible_text import printable
from web.browser.languages import Reader
from web.staff.words import rest_text

SHOWN: Final = 20


@dataclass(frozen=True)
class PlanPart:
    """Things that meet the same end; `first` of `number`."""

    title: str
    number: str
    first: tuple[str, ...]
    more: str


def plan_parts(reader: Reader, plan: Plan) -> Iterator[PlanPart]:
    """The parts that are not empty, in the order in which they happen."""
    accounts = plan.accounts
    released = [_named(each, each.released_ids, plan) for each in accounts]
    cancelled = [_named(each, each.cancellations, plan) for each in accounts]
    erased = [_named(each, _stores(reader, each.erasures), plan) for each in accounts]
    kept = [_named(each, _stores(reader, each.retained), plan) for each in accounts]
    for title, some, number in (
        ("Released", released, sum(len(each.released_ids) for each in accounts)),
        ("Subscriptions cancelled", cancelled, sum(len(each.cancellations) for each in accounts)),
        ("Data stores erased", erased, sum(len(each.erasures) for each in accounts)),
        ("Data stores kept by law", kept, sum(len(each.retained) for each in accounts)),
        ("Subaccounts that go along", [[each.account_id for each in accounts[1:]]], len(accounts) - 1),
    ):
        if number:
            yield _part(reader, title, chain.from_iterable(some), number)


def lost_part(reader: Reader, lost: Sequence[str]) -> PlanPart | None:
    """What can't come back any more (A26); `lost` may be only the first of it."""
    if not lost:
        return None
    return _part(reader, "Can't come back", lost, len(lost))


def _part(reader: Reader, title: str, things: Iterable[str], number: int) -> PlanPart:
    first = tuple(printable(each) for each in islice(things, SHOWN))
    return PlanPart(reader.text(title), reader.count(number), first, rest_text(reader, number - len(first)))


def _named(account: AccountPlan, things: Iterable[str], plan: Plan) -> Iterator[str]:
    """A subaccount's things with its id."""
    whose = "" if account is plan else f"{account.account_id}/"
    return (f"{whose}{each}" for each in things)


def _stores(reader: Reader, stores: Iterable[PlannedErasure | PlannedRetention]) -> Iterator[str]:
    for each in stores:
        said = reader.text(
            "%(store)s, %(number)s objects", store=each.store, number=reader.count(each.objects)
        )
        kept = f", {each.retained_as}" if isinstance(each, PlannedRetention) else ""
        yield f"{each.store_id} ({said}{kept})"
