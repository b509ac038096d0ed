"""The account stops with all it owns, and goes 30 days later (T4, T5, T7, T11, T12)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from closure.accounts import Access, RequestKind
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from connectors.embedded.usage import request
from tests.harness.account_driver import AccountDriver
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import OPENING, WORDS, account_of, money, retained, turns, twilio_account
from tests.harness.waiting import eventually

SECOND = timedelta(seconds=1)
LATE_AT_MOST = timedelta(seconds=5)


def with_data(account_id: str, **more: object) -> Mapping[str, Any]:
    return {
        "id": account_id,
        "data": [{"id": f"{account_id}-usage", "store": "usage-history", "objects": 12}],
        "api_keys": [{"id": f"{account_id}-key"}],
        "resources": [{"id": f"{account_id}-number", "product": "number"}],
        **more,
    }


async def rejected(closing: AccountDriver) -> set[RefusalType]:
    """Why each kind of request is refused; one that works is an error."""
    reasons = set()
    for kind in RequestKind:
        with pytest.raises(Refused) as refused:
            await request(closing.installation.database, closing.account_id, kind)
        reasons.add(refused.value.type)
    return reasons


async def accepted(closing: AccountDriver) -> bool:
    for kind in RequestKind:
        await request(closing.installation.database, closing.account_id, kind)
    return True


async def test_t4_account_and_subaccounts_stop_in_one_step_at_confirm(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(
            installation,
            **with_data("t4"),
            subaccounts=[with_data("t4-a", subaccounts=["t4-deep"]), with_data("t4-b"), with_data("t4-deep")],
        )
        neighbour = await twilio_account(installation, **with_data("t4-neighbour"))
        family = [closing, *(account_of(installation, name) for name in ("t4-a", "t4-b", "t4-deep"))]
        await closing.ready(acknowledgements=WORDS)
        assert all([await accepted(each) for each in family])
        assert weather.effects == []

        confirmed = await closing.confirm()
        document = await closing.until(Stage.RETAINED)

        assert weather.journal.count("stop access") == 1
        assert weather.effects[0] == "stop access"
        for each in family:
            assert await rejected(each) == {RefusalType.ACCESS_REFUSED}
            assert await each.access() is Access.STOPPED
            assert [row["enabled"] for row in await each.rows(tables.api_keys)] == [False]
            assert await each.rows(tables.resources) == []  # T6's numbers go with a closed account, too
            assert len(await each.rows(tables.data_stores)) == 1  # T5: not yet
        assert await accepted(neighbour)
        # At once: no timer lies between confirm and the stop.
        began = await closing.until_event(EventType.RETENTION_BEGAN)
        assert began.time - confirmed.confirmed_at < LATE_AT_MOST  # type: ignore[operator]
        assert document.silent_until is None
        stopped = await closing.until_event(EventType.ACCESS_STOPPED)
        assert stopped.details["subaccounts"] == 3
        assert await installation.records.claimed(closing.closure_id) == ("t4", "t4-a", "t4-b", "t4-deep")


async def test_t5_data_goes_exactly_thirty_days_after_confirm_and_each_subaccount_has_a_record(
    installation: TestInstallation,
) -> None:
    names = ["t5-a", "t5-b", "t5-deep"]
    closing = await twilio_account(
        installation,
        **with_data("t5", bindings=[{"id": "bind-1", "third_party": "github"}]),
        subaccounts=[with_data("t5-a", subaccounts=["t5-deep"]), with_data("t5-b"), with_data("t5-deep")],
    )
    family = [closing, *(account_of(installation, name) for name in names)]
    await retained(closing)
    document = await closing.status()
    assert document.delete_after is not None
    assert document.confirmed_at is not None
    assert document.delete_after - document.confirmed_at == timedelta(days=30)
    for name in names:
        record = await eventually(
            lambda name=name: installation.records.last(name),  # type: ignore[misc]
            lambda found: found is not None,
            "a record of its own",
        )
        assert record is not None
        assert record.state.stage is Stage.RETAINED
        assert record.state.delete_after == document.delete_after

    await closing.fast_forward_to(document.delete_after - 2 * SECOND)
    assert await closing.now() < document.delete_after
    assert (await closing.status()).stage is Stage.RETAINED
    for each in family:
        assert [row["objects"] for row in await each.rows(tables.data_stores)] == [12]

    ended = await closing.outcome()  # the wall's two seconds
    assert ended.outcome is Outcome.DELETED
    began = await closing.until_event(EventType.DELETION_BEGAN)
    assert document.delete_after <= began.time < document.delete_after + LATE_AT_MOST
    for each in family:
        assert await each.access() is Access.CLOSED
        for table in tables.OWNED:
            assert await each.rows(table) == [], (each.account_id, table.name)
    await whole_chain(installation, closing.closure_id)
    for name in names:
        record = await installation.records.last(name)
        assert record is not None
        assert record.state.outcome is Outcome.DELETED
        assert record.state.account_id == name
        events = await whole_chain(installation, record.state.closure_id)
        assert events == [
            EventType.OPENED,
            EventType.DELETION_BEGAN,
            EventType.DATA_ERASED,
            EventType.BINDINGS_DELETED,
            EventType.DELETED,
        ]
        erased = (await installation.records.events(record.state.closure_id))[2]
        (store,) = cast("list[dict[str, object]]", erased.details["erased_stores"])
        assert (store["store"], store["objects"]) == ("usage-history", 12)
    assert await closing.event_types() == [
        EventType.OPENED,
        EventType.CHECK_STARTED,
        EventType.SURVEYED,
        EventType.CONFIRMED,
        EventType.ACCESS_STOPPED,
        EventType.RESOURCES_RELEASED,
        EventType.RETENTION_BEGAN,
        EventType.DELETION_BEGAN,
        EventType.SUBACCOUNTS_DELETED,
        EventType.DATA_ERASED,
        EventType.BINDINGS_DELETED,
        EventType.DELETED,
    ]
    assert await closing.failed_tasks() == []


async def whole_chain(installation: TestInstallation, closure_id: str) -> list[EventType]:
    trail = await installation.records.trail(closure_id)
    assert trail is not None
    assert trail.fault is None
    return [event.event for event in trail.events]


async def test_messages_come_once_at_each_turn_and_in_order(installation: TestInstallation) -> None:
    closing = await twilio_account(installation, balance={"cash": "25.00", "promo": "5.00"})
    await retained(closing)
    assert {str(row["user_id"]) for row in await closing.rows(tables.outbox)} == {"u-1"}
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    assert await turns(closing) == [
        *OPENING,
        "account_closed",
        "refund_started",
        "refund_settled",
        "closure_deleted",
    ]


@pytest.mark.parametrize("shared", [True, False])
async def test_t7_the_login_and_other_accounts_stay(installation: TestInstallation, shared: bool) -> None:
    person: Sequence[object] = [{"id": "u-1", "role": "owner", "login": "ada@example.com"}]
    closing = await twilio_account(installation, users=person)
    other = await twilio_account(
        installation, **with_data(f"t7-other-{shared}"), users=person if shared else []
    )
    before = await other.rows(tables.data_stores)
    await retained(closing)
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED

    assert await closing.rows(tables.users) == []
    assert await other.access() is Access.OPEN
    assert await other.rows(tables.data_stores) == before
    assert len(await other.rows(tables.users)) == (1 if shared else 0)
    assert await accepted(other)
    # The same person opens a new account.
    again = await twilio_account(installation, users=person)
    assert (await again.close(acknowledgements=WORDS)).stage is Stage.READY


async def test_t11_promotional_balance_is_lost_and_not_refunded(installation: TestInstallation) -> None:
    closing = await twilio_account(installation, balance={"cash": "0.00", "promo": "15.00"})
    await retained(closing)
    document = await closing.status()
    assert document.refund is None
    assert document.unrecoverable == ("promo",)
    assert await money(closing) == {"cash": 0, "promo": 0, "under way": 0, "outside": 0}
    forfeited = await closing.until_event(EventType.BALANCE_FORFEITED)
    assert (forfeited.details["forfeited_promo"], forfeited.details["forfeited_cash"]) == ("15.00", "0.00")


async def test_t12_a_trial_account_gets_no_refund(installations: InstallationBuilder) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        closing = await twilio_account(installation, kind="trial", balance={"cash": "12.00", "promo": "3.00"})
        await closing.retained(acknowledgements=closing.policy.acknowledgements["trial"])
        assert (await closing.status()).refund is None
        await closing.end_of_retention()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        assert not any("refund" in act for act in weather.journal)
        assert await turns(closing) == [*OPENING, "account_closed", "closure_deleted"]
        assert (await money(closing))["cash"] == 0
