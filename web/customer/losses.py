"""What a closure takes and what it leaves, before it begins."""

from collections import Counter
from collections.abc import Iterator

from closure.dues import Due, owed_item
from closure.lifecycle import Mode
from closure.plan import Plan
from closure.policy import Policy
from closure.visible_text import printable
from web.browser.languages import Reader
from web.customer.facts import Fact


def losses(plan: Plan, reader: Reader) -> tuple[Fact, ...]:
    """What would be gone for good, of the account and all that it owns."""
    return (*_things_lost(plan, reader), *_money_lost(plan, reader))


def stays(policy: Policy, reader: Reader) -> tuple[Fact, ...]:
    """What would not go: what the policy says, and what the law keeps."""
    return (
        *(Fact(each) for each in policy.stays),
        *(Fact(kept.what, _how_long(policy, kept.name, reader), kept.ground) for kept in policy.retained),
    )


def left(plan: Plan, reader: Reader) -> tuple[Fact, ...]:
    """What would stay due or be left behind: the procedure asks nobody about it."""
    return tuple(_left(plan, reader))


def _things_lost(plan: Plan, reader: Reader) -> Iterator[Fact]:
    text = reader.text
    products: dict[str, Counter[str]] = {"resource": Counter(), "subscription": Counter()}
    for account in plan.accounts:
        for name, product in account.products:
            products[name.partition("/")[0]][product] += 1
    for kind, title in (("resource", text("Resources")), ("subscription", text("Subscriptions"))):
        if products[kind]:
            yield Fact(title, reader.count(products[kind].total()), _counted(products[kind], reader))
    if plan.mode is Mode.DELETE:
        stores: Counter[str] = Counter()
        for account in plan.accounts:
            for erasure in account.erasures:
                stores[erasure.store] += erasure.objects
        if stores:
            yield Fact(text("Stored objects"), reader.count(stores.total()), _counted(stores, reader))
        if len(plan.accounts) > 1:
            names = ", ".join(printable(each.account_id) for each in plan.accounts[1:6])
            yield Fact(text("Subaccounts that go with it"), reader.count(len(plan.accounts) - 1), names)
        yield Fact(text("Bills, orders and invoices"), text("all"), text("Download them before you confirm."))
        if plan.deletes_bindings:
            yield Fact(text("Links to accounts with other companies"), text("if there are any"))


def _money_lost(plan: Plan, reader: Reader) -> Iterator[Fact]:
    for account in plan.accounts:
        whose = "" if account is plan else printable(account.account_id)
        named = (
            (reader.text("Balance"), account.forfeited_cash),
            (reader.text("Promotional balance"), account.forfeited_promo),
        )
        for name, amount in named:
            if amount is not None:
                yield Fact(name, reader.money(amount, account.currency), whose)


def _left(plan: Plan, reader: Reader) -> Iterator[Fact]:
    for account in plan.accounts:
        whose = "" if account is plan else account.account_id
        for due in account.dues:
            yield Fact(_title(due, whose, reader), reader.text("stays due"))
        for due in account.left_behind:
            detail = reader.text("Transfer or cancel it before you close the account.")
            yield Fact(_title(due, whose, reader), reader.text("left behind"), detail)


def _title(due: Due, whose: str, reader: Reader) -> str:
    return printable(owed_item(due, whose, language=reader.language).title)


def _how_long(policy: Policy, name: str, reader: Reader) -> str:
    kept = next(each for each in policy.retained if each.name == name)
    if kept.years is not None:
        return reader.text("kept for %(years)s years", years=kept.years)
    return reader.text("kept for %(time)s", time=reader.duration(kept.duration)) if kept.duration else ""


def _counted(kinds: Counter[str], reader: Reader) -> str:
    return ", ".join(f"{printable(name)}: {reader.count(number)}" for name, number in kinds.most_common(8))
