"""Across restarts and runs: the policy stays the one that was agreed to, and nothing is forgotten."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from closure.errors import RefusalType
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from connectors.embedded.refunds import play_answer
from connectors.embedded.tables import RefundAnswer
from keys.data_converter import build_data_converter
from local import server_config
from local.temporal_server import start_local_server, stop_local_server
from temporal.search_attributes import CLOSURE_DEADLINE
from tests.harness.account_driver import refusal
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, running_worker
from tests.harness.twilio import OPENING, WORDS, turns, twilio_account
from tests.harness.waiting import BEYOND

EVENTS_PER_RUN = 60


async def test_a_restarted_worker_with_another_policy_does_not_change_a_running_closure(
    installations: InstallationBuilder,
) -> None:
    async with installations.open(with_worker=False) as installation:
        before = await installation.account()
        old = installation.policies["alibaba-cloud"]
        async with running_worker(installation):
            opened = await before.ready()
        new = old.model_copy(
            update={
                "version": "of-tomorrow",
                "silent_period": timedelta(days=1),
                "entering_duration": timedelta(minutes=1),
                "service_role": "AnotherRole",
                "restart_advice": "other advice",
            }
        )
        async with running_worker(installation, policies={"alibaba-cloud": new}):
            assert (await before.recheck()).plan_hash == opened.plan_hash
            await before.confirm(plan_hash=opened.plan_hash)
            await before.fast_forward(timedelta(minutes=5) + BEYOND)
            silent = await before.until(Stage.SILENT)
            assert silent.policy_version == old.version
            assert silent.silent_until is not None
            assert silent.confirmed_at is not None
            assert silent.silent_until - silent.confirmed_at >= old.silent_period + old.entering_duration
            assert [row["id"] for row in await before.rows(tables.service_roles)] == [old.service_role]

            after = await installation.account()
            assert (await after.close()).policy_version == "of-tomorrow"

            await before.fast_forward(timedelta(days=2))
            assert (await before.status()).stage is Stage.SILENT
            await before.bill_late_usage()
            await before.end_of_silence()
            restored = await before.outcome()
            assert restored.outcome is Outcome.RESTORED
            assert restored.restart_advice == old.restart_advice


@pytest.fixture
async def forgetful_client(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    """A client of a server that suggests continue-as-new after a few events."""
    monkeypatch.setitem(
        server_config.DYNAMIC_CONFIG,
        "limit.historyCount.suggestContinueAsNew",
        EVENTS_PER_RUN,
    )
    folder = tmp_path_factory.mktemp("forgetful")
    server = await start_local_server(Path(folder))
    yield await Client.connect(server.address, data_converter=build_data_converter())
    stop_local_server(folder)


async def test_a_closure_that_continues_as_new_forgets_nothing(
    installations: InstallationBuilder, forgetful_client: Client
) -> None:
    async with installations.open(client=forgetful_client) as installation:
        closing = await installation.account(
            balance={"cash": "5.00"}, resources=[{"id": "vm", "product": "ecs", "renounceable": True}]
        )
        opened = await closing.ready()
        draft_until = (
            await closing.until_event(EventType.CHECK_STARTED)
        ).time + closing.policy.draft_lifetime
        for _ in range(12):
            await closing.recheck()
        document = await closing.status()
        assert document.run_id != opened.run_id
        assert document.survey_number == 13
        assert document.stage is Stage.READY
        assert all(item.renounced for item in document.checklist)
        # Continuing does not prolong the draft.
        described = await closing.handle.describe()
        deadline = described.typed_search_attributes[CLOSURE_DEADLINE]
        assert abs(deadline - draft_until) < timedelta(seconds=2)

        # Somebody opens it again by hand: a clear no, and the run goes on to its end.
        assert (await refusal(closing.close())).type == RefusalType.CLOSURE_ALREADY_OPEN
        assert closing.closure_id == opened.closure_id

        await closing.confirm(plan_hash=document.plan_hash)
        await closing.fast_forward(timedelta(minutes=6))
        await closing.until(Stage.SILENT)
        await closing.end_of_silence()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        trail = await installation.records.trail(closing.closure_id)
        assert trail is not None
        assert trail.fault is None
        assert EventType.RESUMED not in [event.event for event in trail.events]


async def test_a_final_check_that_waits_for_weeks_continues_as_new_and_still_decides(
    installations: InstallationBuilder, forgetful_client: Client
) -> None:
    weather = Weather()
    async with installations.open(client=forgetful_client, platforms=weather.over) as installation:
        closing = await installation.account()
        silent = await closing.silent()
        weather.unreadable.add("billing")
        await closing.end_of_silence()
        await closing.until_event(EventType.FINAL_CHECK_WAITING)
        await closing.fast_forward(closing.policy.final_check.retry_interval * 20 + BEYOND)  # type: ignore[union-attr]
        waiting = await closing.status()
        assert waiting.stage is Stage.FINAL_CHECK
        assert waiting.run_id != silent.run_id
        weather.unreadable.clear()
        await closing.handle.signal("recheck")
        assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_no_recheck_is_lost_when_the_run_continues(
    installations: InstallationBuilder, forgetful_client: Client
) -> None:
    async with installations.open(client=forgetful_client) as installation:
        closing = await installation.account()
        await closing.ready()
        for _ in range(10):
            before = (await closing.status()).survey_number
            # Two in a row: the second may arrive in the very task that continues the run.
            await closing.handle.signal("recheck")
            await closing.until(lambda document, before=before: document.survey_number > before)  # type: ignore[misc]
            marker = (await closing.status()).survey_number
            await closing.handle.signal("recheck")
            await closing.until(
                lambda document, marker=marker: document.survey_number > marker  # type: ignore[misc]
            )


async def test_a_refund_that_is_late_continues_as_new_in_retained_and_deleting_and_forgets_nothing(
    installations: InstallationBuilder, forgetful_client: Client
) -> None:
    weather = Weather()
    async with installations.open(client=forgetful_client, platforms=weather.over) as installation:
        stores = [{"id": "usage", "store": "usage-history", "objects": 3}]
        closing = await twilio_account(
            installation,
            balance={"cash": "10.00"},
            data=stores,
            subaccounts=[{"id": f"long-{number}", "data": stores} for number in range(3)],
        )
        await play_answer(installation.database, closing.account_id, RefundAnswer.PARTIAL)
        await closing.retained(acknowledgements=WORDS)
        await closing.until_event(EventType.REFUND_PARTLY_SETTLED)
        first = await closing.status()
        await closing.fast_forward(timedelta(days=8) + BEYOND)
        middle = await closing.status()
        assert middle.stage is Stage.RETAINED
        assert middle.run_id != first.run_id
        assert (middle.refund, middle.delete_after) == (first.refund, first.delete_after)

        weather.unreadable.add("data_stores")
        await closing.end_of_retention()
        await closing.until_event(EventType.SUBACCOUNTS_HELD_UP)
        weather.unreadable.clear()
        await closing.fast_forward(timedelta(hours=2))
        await closing.until_event(EventType.DATA_ERASED)
        deleting = await closing.status()
        await closing.fast_forward(timedelta(days=8))
        waiting = await closing.status()
        assert waiting.stage is Stage.DELETING
        assert waiting.run_id != deleting.run_id

        await play_answer(installation.database, closing.account_id, RefundAnswer.SETTLED)
        await closing.handle.signal("recheck")
        assert (await closing.outcome()).outcome is Outcome.DELETED
        types = await closing.event_types()
        for once in (
            EventType.RETENTION_BEGAN,
            EventType.REFUND_STARTED,
            EventType.REFUND_PARTLY_SETTLED,
            EventType.REFUND_LATE,
            EventType.REFUND_SETTLED,
            EventType.SUBACCOUNTS_HELD_UP,
            EventType.DELETION_BEGAN,
            EventType.DATA_ERASED,
        ):
            assert types.count(once) == 1, once
        assert await turns(closing) == [
            *OPENING,
            "account_closed",
            "refund_started",
            "refund_partly_settled",
            "refund_late",
            "refund_settled",
            "closure_deleted",
        ]
        trail = await installation.records.trail(closing.closure_id)
        assert trail is not None
        assert trail.fault is None
