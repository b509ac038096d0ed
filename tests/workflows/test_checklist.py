"""Blocked and ready: what a survey finds, what rechecking changes, and what can be given up."""

from datetime import timedelta

import pytest

from closure.acts import RenounceWords
from closure.errors import RefusalType
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.messages import ItemCategory
from connectors.embedded import tables
from tests.harness.account_driver import AccountDriver, item_ids, refusal, timeless
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.waiting import BEYOND


async def account_with_items(installation: TestInstallation) -> AccountDriver:
    return await installation.account(
        balance={"cash": "200.00"},
        resources=[
            {"id": "vm", "product": "ecs", "renounceable": True},
            {"id": "db", "product": "rds", "renounceable": False},
        ],
        domains=[{"id": "example.com"}],
    )


async def test_a15_items_block_until_they_are_handled_and_a_recheck_sees_it(
    installation: TestInstallation,
) -> None:
    closing = await account_with_items(installation)
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


async def test_a15_a_ready_closure_goes_back_to_blocked_when_something_new_turns_up(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    assert (await closing.close()).stage is Stage.READY
    await closing.insert(tables.domains, id="new.example")
    document = await closing.recheck()
    assert document.stage is Stage.BLOCKED
    await closing.remove(tables.domains, "new.example")
    assert (await closing.recheck()).stage is Stage.READY
    types = await closing.event_types()
    assert types.count(EventType.CHECK_STARTED) == types.count(EventType.SURVEYED) == 3


async def test_a16_only_the_selected_items_are_given_up(installation: TestInstallation) -> None:
    closing = await account_with_items(installation)
    await closing.close()
    document = await closing.renounce("resources/vm")
    assert {item.item_id for item in document.checklist if item.renounced} == {"resources/vm"}
    assert document.stage is Stage.BLOCKED
    renounced = await closing.until_event(EventType.RENOUNCED)
    assert renounced.actor == "u-1"
    assert renounced.details["items"] == ["resources/vm"]
    assert len(await closing.rows(tables.resources)) == 2  # released after confirm, not now


async def test_a16_all_takes_every_renounceable_item_and_no_other(installation: TestInstallation) -> None:
    closing = await account_with_items(installation)
    await closing.close()
    document = await closing.renounce(all=True)
    assert {item.item_id for item in document.checklist if item.renounced} == {"balance", "resources/vm"}
    assert document.stage is Stage.BLOCKED


@pytest.mark.parametrize(
    ("words", "actor", "expected"),
    [
        (RenounceWords(all=True), "u-1", RefusalType.RISK_NOT_ACCEPTED),
        (
            RenounceWords(item_ids=("domains/example.com",), accept_risk=True),
            "u-1",
            RefusalType.ITEM_NOT_RENOUNCEABLE,
        ),
        (
            RenounceWords(item_ids=("balance", "no/such"), accept_risk=True),
            "u-1",
            RefusalType.ITEM_NOT_FOUND,
        ),
        (RenounceWords(accept_risk=True), "u-1", RefusalType.ITEM_NOT_FOUND),
        (RenounceWords(all=True, accept_risk=True), "u-2", RefusalType.ROLE_REFUSED),
    ],
    ids=["without accepting the risk", "manual item", "unknown item", "nothing selected", "wrong role"],
)
async def test_a16_renouncing_is_refused_and_changes_nothing(
    installation: TestInstallation, words: RenounceWords, actor: str, expected: RefusalType
) -> None:
    closing = await account_with_items(installation)
    before = await closing.close()
    error = await refusal(
        closing.renounce(*words.item_ids, all=words.all, accept_risk=words.accept_risk, actor=actor)
    )
    assert error.type == expected
    assert timeless(await closing.status()) == timeless(before)
    assert EventType.RENOUNCED not in await closing.event_types()


async def test_a3_a_balance_that_has_grown_must_be_given_up_again(installation: TestInstallation) -> None:
    closing = await installation.account(resources=[{"id": "vm", "product": "ecs", "renounceable": True}])
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
    installations: InstallationBuilder, source: str
) -> None:
    weather = Weather(unreadable={source})
    async with installations.open(platforms=weather.over) as installation:
        closing = await installation.account()
        document = await closing.close()
        assert document.stage is Stage.BLOCKED
        assert item_ids(document) == [f"unknown/{source}"]
        assert document.checklist[0].category is ItemCategory.UNKNOWN
        refused = await refusal(closing.renounce(f"unknown/{source}"))
        assert refused.type == RefusalType.ITEM_NOT_RENOUNCEABLE
        assert (await refusal(closing.confirm())).type == RefusalType.ITEMS_OUTSTANDING
        weather.unreadable.clear()
        assert (await closing.recheck()).stage is Stage.READY


async def test_withdrawing_ends_the_closure_and_nothing_was_changed(installation: TestInstallation) -> None:
    closing = await account_with_items(installation)
    await closing.close()
    await closing.renounce(all=True)
    document = await closing.withdraw()
    assert document.outcome is Outcome.WITHDRAWN
    assert (await closing.outcome()).outcome is Outcome.WITHDRAWN
    assert (await closing.until_event(EventType.WITHDRAWN)).actor == "u-1"
    assert len(await closing.rows(tables.resources)) == 2
    statement = await installation.platform.billing.statement(closing.account_id)
    assert str(statement.cash) == "200.00"


async def test_a11_somebody_else_may_not_withdraw(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.close()
    assert (await refusal(closing.withdraw("u-2"))).type == RefusalType.ROLE_REFUSED
    assert (await closing.status()).stage is Stage.READY


@pytest.mark.parametrize("blocked", [True, False], ids=["blocked", "ready"])
async def test_a_draft_expires_on_its_deadline_and_not_a_second_before(
    installation: TestInstallation, blocked: bool
) -> None:
    closing = await installation.account(domains=[{"id": "example.com"}] if blocked else [])
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


async def test_rechecking_does_not_prolong_a_draft(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.close()
    checking = await closing.until_event(EventType.CHECK_STARTED)
    await closing.fast_forward(closing.policy.draft_lifetime / 2)
    await closing.recheck()
    await closing.fast_forward(closing.policy.draft_lifetime / 2 + BEYOND)
    assert (await closing.outcome()).outcome is Outcome.EXPIRED
    expired = await closing.until_event(EventType.EXPIRED)
    assert expired.time - checking.time < closing.policy.draft_lifetime + timedelta(seconds=3)
