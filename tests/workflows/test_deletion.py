"""From the click to the deletion, with the policy's real durations."""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType as HistoryEventType
from temporalio.api.sdk.v1 import WorkflowMetadata

from closure.accounts import Access
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.state import ClosureView, view_of
from connectors.embedded import tables
from connectors.embedded.ledger import sum_of_postings
from temporal.search_attributes import CLOSURE_DEADLINE, CLOSURE_OUTCOME, CLOSURE_STAGE
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.waiting import BEYOND, eventually

ROLE = "AliyunServiceRoleForAccountDeletion"
SECOND = timedelta(seconds=1)
# Timers were seen to fire up to 0.6 s late on a busy machine, and never early.
LATE_AT_MOST = timedelta(seconds=3)


async def full_account(installation: TestInstallation) -> AccountDriver:
    return await installation.account(
        balance={"cash": "200.00", "promo": "15.00"},
        resources=[
            {"id": "a-disk", "product": "ebs", "renounceable": True},
            {"id": "b-vm", "product": "ecs", "renounceable": True, "depends_on": ["a-disk", "d-net"]},
            {"id": "c-lb", "product": "slb", "renounceable": True, "depends_on": ["b-vm"]},
            {"id": "d-net", "product": "vpc", "renounceable": True},
        ],
        subscriptions=[
            {
                "id": "rds-1",
                "product": "rds",
                "renounceable": True,
                "expires_at": datetime.now(UTC) + timedelta(days=90),
            }
        ],
        bindings=[{"id": "bind-1", "third_party": "github"}],
        data=[
            {"id": "oss-1", "store": "object-storage", "objects": 1200},
            {"id": "log-1", "store": "logs", "objects": 0},
        ],
        api_keys=[{"id": "k-1"}],
        sessions=[{"id": "s-1"}, {"id": "s-2", "user_id": "u-2"}],
    )


