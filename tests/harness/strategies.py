"""Hypothesis strategies: amounts, facts of a survey, and whole accounts in the account file's shape.

Ids are unique within their collection, as the account file and every source promise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

import pycountry
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from closure.accounts import (
    Access,
    AccountProfile,
    Bill,
    BillingMethod,
    BillingStatement,
    BillStatus,
    CreditNote,
    CreditNoteStatus,
    DataStore,
    Inventory,
    Relationship,
    RelationshipRole,
    RelationshipType,
    Resource,
    Subscription,
)
from closure.money import Money, is_currency
from closure.survey import AccountFacts, SurveyFacts

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
"""The closure's clock in tests of the pure parts."""

Value: TypeAlias = "str | int | bool | datetime | list[Value] | Mapping[str, Value] | None"
"""What an account file holds; times as YAML reads them."""
AccountDocument: TypeAlias = dict[str, Value]
Thing = TypeVar("Thing")

ALL_CURRENCIES: tuple[str, ...] = tuple(
    sorted(each.alpha_3 for each in pycountry.currencies if is_currency(each.alpha_3))
)
PRODUCTS = ("ecs", "rds", "oss", "slb", "cdn")

any_currency: SearchStrategy[str] = st.sampled_from(ALL_CURRENCIES)
currencies: SearchStrategy[str] = st.sampled_from(("USD", "EUR", "JPY", "KWD", "CNY"))
"""Settlement currencies with 0, 2 and 3 decimals."""
moments: SearchStrategy[datetime] = st.integers(-10_000_000, 10_000_000).map(
    lambda seconds: NOW + timedelta(seconds=seconds)
)


def ids(prefix: str, at_most: int = 6) -> SearchStrategy[list[str]]:
    """Distinct ids such as ``b-3``, in any order."""
    numbers = st.lists(st.integers(0, 9), unique=True, max_size=at_most)
    return numbers.map(lambda found: [f"{prefix}-{number}" for number in found])


def money(currency: str, at_least: int = -2_000_000, at_most: int = 2_000_000) -> SearchStrategy[Money]:
    """Amounts in minor units, often on either side of the limits of A3 and A4."""
    unit = 10 ** len(str(Money.zero(currency)).partition(".")[2])
    edges = [limit * unit + step for limit in (-1000, -10, 0, 10, 1000) for step in (-1, 0, 1)]
    near = [edge for edge in edges if at_least <= edge <= at_most]
    numbers = st.integers(at_least, at_most)
    if near:
        numbers |= st.sampled_from(near)
    return numbers.map(lambda minor: Money(minor=minor, currency=currency))


@st.composite
def statements(draw: st.DrawFn, currency: str) -> BillingStatement:
    return BillingStatement(
        cash=draw(money(currency)),
        promo=draw(money(currency, at_least=0)),
        bills=tuple(
            Bill(
                bill_id=bill_id,
                amount=draw(money(currency, at_least=1)),
                status=draw(st.sampled_from(BillStatus)),
            )
            for bill_id in draw(ids("b", 4))
        ),
        credit_notes=tuple(
            CreditNote(
                credit_note_id=note_id,
                amount=draw(money(currency, at_least=1)),
                status=draw(st.sampled_from(CreditNoteStatus)),
            )
            for note_id in draw(ids("cn", 3))
        ),
        usage_final_until=draw(st.none() | moments),
    )


@st.composite
def resources(draw: st.DrawFn, *, cycles: bool = True, at_most: int = 6) -> tuple[Resource, ...]:
    """Resources that depend on one another, and on some that are gone; without `cycles` a DAG."""
    names = draw(ids("i", at_most))
    found = []
    for position, name in enumerate(names):
        # A dependency on a later one only can't close a circle.
        targets = [*(names if cycles else names[position + 1 :]), "gone"]
        needed = draw(st.lists(st.sampled_from(targets), unique=True, max_size=3))
        found.append(
            Resource(
                resource_id=name,
                product=draw(st.sampled_from(PRODUCTS)),
                billing=draw(st.sampled_from(BillingMethod)),
                renounceable=draw(st.booleans()),
                depends_on=tuple(needed),
            )
        )
    return tuple(draw(st.permutations(found)))


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    return Inventory(
        resources=draw(resources()),
        subscriptions=tuple(
            Subscription(
                subscription_id=subscription_id,
                product=draw(st.sampled_from(PRODUCTS)),
                expires_at=draw(moments | st.just(NOW)),
                renounceable=draw(st.booleans()),
            )
            for subscription_id in draw(ids("s", 4))
        ),
        domains=tuple(draw(ids("domain", 2))),
        icp_filings=tuple(draw(ids("icp", 2))),
    )


