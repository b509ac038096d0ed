"""Blocked and ready: what a survey finds, what rechecking changes, and what can be given up."""

from datetime import timedelta

import pytest

from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from closure.messages import ItemCategory, RenounceRequest
from connectors.embedded import tables
from records.entries import EventType
from tests.fakes.platform import Weather
from tests.workflows.house import BEYOND, Closing, House, HouseBuilder, item_ids, refusal


async def account_with_items(house: House) -> Closing:
    return await house.account(
        balance={"cash": "200.00"},
        resources=[
            {"id": "vm", "product": "ecs", "renounceable": True},
            {"id": "db", "product": "rds", "renounceable": False},
        ],
        domains=[{"id": "example.com"}],
    )


async def test_a15_items_block_until_they_are_handled_and_a_recheck_sees_it(house: House) -> None:
    closing = await account_with_items(house)
    document = await closing.close()
    assert document.stage is Stage.BLOCKED
    assert {item.item_id: item.category for item in document.checklist} == {
        "balance": ItemCategory.RENOUNCEABLE,
        "resources/vm": ItemCategory.RENOUNCEABLE,
        "resources/db": ItemCategory.MANUAL,
        "domains/example.com": ItemCategory.MANUAL,
    }
    assert all(item.how_to for item in document.checklist)
    await closing.remove(tables.resources, "db")
    document = await closing.recheck()
    assert document.stage is Stage.BLOCKED
    assert "resources/db" not in item_ids(document)
    await closing.remove(tables.domains, "example.com")
    await closing.renounce(all=True)
    # The renounced stay renounced through a recheck, and what is manual is gone.
    document = await closing.recheck()
    assert document.stage is Stage.READY
    assert all(item.renounced for item in document.checklist)
    assert document.survey_number == 3


async def test_a15_a_ready_closure_goes_back_to_blocked_when_something_new_turns_up(house: House) -> None:
    closing = await house.account()
    assert (await closing.close()).stage is Stage.READY
    await closing.insert(tables.domains, id="new.example")
    document = await closing.recheck()
    assert document.stage is Stage.BLOCKED
    await closing.remove(tables.domains, "new.example")
    assert (await closing.recheck()).stage is Stage.READY
    types = await closing.event_types()
    assert types.count(EventType.CHECK_STARTED) == types.count(EventType.SURVEYED) == 3


async def test_a16_only_the_selected_items_are_given_up(house: House) -> None:
    closing = await account_with_items(house)
    await closing.close()
    document = await closing.renounce("resources/vm")
    assert {item.item_id for item in document.checklist if item.renounced} == {"resources/vm"}
    assert document.stage is Stage.BLOCKED
    renounced = await closing.until_event(EventType.RENOUNCED)
    assert renounced.actor == "u-1"
    assert renounced.details["items"] == ["resources/vm"]
    assert len(await closing.rows(tables.resources)) == 2  # released after confirm, not now


async def test_a16_all_takes_every_renounceable_item_and_no_other(house: House) -> None:
    closing = await account_with_items(house)
    await closing.close()
    document = await closing.renounce(all=True)
    assert {item.item_id for item in document.checklist if item.renounced} == {"balance", "resources/vm"}
    assert document.stage is Stage.BLOCKED


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (RenounceRequest(actor="u-1", all=True), RefusalType.RISK_NOT_ACCEPTED),
        (
            RenounceRequest(actor="u-1", item_ids=("domains/example.com",), accept_risk=True),
            RefusalType.ITEM_NOT_RENOUNCEABLE,
        ),
        (
            RenounceRequest(actor="u-1", item_ids=("balance", "no/such"), accept_risk=True),
            RefusalType.ITEM_NOT_FOUND,
        ),
        (RenounceRequest(actor="u-1", accept_risk=True), RefusalType.ITEM_NOT_FOUND),
        (RenounceRequest(actor="u-2", all=True, accept_risk=True), RefusalType.ROLE_REFUSED),
    ],
    ids=["without accepting the risk", "manual item", "unknown item", "nothing selected", "wrong role"],
)
async def test_a16_renouncing_is_refused_and_changes_nothing(
    house: House, request_: RenounceRequest, expected: RefusalType
) -> None:
    closing = await account_with_items(house)
    before = await closing.close()
    error = await refusal(closing.update("renounce", request_))
    assert error.type == expected
    assert await closing.status() == before
    assert EventType.RENOUNCED not in await closing.event_types()


