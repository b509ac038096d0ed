"""Things that share a name go each for itself."""

from datetime import UTC, datetime, timedelta

from closure.accounts import Access
from closure.lifecycle import Outcome
from connectors.embedded import tables
from tests.harness.installation import TestInstallation
from tests.harness.twilio import account_of, retained, twilio_account


async def test_a_resource_and_a_subscription_of_one_name_both_go(installation: TestInstallation) -> None:
    closing = await installation.account(
        resources=[{"id": "rds-1", "product": "ecs", "renounceable": True}],
        subscriptions=[
            {
                "id": "rds-1",
                "product": "rds",
                "renounceable": True,
                "expires_at": datetime.now(UTC) + timedelta(days=90),
            }
        ],
        data=[{"id": "rds-1", "store": "object-storage", "objects": 3}],
        bindings=[{"id": "rds-1", "third_party": "github"}],
    )
    await closing.silent()
    assert await closing.rows(tables.resources) == []
    assert await closing.rows(tables.subscriptions) == []
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_an_accounts_and_its_subaccounts_things_that_spell_alike_all_go(
    installation: TestInstallation,
) -> None:
    """Joined by slashes, account and resource spell the same."""
    store = {"store": "usage-history", "objects": 7}
    closing = await twilio_account(
        installation,
        id="org",
        balance={"cash": "3.00"},
        resources=[{"id": "eu/n-1", "product": "number"}],
        data=[{"id": "eu/s-1", **store}],
        subaccounts=[
            {
                "id": "org/eu",
                "balance": {"cash": "4.00"},
                "resources": [{"id": "n-1", "product": "number"}],
                "data": [{"id": "s-1", **store}],
            }
        ],
    )
    await retained(closing)
    own = account_of(installation, "org/eu")
    for each in (closing, own):
        assert await each.rows(tables.resources) == []
    await closing.end_of_retention()
    ended = await closing.outcome()
    assert ended.outcome is Outcome.DELETED
    assert ended.refund is not None
    assert ended.refund.amount == "7.00"
    for each in (closing, own):
        assert await each.access() is Access.CLOSED
        assert await each.rows(tables.data_stores) == []
