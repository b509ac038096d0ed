"""Options of a policy that both sources leave off, and the legal hold that stops every destruction."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from closure.duration import parse_duration
from closure.errors import RefusalType
from closure.events import EventType, Reminded
from closure.lifecycle import Outcome, Stage
from closure.messages import IdentityMethod
from closure.policy import Approval, CoolOff, MessageTemplate, MessageTexts, Policy
from closure.waiting import WaitingReason
from connectors.embedded import tables
from connectors.embedded.holds import hold, unhold
from tests.harness.account_driver import item_ids, refusal
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.waiting import eventually

MOMENT = timedelta(seconds=30)
REMINDERS = 2 * 3
"""Two, by e-mail to both users and by text message to the one with a telephone."""
USERS = [
    {"id": "u-1", "role": "main", "email": "owner@one.example", "phone": "+15550100"},
    {"id": "u-2", "role": "ram", "email": "dev@one.example"},
    {"id": "u-3", "role": "main", "email": "second@one.example"},
]


def careful(policy: Policy) -> Policy:
    """The policy with every optional safeguard on."""
    texts = {"en": MessageTexts(email="From {irrevocable_from} on.", sms="{irrevocable_from}")}
    again = {"en": MessageTexts(email="Again: {changes}", sms="{changes}")}
    return policy.model_copy(
        update={
            "typed_phrase": "close {account_id}",
            "approval": Approval(roles=("main",), balance_above={"default": "100"}),
            "cool_off": CoolOff(
                duration=parse_duration("14d"), reminders=(parse_duration("7d"), parse_duration("1d"))
            ),
            "messages": {
                **policy.messages,
                MessageTemplate.CLOSURE_REMINDER: texts,
                MessageTemplate.CONFIRM_AGAIN: again,
            },
        }
    )


def only(policy: Policy, *kept: str) -> dict[str, Policy]:
    """The careful policy with no other safeguards than these."""
    everything = careful(policy)
    off = {name: None for name in ("typed_phrase", "approval", "cool_off") if name not in kept}
    return {"alibaba-cloud": everything.model_copy(update=off)}


async def test_a_typed_phrase_must_be_typed_exactly(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "typed_phrase")) as installation:
        closing = await installation.account()
        await closing.ready()
        phrase = f"close {closing.account_id}"
        for typed in (None, "", phrase.upper(), phrase + " now"):
            error = await refusal(closing.confirm(phrase=typed))
            assert error.type == RefusalType.PHRASE_REFUSED
            assert phrase in str(error)
        assert (await closing.status()).stage is Stage.READY
        assert (await closing.confirm(phrase=phrase)).stage is Stage.ENTERING


@pytest.mark.parametrize(("cash", "needed"), [("100.00", False), ("100.01", True)])
async def test_only_high_value_needs_a_second_person(
    installations: InstallationBuilder, policies: dict[str, Policy], cash: str, needed: bool
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "approval")) as installation:
        closing = await installation.account(users=USERS, balance={"cash": cash})
        ready = await closing.ready()
        if not needed:
            assert (await closing.confirm()).stage is Stage.ENTERING
            return
        assert (await refusal(closing.confirm())).type == RefusalType.APPROVAL_REQUIRED
        assert ready.plan_hash is not None
        assert (await closing.approve(ready.plan_hash)).stage is Stage.READY
        assert (await closing.confirm()).stage is Stage.ENTERING
        assert (await closing.until_event(EventType.APPROVED)).actor == "u-3"


async def test_a_policy_that_wants_no_second_person_takes_no_approval(installation: TestInstallation) -> None:
    """The audit would tell of a second person whom nobody has asked for."""
    closing = await installation.account(users=USERS, balance={"cash": "200.00"})
    ready = await closing.ready()
    assert ready.plan_hash is not None
    for actor in ("u-1", "u-3"):
        error = await refusal(closing.approve(ready.plan_hash, actor=actor))
        assert error.type == RefusalType.APPROVAL_NOT_WANTED
    assert EventType.APPROVED not in await closing.event_types()


async def test_nobody_approves_for_themselves_and_no_approval_outlives_its_plan(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "approval")) as installation:
        closing = await installation.account(users=USERS, balance={"cash": "200.00"})
        ready = await closing.ready()
        assert ready.plan_hash is not None
        await closing.approve(ready.plan_hash, actor="u-1")
        assert (await refusal(closing.confirm())).type == RefusalType.APPROVAL_REQUIRED
        assert (await refusal(closing.approve(ready.plan_hash, actor="u-2"))).type == RefusalType.ROLE_REFUSED
        assert (await refusal(closing.approve("0" * 64))).type == RefusalType.STALE_PLAN_HASH
        await closing.approve(ready.plan_hash)
        await closing.insert(tables.data_stores, id="late", store="object-storage", objects=1)
        assert (await refusal(closing.confirm())).type == RefusalType.PLAN_CHANGED
        assert (await refusal(closing.confirm())).type == RefusalType.APPROVAL_REQUIRED
        assert (await closing.status()).stage is Stage.READY


async def test_a_cool_off_reminds_every_contact_and_then_becomes_irrevocable(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "cool_off")) as installation:
        closing = await installation.account(users=USERS)
        await closing.ready()
        confirmed = await closing.confirm()
        assert confirmed.stage is Stage.COOLING_OFF
        assert (await refusal(closing.confirm())).type == RefusalType.ALREADY_CONFIRMED
        await closing.fast_forward(timedelta(days=6))
        assert "closure_reminder" not in await closing.templates()
        await closing.fast_forward(timedelta(days=1) + MOMENT)
        await closing.until_event(EventType.REMINDED)
        reminders = [
            row for row in await closing.rows(tables.outbox) if row["template"] == "closure_reminder"
        ]
        reminded = [row["user_id"] for row in reminders]
        assert sorted(set(map(str, reminded))) == ["u-1", "u-2", "u-3"]
        await closing.fast_forward(timedelta(days=6))
        told = await closing.until_event(EventType.REMINDED, count=2)
        assert confirmed.cool_off_until is not None
        assert told.content == Reminded(irrevocable_from=confirmed.cool_off_until)
        assert (await closing.templates()).count("closure_reminder") == 2 * len(reminded)
        await closing.fast_forward(timedelta(days=1))
        await closing.until(lambda document: document.stage in (Stage.ENTERING, Stage.SILENT))
        await closing.fast_forward(timedelta(minutes=6))
        silent = await closing.until(Stage.SILENT)
        assert silent.silent_until is not None
        assert confirmed.confirmed_at is not None
        assert silent.silent_until - confirmed.confirmed_at >= timedelta(days=21, minutes=5)
        await closing.end_of_silence()
        assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_a_cool_off_can_be_withdrawn_from_and_nothing_was_changed(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "cool_off")) as installation:
        closing = await installation.account(balance={"cash": "5.00"}, sessions=[{"id": "s-9"}])
        await closing.ready()
        await closing.confirm()
        await closing.fast_forward(timedelta(days=3))
        assert (await closing.withdraw()).stage is Stage.WITHDRAWN
        assert (await closing.outcome()).outcome is Outcome.WITHDRAWN
        assert await closing.rows(tables.sessions)


async def test_an_account_that_changes_while_it_cools_off_must_be_confirmed_again(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "cool_off")) as installation:
        closing = await installation.account()
        await closing.ready()
        await closing.confirm()
        await closing.bill_late_usage()
        await closing.fast_forward(timedelta(days=14) + MOMENT)
        blocked = await closing.until(Stage.BLOCKED)
        assert blocked.confirmed_at is None
        assert "confirm_again" in await closing.templates()


async def test_a_legal_hold_refuses_the_start(installation: TestInstallation) -> None:
    closing = await installation.account()
    await hold(installation.database, closing.account_id, "case 7")
    assert (await refusal(closing.close())).type == RefusalType.LEGAL_HOLD
    assert (await closing.status()).outcome is Outcome.REFUSED
    await unhold(installation.database, closing.account_id)
    assert (await closing.close()).stage is Stage.READY


async def test_a_legal_hold_blocks_the_confirm_until_it_is_lifted(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    await hold(installation.database, closing.account_id, "case 7")
    assert (await refusal(closing.confirm())).type == RefusalType.LEGAL_HOLD
    assert item_ids(await closing.status()) == ["legal-hold"]
    await unhold(installation.database, closing.account_id)
    assert (await closing.recheck()).stage is Stage.READY
    assert (await closing.confirm()).stage is Stage.ENTERING


async def test_a_legal_hold_in_the_silent_period_stops_the_deletion_at_the_final_check(
    installation: TestInstallation,
) -> None:
    closing = await installation.account(data=[{"id": "oss-1", "store": "object-storage", "objects": 7}])
    await closing.silent()
    await hold(installation.database, closing.account_id, "case 7")
    await closing.end_of_silence()
    await closing.until_event(EventType.LEGAL_HOLD)
    await closing.fast_forward(timedelta(hours=20))
    document = await closing.status()
    assert document.stage is Stage.FINAL_CHECK
    assert document.waiting_for is not None
    assert document.waiting_for.reason == WaitingReason.LEGAL_HOLD
    assert (await closing.event_types()).count(EventType.LEGAL_HOLD) == 1
    assert await closing.rows(tables.data_stores)
    await unhold(installation.database, closing.account_id)
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED
    types = await closing.event_types()
    assert types.index(EventType.LEGAL_HOLD_LIFTED) < types.index(EventType.FINAL_CHECK_PASSED)


async def test_a_legal_hold_in_the_retention_keeps_the_data_until_it_is_lifted(
    installation: TestInstallation,
) -> None:
    """T5: every destructive step looks again, subaccounts' too."""
    closing = await installation.account(
        provider="twilio",
        kind="upgraded",
        users=[{"id": "u-1", "role": "owner", "email": "o@one.example"}],
        data=[{"id": "logs", "store": "logs", "objects": 7}],
    )
    proof = await closing.prove(method=IdentityMethod.PASSWORD)
    texts = closing.policy.acknowledgements["upgraded"]
    await closing.close(proof_id=proof, acknowledgements=texts)
    await closing.confirm()
    await closing.until(Stage.RETAINED)
    await hold(installation.database, closing.account_id, "case 7")
    await closing.fast_forward(timedelta(days=30) + MOMENT)
    await closing.until_event(EventType.LEGAL_HOLD)
    assert await closing.rows(tables.data_stores)
    await unhold(installation.database, closing.account_id)
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED
    types = await closing.event_types()
    assert types.index(EventType.LEGAL_HOLD) < types.index(EventType.LEGAL_HOLD_LIFTED)
    assert types.index(EventType.LEGAL_HOLD_LIFTED) < types.index(EventType.DATA_ERASED)


