"""Who a user is, and what the platform's books keep of one whose account was deleted."""

from datetime import UTC, datetime

from sqlalchemy import Connection, select

from closure.accounts import Channel
from connectors.embedded import embedded_platform, tables
from connectors.ports import OutgoingMessage
from database import Database
from tests.harness.accounts import load_account

NOW = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
USERS = [
    {"id": "u-1", "role": "main", "email": "ada@one.example", "login": "ada"},
    {"id": "u-2", "role": "main", "email": "ada@two.example", "login": "ada"},
    {"id": "u-3", "role": "main", "email": "bob@one.example"},
]


def account(name: str, **more: object) -> dict[str, object]:
    described = {"id": name, "provider": "alibaba-cloud", "kind": "standard", "currency": "USD"}
    return {**described, "users": USERS, **more}


async def test_users_of_one_sign_in_are_one_person_in_all_accounts(database: Database) -> None:
    await load_account(database, account("a-1"))
    await load_account(database, account("a-2"))
    directory = embedded_platform(database).directory
    ada = {await directory.person_of(name, user) for name in ("a-1", "a-2") for user in ("u-1", "u-2")}
    assert len(ada) == 1
    assert None not in ada
    assert "ada" not in str(ada)
    # Without a sign-in of their own a user is a person of that account only.
    bobs = {await directory.person_of(name, "u-3") for name in ("a-1", "a-2")}
    assert len(bobs | ada) == 3
    assert await directory.person_of("a-1", "nobody") is None


async def test_after_the_end_the_books_say_what_was_done_and_not_to_whom_or_what(database: Database) -> None:
    things = {
        "resources": [{"id": f"ada-{number}", "product": "ecs"} for number in range(12)],
        "subscriptions": [{"id": "ada-s", "product": "rds", "expires_at": "2031-01-01T00:00:00Z"}],
        "data": [{"id": "ada-d", "store": "object-storage", "objects": 2}],
    }
    for name in ("a-1", "a-2"):
        await load_account(database, account(name, **things))
    platform = embedded_platform(database)
    for name in ("a-1", "a-2"):
        for number in range(12):
            thing = f"ada-{number}"
            await platform.inventory.release_resource(name, thing, key=f"{name}/release/{thing}")
        await platform.inventory.cancel_subscription(name, "ada-s", key=f"{name}/cancel/ada-s")
        await platform.data_stores.erase(name, "ada-d", key=f"{name}/erase/ada-d")
        message = OutgoingMessage(
            key=f"{name}/told",
            account_id=name,
            channel=Channel.EMAIL,
            template="t",
            bodies={"en": "Dear Ada"},
            time=NOW,
        )
        assert await platform.messages.send(message) == 3
    for _ in range(2):  # the answer was lost
        await platform.access.close("a-1", key="a-1/close", time=NOW)

    ended, effects = await books(database, "a-1")
    assert "ada" not in ended.lower()
    assert "u-1" not in ended
    assert len(effects) == 15
    others, _ = await books(database, "a-2")
    assert "a-2/release/ada-11" in others
    assert "Dear Ada" in others


async def books(database: Database, name: str) -> tuple[str, list[str]]:
    """All that messages and effects of the account say; and its effects."""

    def read(connection: Connection) -> tuple[str, list[str]]:
        effects, outbox = (
            [str(row) for row in connection.execute(select(table).where(table.c.account_id == name))]
            for table in (tables.effects, tables.outbox)
        )
        return "\n".join([*effects, *outbox]), effects

    return await database.read(read)


async def test_an_account_is_found_by_the_login_or_the_address_of_its_users(database: Database) -> None:
    await load_account(database, account("a-1"))
    await load_account(
        database, account("a-2", users=[{"id": "u-1", "role": "main", "email": "Ada@One.example"}])
    )
    directory = embedded_platform(database).directory
    assert await directory.accounts_of("ada") == ("a-1",)
    assert await directory.accounts_of("ADA@one.EXAMPLE") == ("a-1", "a-2")
    assert await directory.accounts_of("a-2/u-1") == ("a-2",)
    for nobody in ("ad", "ada@", "%", "Ada", ""):
        assert await directory.accounts_of(nobody) == ()
