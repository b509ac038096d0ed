"""Subaccounts go with their owner: none escapes, none is waited for longer than it must be (T4, T5)."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata

from closure.accounts import Access
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.messages import RefundState
from closure.waiting import WaitingReason
from connectors.embedded import tables
from connectors.embedded.ownership import move_account
from connectors.ports import Platform
from tests.harness.account_driver import AccountDriver
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import WORDS, account_of, money, retained, twilio_account
from tests.harness.waiting import BEYOND, eventually

MANY = 100
OWN_EVENTS = 80
"""The closure's own, from its opening to its end: about 60."""
OWNER = [{"id": "u-1", "role": "owner", "email": "sub@example.com"}]


def sub(name: str, **more: object) -> Mapping[str, Any]:
    return {"id": name, "data": [{"id": "usage", "store": "usage-history", "objects": 7}], **more}


async def details(closing: AccountDriver) -> str:
    metadata: WorkflowMetadata = await closing.handle.query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    return metadata.current_details


async def outcome_of(installation: TestInstallation, account_id: str) -> Outcome | None:
    record = await installation.records.last(account_id)
    return record.state.outcome if record is not None else None


class FailingStore:
    """The stores of one account can't be erased until `heal`."""

    def __init__(self, account_id: str) -> None:
        self._ill = {account_id}
        self.tries = 0

    def heal(self) -> None:
        self._ill.clear()

    async def around(self, call: Call, act: Act) -> object:
        if call.name == "data_stores.erase" and call.arguments[0] in self._ill:
            self.tries += 1
            raise RuntimeError("the store is broken")
        return await act()

    def over(self, platform: Platform) -> Platform:
        return around_ports(platform, self.around)


async def test_t5_a_failing_store_holds_up_only_its_subaccount_until_it_is_repaired(
    installations: InstallationBuilder,
) -> None:
    store = FailingStore("held-b")
    async with installations.open(platforms=store.over) as installation:
        closing = await twilio_account(
            installation, **sub("held-up"), subaccounts=[sub("held-a"), sub("held-b"), sub("held-c")]
        )
        await retained(closing)
        await closing.end_of_retention()
        await closing.until_event(EventType.SUBACCOUNTS_HELD_UP)
        await closing.until_event(EventType.DATA_ERASED)
        # Everything else is gone on time.
        assert await outcome_of(installation, "held-a") is Outcome.DELETED
        assert await outcome_of(installation, "held-c") is Outcome.DELETED
        assert await closing.rows(tables.data_stores) == []
        assert len(await account_of(installation, "held-b").rows(tables.data_stores)) == 1
        assert (await closing.status()).stage is Stage.DELETING
        await eventually(
            lambda: details(closing), lambda text: "not all subaccounts" in text, "current details"
        )
        waiting = (await closing.status()).waiting_for
        assert waiting is not None
        assert waiting.reason == WaitingReason.SUBACCOUNTS
        held_up = await closing.until_event(EventType.SUBACCOUNTS_HELD_UP)
        assert held_up.details == {"subaccounts": ["held-b"], "count": 1, "reasons": ["RuntimeError"]}

        # Hours of trying again write nothing more into the audit.
        tries = store.tries
        await closing.fast_forward(timedelta(hours=3) + BEYOND)
        assert store.tries >= tries + 3
        types = await closing.event_types()
        assert types.count(EventType.SUBACCOUNTS_HELD_UP) == 1

        store.heal()
        await closing.fast_forward(timedelta(hours=1) + BEYOND)
        assert (await closing.outcome()).outcome is Outcome.DELETED
        assert await outcome_of(installation, "held-b") is Outcome.DELETED


async def test_a_recheck_tries_at_once_what_is_held_up(installations: InstallationBuilder) -> None:
    store = FailingStore("ill")
    async with installations.open(platforms=store.over) as installation:
        closing = await twilio_account(installation, subaccounts=[sub("ill")])
        await retained(closing)
        await closing.end_of_retention()
        await closing.until_event(EventType.SUBACCOUNTS_HELD_UP)
        await closing.until_event(EventType.DATA_ERASED)
        store.heal()
        await closing.handle.signal("recheck")  # no clock moves
        assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_a_subaccount_with_a_closure_of_its_own_ends_by_that(installation: TestInstallation) -> None:
    closing = await twilio_account(
        installation,
        balance={"cash": "1.00"},
        subaccounts=[sub("own", users=OWNER, balance={"cash": "9.00"})],
    )
    own = account_of(installation, "own")
    await retained(own)
    await own.until(lambda document: document.refund is not None)
    first = (await own.status()).closure_id
    # A week later on the owner's clock: its own closure, by the wall's clock, is far behind.
    await retained(closing)
    refund = (await closing.status()).refund
    assert refund is not None
    assert refund.amount == "1.00", "the subaccount's money is its own closure's"
    stopped = await closing.until_event(EventType.ACCESS_STOPPED)
    assert stopped.details["subaccounts"] == 0
    assert await installation.records.claimed(closing.closure_id) == (closing.account_id,)
    await closing.end_of_retention()
    # The owner goes last.
    await closing.until(
        lambda found: found.waiting_for is not None and found.waiting_for.reason == WaitingReason.SUBACCOUNTS
    )
    assert (await closing.status()).stage is Stage.DELETING
    assert (await own.status()).stage is Stage.RETAINED
    await own.end_of_retention()
    assert (await own.outcome()).outcome is Outcome.DELETED
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED
    record = await installation.records.last("own")
    assert record is not None
    assert record.state.closure_id == first
    assert (await money(own))["cash"] == 0


