"""Accounts that own accounts (T4): moved, stopped and given back in one step, never half."""

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from closure.accounts import Access
from closure.errors import RefusalType, Refused
from connectors.embedded import tables
from connectors.embedded.ownership import move_account
from connectors.embedded.passwords import matches
from connectors.ports import Platform
from database import Database
from tests.connectors.samples import NOON, account, everything, load, stop

LATER = NOON + timedelta(days=1)
Tree = Mapping[str, Sequence[str]]
# Ids whose order differs between bytes and dictionaries.
TREE: Tree = {"a-1": ["B", "c"], "B": ["D", "e"], "D": ["f"], "c": [], "e": [], "f": [], "other": []}


async def refusal(awaitable: Awaitable[object]) -> RefusalType:
    with pytest.raises(Refused) as refused:
        await awaitable
    return refused.value.type


async def plant(database: Database, tree: Tree = TREE, **changes: object) -> None:
    await load(database, *(account(each, subaccounts=[*owned], **changes) for each, owned in tree.items()))


async def access_of(database: Database) -> dict[str, Access]:
    row = tables.accounts.c
    query = select(row.id, row.access)
    return dict(await database.read(lambda connection: connection.execute(query).all()))


async def parents(database: Database) -> dict[str, str | None]:
    row = tables.accounts.c
    query = select(row.id, row.parent_id)
    return dict(await database.read(lambda connection: connection.execute(query).all()))


async def working_keys(database: Database) -> set[tuple[str, str]]:
    row = tables.api_keys.c
    query = select(row.account_id, row.id).where(row.enabled.is_(True))
    found = await database.read(lambda connection: connection.execute(query).all())
    return {(owner, name) for owner, name in found}


async def disable(database: Database, account_id: str, key: str) -> None:
    row = tables.api_keys.c
    disabling = update(tables.api_keys).where(row.account_id == account_id, row.id == key)
    await database.write(lambda connection: connection.execute(disabling.values(enabled=False)))


# What an account owns.


async def test_subaccounts_are_listed_level_by_level_in_one_order_on_every_database(
    database: Database, platform: Platform
) -> None:
    await plant(database)
    assert await platform.directory.subaccounts("a-1") == ("B", "c", "D", "e", "f")
    assert await platform.directory.subaccounts("B") == ("D", "e", "f")
    assert await platform.directory.subaccounts("c") == ()


async def test_what_is_closed_for_good_is_no_subaccount_any_more(
    database: Database, platform: Platform
) -> None:
    await plant(database)
    await platform.access.close("c", key="close", time=NOON)
    assert await platform.directory.subaccounts("a-1") == ("B", "D", "e", "f")


@pytest.mark.parametrize("names", [["b", "A", "a", "B", "-", "_", "é", "z"]])
async def test_lists_do_not_depend_on_the_databases_order_of_text(
    database: Database, platform: Platform, names: list[str]
) -> None:
    things = [{"id": name} for name in names]
    await load(
        database,
        account(
            bills=[{**thing, "amount": "1.00", "status": "unpaid"} for thing in things],
            credit_notes=[{**thing, "amount": "1.00", "status": "open"} for thing in things],
            resources=[
                {"id": "~", "product": "x", "depends_on": names},
                *({**thing, "product": "x"} for thing in things),
            ],
            subscriptions=[
                {**thing, "product": "x", "expires_at": "2027-03-01T00:00:00Z"} for thing in things
            ],
            domains=things,
            icp_filings=things,
            relationships=[{**thing, "type": "partner"} for thing in things],
            data=[{**thing, "store": "logs", "objects": 1} for thing in things],
        ),
    )
    ordered = sorted(names)
    statement = await platform.billing.statement("a-1")
    inventory = await platform.inventory.inventory("a-1")
    assert [each.bill_id for each in statement.bills] == ordered
    assert [each.credit_note_id for each in statement.credit_notes] == ordered
    assert [each.resource_id for each in inventory.resources] == sorted([*names, "~"])
    dependent = next(each for each in inventory.resources if each.resource_id == "~")
    assert list(dependent.depends_on) == ordered
    assert [each.subscription_id for each in inventory.subscriptions] == ordered
    assert [list(inventory.domains), list(inventory.icp_filings)] == [ordered, ordered]
    related = await platform.directory.relationships("a-1")
    assert [each.relationship_id for each in related] == ordered
    assert [each.store_id for each in await platform.data_stores.stores("a-1")] == ordered


# Moving.


async def test_an_account_moves_with_all_it_owns_to_another_owner_or_to_none(
    database: Database, platform: Platform
) -> None:
    await plant(database)
    await move_account(database, "D", "other")
    assert await platform.directory.subaccounts("other") == ("D", "f")
    assert await platform.directory.subaccounts("a-1") == ("B", "c", "e")
    await move_account(database, "D", None)
    assert await platform.directory.subaccounts("other") == ()
    await move_account(database, "D", None)
    await move_account(database, "c", "a-1")
    assert (await parents(database))["c"] == "a-1"


