"""Closures of each kind carried out on a platform that only HTTP leads to."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from closure.accounts import Access
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.messages import RefundState
from connectors.embedded import tables
from connectors.embedded.tables import RefundAnswer
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.served_platform import ServedPlatform, running_server
from tests.harness.twilio import answer, money, retained, told, twilio_account

STORE = [{"id": "oss-1", "store": "object-storage", "objects": 1200}]


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[ServedPlatform]:
    async with running_server() as running:
        yield running


@pytest.fixture
async def installation(
    installations: InstallationBuilder, service: ServedPlatform
) -> AsyncIterator[TestInstallation]:
    """Worker and client reach the embedded platform by the network alone."""
    async with installations.open(platforms=service.over) as opened:
        yield opened
        await opened.platform.aclose()


async def test_an_account_with_everything_is_deleted(installation: TestInstallation) -> None:
    """A1 to A25."""
    closing = await installation.account(
        balance={"cash": "200.00", "promo": "15.00"},
        bills=[{"id": "b-1", "amount": "18.20", "status": "paid"}],
        resources=[
            {"id": "net", "product": "vpc", "renounceable": True},
            {"id": "vm", "product": "ecs", "renounceable": True, "depends_on": ["net"]},
        ],
        subscriptions=[
            {"id": "s-1", "product": "rds", "expires_at": "2099-01-01T00:00:00Z", "renounceable": True}
        ],
        bindings=[{"id": "bind-1", "third_party": "github"}],
        api_keys=[{"id": "k-1"}],
        data=STORE,
    )
    await closing.silent()
    assert await closing.access() is Access.CLOSURE_STATUS_ONLY
    assert await closing.rows_left(tables.resources) + await closing.rows_left(tables.subscriptions) == 0
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert await closing.access() is Access.CLOSED
    assert await closing.rows_left(tables.users) + await closing.rows_left(tables.data_stores) == 0
    assert await closing.failed_tasks() == []


async def test_late_usage_restores_the_account(installation: TestInstallation) -> None:
    """A21, A23."""
    closing = await installation.account(balance={"cash": "42.00"}, api_keys=[{"id": "k-1"}], data=STORE)
    await closing.silent()
    await closing.bill_late_usage()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.RESTORED
    assert await closing.access() is Access.OPEN
    assert [row["enabled"] for row in await closing.rows(tables.api_keys)] == [True]
    assert await closing.rows_left(tables.data_stores) == 1


async def test_the_balance_goes_back_and_the_data_goes_later(installation: TestInstallation) -> None:
    """T4, T5, T10."""
    closing = await twilio_account(
        installation,
        balance={"cash": "70.00", "promo": "5.00"},
        payments=[{"id": "p-1", "amount": "70.00", "paid_at": datetime(2026, 1, 5, tzinfo=UTC)}],
        data=STORE,
        subaccounts=[{"id": "over-http-sub", "api_keys": [{"id": "k-1"}], "data": STORE}],
    )
    await retained(closing)
    await told(closing, EventType.REFUND_STARTED)
    await answer(closing, RefundAnswer.SETTLED)
    settled = await closing.until(
        lambda document: document.refund is not None and document.refund.status is RefundState.SETTLED
    )
    assert settled.stage is Stage.RETAINED
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert await money(closing) == {"cash": 0, "promo": 0, "under way": 0, "outside": 0}
    assert await closing.rows_left(tables.data_stores) == 0
