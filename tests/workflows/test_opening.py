"""Who may open a closure: every refusal ends the run as `refused`, and the account stays as it was."""

from datetime import timedelta
from uuid import uuid4

from closure.accounts import Access
from closure.errors import RefusalType
from closure.lifecycle import Mode, Outcome, Stage
from connectors.embedded import tables
from database.engine import transaction
from records.entries import EventType
from tests.workflows.house import Closing, House, refusal


async def refused(closing: Closing, expected: RefusalType, **options: object) -> None:
    """Opens with these options, and looks at everything that a refusal must leave."""
    error = await refusal(closing.close(**options))  # type: ignore[arg-type]
    assert error.type == expected.value
    ended = await closing.outcome()
    assert ended.outcome is Outcome.REFUSED
    assert ended.outcome_reason == error.message
    recorded = await closing.house.records.get(closing.closure_id)
    assert recorded is not None
    assert recorded.document.outcome is Outcome.REFUSED
    assert await closing.event_types() == [EventType.OPENED, EventType.REFUSED]
    assert (await closing.events())[-1].details["type"] == expected.value
    described = await closing.handle.describe()
    assert described.search_attributes["ClosureOutcome"] == ["refused"]
    assert await closing.failed_tasks() == []


async def test_a11_only_the_main_account_may_start(house: House) -> None:
    closing = await house.account(sessions=[{"id": "s-1"}])
    await refused(closing, RefusalType.ROLE_REFUSED, actor="u-2")
    assert await closing.access() is Access.OPEN
    assert len(await closing.rows(tables.sessions)) == 1
    # The next attempt, by the right person, goes through.
    assert (await closing.start_again()).stage is Stage.READY


async def test_a11_somebody_who_is_no_user_of_the_account_may_not_start(house: House) -> None:
    await refused(await house.account(), RefusalType.ROLE_REFUSED, actor="stranger")


async def test_a12_without_a_proof_of_identity_nothing_starts(house: House) -> None:
    await refused(await house.account(), RefusalType.IDENTITY_PROOF_REQUIRED, proof_id=uuid4().hex)


async def test_a12_a_proof_for_another_account_is_none(house: House) -> None:
    mine, theirs = await house.account(), await house.account()
    await refused(mine, RefusalType.IDENTITY_PROOF_REQUIRED, proof_id=await theirs.prove())


async def test_a12_another_persons_proof_is_none(house: House) -> None:
    closing = await house.account()
    await refused(closing, RefusalType.IDENTITY_PROOF_REQUIRED, proof_id=await closing.prove("u-2"))


async def test_a12_a_proof_older_than_the_policy_allows_is_none(house: House) -> None:
    closing = await house.account()
    lifetime = closing.policy.identity.proof_lifetime
    proof_id = await closing.prove(age=lifetime + timedelta(seconds=1))
    await refused(closing, RefusalType.IDENTITY_PROOF_REQUIRED, proof_id=proof_id)
    fresh = await closing.prove(age=lifetime - timedelta(seconds=30))
    assert (await closing.start_again(proof_id=fresh)).stage is Stage.READY


async def test_a12_a_proof_opens_one_closure_only(house: House) -> None:
    closing = await house.account()
    proof_id = await closing.prove()
    await closing.close(proof_id=proof_id)
    await closing.withdraw()
    await closing.outcome()
    error = await refusal(closing.start_again(proof_id=proof_id))
    assert error.type == RefusalType.IDENTITY_PROOF_REQUIRED


async def test_a13_without_the_agreement_nothing_starts_and_the_refusal_lists_it(house: House) -> None:
    closing = await house.account()
    error = await refusal(closing.close(agree=False))
    assert error.type == RefusalType.ACKNOWLEDGEMENT_REQUIRED
    assert error.details[0]["acknowledgements"] == [str(closing.policy.agreement)]
    assert (await closing.outcome()).outcome is Outcome.REFUSED


async def test_a13_the_agreements_version_is_in_the_audit(house: House) -> None:
    closing = await house.account()
    await closing.close()
    opened = (await closing.events())[0]
    assert closing.policy.agreement is not None
    assert opened.details["agreement_version"] == closing.policy.agreement.version
    assert opened.details["policy_hash"] == closing.policy.content_hash
    assert opened.actor == "u-1"


async def test_a_kind_of_account_that_the_policy_does_not_know_is_refused(house: House) -> None:
    await refused(await house.account(kind="mystery"), RefusalType.ACCOUNT_KIND_REFUSED)


async def test_a_mode_that_the_policy_does_not_offer_is_refused(house: House) -> None:
    await refused(await house.account(), RefusalType.MODE_NOT_OFFERED, mode=Mode.KEEP_DATA)


async def test_a_closed_account_is_refused(house: House) -> None:
    closing = await house.account()
    await closing.silent()
    await closing.end_of_silence()
    await closing.outcome()
    error = await refusal(closing.start_again())
    assert error.type in {RefusalType.ACCOUNT_CLOSED, RefusalType.ROLE_REFUSED}
    assert (await closing.outcome()).outcome is Outcome.REFUSED


async def test_an_unknown_policy_is_refused_before_anything_is_recorded(house: House) -> None:
    closing = await house.account()
    error = await refusal(closing.close(policy="nobody-wrote-it"))
    assert error.type == RefusalType.POLICY_NOT_FOUND
    assert await house.records.get(closing.closure_id) is None
    await closing.handle.result()


async def test_an_account_has_one_open_closure_at_most_whatever_the_workflow_id(house: House) -> None:
    first = await house.account()
    await first.close()
    second = Closing(house, first.account_id, "alibaba-cloud")
    second.provider = "elsewhere"  # another workflow id for the same account
    second.closure_id = f"{first.account_id}-closure-9"
    error = await refusal(second.close(policy="alibaba-cloud"))
    assert error.type == RefusalType.CLOSURE_ALREADY_OPEN
    assert first.closure_id in error.message
    assert (await first.status()).stage is Stage.READY


async def test_the_same_click_twice_opens_one_closure(house: House) -> None:
    closing = await house.account()
    proof_id = await closing.prove()
    first = await closing.close(proof_id=proof_id)
    assert await closing.close(proof_id=proof_id) == first
    assert await closing.status() == first
    assert (await closing.event_types()).count(EventType.OPENED) == 1


async def test_an_account_stopped_by_somebody_else_is_refused(house: House) -> None:
    closing = await house.account()
    async with transaction(house.engine) as connection:
        await connection.execute(
            tables.accounts.update()
            .where(tables.accounts.c.id == closing.account_id)
            .values(access=Access.STOPPED)
        )
    await refused(closing, RefusalType.CLOSURE_ALREADY_OPEN)