class BeforeStopping:
    """Something happens in the very moment before the account stops."""

    def __init__(self) -> None:
        self.installation: TestInstallation | None = None
        self.move: tuple[str, str | None] = ("", None)

    async def around(self, call: Call, act: Act) -> object:
        if call.name == "access.stop" and self.move[0]:
            assert self.installation is not None
            await move_account(self.installation.database, *self.move)
            self.move = ("", None)
        return await act()


async def test_t4_what_is_moved_in_before_the_stop_stops_and_gets_its_money_back(
    installations: InstallationBuilder,
) -> None:
    moment = BeforeStopping()
    async with installations.open(
        platforms=lambda platform: around_ports(platform, moment.around)
    ) as installation:
        moment.installation = installation
        closing = await twilio_account(installation, balance={"cash": "1.00"}, subaccounts=[sub("stays")])
        late = await twilio_account(installation, **sub("comes"), balance={"cash": "4.00", "promo": "1.00"})
        moment.move = ("comes", closing.account_id)
        await retained(closing)
        assert await late.access() is Access.STOPPED
        refund = (await closing.status()).refund
        assert refund is not None
        assert refund.amount == "5.00"
        adapted = await closing.until_event(EventType.PLAN_ADAPTED)
        assert adapted.details["subaccounts"] == 2
        assert adapted.details["plan_hash"] == (await closing.status()).plan_hash
        await closing.end_of_retention()
        ended = await closing.outcome()
        assert ended.refund is not None
        assert ended.refund.status is RefundState.SETTLED
        assert await late.access() is Access.CLOSED
        assert await late.rows(tables.data_stores) == []
        assert (await money(late)) | {"outside": 0} == dict.fromkeys(
            ("cash", "promo", "under way", "outside"), 0
        )


async def test_t4_what_is_moved_out_before_the_stop_is_left_alone(installations: InstallationBuilder) -> None:
    moment = BeforeStopping()
    async with installations.open(
        platforms=lambda platform: around_ports(platform, moment.around)
    ) as installation:
        moment.installation = installation
        number = [{"id": "number-1", "product": "number"}]
        closing = await twilio_account(
            installation,
            balance={"cash": "1.00"},
            subaccounts=[sub("goes", balance={"cash": "4.00"}, resources=number)],
        )
        gone = account_of(installation, "goes")
        moment.move = ("goes", None)
        await retained(closing)
        refund = (await closing.status()).refund
        assert refund is not None
        assert refund.amount == "1.00"
        await closing.end_of_retention()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        assert await gone.access() is Access.OPEN
        assert (await money(gone))["cash"] == 400
        assert len(await gone.rows(tables.resources)) == 1
        assert len(await gone.rows(tables.data_stores)) == 1


async def test_t4_whoever_moves_at_the_same_time_stops_too_or_is_refused(
    installation: TestInstallation,
) -> None:
    """Whatever the order: nothing owned by a stopped account is open."""
    closing = await twilio_account(installation)
    moving = [f"moving-{number}" for number in range(10)]
    for name in moving:
        await twilio_account(installation, id=name)
    await closing.ready(acknowledgements=WORDS)

    async def move(name: str) -> bool:
        try:
            await move_account(installation.database, name, closing.account_id)
        except Refused:
            return False
        return True

    *moved, _ = await asyncio.gather(*(move(name) for name in moving), closing_confirmed(closing))
    for name, came in zip(moving, moved, strict=True):
        (row,) = await installation.rows(tables.accounts, name)
        assert row["parent_id"] == (closing.account_id if came else None)
        assert row["access"] == (Access.STOPPED if came else Access.OPEN)
    for name in moving:
        with pytest.raises(Refused, match="stopped or closed"):
            await move_account(installation.database, name, closing.account_id)
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    for name, came in zip(moving, moved, strict=True):
        (row,) = await installation.rows(tables.accounts, name)
        assert row["access"] == (Access.CLOSED if came else Access.OPEN)


async def closing_confirmed(closing: AccountDriver) -> None:
    """What the customer saw may have changed: then they look and confirm again."""
    for _ in range(10):
        try:
            await closing.confirm()
            break
        except Refused as refused:
            if refused.type is not RefusalType.PLAN_CHANGED:
                raise
    await closing.until(Stage.RETAINED)


@pytest.mark.timeout(360)
async def test_many_subaccounts_need_few_events_each(installation: TestInstallation) -> None:
    names = [f"many-{number:03}" for number in range(MANY)]
    closing = await twilio_account(installation, **sub("many"), subaccounts=[sub(name) for name in names])
    clock = asyncio.get_running_loop()
    began = clock.time()
    await retained(closing)
    stopped = clock.time()
    await closing.until(Stage.RETAINED)
    await closing.end_of_retention()
    ended = await asyncio.wait_for(closing.handle.result(), 300)
    assert ended is not None
    assert ended.outcome is Outcome.DELETED
    seconds = clock.time() - began
    events = len((await closing.history()).events)
    logging.getLogger(__name__).warning(
        "%d subaccounts: %d events, %.1f s to stop, %.1f s in all", MANY, events, stopped - began, seconds
    )
    # A child's start, first task and end are three events; at worst the last two wake the closure each on its
    # own, for three more. So 500 take at most 4,500 of the 51,200 that a history may have.
    assert events < 9 * MANY + OWN_EVENTS
    for name in names:
        assert await outcome_of(installation, name) is Outcome.DELETED
    assert await closing.failed_tasks() == []