@st.composite
def relationships(draw: st.DrawFn) -> tuple[Relationship, ...]:
    found = []
    for relationship_id in draw(ids("r", 3)):
        kind = draw(st.sampled_from(RelationshipType))
        role = None if kind is RelationshipType.PARTNER else draw(st.sampled_from(RelationshipRole))
        found.append(Relationship(relationship_id=relationship_id, type=kind, role=role))
    return tuple(found)


@st.composite
def data_stores(draw: st.DrawFn) -> tuple[DataStore, ...]:
    kinds = st.sampled_from(("object-storage", "logs", "database"))
    return tuple(
        DataStore(store_id=store_id, store=draw(kinds), objects=draw(st.integers(0, 5000)))
        for store_id in draw(ids("oss", 3))
    )


@st.composite
def facts(draw: st.DrawFn, *, readable: bool = False, subaccounts: bool = False) -> SurveyFacts:
    """What a survey found; unless `readable`, any source may have failed."""
    currency = draw(currencies)
    own = draw(_account_facts(currency, "ali-1", readable=readable))
    members: tuple[AccountFacts, ...] | None = ()
    if subaccounts:
        others = [f"sub-{number}" for number in range(draw(st.integers(0, 2)))]
        members = tuple(draw(_account_facts(currency, each, readable=readable)) for each in others)
        members = members if readable or draw(st.integers(0, 5)) else None
    return SurveyFacts(**dict(own), subaccounts=members)


@st.composite
def _account_facts(draw: st.DrawFn, currency: str, account_id: str, *, readable: bool) -> AccountFacts:
    def maybe(source: SearchStrategy[Thing]) -> Thing | None:
        return draw(source if readable else st.one_of(st.none(), source, source))

    return AccountFacts(
        profile=AccountProfile(
            account_id=account_id,
            provider="alibaba-cloud",
            kind="standard",
            currency=currency,
            access=Access.OPEN,
        ),
        statement=maybe(statements(currency)),
        inventory=maybe(inventories()),
        relationships=maybe(relationships()),
        stores=maybe(data_stores()),
    )


@st.composite
def drifted(draw: st.DrawFn, found: SurveyFacts) -> SurveyFacts:
    """`found` after some of its sources have changed, failed or come back."""
    currency = found.profile.currency
    member = _account_facts(currency, "sub-0", readable=False).map(lambda each: (each,))
    changes: dict[str, SearchStrategy[object]] = {
        "statement": st.none() | statements(currency),
        "inventory": st.none() | inventories(),
        "relationships": st.none() | relationships(),
        "stores": st.none() | data_stores(),
        "subaccounts": st.none() | st.just(()) | member,
    }
    chosen = draw(st.lists(st.sampled_from(sorted(changes)), unique=True, max_size=2))
    return found.model_copy(update={name: draw(changes[name]) for name in chosen})


@st.composite
def shuffled(draw: st.DrawFn, found: SurveyFacts) -> SurveyFacts:
    """The same facts, listed in another order by every source."""

    def mixed(values: Sequence[Thing]) -> tuple[Thing, ...]:
        return tuple(draw(st.permutations(values)))

    statement, inventory = found.statement, found.inventory
    if statement is not None:
        statement = statement.model_copy(
            update={"bills": mixed(statement.bills), "credit_notes": mixed(statement.credit_notes)}
        )
    if inventory is not None:
        inventory = inventory.model_copy(
            update={
                "resources": tuple(
                    each.model_copy(update={"depends_on": mixed(each.depends_on)})
                    for each in mixed(inventory.resources)
                ),
                "subscriptions": mixed(inventory.subscriptions),
                "domains": mixed(inventory.domains),
                "icp_filings": mixed(inventory.icp_filings),
            }
        )
    return found.model_copy(
        update={
            "statement": statement,
            "inventory": inventory,
            "relationships": None if found.relationships is None else mixed(found.relationships),
            "stores": None if found.stores is None else mixed(found.stores),
        }
    )


# Whole accounts, as `platform load` reads them.