async def test_a18_to_a25_an_account_goes_step_by_step_and_is_deleted_after_seven_silent_days(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await full_account(installation)
        neighbour = await full_account(installation)

        document = await closing.close()
        assert document.stage is Stage.BLOCKED
        assert document.survey_number == 1
        assert document.advice  # A5
        document = await closing.renounce(all=True)
        assert document.stage is Stage.READY
        assert document.survey_number == 1
        assert weather.effects == []  # nothing is touched before confirm

        before_confirm = await closing.now()
        confirmed = await closing.confirm()
        assert confirmed.stage is Stage.ENTERING
        assert confirmed.confirmed_at is not None
        assert confirmed.silent_until is None

        await closing.fast_forward(timedelta(minutes=5) + BEYOND)
        silent = await closing.until(Stage.SILENT)
        assert silent.silent_until is not None
        # A18: about five minutes after confirm; A21: seven days by default.
        began = silent.silent_until - timedelta(days=7)
        assert timedelta(minutes=5) <= began - before_confirm < timedelta(minutes=5) + LATE_AT_MOST
        assert silent.delete_after == silent.silent_until
        assert await closing.access() is Access.CLOSURE_STATUS_ONLY  # A20
        assert await closing.rows(tables.sessions) == []
        assert [row["enabled"] for row in await closing.rows(tables.api_keys)] == [False]
        assert [row["id"] for row in await closing.rows(tables.service_roles)] == [ROLE]  # A19
        assert await closing.rows(tables.resources) == []
        assert await closing.rows(tables.subscriptions) == []
        told = {"closure_opened", "closure_confirmed", "silence_began"}
        await eventually(closing.templates, lambda names: set(names) == told, "the turns so far")
        assert len(await closing.rows(tables.data_stores)) == 2  # A22: only at the end

        await closing.end_of_silence()
        ended = await closing.outcome()
        assert ended.outcome is Outcome.DELETED
        assert ended.stage is Stage.DELETED

        account = await closing.rows(tables.accounts)
        assert account[0]["access"] == Access.CLOSED
        for table in tables.OWNED:
            assert await closing.rows(table) == [], table.name
        assert set(await closing.templates()) == {*told, "closure_deleted"}
        assert {str(row["channel"]) for row in await closing.rows(tables.outbox)} == {"email", "sms"}  # A24
        assert len(await closing.rows(tables.outbox)) == 8  # to the one owner; to whom is forgotten

        # A25: other accounts are untouched.
        assert await neighbour.access() is Access.OPEN
        assert len(await neighbour.rows(tables.resources)) == 4
        assert len(await neighbour.rows(tables.sessions)) == 2
        assert len(await neighbour.rows(tables.bindings)) == 1

        assert await closing.event_types() == [
            EventType.OPENED,
            EventType.CHECK_STARTED,
            EventType.SURVEYED,
            EventType.RENOUNCED,
            EventType.CONFIRMED,
            EventType.ACCESS_STOPPED,
            EventType.RESOURCES_RELEASED,
            EventType.BALANCE_FORFEITED,
            EventType.SILENCE_BEGAN,
            EventType.FINAL_CHECK_BEGAN,
            EventType.FINAL_CHECK_PASSED,
            EventType.DELETION_BEGAN,
            EventType.DATA_ERASED,
            EventType.BINDINGS_DELETED,
            EventType.DELETED,
        ]
        trail = await installation.records.trail(closing.closure_id)
        assert trail is not None
        assert trail.fault is None
        recorded = await installation.records.get(closing.closure_id)
        assert recorded is not None
        assert recorded.state.outcome is Outcome.DELETED
        result = ClosureView.model_validate(await closing.handle.result())
        kept = await installation.records.certificate(closing.closure_id)
        assert kept is not None
        assert result.certificate_id == kept.certificate_id
        assert result.moved_money is not None
        assert result.model_copy(update={"certificate_id": None, "moved_money": None}) == view_of(
            recorded.state
        )
        assert await installation.database.read(sum_of_postings) == 0
        assert await closing.failed_tasks() == []

    # A16: dependents before what they depend on. A19, A24: the messages, then the role, then the contacts.
    assert weather.effects == [
        "stop access",
        "create role",
        "release c-lb",
        "release b-vm",
        "release a-disk",
        "release d-net",
        "cancel rds-1",
        "forfeit",
        "erase log-1",
        "erase oss-1",
        "delete bindings",
        "send closure_deleted by email",
        "send closure_deleted by sms",
        "delete role",
        "close account",
    ]


async def test_a21_the_final_check_begins_on_the_silent_periods_last_second_and_never_before(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account()
        silent = await closing.silent()
        assert silent.silent_until is not None
        reads = weather.billing_reads
        await closing.fast_forward_to(silent.silent_until - 2 * SECOND)
        assert (await closing.status()).stage is Stage.SILENT
        assert await closing.now() < silent.silent_until
        assert weather.billing_reads == reads  # nothing but reading the remaining time
        assert (await closing.outcome()).outcome is Outcome.DELETED
        began = await closing.until_event(EventType.FINAL_CHECK_BEGAN)
        assert silent.silent_until <= began.time < silent.silent_until + LATE_AT_MOST


async def test_an_account_with_nothing_in_it_goes_the_whole_way_too(installation: TestInstallation) -> None:
    closing = await installation.account()
    document = await closing.close()
    assert document.stage is Stage.READY
    assert document.checklist == ()
    await closing.confirm()
    await closing.fast_forward(timedelta(days=7, minutes=6))
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_a6_a_resource_that_is_still_listed_holds_the_closure_in_entering(
    installations: InstallationBuilder,
) -> None:
    weather = Weather(lag=6)
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account(
            resources=[{"id": "slow", "product": "ecs", "renounceable": True}],
        )
        await closing.entering()
        # Each retry lists twice; two of them later it is still listed.
        await closing.fast_forward(timedelta(seconds=3))
        assert (await closing.status()).stage is Stage.ENTERING
        assert EventType.RESOURCES_RELEASED not in await closing.event_types()
        await closing.fast_forward(timedelta(minutes=6))
        await closing.until(Stage.SILENT)
        released = await closing.until_event(EventType.RESOURCES_RELEASED)
        assert released.details == {"resources": 1, "subscriptions": 0, "products": {"ecs": 1}}
    assert weather.effects.count("release slow") == 1


async def test_a4_a_small_debt_is_voided_and_the_ledger_stays_balanced(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account(balance={"cash": "-9.99", "promo": "3.00"})
        await closing.silent()
        statement = await installation.platform.billing.statement(closing.account_id)
        assert (statement.cash.minor, statement.promo.minor) == (0, 0)
        assert await installation.database.read(sum_of_postings) == 0
    assert weather.effects[2:] == ["forfeit", "void debt"]


async def test_an_unblocked_closure_needs_at_most_forty_events_up_to_silent(
    installation: TestInstallation,
) -> None:
    closing = await installation.account(data=[{"id": "oss-1", "store": "object-storage", "objects": 1}])
    await closing.silent()
    events = (await closing.history()).events
    timers = [
        position
        for position, event in enumerate(events)
        if event.event_type == HistoryEventType.EVENT_TYPE_TIMER_STARTED
    ]
    wait, silence = timers[-2:]
    # The five minutes' own: their timer, its firing and the task after it, and what moving the clock wrote.
    end_of_wait = next(
        position
        for position, event in enumerate(events)
        if position > wait and event.event_type == HistoryEventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    )
    needed = silence + 1 - (end_of_wait - wait + 1)
    assert needed <= 40


async def test_history_holds_no_personal_data(installation: TestInstallation) -> None:
    closing = await installation.account(
        balance={"cash": "200.00"},
        resources=[{"id": "vm", "product": "ecs", "renounceable": True}],
        data=[{"id": "oss-1", "store": "object-storage", "objects": 1}],
    )
    await closing.silent()
    await closing.end_of_silence()
    await closing.outcome()
    history = await closing.history()
    texts = history.to_json() + "".join(
        event.SerializeToString().decode("utf-8", "replace") for event in history.events
    )
    assert closing.account_id in texts
    for secret in (f"@{closing.account_id}.example", "15550100"):
        assert secret not in texts


async def test_search_attributes_details_and_query_tell_where_it_stands(
    installation: TestInstallation,
) -> None:
    closing = await installation.account(domains=[{"id": "example.com"}])
    await closing.close()
    described = await closing.handle.describe()
    assert described.typed_search_attributes[CLOSURE_STAGE] == "blocked"
    draft_deadline = described.typed_search_attributes[CLOSURE_DEADLINE]
    lifetime = closing.policy.draft_lifetime
    assert abs(draft_deadline - datetime.now(UTC) - lifetime) < timedelta(seconds=20)
    details = await _details(closing)
    assert "Blocked" in details
    assert "domains" in details
    assert "example.com" not in details  # what an item is called stays in the record

    await closing.remove(tables.domains, "example.com")
    document = await closing.recheck()
    assert document.plan_hash is not None
    assert document.plan_hash in await _details(closing)

    await closing.confirm()
    await closing.fast_forward(closing.policy.entering_duration + BEYOND)
    silent = await closing.until(Stage.SILENT)
    described = await closing.handle.describe()
    assert described.typed_search_attributes[CLOSURE_STAGE] == "silent"
    assert described.typed_search_attributes[CLOSURE_DEADLINE] == silent.silent_until
    assert "nobody can stop or shorten it" in await _details(closing)

    await closing.end_of_silence()
    await closing.outcome()
    described = await closing.handle.describe()
    assert described.typed_search_attributes[CLOSURE_STAGE] == "deleted"
    assert described.typed_search_attributes[CLOSURE_OUTCOME] == "deleted"
    assert (await closing.status()).outcome is Outcome.DELETED


async def test_closures_side_by_side_don_t_mix(installation: TestInstallation) -> None:
    closings = [
        await installation.account(
            balance={"cash": f"{number}.00"}, data=[{"id": "d", "store": "s", "objects": 1}]
        )
        for number in range(1, 9)
    ]

    async def live(closing: AccountDriver) -> Outcome | None:
        await closing.silent()
        await closing.end_of_silence()
        return (await closing.outcome()).outcome

    outcomes = await asyncio.gather(*map(live, closings))
    assert outcomes == [Outcome.DELETED] * 8
    for number, closing in enumerate(closings, start=1):
        forfeited = await closing.until_event(EventType.BALANCE_FORFEITED)
        assert forfeited.details["forfeited_cash"] == f"{number}.00"


async def _details(closing: AccountDriver) -> str:
    metadata: WorkflowMetadata = await closing.handle.query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    return metadata.current_details