async def test_what_expires_or_is_cleared_in_a_cool_off_leaves_the_confirmation_as_it_is(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "cool_off")) as installation:
        closing = await installation.account(
            balance={"cash": "8.00"},
            subscriptions=[
                {
                    "id": "ends-meanwhile",
                    "product": "rds",
                    "renounceable": True,
                    "expires_at": datetime.now(UTC) + timedelta(days=5),
                }
            ],
            resources=[{"id": "i-1", "product": "ecs", "renounceable": True}],
            data=[{"id": "emptied", "store": "logs", "objects": 3}],
        )
        await closing.ready()
        await closing.confirm()
        confirmed_at = (await closing.status()).confirmed_at
        # The customer goes on clearing up, and usage takes of the balance.
        await closing.remove(tables.resources, "i-1")
        await closing.remove(tables.data_stores, "emptied")
        await closing.spend(300)
        await closing.fast_forward(timedelta(days=14) + MOMENT)
        entered = await closing.until(lambda found: found.stage is not Stage.COOLING_OFF)
        assert entered.stage in (Stage.ENTERING, Stage.SILENT)
        assert entered.confirmed_at == confirmed_at
        assert EventType.COOL_OFF_STOPPED not in await closing.event_types()


def reminded(times: int, templates: Sequence[str]) -> bool:
    return templates.count("closure_reminder") == times


async def test_the_reminders_of_a_second_cool_off_are_sent_again(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "cool_off")) as installation:
        closing = await installation.account()
        await closing.ready()
        for round_number in (1, 2):
            await closing.confirm()
            await closing.fast_forward(timedelta(days=13) + MOMENT)
            await eventually(
                closing.templates,
                partial(reminded, round_number * REMINDERS),
                "two reminders",
            )
            if round_number == 1:
                await closing.insert(
                    tables.resources, id="new", product="ecs", billing="pay-as-you-go", renounceable=True
                )
                await closing.fast_forward(timedelta(days=1) + MOMENT)
                await closing.until(Stage.BLOCKED)
                await closing.remove(tables.resources, "new")
                assert (await closing.recheck()).stage is Stage.READY