@dataclass(frozen=True)
class Provider:
    """What accounts of one provider look like."""

    name: str
    kinds: tuple[str, ...]
    owner_role: str
    other_roles: tuple[str, ...]


ALIBABA_CLOUD = Provider("alibaba-cloud", ("standard",), "main", ("ram",))
TWILIO = Provider(
    "twilio",
    ("upgraded", "trial", "invoiced"),
    "owner",
    ("administrator", "developer", "billing", "support"),
)


@st.composite
def account_documents(
    draw: st.DrawFn,
    provider: Provider = ALIBABA_CLOUD,
    account_id: str = "acc-1",
    settled_in: SearchStrategy[str] = currencies,
) -> AccountDocument:
    """One account, every field of the account file given; `u-1` is its owner and can be reached."""
    currency = draw(settled_in)
    statement = draw(statements(currency))
    inventory = draw(inventories())
    funded = max(statement.cash, Money.zero(currency))
    return {
        "id": account_id,
        "provider": provider.name,
        "kind": draw(st.sampled_from(provider.kinds)),
        "currency": currency,
        "users": _users(draw, provider, account_id),
        "balance": {"cash": str(statement.cash), "promo": str(statement.promo)},
        "bills": [
            {"id": bill.bill_id, "amount": str(bill.amount), "status": bill.status.value}
            for bill in statement.bills
        ],
        "credit_notes": [
            {"id": note.credit_note_id, "amount": str(note.amount), "status": note.status.value}
            for note in statement.credit_notes
        ],
        "resources": [_resource(each, inventory) for each in inventory.resources],
        "subscriptions": [
            {
                "id": each.subscription_id,
                "product": each.product,
                "expires_at": each.expires_at,
                "renounceable": each.renounceable,
            }
            for each in inventory.subscriptions
        ],
        "domains": [{"id": domain} for domain in inventory.domains],
        "icp_filings": [{"id": filing} for filing in inventory.icp_filings],
        "relationships": [_relationship(each) for each in draw(relationships())],
        "bindings": [{"id": each, "third_party": "github"} for each in draw(ids("bind", 2))],
        "data": [
            {"id": each.store_id, "store": each.store, "objects": each.objects}
            for each in draw(data_stores())
        ],
        "api_keys": [{"id": each} for each in draw(ids("k", 3))],
        "payments": [{"id": "p-1", "amount": str(funded), "paid_at": NOW}] if funded.minor else [],
        "subaccounts": [],
        "usage_final_until": statement.usage_final_until,
    }


@st.composite
def account_files(draw: st.DrawFn, provider: Provider = ALIBABA_CLOUD) -> dict[str, list[AccountDocument]]:
    """A document for ``platform load``; a Twilio account may have subaccounts in the same file."""
    count = draw(st.integers(1, 3))
    accounts = [draw(account_documents(provider, f"acc-{number}")) for number in range(1, count + 1)]
    if provider is TWILIO and draw(st.booleans()):
        accounts[0]["subaccounts"] = [account["id"] for account in accounts[1:]]
    return {"accounts": accounts}


def _users(draw: st.DrawFn, provider: Provider, account_id: str) -> list[Value]:
    owner: dict[str, Value] = {
        "id": "u-1",
        "role": provider.owner_role,
        "email": f"owner@{account_id}.example.com",
        "phone": "+15550100",
        "password": "correct horse battery staple",
        "language": draw(st.sampled_from(("en", "zh", "de"))),
    }
    roles = draw(st.lists(st.sampled_from(provider.other_roles), max_size=2))
    others = [
        {"id": f"u-{number}", "role": role, "email": f"u{number}@{account_id}.example.com"}
        for number, role in enumerate(roles, start=2)
    ]
    return [owner, *others]


def _resource(resource: Resource, inventory: Inventory) -> dict[str, Value]:
    # A file may not refer to what isn't in it.
    known = {each.resource_id for each in inventory.resources}
    return {
        "id": resource.resource_id,
        "product": resource.product,
        "billing": resource.billing.value,
        "renounceable": resource.renounceable,
        "depends_on": [each for each in resource.depends_on if each in known],
    }


def _relationship(relationship: Relationship) -> dict[str, Value]:
    document: dict[str, Value] = {"id": relationship.relationship_id, "type": relationship.type.value}
    if relationship.role is not None:
        document["role"] = relationship.role.value
    return document
