"""Options of a policy that both sources leave off, and the legal hold that stops every destruction."""

from datetime import timedelta

import pytest

from closure.duration import parse_duration
from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from closure.messages import IdentityMethod
from closure.policy import Approval, CoolOff, MessageTemplate, MessageTexts, Policy
from connectors.embedded import tables
from connectors.embedded.holds import hold, unhold
from records.entries import EventType
from tests.workflows.house import House, HouseBuilder, item_ids, refusal

MOMENT = timedelta(seconds=30)
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
    houses: HouseBuilder, policies: dict[str, Policy]
) -> None:
    async with houses.open(policies=only(policies["alibaba-cloud"], "typed_phrase")) as house:
        closing = await house.account()
        await closing.ready()
        phrase = f"close {closing.account_id}"
        for typed in (None, "", phrase.upper(), phrase + " "):
            error = await refusal(closing.confirm(phrase=typed))
            assert error.type == RefusalType.PHRASE_REFUSED
            assert phrase in str(error)
        assert (await closing.status()).stage is Stage.READY
        assert (await closing.confirm(phrase=phrase)).stage is Stage.ENTERING


@pytest.mark.parametrize(("cash", "needed"), [("100.00", False), ("100.01", True)])
async def test_only_high_value_needs_a_second_person(
    houses: HouseBuilder, policies: dict[str, Policy], cash: str, needed: bool
) -> None:
    async with houses.open(policies=only(policies["alibaba-cloud"], "approval")) as house:
        closing = await house.account(users=USERS, balance={"cash": cash})
        ready = await closing.ready()
        if not needed:
            assert (await closing.confirm()).stage is Stage.ENTERING
            return
        assert (await refusal(closing.confirm())).type == RefusalType.APPROVAL_REQUIRED
        assert ready.plan_hash is not None
        assert (await closing.approve(ready.plan_hash)).stage is Stage.READY
        assert (await closing.confirm()).stage is Stage.ENTERING
        assert (await closing.until_event(EventType.APPROVED)).actor == "u-3"


async def test_nobody_approves_for_themselves_and_no_approval_outlives_its_plan(
    houses: HouseBuilder, policies: dict[str, Policy]
) -> None:
    async with houses.open(policies=only(policies["alibaba-cloud"], "approval")) as house:
        closing = await house.account(users=USERS, balance={"cash": "200.00"})
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
    houses: HouseBuilder, policies: dict[str, Policy]
) -> None:
    async with houses.open(policies=only(policies["alibaba-cloud"], "cool_off")) as house:
        closing = await house.account(users=USERS)
        await closing.ready()
        confirmed = await closing.confirm()
        assert confirmed.stage is Stage.COOLING_OFF
        assert (await refusal(closing.confirm())).type == RefusalType.ALREADY_CONFIRMED
        await closing.fast_forward(timedelta(days=6))
        assert "closure_reminder" not in await closing.templates()
        await closing.fast_forward(timedelta(days=1) + MOMENT)
        reminded = [row["user_id"] for row in await closing.rows(tables.outbox)]
        assert sorted(set(map(str, reminded))) == ["u-1", "u-2", "u-3"]
        await closing.fast_forward(timedelta(days=6))
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
    houses: HouseBuilder, policies: dict[str, Policy]
) -> None:
    async with houses.open(policies=only(policies["alibaba-cloud"], "cool_off")) as house:
        closing = await house.account(balance={"cash": "5.00"}, sessions=[{"id": "s-9"}])
        await closing.ready()
        await closing.confirm()
        await closing.fast_forward(timedelta(days=3))
        assert (await closing.withdraw()).stage is Stage.WITHDRAWN
        assert (await closing.outcome()).outcome is Outcome.WITHDRAWN
        assert await closing.rows(tables.sessions)


async def test_an_account_that_changes_while_it_cools_off_must_be_confirmed_again(
    houses: HouseBuilder, policies: dict[str, Policy]
) -> None:
    async with houses.open(policies=only(policies["alibaba-cloud"], "cool_off")) as house:
        closing = await house.account()
        await closing.ready()
        await closing.confirm()
        await closing.bill_late_usage()
        await closing.fast_forward(timedelta(days=14) + MOMENT)
        blocked = await closing.until(Stage.BLOCKED)
        assert blocked.confirmed_at is None
        assert "confirm_again" in await closing.templates()


async def test_a_legal_hold_refuses_the_start(house: House) -> None:
    closing = await house.account()
    await hold(house.engine, closing.account_id, "case 7")
    assert (await refusal(closing.close())).type == RefusalType.LEGAL_HOLD
    assert (await house.records.get(closing.closure_id)).document.outcome is Outcome.REFUSED  # type: ignore[union-attr]
    await unhold(house.engine, closing.account_id)
    assert (await closing.start_again()).stage is Stage.READY


async def test_a_legal_hold_blocks_the_confirm_until_it_is_lifted(house: House) -> None:
    closing = await house.account()
    await closing.ready()
    await hold(house.engine, closing.account_id, "case 7")
    assert (await refusal(closing.confirm())).type == RefusalType.LEGAL_HOLD
    assert item_ids(await closing.status()) == ["legal-hold"]
    await unhold(house.engine, closing.account_id)
    assert (await closing.recheck()).stage is Stage.READY
    assert (await closing.confirm()).stage is Stage.ENTERING


async def test_a_legal_hold_in_the_silent_period_stops_the_deletion_at_the_final_check(house: House) -> None:
    closing = await house.account(data=[{"id": "oss-1", "store": "object-storage", "objects": 7}])
    await closing.silent()
    await hold(house.engine, closing.account_id, "case 7")
    await closing.end_of_silence()
    waiting = await closing.until_event(EventType.FINAL_CHECK_WAITING)
    assert "legal hold" in str(waiting.details)
    await closing.fast_forward(timedelta(hours=20))
    assert (await closing.status()).stage is Stage.FINAL_CHECK
    assert await closing.rows(tables.data_stores)
    await unhold(house.engine, closing.account_id)
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_a_legal_hold_in_the_retention_keeps_the_data_until_it_is_lifted(house: House) -> None:
    """T5: every destructive step looks again, subaccounts' too."""
    closing = await house.account(
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
    await hold(house.engine, closing.account_id, "case 7")
    await closing.fast_forward(timedelta(days=30) + MOMENT)
    await closing.until_event(EventType.LEGAL_HOLD)
    assert await closing.rows(tables.data_stores)
    await unhold(house.engine, closing.account_id)
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED
    types = await closing.event_types()
    assert types.index(EventType.LEGAL_HOLD) < types.index(EventType.LEGAL_HOLD_LIFTED)
    assert types.index(EventType.LEGAL_HOLD_LIFTED) < types.index(EventType.DATA_ERASED)
