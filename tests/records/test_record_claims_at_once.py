"""Closures that claim accounts at the same time: each goes to exactly one, and nobody waits for ever."""

import asyncio

from sqlalchemy import Connection

from records.claims import claim_accounts, claimed_by, claimed_by_others
from records.closures import lock_closure
from records.record import Record
from tests.harness.strategies import NOW
from tests.records.samples import Closures, new_state

OWNERS = ("owner", "other")
SHARED = ("s-1", "s-2", "s-3")


async def test_an_owner_and_its_subaccounts_that_claim_at_once_hold_each_account_once(
    record: Record, closures: Closures
) -> None:
    names = (*OWNERS, *SHARED)
    for name in names:
        await closures.open(new_state(f"closure-{name}", name))

    async def claim(name: str, wanted: tuple[str, ...]) -> None:
        def work(connection: Connection) -> None:
            lock_closure(connection, f"closure-{name}")
            claim_accounts(connection, f"closure-{name}", wanted, time=NOW)

        await record.write(work)

    everybody = [claim(name, (name, *SHARED)) for name in OWNERS] + [claim(name, (name,)) for name in SHARED]
    await asyncio.wait_for(asyncio.gather(*everybody), 60)
    held = await record.read(lambda each: [claimed_by(each, f"closure-{name}") for name in names])
    assert sorted(account for of_one in held for account in of_one) == sorted(names)
    others = await record.read(lambda each: claimed_by_others(each, "closure-owner", names))
    assert set(others) == set(names) - set(held[0])