async def test_a3_a_balance_that_has_grown_must_be_given_up_again(house: House) -> None:
    closing = await house.account(resources=[{"id": "vm", "product": "ecs", "renounceable": True}])
    await closing.close()
    assert (await closing.renounce(all=True)).stage is Stage.READY
    await closing.insert(
        tables.resources, id="vm2", product="ecs", billing="pay-as-you-go", renounceable=True
    )
    document = await closing.recheck()
    assert document.stage is Stage.BLOCKED
    assert {item.item_id: item.renounced for item in document.checklist} == {
        "resources/vm": True,
        "resources/vm2": False,
    }


@pytest.mark.parametrize("source", ["billing", "inventory", "relationships", "data_stores"])
async def test_a_source_that_cannot_be_read_blocks_and_counts_never_as_nothing(
    houses: HouseBuilder, source: str
) -> None:
    weather = Weather(unreadable={source})
    async with houses.open(platforms=weather.over) as house:
        closing = await house.account()
        document = await closing.close()
        assert document.stage is Stage.BLOCKED
        assert item_ids(document) == [f"unknown/{source}"]
        assert document.checklist[0].category is ItemCategory.UNKNOWN
        refused = await refusal(closing.renounce(f"unknown/{source}"))
        assert refused.type == RefusalType.ITEM_NOT_RENOUNCEABLE
        assert (await refusal(closing.confirm())).type == RefusalType.ITEMS_OUTSTANDING
        weather.unreadable.clear()
        assert (await closing.recheck()).stage is Stage.READY


async def test_withdrawing_ends_the_closure_and_nothing_was_changed(house: House) -> None:
    closing = await account_with_items(house)
    await closing.close()
    await closing.renounce(all=True)
    document = await closing.withdraw()
    assert document.outcome is Outcome.WITHDRAWN
    assert (await closing.outcome()).outcome is Outcome.WITHDRAWN
    assert (await closing.until_event(EventType.WITHDRAWN)).actor == "u-1"
    assert len(await closing.rows(tables.resources)) == 2
    statement = await house.platform.billing.statement(closing.account_id)
    assert str(statement.cash) == "200.00"


async def test_a11_somebody_else_may_not_withdraw(house: House) -> None:
    closing = await house.account()
    await closing.close()
    assert (await refusal(closing.withdraw("u-2"))).type == RefusalType.ROLE_REFUSED
    assert (await closing.status()).stage is Stage.READY


@pytest.mark.parametrize("blocked", [True, False], ids=["blocked", "ready"])
async def test_a_draft_expires_on_its_deadline_and_not_a_second_before(house: House, blocked: bool) -> None:
    closing = await house.account(domains=[{"id": "example.com"}] if blocked else [])
    opened = await closing.close()
    checking = await closing.until_event(EventType.CHECK_STARTED)
    draft_until = checking.time + closing.policy.draft_lifetime
    await closing.fast_forward_to(draft_until - timedelta(seconds=2))
    assert (await closing.status()).stage is opened.stage
    assert await closing.now() < draft_until
    ended = await closing.outcome()
    assert ended.outcome is Outcome.EXPIRED
    expired = await closing.until_event(EventType.EXPIRED)
    assert timedelta(seconds=-0.1) < expired.time - draft_until < timedelta(seconds=3)


async def test_rechecking_does_not_prolong_a_draft(house: House) -> None:
    closing = await house.account()
    await closing.close()
    checking = await closing.until_event(EventType.CHECK_STARTED)
    await closing.fast_forward(closing.policy.draft_lifetime / 2)
    await closing.recheck()
    await closing.fast_forward(closing.policy.draft_lifetime / 2 + BEYOND)
    assert (await closing.outcome()).outcome is Outcome.EXPIRED
    expired = await closing.until_event(EventType.EXPIRED)
    assert expired.time - checking.time < closing.policy.draft_lifetime + timedelta(seconds=3)
