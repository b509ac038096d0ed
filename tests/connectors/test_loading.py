"""Loading account files: whole or not at all, once, with books that balance."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from closure.accounts import Access
from closure.money import Money
from connectors.embedded import MIGRATIONS, EmbeddedPlatform, tables
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.account_text import AccountFileFault
from connectors.embedded.ledger import LedgerAccount, balance, provider_account, reference
from connectors.embedded.loading import LoadResult, load_accounts
from connectors.embedded.passwords import matches
from connectors.embedded.tables import LedgerKind
from database import create_engine, prepare, reading
from tests.connectors.samples import Json, account, bring_to, count, everything, ledger_sum, load, show

PAYMENTS = [
    {"id": "p-1", "amount": "150.00", "paid_at": "2026-01-05T00:00:00Z"},
    {"id": "p-2", "amount": "60.00", "paid_at": "2026-02-05T00:00:00Z"},
]


async def in_ledger(engine: AsyncEngine, kind: LedgerKind, currency: str, owner: str = "") -> str:
    async with reading(engine) as connection:
        return str(await balance(connection, LedgerAccount(owner, kind, currency)))


async def faults(engine: AsyncEngine, *accounts: Json) -> list[str]:
    with pytest.raises(AccountFileFault) as refused:
        await load(engine, *accounts)
    return [line.removeprefix("accounts.json: ") for line in refused.value.lines]


async def password_hash(engine: AsyncEngine, login: str) -> str | None:
    async with reading(engine) as connection:
        row = tables.logins.c
        found: str | None = await connection.scalar(select(row.password_hash).where(row.login == login))
        return found


async def test_the_same_file_again_changes_nothing(engine: AsyncEngine) -> None:
    user = {"id": "u-1", "role": "main", "password": "correct horse", "login": "olga"}
    given = account(
        users=[user],
        balance={"cash": "200.00", "promo": "15.00"},
        resources=[{"id": "b", "product": "ecs", "depends_on": ["a"]}, {"id": "a", "product": "vpc"}],
        data=[{"id": "oss-1", "store": "object-storage", "objects": 1200}],
    )
    assert await load(engine, given) == {"a-1": LoadResult.LOADED}
    before = await everything(engine)
    assert await load(engine, given) == {"a-1": LoadResult.UNCHANGED}
    assert await everything(engine) == before


async def test_order_quotes_and_trailing_zeros_are_no_other_content(engine: AsyncEngine) -> None:
    things = [
        {"id": "b", "product": "ecs", "depends_on": ["a", "c"]},
        *({"id": n, "product": "x"} for n in "ac"),
    ]
    await load(
        engine, account(resources=things, balance={"cash": "5.00"}, usage_final_until="2026-11-20T00:00:00Z")
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
    assert await load(engine, again) == {"a-1": LoadResult.UNCHANGED}


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
async def test_an_account_with_other_content_refuses_the_whole_file(
    engine: AsyncEngine, change: Json
) -> None:
    await load(engine, account())
    before = await everything(engine)
    assert await faults(engine, account("new"), account(**change)) == [
        "accounts.1.id: account 'a-1' is there already with other content; ids can't be reused, take another"
    ]
    assert await everything(engine) == before


async def test_an_account_that_got_another_parent_is_other_content(engine: AsyncEngine) -> None:
    await load(engine, account())
    assert len(await faults(engine, account(), account("above", subaccounts=["a-1"]))) == 1


async def test_what_happened_to_a_loaded_account_stays(
    engine: AsyncEngine, platform: EmbeddedPlatform
) -> None:
    await load(engine, account())
    await bring_to(platform, Access.CLOSURE_STATUS_ONLY)
    assert await load(engine, account(), account("new")) == {
        "a-1": LoadResult.UNCHANGED,
        "new": LoadResult.LOADED,
    }
    assert (await show(engine)).access is Access.CLOSURE_STATUS_ONLY


async def test_an_account_closed_for_good_is_left_alone(
    engine: AsyncEngine, platform: EmbeddedPlatform
) -> None:
    user = {"id": "u-1", "role": "main", "login": "olga", "password": "old"}
    await load(engine, account(users=[user]))
    await bring_to(platform, Access.CLOSED)
    before = await everything(engine)
    other = account(users=[{**user, "password": "new"}], domains=[{"id": "example.com"}])
    assert await load(engine, other) == {"a-1": LoadResult.CLOSED}
    assert await everything(engine) == before


async def test_an_account_closed_for_good_cannot_get_a_new_parent(
    engine: AsyncEngine, platform: EmbeddedPlatform
) -> None:
    await load(engine, account())
    await bring_to(platform, Access.CLOSED)
    assert await faults(engine, account(), account("above", subaccounts=["a-1"])) == [
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
    engine: AsyncEngine, currency: str, cash: str, promo: str
) -> None:
    await load(engine, account(currency=currency, balance={"cash": cash, "promo": promo}))
    shown = await show(engine)
    assert (shown.balance.cash, shown.balance.promo) == (cash, promo)
    assert await ledger_sum(engine) == 0
    opening = Money.parse(cash, currency)
    # A debt was used, cash was paid.
    earned = str(-opening) if opening.minor < 0 else str(Money.zero(currency))
    assert await in_ledger(engine, LedgerKind.REVENUE, currency) == earned
    paid = [payment.amount for payment in shown.payments or ()]
    assert paid == ([cash] if opening.minor > 0 else [])


@pytest.mark.parametrize("cash", ["210.00", "10.00", "0.00", "-5.00"])
async def test_what_is_left_of_payments_was_used(engine: AsyncEngine, cash: str) -> None:
    await load(engine, account(balance={"cash": cash}, payments=PAYMENTS))
    shown = await show(engine)
    assert shown.balance.cash == cash
    assert [payment.id for payment in shown.payments or ()] == ["p-1", "p-2"]
    used = Money.parse("210.00", "USD") - Money.parse(cash, "USD")
    assert await in_ledger(engine, LedgerKind.REVENUE, "USD") == str(used)
    assert await in_ledger(engine, LedgerKind.EXTERNAL_PAYMENTS, "USD") == "-210.00"
    assert await ledger_sum(engine) == 0


async def test_ids_with_slashes_do_not_meet_in_the_ledger(engine: AsyncEngine) -> None:
    payment = {"amount": "5.00", "paid_at": "2026-01-05T00:00:00Z"}
    first = account("a/b", users=[], payments=[{"id": "c", **payment}])
    await load(engine, first, account("a", users=[], payments=[{"id": "b/c", **payment}]))
    assert await in_ledger(engine, LedgerKind.EXTERNAL_PAYMENTS, "USD") == "-10.00"
    assert len({reference("a/b", "c"), reference("a", "b/c"), reference("a~1b", "c")}) == 3


async def test_every_user_has_one_open_session(engine: AsyncEngine) -> None:
    await load(engine, account())
    assert [(each.id, each.user_id) for each in (await show(engine)).sessions] == [
        ("s-1", "u-1"),
        ("s-2", "u-2"),
    ]


async def test_subaccounts_hang_below_their_account_whatever_the_files_order(engine: AsyncEngine) -> None:
    await load(engine, account("c"), account("b", subaccounts=["c"]), account("a", subaccounts=["b"]))
    assert (await show(engine, "a")).subaccounts == ("b",)
    assert ((await show(engine, "b")).parent, (await show(engine, "c")).parent) == ("a", "b")


async def test_a_named_login_is_one_person_in_every_account(engine: AsyncEngine) -> None:
    """T7."""
    olga = {"id": "u-1", "role": "main", "login": "olga", "password": "correct horse"}
    await load(engine, account("a", users=[olga]), account("b", users=[{**olga, "id": "x"}]))
    await load(engine, account("c", users=[{"id": "u", "role": "main", "login": "olga"}]))
    assert await count(engine, tables.logins) == 1
    stored = await password_hash(engine, "olga")
    assert stored is not None
    assert stored.startswith("$argon2")
    assert matches("correct horse", stored)
    assert not matches("another", stored)
    assert "correct horse" not in str(await everything(engine))
    assert [user.login for user in (await show(engine, "c")).users] == ["olga"]


async def test_a_password_is_replaced_by_another_and_kept_without_one(engine: AsyncEngine) -> None:
    user = {"id": "u-1", "role": "main"}
    await load(engine, account(users=[{**user, "password": "old"}]))
    assert await load(engine, account(users=[user])) == {"a-1": LoadResult.UNCHANGED}
    stored = await password_hash(engine, "a-1/u-1")
    assert stored is not None
    assert matches("old", stored)
    await load(engine, account(users=[{**user, "password": "new"}]))
    stored = await password_hash(engine, "a-1/u-1")
    assert stored is not None
    assert matches("new", stored)


async def test_a_sign_in_that_is_taken_refuses_the_file(engine: AsyncEngine) -> None:
    await load(engine, account("a/b", users=[{"id": "c", "role": "main"}]))
    before = await everything(engine)
    taken = "accounts.0.users.0.login: 'a/b/c' is another user's sign-in; name another one"
    assert await faults(engine, account("a", users=[{"id": "b/c", "role": "main"}])) == [taken]
    assert await faults(engine, account("d", users=[{"id": "d", "role": "main", "login": "a/b/c"}])) == [
        taken
    ]
    assert await everything(engine) == before


async def test_two_loads_at_once_are_one(engine: AsyncEngine) -> None:
    results = await asyncio.gather(*(load(engine, account(balance={"cash": "5.00"})) for _ in range(4)))
    assert sorted(result["a-1"].value for result in results) == ["loaded", *["unchanged"] * 3]
    assert await in_ledger(engine, LedgerKind.CASH, "USD", "a-1") == "5.00"


async def test_provider_accounts_are_shared_by_all_customers(engine: AsyncEngine) -> None:
    await load(engine, *(account(f"a-{number}", balance={"cash": "1.00"}) for number in range(600)))
    async with reading(engine) as connection:
        outside = await balance(connection, provider_account(LedgerKind.EXTERNAL_PAYMENTS, "USD"))
    assert str(outside) == "-600.00"


@pytest.mark.timeout(120)
async def test_a_hundred_thousand_resources_take_seconds(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path}/accounts.db")
    await prepare(engine, MIGRATIONS)
    lines = (
        f"  - {{id: i-{number}, product: ecs, renounceable: true, depends_on: [i-{number - 1}]}}"
        for number in range(1, 100_000)
    )
    text = "accounts:\n- id: a-1\n  provider: p\n  kind: k\n  currency: USD\n  resources:\n"
    text += "  - {id: i-0, product: ecs}\n" + "\n".join(lines)
    began = time.monotonic()
    await load_accounts(engine, parse_account_file(text, "f.yaml"), "f.yaml")
    assert time.monotonic() - began < 60
    assert await count(engine, tables.resource_dependencies) == 99_999
    await engine.dispose()
