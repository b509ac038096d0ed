"""What is gone already is done: beyond a point of no return "there is no such account" is no failure."""

from datetime import timedelta

import pytest

from closure.lifecycle import Outcome
from closure.waiting import WaitingReason
from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.forgetful import Forgetful
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.money_moves import arrives
from tests.harness.twilio import account_of, money, retained, twilio_account
from tests.harness.waiting import eventually

EFFECTS = frozenset(
    {
        "access.delete_bindings",
        "access.delete_service_role",
        "access.close",
        "data_stores.erase",
        "inventory.release_resource",
        "billing.forfeit",
    }
)
THINGS = {
    "balance": {"cash": "3.00"},
    "bindings": [{"id": "bind-1", "third_party": "github"}],
    "data": [
        {"id": "s-1", "store": "usage-history", "objects": 7},
        {"id": "s-2", "store": "logs", "objects": 0},
    ],
    "resources": [{"id": "i-1", "product": "ecs", "renounceable": True}],
}


async def certified(installation: TestInstallation, account_id: str) -> bool:
    record = await installation.records.last(account_id)
    assert record is not None
    assert record.state.outcome is Outcome.DELETED
    return await installation.records.certificate(record.closure_id) is not None


async def ended(closing: AccountDriver) -> Outcome | None:
    """Lost answers are tried again after a second, and two, and four."""
    await eventually(closing.status, lambda found: found.outcome is not None, "an outcome")
    return (await closing.outcome()).outcome


@pytest.mark.parametrize("loses", [frozenset({"access.close"}), EFFECTS])
async def test_an_account_that_is_gone_and_whose_answers_were_lost_is_deleted_and_certified(
    installations: InstallationBuilder, loses: frozenset[str]
) -> None:
    platform = Forgetful(loses)
    async with installations.open(platforms=platform.over) as installation:
        closing = await installation.account(**THINGS)
        await closing.silent()
        await closing.end_of_silence()
        assert await ended(closing) is Outcome.DELETED
        assert await certified(installation, closing.account_id)


async def test_subaccounts_that_are_gone_and_whose_answers_were_lost_are_deleted_and_certified(
    installations: InstallationBuilder,
) -> None:
    platform = Forgetful(EFFECTS)
    async with installations.open(platforms=platform.over) as installation:
        closing = await twilio_account(
            installation, **THINGS, subaccounts=[{"id": f"gone-{each}", **THINGS} for each in "ab"]
        )
        await retained(closing)
        await closing.end_of_retention()
        for _ in range(8):  # each round finds one more effect that was done already
            await closing.handle.signal("recheck")
            if (await closing.status()).outcome is not None:
                break
            await eventually(
                closing.status,
                lambda found: found.waiting_for is not None or found.outcome is not None,
                "a round",
            )
        assert await ended(closing) is Outcome.DELETED
        for each in (closing.account_id, "gone-a", "gone-b"):
            assert await certified(installation, each)


async def test_accounts_that_somebody_else_deletes_in_mid_retention_are_done_and_certified(
    installations: InstallationBuilder,
) -> None:
    platform = Forgetful(frozenset())
    async with installations.open(platforms=platform.over) as installation:
        things = THINGS | {"balance": {"cash": "0.00"}}
        closing = await twilio_account(
            installation, **things, subaccounts=[{"id": "gone-by-itself", **things}]
        )
        await retained(closing)
        platform.gone |= {closing.account_id, "gone-by-itself"}
        await closing.end_of_retention()
        assert await ended(closing) is Outcome.DELETED
        for each in (closing.account_id, "gone-by-itself"):
            assert await certified(installation, each)


async def test_a_subaccount_is_there_until_money_that_came_late_has_gone_back(
    installations: InstallationBuilder,
) -> None:
    """Of an account that is gone its platform does not even say how the refund stands."""
    platform = Forgetful(frozenset())
    async with installations.open(platforms=platform.over) as installation:
        name = "gone-with-late-money"
        closing = await twilio_account(installation, **THINGS, subaccounts=[{"id": name, **THINGS}])
        await retained(closing)
        delete_after = (await closing.status()).delete_after
        assert delete_after is not None
        await closing.fast_forward_to(delete_after - timedelta(hours=1))
        owned = account_of(installation, name)
        await arrives(owned, 500)
        await closing.end_of_retention()
        await closing.until(
            lambda found: found.waiting_for is not None and found.waiting_for.reason == WaitingReason.REFUND
        )
        assert await owned.rows_left(tables.data_stores) == 0, "its data goes in time"
        await closing.fast_forward(timedelta(days=8))
        assert await ended(closing) is Outcome.DELETED
        assert await certified(installation, name)
        assert (await money(owned))["cash"] == 0