@pytest.mark.parametrize("owner", ["a-1", "B", "D", "f"])
async def test_no_account_owns_itself_not_even_through_others(database: Database, owner: str) -> None:
    await plant(database)
    before = await everything(database)
    assert await refusal(move_account(database, "a-1", owner)) is RefusalType.THING_NOT_ALLOWED
    assert await everything(database) == before


@pytest.mark.parametrize("difference", [{"provider": "other"}, {"currency": "EUR"}])
async def test_an_account_moves_within_one_provider_and_currency(
    database: Database, difference: dict[str, str]
) -> None:
    await load(database, account("a-1"), account("b", **difference))
    assert await refusal(move_account(database, "b", "a-1")) is RefusalType.THING_NOT_ALLOWED
    assert (await parents(database))["b"] is None


@pytest.mark.parametrize(("account_id", "owner"), [("nobody", None), ("c", "nobody"), ("nobody", "a-1")])
async def test_who_is_not_there_does_not_move(database: Database, account_id: str, owner: str | None) -> None:
    await plant(database)
    assert await refusal(move_account(database, account_id, owner)) is RefusalType.ACCOUNT_NOT_FOUND


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(
    ("stopped", "moved", "owner"), [("c", "c", "other"), ("B", "D", "other"), ("other", "c", "other")]
)
async def test_nothing_moves_in_or_out_where_something_is_stopped_or_closed(
    database: Database, platform: Platform, stopped: str, moved: str, owner: str, closed: bool
) -> None:
    await plant(database)
    await stop(platform, stopped)
    if closed:
        await platform.access.close(stopped, key="close", time=NOON)
    before = await everything(database)
    assert await refusal(move_account(database, moved, owner)) is RefusalType.THING_NOT_ALLOWED
    assert await everything(database) == before


async def test_moves_at_the_same_time_never_make_a_circle(database: Database, platform: Platform) -> None:
    """Each is allowed without the other: a's child gets b, and b's child gets a."""
    for number in range(10):
        a, b = f"a{number}", f"b{number}"
        await plant(database, {a: [f"{a}-child"], f"{a}-child": [], b: [f"{b}-child"], f"{b}-child": []})
        results = await asyncio.gather(
            move_account(database, b, f"{a}-child"),
            move_account(database, a, f"{b}-child"),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in results) == ["NoneType", "Refused"]
        owned = [*await platform.directory.subaccounts(a), *await platform.directory.subaccounts(b)]
        assert not {a, b} <= {*owned}


# Stopping and giving back.


async def test_t4_a_stop_is_over_the_whole_tree_and_nothing_else(
    database: Database, platform: Platform
) -> None:
    await plant(database, api_keys=[{"id": "k-1"}])
    stopped = await stop(platform, access=Access.STOPPED)
    assert (stopped.at, stopped.subaccounts) == (NOON, ("B", "D", "c", "e", "f"))
    assert await access_of(database) == {
        **dict.fromkeys(TREE, Access.STOPPED),
        "other": Access.OPEN,
    }
    assert await working_keys(database) == {("other", "k-1")}
    assert {row["account_id"] for row in (await everything(database))["platform_sessions"]} == {"other"}
    again = await stop(platform, access=Access.STOPPED, time=LATER)
    assert again == stopped, "a retry says what the first call stopped"


async def test_a23_giving_back_is_over_the_whole_tree_too(database: Database, platform: Platform) -> None:
    await plant(database, api_keys=[{"id": "k-1"}])
    await stop(platform)
    await platform.access.reopen("a-1", key="reopen", time=LATER)
    assert set((await access_of(database)).values()) == {Access.OPEN}
    assert await working_keys(database) == {(each, "k-1") for each in TREE}
    rows = (await everything(database))["platform_accounts"]
    assert {(row["stopped_at"], row["stopped_by"]) for row in rows} == {(None, None)}


async def test_a23_only_keys_that_worked_before_the_stop_work_again(
    database: Database, platform: Platform
) -> None:
    await plant(database, api_keys=[{"id": "k-1"}, {"id": "k-2"}])
    await disable(database, "a-1", "k-1")
    await disable(database, "f", "k-2")
    before = await working_keys(database)
    for number in range(2):
        await stop(platform, key=f"stop-{number}")
        assert await working_keys(database) == {("other", "k-1"), ("other", "k-2")}
        await platform.access.reopen("a-1", key=f"reopen-{number}", time=LATER)
        assert await working_keys(database) == before


async def test_what_another_closure_stopped_before_stays_as_it_is(
    database: Database, platform: Platform
) -> None:
    await plant(database, api_keys=[{"id": "k-1"}])
    await stop(platform, "B", access=Access.CLOSURE_STATUS_ONLY)
    stopped = await stop(platform, "a-1", access=Access.STOPPED, time=LATER)
    assert (stopped.at, stopped.subaccounts) == (LATER, ("c",))
    assert (await access_of(database))["f"] is Access.CLOSURE_STATUS_ONLY
    await platform.access.reopen("a-1", key="reopen a-1", time=LATER)
    assert {name for name, access in (await access_of(database)).items() if access is Access.OPEN} == {
        "a-1", "c", "other",
    }  # fmt: skip
    assert await working_keys(database) == {("a-1", "k-1"), ("c", "k-1"), ("other", "k-1")}
    await platform.access.reopen("B", key="reopen B", time=LATER)
    assert set((await access_of(database)).values()) == {Access.OPEN}


