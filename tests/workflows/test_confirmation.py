"""The customer's last word, and everything that must not pass for it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from closure.acts import ActKind, ConfirmWords
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Stage
from connectors.embedded import tables
from records.tables import record_proofs
from tests.harness.account_driver import item_ids, refusal
from tests.harness.installation import TestInstallation
from tests.harness.past_the_client import send, start_run, written


@pytest.mark.parametrize(
    "reason",
    ["", "   ", "x" * 201, "line\nbreak", "bell\x07"],
    ids=["empty", "blank", "201 characters", "two lines", "control character"],
)
async def test_a17_a_bad_reason_is_refused(installation: TestInstallation, reason: str) -> None:
    closing = await installation.account()
    await closing.ready()
    assert (await refusal(closing.confirm(reason))).type == RefusalType.INVALID_REASON
    assert (await closing.status()).stage is Stage.READY


async def test_a17_a_reason_of_200_characters_is_kept_in_the_audit(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    assert (await closing.confirm(f"  {'ж' * 200}  ")).stage is Stage.ENTERING
    confirmed = await closing.until_event(EventType.CONFIRMED)
    assert confirmed.details["reason"] == "ж" * 200
    assert confirmed.actor == "u-1"


async def test_a17_confirming_while_something_blocks_is_refused(installation: TestInstallation) -> None:
    closing = await installation.account(domains=[{"id": "example.com"}])
    await closing.close()
    error = await refusal(closing.confirm())
    assert error.type == RefusalType.ITEMS_OUTSTANDING
    assert (await closing.status()).stage is Stage.BLOCKED


@pytest.mark.parametrize("never_seen", ["0" * 64, "", " "], ids=repr)
async def test_a_plan_hash_that_was_never_seen_is_stale(
    installation: TestInstallation, never_seen: str
) -> None:
    closing = await installation.account()
    ready = await closing.ready()
    error = await refusal(closing.confirm(plan_hash=never_seen))
    assert error.type in {RefusalType.STALE_PLAN_HASH, RefusalType.PLAN_CHANGED}
    document = await closing.status()
    assert (document.stage, document.plan_hash) == (Stage.READY, ready.plan_hash)
    assert (await closing.confirm(plan_hash=ready.plan_hash)).stage is Stage.ENTERING


async def test_drift_that_needs_giving_up_blocks_and_the_refusal_says_what_came(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    seen = await closing.ready()
    await closing.insert(
        tables.resources, id="late", product="ecs", billing="pay-as-you-go", renounceable=True
    )
    error = await refusal(closing.confirm(plan_hash=seen.plan_hash))
    assert error.type == RefusalType.PLAN_CHANGED
    assert error.facts["changes"] == ["+ release late (ecs)"]
    document = await closing.status()
    assert document.stage is Stage.BLOCKED
    assert item_ids(document) == ["resources/late"]
    assert document.plan_hash != seen.plan_hash
    assert EventType.CONFIRMED not in await closing.event_types()
    assert (await closing.renounce(all=True)).stage is Stage.READY
    assert (await closing.confirm()).stage is Stage.ENTERING


async def test_drift_that_does_not_block_leaves_ready_with_a_new_hash(installation: TestInstallation) -> None:
    closing = await installation.account()
    seen = await closing.ready()
    await closing.insert(tables.data_stores, id="oss-9", store="object-storage", objects=3)
    error = await refusal(closing.confirm(plan_hash=seen.plan_hash))
    assert error.type == RefusalType.PLAN_CHANGED
    assert error.facts["changes"] == ["+ erase oss-9 (object-storage)"]
    document = await closing.status()
    assert document.stage is Stage.READY
    assert document.plan_hash != seen.plan_hash
    # The old plan stays refused; the new one passes.
    assert (await refusal(closing.confirm(plan_hash=seen.plan_hash))).type in {
        RefusalType.PLAN_CHANGED,
        RefusalType.STALE_PLAN_HASH,
    }
    assert (await closing.confirm(plan_hash=document.plan_hash)).stage is Stage.ENTERING


async def test_less_than_was_seen_needs_no_new_consent(installation: TestInstallation) -> None:
    closing = await installation.account(resources=[{"id": "vm", "product": "ecs", "renounceable": True}])
    seen = await closing.ready()
    await closing.remove(tables.resources, "vm")
    confirmed = await closing.confirm(plan_hash=seen.plan_hash)
    assert confirmed.stage is Stage.ENTERING
    event = await closing.until_event(EventType.CONFIRMED)
    assert event.details["plan_hash"] == confirmed.plan_hash != seen.plan_hash


async def test_of_two_confirms_at_once_one_counts(installation: TestInstallation) -> None:
    closing = await installation.account(balance={"cash": "5.00"})
    await closing.ready()
    answers = await asyncio.gather(closing.confirm(), closing.confirm(), return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(failures) == 1
    assert isinstance(failures[0], Refused)
    assert failures[0].type == RefusalType.IRREVOCABLE
    assert (await closing.event_types()).count(EventType.CONFIRMED) == 1


async def test_confirm_and_withdraw_at_once_have_one_winner(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    answers = await asyncio.gather(closing.confirm(), closing.withdraw(), return_exceptions=True)
    assert sum(isinstance(answer, BaseException) for answer in answers) == 1
    types = await closing.event_types()
    assert (EventType.CONFIRMED in types) is not (EventType.WITHDRAWN in types)


async def test_the_same_confirm_delivered_twice_is_answered_alike(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    act_id = await written(closing, ActKind.CONFIRM, ConfirmWords(reason="twice"))
    first = await send(closing, ActKind.CONFIRM, act_id)
    # Temporal answers the same update, the record the same act of another update.
    assert await send(closing, ActKind.CONFIRM, act_id) == first
    assert await send(closing, ActKind.CONFIRM, act_id, update_id="another") == first
    assert (await closing.event_types()).count(EventType.CONFIRMED) == 1


async def test_two_updates_with_one_act_carry_it_out_once(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    act_id = await written(closing, ActKind.CONFIRM, ConfirmWords(reason="twice"))
    views = await asyncio.gather(
        *(send(closing, ActKind.CONFIRM, act_id, update_id=f"{number}") for number in range(3))
    )
    assert {view.stage for view in views} == {Stage.ENTERING}
    assert len({view.confirmed_at for view in views}) == 1
    assert (await closing.event_types()).count(EventType.CONFIRMED) == 1


async def test_a_refused_act_stays_refused_for_the_same_reason_in_any_update(
    installation: TestInstallation,
) -> None:
    closing = await installation.account(domains=[{"id": "example.com"}])
    await closing.close()
    act_id = await written(closing, ActKind.CONFIRM, ConfirmWords(reason="too early"))
    first = await refusal(send(closing, ActKind.CONFIRM, act_id))
    assert first.type == RefusalType.ITEMS_OUTSTANDING
    await closing.remove(tables.domains, "example.com")
    assert (await closing.recheck()).stage is Stage.READY
    again = await refusal(send(closing, ActKind.CONFIRM, act_id, update_id="another"))
    assert again.type == first.type
    act = await installation.records.act(act_id)
    assert act is not None
    assert act.answer is not None
    assert "1 items still block" in act.answer.message
    assert (await closing.status()).stage is Stage.READY


async def test_a11_another_user_may_not_confirm(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    assert (await refusal(closing.confirm(actor="u-2"))).type == RefusalType.ROLE_REFUSED
    assert (await closing.status()).stage is Stage.READY


async def test_a12_after_half_an_hour_confirming_needs_a_fresh_proof(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.ready()
    await _age_proofs(installation, closing.account_id)
    assert (await refusal(closing.confirm())).type == RefusalType.IDENTITY_PROOF_REQUIRED
    assert (await closing.status()).stage is Stage.READY
    assert (await closing.confirm(proof_id=await closing.prove())).stage is Stage.ENTERING


async def test_a12_a_proof_for_another_account_does_not_help_confirming(
    installation: TestInstallation,
) -> None:
    closing, other = await installation.account(), await installation.account()
    await closing.ready()
    theirs = await other.prove()
    assert (await refusal(closing.confirm(proof_id=theirs))).type == RefusalType.IDENTITY_PROOF_REQUIRED


async def test_confirming_before_the_first_survey_is_refused(installation: TestInstallation) -> None:
    closing = await installation.account()
    await start_run(closing)
    act_id = await written(closing, ActKind.CONFIRM, ConfirmWords(reason="now"))
    assert (await refusal(send(closing, ActKind.CONFIRM, act_id))).type == RefusalType.CLOSURE_NOT_FOUND
    assert await installation.records.last(closing.account_id) is None


async def _age_proofs(installation: TestInstallation, account_id: str) -> None:
    await installation.database.write(
        lambda connection: connection.execute(
            record_proofs.update()
            .where(record_proofs.c.account_id == account_id)
            .values(created_at=datetime.now(UTC) - timedelta(minutes=31))
        )
    )
