"""What contradicts itself in an account file: repeated ids, dangling references, amounts, sign-ins.

Works on the plain document and passes over what has the wrong shape, so that one reading finds everything.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from pydantic import JsonValue

from closure.accounts import RelationshipType
from closure.languages import ENGLISH, spoken_language
from closure.money import Money, is_currency
from connectors.embedded.account_text import Fault
from connectors.embedded.sign_ins import default_login

LARGEST_AMOUNT: Final = 10**15
"""In minor units; thousands of such amounts still add up within a database's integers."""

_Mapping = dict[str, JsonValue]

_COLLECTIONS: Final = (
    "users",
    "bills",
    "credit_notes",
    "resources",
    "subscriptions",
    "domains",
    "icp_filings",
    "relationships",
    "bindings",
    "data",
    "api_keys",
    "payments",
)

_TWO_SIDED: Final = (RelationshipType.RESOURCE_DIRECTORY, RelationshipType.FINANCE_TRUSTEESHIP)


Languages = Callable[[], Collection[str]]
"""The languages that messages can be in; asked for once a user wants another than English."""


def contradictions(document: _Mapping, languages: Languages | None = None) -> Iterator[Fault]:
    """Everything that no single field shows, and all amounts."""
    accounts = list(_members(document, "accounts"))
    yield from _repeated_ids(accounts, "accounts")
    for number, account in accounts:
        path = f"accounts.{number}"
        for collection in _COLLECTIONS:
            yield from _repeated_ids(_members(account, collection), f"{path}.{collection}")
        yield from _dependencies(account, path)
        yield from _relationship_roles(account, path)
        currency = account.get("currency")
        if isinstance(currency, str) and is_currency(currency):
            yield from _Books(account, currency, path).faults()
    yield from _subaccounts(accounts)
    yield from _sign_ins(accounts)
    if languages is not None:
        yield from _languages(accounts, languages)


def _members(mapping: _Mapping, key: str) -> Iterator[tuple[int, _Mapping]]:
    found = mapping.get(key)
    for number, member in enumerate(found if isinstance(found, list) else ()):
        if isinstance(member, dict):
            yield number, member


def _texts(mapping: _Mapping, key: str) -> Iterator[tuple[int, str]]:
    found = mapping.get(key)
    for number, member in enumerate(found if isinstance(found, list) else ()):
        if isinstance(member, str):
            yield number, member


def _text(mapping: _Mapping, key: str) -> str | None:
    found = mapping.get(key)
    return found if isinstance(found, str) else None


def _repeated_ids(members: Iterable[tuple[int, _Mapping]], path: str) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for number, member in members:
        name = _text(member, "id")
        if name is not None and first.setdefault(name, number) != number:
            yield Fault(f"{path}.{number}.id", f"{name!r} is the id of {path}.{first[name]} already")


def _dependencies(account: _Mapping, path: str) -> Iterator[Fault]:
    """A circle is no fault here: real inventories have some, and the customer can untie it."""
    resources = list(_members(account, "resources"))
    names = {_text(resource, "id") for _, resource in resources}
    for number, resource in resources:
        seen: set[str] = set()
        for position, needed in _texts(resource, "depends_on"):
            where = f"{path}.resources.{number}.depends_on.{position}"
            if needed not in names:
                yield Fault(where, f"there is no resource {needed!r} in this account")
            if needed in seen:
                yield Fault(where, f"{needed!r} is there twice")
            seen.add(needed)


def _relationship_roles(account: _Mapping, path: str) -> Iterator[Fault]:
    for number, relationship in _members(account, "relationships"):
        kind, role = _text(relationship, "type"), relationship.get("role")
        where = f"{path}.relationships.{number}.role"
        if kind == RelationshipType.PARTNER and role is not None:
            yield Fault(where, "a partner relationship has no role")
        if kind in _TWO_SIDED and role is None:
            yield Fault(where, "is missing: administrator or member")