async def test_a_stop_of_what_its_owners_stop_has_stopped_changes_nothing(
    database: Database, platform: Platform
) -> None:
    await plant(database, api_keys=[{"id": "k-1"}])
    await stop(platform, "a-1", access=Access.STOPPED)
    stopped = await stop(platform, "B", access=Access.CLOSURE_STATUS_ONLY, time=LATER)
    assert (stopped.at, stopped.subaccounts) == (NOON, ())
    await platform.access.reopen("B", key="reopen B", time=LATER)
    assert (await access_of(database))["B"] is Access.STOPPED, "its owner's closure decides"
    await platform.access.reopen("a-1", key="reopen a-1", time=LATER)
    assert set((await access_of(database)).values()) == {Access.OPEN}


async def test_a_closed_subaccount_stays_closed(database: Database, platform: Platform) -> None:
    await plant(database)
    await stop(platform)
    await platform.access.close("c", key="close c", time=NOON)
    await platform.access.reopen("a-1", key="reopen", time=LATER)
    assert (await access_of(database))["c"] is Access.CLOSED


async def test_twenty_at_once_never_leave_half_a_tree(database: Database, platform: Platform) -> None:
    """Moves in, out and about race with the stop: who is in the tree in the end was stopped with it."""
    outside = [f"out-{number}" for number in range(6)]
    inside = [f"in-{number}" for number in range(6)]
    tree: dict[str, list[str]] = {"a-1": ["B", *inside], "B": ["D"], "D": [], "other": outside}
    tree |= {each: [] for each in (*inside, *outside)}
    await plant(database, tree, api_keys=[{"id": "k-1"}])
    moves = [
        *(move_account(database, each, ["a-1", "B", "D"][number % 3]) for number, each in enumerate(outside)),
        *(move_account(database, each, ["other", None][number % 2]) for number, each in enumerate(inside)),
        *(move_account(database, "D", owner) for owner in ("other", "a-1", "out-0")),
        *(move_account(database, "B", owner) for owner in ("in-0", None, "in-1", "a-1")),
    ]
    racing: list[Awaitable[object]] = [*moves[:10], stop(platform, "a-1"), *moves[10:]]
    assert len(racing) == 20
    results = await asyncio.gather(*racing, return_exceptions=True)
    faults = [each for each in results if isinstance(each, BaseException)]
    assert all(isinstance(each, Refused) for each in faults), faults
    assert all(each.type is RefusalType.THING_NOT_ALLOWED for each in faults if isinstance(each, Refused))
    owned = {"a-1", *await platform.directory.subaccounts("a-1")}
    stopped = {name for name, access in (await access_of(database)).items() if access is not Access.OPEN}
    assert stopped == owned
    assert await working_keys(database) == {(each, "k-1") for each in tree if each not in owned}
    retried = await stop(platform, "a-1")
    assert {"a-1", *retried.subaccounts} == stopped


async def test_stops_of_owner_and_owned_at_the_same_time_share_the_tree(
    database: Database, platform: Platform
) -> None:
    await plant(database)
    whole, part, leaf = await asyncio.gather(stop(platform, "a-1"), stop(platform, "B"), stop(platform, "D"))
    counted = [*whole.subaccounts, *part.subaccounts, *leaf.subaccounts]
    assert len(counted) == len(set(counted)), "nobody is stopped twice"
    assert (await access_of(database))["other"] is Access.OPEN
    assert {access for name, access in (await access_of(database)).items() if name != "other"} == {
        Access.CLOSURE_STATUS_ONLY
    }


# Passwords (T8).

USERS = [
    {"id": "u-1", "role": "owner", "password": "correct horse"},
    {"id": "u-2", "role": "owner"},
]


@pytest.mark.parametrize(
    ("user", "password", "is_right"),
    [
        ("u-1", "correct horse", True),
        ("u-1", "correct horse ", False),
        ("u-1", "Correct horse", False),
        ("u-1", "", False),
        ("u-2", "", False),
        ("u-2", "correct horse", False),
        ("nobody", "correct horse", False),
    ],
)
async def test_t8_a_password_is_right_or_not(
    database: Database, platform: Platform, user: str, password: str, is_right: bool
) -> None:
    await load(database, account(users=USERS))
    assert await platform.directory.verify_password("a-1", user, password) is is_right


async def test_t8_nobodys_password_takes_as_long_as_somebodys(database: Database, platform: Platform) -> None:
    await load(database, account(users=USERS))
    matches("", None)  # its own hash is made on first use

    async def fastest(user: str) -> float:
        taken = []
        for _ in range(5):
            began = time.process_time()
            await platform.directory.verify_password("a-1", user, "wrong")
            taken.append(time.process_time() - began)
        return min(taken)

    known = await fastest("u-1")
    for user in ("u-2", "nobody"):
        assert known / 2 < await fastest(user) < known * 2
