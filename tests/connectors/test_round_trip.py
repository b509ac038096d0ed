"""Any account file without faults is loaded, and shown back as it was given."""

import json
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closure.accounts import (
    BillingMethod,
    BillStatus,
    CreditNoteStatus,
    RelationshipRole,
    RelationshipType,
)
from closure.money import format_minor
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.exhibit import show_account
from connectors.embedded.loading import LoadResult, load_accounts
from connectors.embedded.opening import OPENING_PAYMENT
from database import Database
from tests.connectors.samples import Json, ledger_sum

NOT_IN_A_FILE = {"access", "parent", "stopped_at", "closed_at", "sessions", "service_roles", "dues"}
_numbers = count(1)

names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12
) | st.sampled_from(["a/b", "~1", "%_", "'; --", "0", "no", "x" * 200])
flags = st.booleans()
offsets = st.integers(-12 * 60, 12 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=offsets).map(  # noqa: DTZ001
    datetime.isoformat
)


grounds = names.filter(str.strip)
"""Of the law: blank is none."""
retentions = st.none() | st.fixed_dictionaries({"because": grounds, "until": st.none() | moments})


def words(enum: type[StrEnum]) -> st.SearchStrategy[str]:
    return st.sampled_from([member.value for member in enum])


def things(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Json]]:
    """Members of one collection, with ids of their own."""
    member = st.fixed_dictionaries({"id": names, **fields})
    return st.lists(member, max_size=4, unique_by=lambda each: str(each["id"]))


@st.composite
def resources(draw: st.DrawFn) -> list[Json]:
    found = draw(things(product=names, billing=words(BillingMethod), renounceable=flags))
    ids = [each["id"] for each in found]
    for each in found:
        each["depends_on"] = draw(st.lists(st.sampled_from(ids), unique=True, max_size=3))
    return found


@st.composite
def relationships(draw: st.DrawFn) -> list[Json]:
    found = draw(things(type=words(RelationshipType)))
    for each in found:
        partner = each["type"] == RelationshipType.PARTNER
        each["role"] = None if partner else draw(words(RelationshipRole))
    return found


@st.composite
def accounts(draw: st.DrawFn) -> Json:
    currency = draw(st.sampled_from(["USD", "JPY", "KWD", "CLF"]))
    amounts = st.integers(1, 10**9).map(lambda minor: format_minor(minor, currency))
    payments = draw(st.none() | things(amount=st.integers(1, 10**9), paid_at=moments))
    most = 10**9 if payments is None else sum(payment["amount"] for payment in payments)
    cash = draw(st.integers(-(10**9), most))
    for payment in payments or ():
        payment["amount"] = format_minor(payment["amount"], currency)
    return {
        "provider": draw(names),
        "kind": draw(names),
        "currency": currency,
        "users": draw(
            things(
                role=names,
                login=st.none() | names.map(lambda name: f"login/{name}"),
                email=st.none() | st.emails(),
                phone=st.sampled_from([None, "+15550100", "030 12 34-56"]),
                language=st.sampled_from(["en", "zh-CN", "de"]),
            )
        ),
        "balance": {
            "cash": format_minor(cash, currency),
            "promo": format_minor(draw(st.integers(0, 10**9)), currency),
        },
        "bills": draw(things(amount=amounts, status=words(BillStatus), product=st.none() | names)),
        "credit_notes": draw(things(amount=amounts, status=words(CreditNoteStatus))),
        "resources": draw(resources()),
        "subscriptions": draw(things(product=names, expires_at=moments, renounceable=flags)),
        "domains": draw(things()),
        "icp_filings": draw(things()),
        "relationships": draw(relationships()),
        "bindings": draw(things(third_party=names)),
        "data": draw(things(store=names, objects=st.integers(0, 2**63 - 1), must_retain=retentions)),
        "api_keys": draw(things()),
        "payments": payments,
        "subaccounts": [],
        "usage_final_until": draw(st.none() | moments),
        "must_retain": draw(retentions),
    }


def in_order(value: object, key: str = "") -> object:
    """Lists sorted, times in UTC."""
    if isinstance(value, list):
        return sorted((in_order(member) for member in value), key=text_of)
    if isinstance(value, dict):
        return {name: in_order(member, name) for name, member in value.items()}
    if isinstance(value, str) and key in ("expires_at", "paid_at", "usage_final_until", "until"):
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return value


def text_of(value: object) -> str:
    return json.dumps(value, sort_keys=True)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(accounts())
async def test_what_is_loaded_is_shown_back(database: Database, described: Json) -> None:
    account_id = f"a-{next(_numbers)}"
    described = {"id": account_id, **described}
    text = json.dumps({"accounts": [described]})
    file = parse_account_file(text, "f.yaml")
    (loaded,) = await load_accounts(database, file, "f.yaml")
    assert loaded.result is LoadResult.LOADED
    shown = (await show_account(database, account_id)).model_dump(mode="json", exclude=NOT_IN_A_FILE)
    assert all(key.pop("enabled") for key in shown["api_keys"])
    if described["payments"] is None:
        owned = not described["balance"]["cash"].startswith("-") and float(described["balance"]["cash"])
        assert [payment["id"] for payment in shown["payments"]] == ([OPENING_PAYMENT] if owned else [])
        assert all(payment["amount"] == shown["balance"]["cash"] for payment in shown["payments"])
        shown["payments"] = None
    assert in_order(shown) == in_order(described)
    assert await ledger_sum(database) == 0
    # What is shown is a file again, of the same account.
    again = parse_account_file(json.dumps({"accounts": [shown]}), "f.yaml")
    (loaded,) = await load_accounts(database, again, "f.yaml")
    assert loaded.result is LoadResult.UNCHANGED
