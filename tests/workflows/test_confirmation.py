"""The customer's last word, and everything that must not pass for it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from closure.errors import RefusalType
from closure.lifecycle import Stage
from closure.messages import ConfirmRequest
from connectors.embedded import tables
from database.engine import transaction
from records.entries import EventType
from records.tables import record_proofs
from tests.workflows.house import House, item_ids, refusal


@pytest.mark.parametrize(
    "reason",
    ["", "   ", "x" * 201, "line\nbreak", "bell\x07"],
    ids=["empty", "blank", "201 characters", "two lines", "control character"],
)
async def test_a17_a_bad_reason_is_refused(house: House, reason: str) -> None:
    closing = await house.account()
    await closing.ready()
    assert (await refusal(closing.confirm(reason))).type == RefusalType.INVALID_REASON
    assert (await closing.status()).stage is Stage.READY


async def test_a17_a_reason_of_200_characters_is_kept_in_the_audit(house: House) -> None:
    closing = await house.account()
    await closing.ready()
    assert (await closing.confirm(f"  {'ж' * 200}  ")).stage is Stage.ENTERING
    confirmed = await closing.until_event(EventType.CONFIRMED)
    assert confirmed.details["reason"] == "ж" * 200
    assert confirmed.actor == "u-1"


async def test_a17_confirming_while_something_blocks_is_refused(house: House) -> None:
    closing = await house.account(domains=[{"id": "example.com"}])
    await closing.close()
    error = await refusal(closing.confirm())
    assert error.type == RefusalType.ITEMS_OUTSTANDING
    assert (await closing.status()).stage is Stage.BLOCKED


async def test_a_plan_hash_that_was_never_seen_is_stale(house: House) -> None:
    closing = await house.account()
    ready = await closing.ready()
    error = await refusal(closing.confirm(plan_hash="0" * 64))
    assert error.type in {RefusalType.STALE_PLAN_HASH, RefusalType.PLAN_CHANGED}
    document = await closing.status()
    assert (document.stage, document.plan_hash) == (Stage.READY, ready.plan_hash)
    assert (await closing.confirm(plan_hash=ready.plan_hash)).stage is Stage.ENTERING


async def test_drift_that_needs_giving_up_blocks_and_the_refusal_says_what_came(house: House) -> None:
    closing = await house.account()
    seen = await closing.ready()
    await closing.insert(
        tables.resources, id="late", product="ecs", billing="pay-as-you-go", renounceable=True
    )
    error = await refusal(closing.confirm(plan_hash=seen.plan_hash))
    assert error.type == RefusalType.PLAN_CHANGED
    assert error.details[0]["changes"] == ["+ release late (ecs)"]
    document = await closing.status()
    assert document.stage is Stage.BLOCKED
    assert item_ids(document) == ["resources/late"]
    assert document.plan_hash != seen.plan_hash
    assert EventType.CONFIRMED not in await closing.event_types()
    assert (await closing.renounce(all=True)).stage is Stage.READY
    assert (await closing.confirm()).stage is Stage.ENTERING


async def test_drift_that_does_not_block_leaves_ready_with_a_new_hash(house: House) -> None:
    closing = await house.account()
    seen = await closing.ready()
    await closing.insert(tables.data_stores, id="oss-9", store="object-storage", objects=3)
    error = await refusal(closing.confirm(plan_hash=seen.plan_hash))
    assert error.type == RefusalType.PLAN_CHANGED
    assert error.details[0]["changes"] == ["+ erase oss-9 (object-storage)"]
    document = await closing.status()
    assert document.stage is Stage.READY
    assert document.plan_hash != seen.plan_hash
    # The old plan stays refused; the new one passes.
    assert (await refusal(closing.confirm(plan_hash=seen.plan_hash))).type in {
        RefusalType.PLAN_CHANGED,
        RefusalType.STALE_PLAN_HASH,
    }
    assert (await closing.confirm(plan_hash=document.plan_hash)).stage is Stage.ENTERING


async def test_a_resource_released_in_between_is_drift_too(house: House) -> None:
    closing = await house.account(resources=[{"id": "vm", "product": "ecs", "renounceable": True}])
    seen = await closing.ready()
    await closing.remove(tables.resources, "vm")
    error = await refusal(closing.confirm(plan_hash=seen.plan_hash))
    assert error.type == RefusalType.PLAN_CHANGED
    assert error.details[0]["changes"] == ["- release vm (ecs)"]
    assert (await closing.status()).stage is Stage.READY


async def test_of_two_confirms_at_once_one_counts(house: House) -> None:
    closing = await house.account(balance={"cash": "5.00"})
    await closing.ready()
    answers = await asyncio.gather(closing.confirm(), closing.confirm(), return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(failures) == 1
    assert isinstance(failures[0], WorkflowUpdateFailedError)
    assert failures[0].cause.type == RefusalType.IRREVOCABLE  # type: ignore[union-attr]
    assert (await closing.event_types()).count(EventType.CONFIRMED) == 1


async def test_confirm_and_withdraw_at_once_have_one_winner(house: House) -> None:
    closing = await house.account()
    await closing.ready()
    answers = await asyncio.gather(closing.confirm(), closing.withdraw(), return_exceptions=True)
    assert sum(isinstance(answer, BaseException) for answer in answers) == 1
    types = await closing.event_types()
    assert (EventType.CONFIRMED in types) is not (EventType.WITHDRAWN in types)


async def test_the_same_confirm_delivered_twice_is_answered_alike(house: House) -> None:
    closing = await house.account()
    await closing.ready()
    first = await closing.confirm(update_id="the-one")
    assert await closing.confirm(update_id="the-one") == first
    assert (await closing.event_types()).count(EventType.CONFIRMED) == 1


async def test_a11_another_user_may_not_confirm(house: House) -> None:
    closing = await house.account()
    await closing.ready()
    assert (await refusal(closing.confirm(actor="u-2"))).type == RefusalType.ROLE_REFUSED
    assert (await closing.status()).stage is Stage.READY


async def test_a12_after_half_an_hour_confirming_needs_a_fresh_proof(house: House) -> None:
    closing = await house.account()
    await closing.ready()
    await _age_proofs(house, closing.account_id)
    assert (await refusal(closing.confirm())).type == RefusalType.IDENTITY_PROOF_REQUIRED
    assert (await closing.status()).stage is Stage.READY
    assert (await closing.confirm(proof_id=await closing.prove())).stage is Stage.ENTERING


async def test_a12_a_proof_for_another_account_does_not_help_confirming(house: House) -> None:
    closing, other = await house.account(), await house.account()
    await closing.ready()
    theirs = await other.prove()
    assert (await refusal(closing.confirm(proof_id=theirs))).type == RefusalType.IDENTITY_PROOF_REQUIRED


async def test_confirming_before_the_first_survey_is_refused(house: House) -> None:
    closing = await house.account()
    request = ConfirmRequest(actor="u-1", reason="now")
    await house.client.start_workflow(
        "AccountClosure",
        {
            "closure_id": closing.closure_id,
            "account_id": closing.account_id,
            "provider": closing.provider,
            "policy": closing.provider,
        },
        id=closing.workflow_id,
        task_queue=house.task_queue,
    )
    with pytest.raises(WorkflowUpdateFailedError):
        await closing.update("confirm", request)
    await closing.handle.terminate()


async def _age_proofs(house: House, account_id: str) -> None:
    async with transaction(house.engine) as connection:
        await connection.execute(
            record_proofs.update()
            .where(record_proofs.c.account_id == account_id)
            .values(created_at=datetime.now(UTC) - timedelta(minutes=31))
        )
