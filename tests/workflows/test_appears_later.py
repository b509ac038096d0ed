"""What turns up after the customer has confirmed: nothing is lost beyond consent (A23, A26, T9, T10)."""

import pytest

from closure.accounts import Access
from closure.events import EventType
from closure.lifecycle import Mode, Stage
from closure.messages import StatusDocument
from closure.waiting import WaitingReason
from connectors.embedded import tables
from connectors.embedded.holds import hold, unhold
from records.brakes import BrakeScope, lift, put_on
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.fakes.platform import Weather
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import twilio_account
from tests.harness.waiting import BEYOND

INSTANCE = {"id": "i-1", "product": "ecs", "renounceable": True}
NEW_INSTANCE = {"id": "i-2", "product": "ecs", "billing": "pay-as-you-go", "renounceable": True}
NUMBER = {"product": "phone-number", "billing": "subscription", "renounceable": True}
SMALL = {"cash": "200.00", "promo": "0.00"}


async def add(account: AccountDriver, what: str) -> None:
    """Something turns up in the account."""
    match what:
        case "instance":
            await account.insert(tables.resources, **NEW_INSTANCE)
        case "domain":
            await account.insert(tables.domains, id="new.example")
        case "data store":
            await account.insert(tables.data_stores, id="oss-2", store="object-storage", objects=3)
        case "bill":
            await account.bill_late_usage()
        case _:
            raise ValueError(what)


@pytest.mark.parametrize("what", ["instance", "domain", "data store", "bill"])
async def test_what_turns_up_in_the_silence_has_the_account_restored(
    installation: TestInstallation, what: str
) -> None:
    account = await installation.account(resources=[INSTANCE], balance=SMALL)
    await account.silent()
    await add(account, what)
    await account.end_of_silence()
    document = await account.outcome()
    assert document.stage is Stage.RESTORED
    assert document.outcome_reason is not None
    found = {"instance": "i-2", "domain": "new.example", "data store": "oss-2", "bill": "late-"}[what]
    assert found in document.outcome_reason
    assert await account.access() is Access.OPEN
    assert len(await account.rows(tables.data_stores)) == (what == "data store")


async def test_what_was_not_seen_at_confirm_is_given_back_before_anything_is_lost(
    installations: InstallationBuilder,
) -> None:
    """An autoscaler starts another instance while the account stops."""
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        account = await installation.account(resources=[INSTANCE], balance=SMALL)
        await account.ready()
        weather.after_stop = lambda: add(account, "instance")
        await account.confirm()
        document = await account.outcome()
        assert document.stage is Stage.RESTORED
        assert document.outcome_reason == "not in what was confirmed: + release i-2"
        assert document.unrecoverable == ()
        assert {row["id"] for row in await account.rows(tables.resources)} == {"i-1", "i-2"}
        assert await account.access() is Access.OPEN
        types = await account.event_types()
        assert EventType.APPEARED_LATER in types
        assert EventType.RESOURCES_RELEASED not in types
        assert EventType.BALANCE_FORFEITED not in types
        assert "closure_restored" in await account.templates()


async def test_less_than_was_confirmed_is_taken_as_it_is(installations: InstallationBuilder) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        account = await installation.account(resources=[INSTANCE, {**INSTANCE, "id": "i-3"}], balance=SMALL)
        await account.ready()
        weather.after_stop = lambda: account.remove(tables.resources, "i-3")
        await account.confirm()
        await account.fast_forward(account.policy.entering_duration + BEYOND)
        document = await account.until(Stage.SILENT)
        assert "resources/i-3" not in document.unrecoverable
        released = [e for e in await account.events() if e.event is EventType.RESOURCES_RELEASED]
        assert [event.details["resources"] for event in released] == [1]


async def test_t9_what_turns_up_under_twilios_procedure_goes_with_the_rest(
    installations: InstallationBuilder,
) -> None:
    weather = Weather()
    async with installations.open(platforms=weather.over) as installation:
        account = await twilio_account(installation)
        await account.ready(acknowledgements=("DELETE ALL ACCOUNT DATA AND SETTINGS",))
        weather.after_stop = lambda: account.insert(tables.resources, **{**NUMBER, "id": "PN-late"})
        await account.confirm()
        await account.until(Stage.RETAINED)
        assert EventType.PLAN_ADAPTED in await account.event_types()
        assert "PN-late" not in {row["id"] for row in await account.rows(tables.resources)}


async def test_a_number_that_is_added_while_a_soft_close_waits_goes_too(
    installation: TestInstallation,
) -> None:
    """Else "there are no more recurring charges" would be false (T6)."""
    account = await twilio_account(installation, resources=[{**NUMBER, "id": "PN-1"}])
    await account.ready(mode=Mode.KEEP_DATA)
    closure, database = (BrakeScope.CLOSURE, account.closure_id), installation.database
    await database.write(lambda each: put_on(each, *closure, "look first"))
    await account.confirm()
    await account.until(lambda document: waits_for(document, WaitingReason.BRAKE))
    await hold(database, account.account_id, "court order")
    await database.write(lambda each: lift(each, *closure, "looked"))
    await account.handle.signal("recheck")
    await account.until(lambda document: waits_for(document, WaitingReason.LEGAL_HOLD))
    await account.insert(tables.resources, **{**NUMBER, "id": "PN-late"})
    await unhold(database, account.account_id)
    await account.handle.signal("recheck")
    assert (await account.outcome()).stage is Stage.DORMANT
    assert await account.rows(tables.resources) == []


def waits_for(document: StatusDocument, reason: WaitingReason) -> bool:
    return document.waiting_for is not None and document.waiting_for.reason == reason


async def test_an_account_that_spends_all_the_time_can_be_confirmed(installation: TestInstallation) -> None:
    """T10: what remains is refunded, whatever it is by then."""
    account = await twilio_account(installation)
    document = await account.ready(acknowledgements=("DELETE ALL ACCOUNT DATA AND SETTINGS",))
    seen = document.plan_hash
    for minor in (1, 2, 3):
        await account.spend(minor)
        assert (await account.recheck()).plan_hash == seen
    await account.confirm(plan_hash=seen)
    await account.until(Stage.RETAINED)


async def test_what_the_customer_cleared_alone_needs_no_second_look(installation: TestInstallation) -> None:
    account = await installation.account(
        resources=[INSTANCE, {**INSTANCE, "id": "i-3"}], balance={"cash": "0.00", "promo": "0.00"}
    )
    document = await account.ready()
    await account.remove(tables.resources, "i-3")
    after = await account.confirm(plan_hash=document.plan_hash)
    assert after.stage is Stage.ENTERING


async def test_more_than_was_seen_is_refused_at_confirm_and_nothing_changes(
    installation: TestInstallation,
) -> None:
    account = await installation.account(resources=[INSTANCE], balance=SMALL)
    document = await account.ready()
    await add(account, "instance")
    refused = await refusal(account.confirm(plan_hash=document.plan_hash))
    assert refused.type == "PlanChanged"
    assert (await account.status()).stage is Stage.BLOCKED
    assert await account.access() is Access.OPEN