class _Books:
    """The amounts of one account, in its currency."""

    def __init__(self, account: _Mapping, currency: str, path: str) -> None:
        self._account = account
        self._currency = currency
        self._path = path
        self._faults: list[Fault] = []

    def faults(self) -> list[Fault]:
        balance = self._account.get("balance")
        cash = None
        if isinstance(balance, dict):
            cash = self._read(balance, "cash", "balance.cash")
            promo = self._read(balance, "promo", "balance.promo")
            if promo is not None and promo.minor < 0:
                self._say("balance.promo", "must not be below zero; only cash can be a debt")
        for collection in ("bills", "credit_notes"):
            for number, member in _members(self._account, collection):
                self._above_zero(member, f"{collection}.{number}.amount")
        self._payments(cash or Money.zero(self._currency))
        return self._faults

    def _payments(self, cash: Money) -> None:
        """Usage may have spent some of what was paid, but nothing else brought cash in."""
        given = self._account.get("payments")
        if not isinstance(given, list):
            return
        paid = [
            self._above_zero(member, f"payments.{number}.amount")
            for number, member in _members(self._account, "payments")
        ]
        known = [amount for amount in paid if amount is not None]
        if len(known) == len(given):
            total = sum((amount.minor for amount in known), 0)
            if total < cash.minor:
                funded = Money(minor=total, currency=self._currency)
                self._say("payments", f"add up to {funded}, less than the cash of {cash} that they funded")

    def _above_zero(self, member: _Mapping, path: str) -> Money | None:
        amount = self._read(member, "amount", path)
        if amount is not None and amount.minor <= 0:
            self._say(path, "must be above zero")
            return None
        return amount

    def _read(self, mapping: _Mapping, key: str, path: str) -> Money | None:
        text = _text(mapping, key)
        if text is None:
            return None
        try:
            amount = Money.parse(text, self._currency)
        except ValueError as error:
            self._say(path, str(error))
            return None
        if abs(amount.minor) > LARGEST_AMOUNT:
            largest = Money(minor=LARGEST_AMOUNT, currency=self._currency)
            self._say(path, f"is larger than {largest} {self._currency}")
            return None
        return amount

    def _say(self, path: str, reason: str) -> None:
        self._faults.append(Fault(f"{self._path}.{path}", reason))


def _languages(accounts: list[tuple[int, _Mapping]], languages: Languages) -> Iterator[Fault]:
    known: Collection[str] | None = None
    for number, account in accounts:
        for position, user in _members(account, "users"):
            wanted = _text(user, "language")
            if wanted is None or spoken_language((ENGLISH,), wanted) is not None:
                continue
            known = languages() if known is None else known
            if spoken_language(known, wanted) is None:
                yield Fault(
                    f"accounts.{number}.users.{position}.language",
                    f"no policy has messages in {wanted!r}; there are: {', '.join(sorted(known))}",
                )


def _subaccounts(accounts: list[tuple[int, _Mapping]]) -> Iterator[Fault]:
    by_id = {name: account for _, account in reversed(accounts) if (name := _text(account, "id")) is not None}
    parents: dict[str, str] = {}
    for number, account in accounts:
        parent, provider = _text(account, "id"), _text(account, "provider")
        for position, child in _texts(account, "subaccounts"):
            where = f"accounts.{number}.subaccounts.{position}"
            if child not in by_id:
                yield Fault(where, f"there is no account {child!r} in this file")
            elif child in parents:
                yield Fault(where, f"{child!r} is a subaccount of {parents[child]!r} already")
            elif parent is not None:
                parents[child] = parent
                if _text(by_id[child], "provider") != provider:
                    yield Fault(where, f"{child!r} has another provider")
                if _is_above(child, parent, parents):
                    yield Fault(where, f"{child!r} would be a subaccount of itself")


def _is_above(child: str, parent: str, parents: dict[str, str]) -> bool:
    """Whether `child` is `parent` or one of those above it."""
    seen: set[str] = set()
    above: str | None = parent
    while above is not None and above not in seen:
        if above == child:
            return True
        seen.add(above)
        above = parents.get(above)
    return False


def _sign_ins(accounts: list[tuple[int, _Mapping]]) -> Iterator[Fault]:
    owners: dict[str, tuple[str, str] | None] = {}
    passwords: dict[str, str] = {}
    for number, account in accounts:
        account_id = _text(account, "id")
        for position, user in _members(account, "users"):
            user_id = _text(user, "id")
            if account_id is None or user_id is None:
                continue
            path = f"accounts.{number}.users.{position}"
            given = _text(user, "login")
            login = given if given is not None else default_login(account_id, user_id)
            # A login that was given is one person's everywhere; any other belongs to one user alone.
            owner = None if given is not None else (account_id, user_id)
            if owners.setdefault(login, owner) != owner:
                yield Fault(f"{path}.login", f"{login!r} is another user's sign-in; name another one")
            password = _text(user, "password")
            if password is not None and passwords.setdefault(login, password) != password:
                yield Fault(
                    f"{path}.password", "is another than the one this login has elsewhere in the file"
                )
