"""Loading account files: whole or not at all, once, with books that balance."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from closure.accounts import Access
from closure.money import Money
from connectors.embedded import MIGRATIONS, tables
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.account_text import AccountFileFault
from connectors.embedded.ledger import LedgerAccount, balance, provider_account, reference
from connectors.embedded.loading import LoadResult, definition_hash, load_accounts
from connectors.embedded.passwords import matches
from connectors.embedded.tables import LedgerKind
from connectors.ports import Platform
from database import Database, prepare
from tests.connectors.samples import Json, account, bring_to, count, everything, ledger_sum, load, show

PAYMENTS = [
    {"id": "p-1", "amount": "150.00", "paid_at": "2026-01-05T00:00:00Z"},
    {"id": "p-2", "amount": "60.00", "paid_at": "2026-02-05T00:00:00Z"},
]


async def in_ledger(database: Database, kind: LedgerKind, currency: str, owner: str = "") -> str:
    ledger_account = LedgerAccount(owner, kind, currency)
    return str(await database.read(lambda connection: balance(connection, ledger_account)))


async def faults(database: Database, *accounts: Json) -> list[str]:
    with pytest.raises(AccountFileFault) as refused:
        await load(database, *accounts)
    return [line.removeprefix("accounts.json: ") for line in refused.value.lines]


async def password_hash(database: Database, login: str) -> str | None:
    row = tables.logins.c
    query = select(row.password_hash).where(row.login == login)
    found: str | None = await database.read(lambda connection: connection.scalar(query))
    return found


def test_the_hash_of_what_was_loaded_once_never_changes() -> None:
    given = account(resources=[{"id": "ü-1", "product": "😀"}])
    entry = parse_account_file(json.dumps({"accounts": [given]}), "accounts.json").accounts[0]
    assert definition_hash(entry, None) == "234a28a064a3413677ed53c88233827519d7d6c6da3de2a2689b1beb3c8b870a"


async def test_the_same_file_again_changes_nothing(database: Database) -> None:
    user = {"id": "u-1", "role": "main", "password": "correct horse", "login": "olga"}
    given = account(
        users=[user],
        balance={"cash": "200.00", "promo": "15.00"},
        resources=[{"id": "b", "product": "ecs", "depends_on": ["a"]}, {"id": "a", "product": "vpc"}],
        data=[{"id": "oss-1", "store": "object-storage", "objects": 1200}],
    )
    assert await load(database, given) == {"a-1": LoadResult.LOADED}
    before = await everything(database)
    assert await load(database, given) == {"a-1": LoadResult.UNCHANGED}
    assert await everything(database) == before


async def test_order_quotes_and_trailing_zeros_are_no_other_content(database: Database) -> None:
    things = [
        {"id": "b", "product": "ecs", "depends_on": ["a", "c"]},
        *({"id": n, "product": "x"} for n in "ac"),
    ]
    await load(
        database,
        account(resources=things, balance={"cash": "5.00"}, usage_final_until="2026-11-20T00:00:00Z"),
    )
    things = [
        *({"id": n, "product": "x"} for n in "ca"),
        {"id": "b", "product": "ecs", "depends_on": ["c", "a"]},
    ]
    again = account(
        resources=things,
        balance={"promo": "0.00", "cash": "5"},
        usage_final_until="2026-11-20T08:00:00+08:00",
        bills=[],
    )
    assert await load(database, again) == {"a-1": LoadResult.UNCHANGED}


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"balance": {"cash": "0.01"}},
        {"domains": [{"id": "example.com"}]},
        {"payments": []},
        {"users": []},
        {"usage_final_until": "2026-11-20T00:00:00Z"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_an_account_with_other_content_refuses_the_whole_file(database: Database, change: Json) -> None:
    await load(database, account())
    before = await everything(database)
    assert await faults(database, account("new"), account(**change)) == [
        "accounts.1.id: account 'a-1' is there already with other content; ids can't be reused, take another"
    ]
    assert await everything(database) == before


async def test_an_account_that_got_another_parent_is_other_content(database: Database) -> None:
    await load(database, account())
    assert len(await faults(database, account(), account("above", subaccounts=["a-1"]))) == 1


async def test_what_happened_to_a_loaded_account_stays(database: Database, platform: Platform) -> None:
    await load(database, account())
    await bring_to(platform, Access.CLOSURE_STATUS_ONLY)
    assert await load(database, account(), account("new")) == {
        "a-1": LoadResult.UNCHANGED,
        "new": LoadResult.LOADED,
    }
    assert (await show(database)).access is Access.CLOSURE_STATUS_ONLY


async def test_an_account_closed_for_good_is_left_alone(database: Database, platform: Platform) -> None:
    user = {"id": "u-1", "role": "main", "login": "olga", "password": "old"}
    await load(database, account(users=[user]))
    await bring_to(platform, Access.CLOSED)
    before = await everything(database)
    other = account(users=[{**user, "password": "new"}], domains=[{"id": "example.com"}])
    assert await load(database, other) == {"a-1": LoadResult.CLOSED}
    assert await everything(database) == before


async def test_an_account_closed_for_good_cannot_get_a_new_parent(
    database: Database, platform: Platform
) -> None:
    await load(database, account())
    await bring_to(platform, Access.CLOSED)
    assert await faults(database, account(), account("above", subaccounts=["a-1"])) == [
        "accounts.1.subaccounts.0: account 'a-1' is closed for good and can't become a subaccount"
    ]


@pytest.mark.parametrize(
    ("currency", "cash", "promo"),
    [
        ("USD", "200.00", "15.00"),
        ("USD", "-9.99", "0.00"),
        ("USD", "0.00", "0.00"),
        ("JPY", "500", "7"),
        ("JPY", "-500", "0"),
        ("KWD", "1.234", "0.001"),
    ],
)
async def test_opening_money_goes_through_the_ledger(
    database: Database, currency: str, cash: str, promo: str
) -> None:
    await load(database, account(currency=currency, balance={"cash": cash, "promo": promo}))
    shown = await show(database)
    assert (shown.balance.cash, shown.balance.promo) == (cash, promo)
    assert await ledger_sum(database) == 0
    opening = Money.parse(cash, currency)
    # A debt was used, cash was paid.
    earned = str(-opening) if opening.minor < 0 else str(Money.zero(currency))
    assert await in_ledger(database, LedgerKind.REVENUE, currency) == earned
    paid = [payment.amount for payment in shown.payments or ()]
    assert paid == ([cash] if opening.minor > 0 else [])


@pytest.mark.parametrize("cash", ["210.00", "10.00", "0.00", "-5.00"])
async def test_what_is_left_of_payments_was_used(database: Database, cash: str) -> None:
    await load(database, account(balance={"cash": cash}, payments=PAYMENTS))
    shown = await show(database)
    assert shown.balance.cash == cash
    assert [payment.id for payment in shown.payments or ()] == ["p-1", "p-2"]
    used = Money.parse("210.00", "USD") - Money.parse(cash, "USD")
    assert await in_ledger(database, LedgerKind.REVENUE, "USD") == str(used)
    assert await in_ledger(database, LedgerKind.EXTERNAL_PAYMENTS, "USD") == "-210.00"
    assert await ledger_sum(database) == 0


async def test_ids_with_slashes_do_not_meet_in_the_ledger(database: Database) -> None:
    payment = {"amount": "5.00", "paid_at": "2026-01-05T00:00:00Z"}
    first = account("a/b", users=[], payments=[{"id": "c", **payment}])
    await load(database, first, account("a", users=[], payments=[{"id": "b/c", **payment}]))
    assert await in_ledger(database, LedgerKind.EXTERNAL_PAYMENTS, "USD") == "-10.00"
    assert len({reference("a/b", "c"), reference("a", "b/c"), reference("a~1b", "c")}) == 3


async def test_every_user_has_one_open_session(database: Database) -> None:
    await load(database, account())
    assert [(each.id, each.user_id) for each in (await show(database)).sessions] == [
        ("s-1", "u-1"),
        ("s-2", "u-2"),
    ]


async def test_subaccounts_hang_below_their_account_whatever_the_files_order(database: Database) -> None:
    await load(database, account("c"), account("b", subaccounts=["c"]), account("a", subaccounts=["b"]))
    assert (await show(database, "a")).subaccounts == ("b",)
    assert ((await show(database, "b")).parent, (await show(database, "c")).parent) == ("a", "b")


async def test_a_named_login_is_one_person_in_every_account(database: Database) -> None:
    """T7."""
    olga = {"id": "u-1", "role": "main", "login": "olga", "password": "correct horse"}
    await load(database, account("a", users=[olga]), account("b", users=[{**olga, "id": "x"}]))
    await load(database, account("c", users=[{"id": "u", "role": "main", "login": "olga"}]))
    assert await count(database, tables.logins) == 1
    stored = await password_hash(database, "olga")
    assert stored is not None
    assert stored.startswith("$argon2")
    assert matches("correct horse", stored)
    assert not matches("another", stored)
    assert "correct horse" not in str(await everything(database))
    assert [user.login for user in (await show(database, "c")).users] == ["olga"]


async def test_a_password_is_replaced_by_another_and_kept_without_one(database: Database) -> None:
    user = {"id": "u-1", "role": "main"}
    await load(database, account(users=[{**user, "password": "old"}]))
    assert await load(database, account(users=[user])) == {"a-1": LoadResult.UNCHANGED}
    stored = await password_hash(database, "a-1/u-1")
    assert stored is not None
    assert matches("old", stored)
    await load(database, account(users=[{**user, "password": "new"}]))
    stored = await password_hash(database, "a-1/u-1")
    assert stored is not None
    assert matches("new", stored)


async def test_a_sign_in_that_is_taken_refuses_the_file(database: Database) -> None:
    await load(database, account("a/b", users=[{"id": "c", "role": "main"}]))
    before = await everything(database)
    taken = "accounts.0.users.0.login: 'a/b/c' is another user's sign-in; name another one"
    assert await faults(database, account("a", users=[{"id": "b/c", "role": "main"}])) == [taken]
    assert await faults(database, account("d", users=[{"id": "d", "role": "main", "login": "a/b/c"}])) == [
        taken
    ]
    assert await everything(database) == before


async def test_two_loads_at_once_are_one(database: Database) -> None:
    results = await asyncio.gather(*(load(database, account(balance={"cash": "5.00"})) for _ in range(4)))
    assert sorted(result["a-1"].value for result in results) == ["loaded", *["unchanged"] * 3]
    assert await in_ledger(database, LedgerKind.CASH, "USD", "a-1") == "5.00"


async def test_provider_accounts_are_shared_by_all_customers(database: Database) -> None:
    await load(database, *(account(f"a-{number}", balance={"cash": "1.00"}) for number in range(600)))
    external = provider_account(LedgerKind.EXTERNAL_PAYMENTS, "USD")
    outside = await database.read(lambda connection: balance(connection, external))
    assert str(outside) == "-600.00"


@pytest.mark.timeout(120)
async def test_a_hundred_thousand_resources_take_seconds(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/accounts.db")
    await prepare(database, MIGRATIONS)
    lines = (
        f"  - {{id: i-{number}, product: ecs, renounceable: true, depends_on: [i-{number - 1}]}}"
        for number in range(1, 100_000)
    )
    text = "accounts:\n- id: a-1\n  provider: p\n  kind: k\n  currency: USD\n  resources:\n"
    text += "  - {id: i-0, product: ecs}\n" + "\n".join(lines)
    began = time.monotonic()
    await load_accounts(database, parse_account_file(text, "f.yaml"), "f.yaml")
    assert time.monotonic() - began < 60
    assert await count(database, tables.resource_dependencies) == 99_999
    await database.dispose()
