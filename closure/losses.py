"""What can't come back once the irrevocable part has begun, in words (A26)."""

from collections.abc import Iterable, Iterator

from closure.events import StoreEvidence
from closure.plan import AccountPlan, Plan
from closure.templates import fill
from closure.wording import Lost, Words, words_of


def losses_in_words(plan: Plan, language: str) -> tuple[str, ...]:
    """What `closure.plan.unrecoverable_ids` names by ids, in the same order."""
    words = words_of(language)
    lost = list(_lost(plan, words))
    for account in plan.subaccounts:
        whose = account.account_id
        lost += [
            fill(words.subaccount, {"subaccount": whose, "title": each}) for each in _lost(account, words)
        ]
    return tuple(lost)


def kept_in_words(stores: Iterable[StoreEvidence], words: Words) -> tuple[str, ...]:
    """Which kinds of stores the provider has to keep, on which ground and until when; each once."""
    return tuple(dict.fromkeys(_kept(each, words) for each in stores))


def _kept(store: StoreEvidence, words: Words) -> str:
    values = {"store": store.store, "ground": store.ground or ""}
    if store.until is None:
        return fill(words.kept_unlimited, values)
    return fill(words.kept_until, {**values, "until": words.moment(store.until)})


def _lost(plan: AccountPlan, words: Words) -> Iterator[str]:
    products = dict(plan.products)
    for thing_id in plan.released_ids:
        yield _thing(words.lost[Lost.RESOURCE], thing_id, products.get(f"resource/{thing_id}"))
    for thing_id in plan.cancellations:
        yield _thing(words.lost[Lost.SUBSCRIPTION], thing_id, products.get(f"subscription/{thing_id}"))
    for what, amount in ((Lost.BALANCE, plan.forfeited_cash), (Lost.PROMO, plan.forfeited_promo)):
        if amount is not None:
            yield fill(words.lost[what], {"amount": amount, "currency": plan.currency})


def _thing(text: str, thing_id: str, product: str | None) -> str:
    return fill(text, {"id": thing_id, "product": product or ""}).strip()
