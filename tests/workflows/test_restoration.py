"""When something is owed after all: back to normal use, but what is gone stays gone."""

from datetime import timedelta

from closure.accounts import Access
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from tests.harness.account_driver import item_ids
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation


async def test_a23_a26_late_usage_restores_the_account_and_says_what_is_lost(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account(
            balance={"cash": "42.00", "promo": "5.00"},
            resources=[{"id": "vm", "product": "ecs", "renounceable": True}],
            data=[{"id": "oss-1", "store": "object-storage", "objects": 7}],
            bindings=[{"id": "bind-1", "third_party": "github"}],
            api_keys=[{"id": "k-1"}],
            sessions=[{"id": "s-1"}],
        )
        silent = await closing.silent()
        assert silent.unrecoverable == ("resources/vm", "balance", "promo")
        await closing.bill_late_usage()
        await closing.end_of_silence()
        restored = await closing.outcome()

        assert restored.outcome is Outcome.RESTORED
        assert restored.outcome_reason is not None
        assert "1.23 USD" in restored.outcome_reason
        assert restored.unrecoverable == ("resources/vm", "balance", "promo")  # A26
        assert restored.restart_advice == closing.policy.restart_advice
        assert [item.check for item in restored.checklist] == ["unpaid-bills"]

        assert await closing.access() is Access.OPEN
        assert [row["enabled"] for row in await closing.rows(tables.api_keys)] == [True]
        assert await closing.rows(tables.service_roles) == []
        assert await closing.rows(tables.sessions) == []  # ended sessions stay ended
        assert await closing.rows(tables.resources) == []
        assert len(await closing.rows(tables.data_stores)) == 1
        assert len(await closing.rows(tables.bindings)) == 1
        statement = await installation.platform.billing.statement(closing.account_id)
        assert (statement.cash.minor, statement.promo.minor) == (0, 0)

        assert (await closing.templates()).count("closure_restored") == 2  # A24
        (mail, _) = [
            row for row in await closing.rows(tables.outbox) if row["template"] == "closure_restored"
        ]
        for told in (closing.policy.restart_advice, "ecs instance vm", "42.00 USD", "5.00 USD", "1.23 USD"):
            assert told in str(mail["body"])
        assert (await closing.event_types())[-2:] == [EventType.FINAL_CHECK_FAILED, EventType.RESTORED]
        assert await closing.failed_tasks() == []
    assert weather.journal[-4:] == [
        "delete role",
        "reopen access",
        "send closure_restored by email",
        "send closure_restored by sms",
    ]


async def test_a23_a_restored_account_can_start_again_once_the_bill_is_paid(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.silent()
    await closing.bill_late_usage()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.RESTORED
    first = closing.closure_id

    document = await closing.close()
    assert document.stage is Stage.BLOCKED
    (bill,) = document.checklist
    assert bill.resource_id is not None
    await closing.remove(tables.bills, bill.resource_id)
    assert (await closing.recheck()).stage is Stage.READY
    await closing.confirm()
    await closing.fast_forward(timedelta(days=7, minutes=6))
    assert (await closing.outcome()).outcome is Outcome.DELETED

    recorded = await installation.records.get(first)
    assert recorded is not None
    assert recorded.state.outcome is Outcome.RESTORED


async def test_a23_any_amount_owed_at_the_final_check_restores_even_one_cent(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.silent()
    await closing.bill_late_usage(minor=1)
    await closing.end_of_silence()
    restored = await closing.outcome()
    assert restored.outcome is Outcome.RESTORED
    assert item_ids(restored)[0].startswith("unpaid-bills/late-")


async def test_a23_a_bill_that_is_paid_before_the_final_check_does_not_restore(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.silent()
    await closing.bill_late_usage()
    await installation.database.write(
        lambda connection: connection.execute(
            tables.bills.update().where(tables.bills.c.account_id == closing.account_id).values(status="paid")
        )
    )
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED
