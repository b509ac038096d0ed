"""What the embedded platform says arrives over HTTP as it was; the rules: `test_conformance.py`."""

import pytest

from connectors.http.calling.faults import KeyTaken
from connectors.ports import Platform
from database import Database
from tests.connectors.samples import account, load, stop
from tests.connectors.test_ports import (
    FULL,
    message,
    test_reads_say_what_was_loaded,
    test_what_is_left_of_a_closed_account,
)

__all__ = [
    "test_reads_say_what_was_loaded",
    "test_what_is_left_of_a_closed_account",
]


async def test_a_key_belongs_to_one_effect(database: Database, platform: Platform) -> None:
    await load(database, account(**FULL))
    await stop(platform, key="key")
    with pytest.raises(KeyTaken):
        await platform.access.delete_bindings("a-1", key="key")


async def test_persons_are_found_and_proven(database: Database, platform: Platform) -> None:
    secret = {"id": "u-1", "role": "main", "email": "o@example.com", "password": "correct horse"}
    await load(database, account(users=[secret]))
    directory = platform.directory
    assert await directory.verify_password("a-1", "u-1", "correct horse") is True
    assert await directory.verify_password("a-1", "u-1", "") is False
    assert await directory.verify_totp("a-1", "u-1", "000000") is False
    assert await directory.accounts_of("O@example.com") == ("a-1",)
    assert await directory.accounts_of("nobody") == ()
    assert await directory.person_of("a-1", "u-1") is not None
    assert await directory.person_of("a-1", "nobody") is None


@pytest.mark.parametrize("name", ["a/b", "..", "ä ö", "50%&x=1#y", "'\"; --"])
async def test_ids_of_any_kind_reach_the_other_side_as_they_are(
    database: Database, platform: Platform, name: str
) -> None:
    await load(database, account(name, data=[{"id": name, "store": "object-storage", "objects": 3}]))
    assert (await platform.directory.profile(name)).account_id == name
    assert await platform.data_stores.remaining_objects(name, name) == 3
    assert await platform.data_stores.erase(name, name, key="erase it") == 3


async def test_the_address_book_says_where_users_are_reached(database: Database, platform: Platform) -> None:
    await load(database, account())
    assert platform.addresses is not None
    found = await platform.addresses.addressees(message(roles=("ram",)))
    assert [(each.user_id, each.address, each.language) for each in found] == [
        ("u-2", "dev@example.com", "zh-CN")
    ]
    assert await platform.addresses.addressees(message(account_id="nobody")) == ()
