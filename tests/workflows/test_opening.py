"""Who may open a closure: every refusal ends the run as `refused`, and the account stays as it was."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from closure.accounts import Access
from closure.acts import ActKind, ActStatus
from closure.errors import RefusalType, Refused
from closure.events import EventType
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import Standing
from closure.waiting import WaitingReason
from connectors.embedded import tables
from records.claims import claim_accounts
from tests.harness.account_driver import AccountDriver, refusal, timeless
from tests.harness.installation import TestInstallation
from tests.harness.past_the_client import act_status, close_words, open_by, written


async def refused(closing: AccountDriver, expected: RefusalType, **options: object) -> None:
    """Opens with these options, and looks at everything that a refusal must leave."""
    error = await refusal(closing.close(**options))  # type: ignore[arg-type]
    assert error.type == expected.value
    ended = await closing.outcome()
    assert ended.stage is Stage.REFUSED
    assert ended.outcome is Outcome.REFUSED
    assert ended.outcome_reason == error.message
    assert ended.standing is Standing.ENDED
    # The record keeps the refusal with its act; there never was a closure.
    act = await closing.installation.records.last_close(closing.account_id)
    assert act is not None
    assert act.status is ActStatus.REFUSED
    assert act.answer is not None
    assert (act.answer.type, act.answer.message) == (expected.value, error.message)
    assert await closing.installation.records.get(closing.closure_id) is None
    assert await closing.event_types() == []
    assert await closing.handle.result() is None
    described = await closing.handle.describe()
    assert described.search_attributes["ClosureOutcome"] == ["refused"]
    assert await closing.failed_tasks() == []


async def test_a11_only_the_main_account_may_start(installation: TestInstallation) -> None:
    closing = await installation.account(sessions=[{"id": "s-1"}])
    await refused(closing, RefusalType.ROLE_REFUSED, actor="u-2")
    assert await closing.access() is Access.OPEN
    assert len(await closing.rows(tables.sessions)) == 1
    # The next attempt, by the right person, goes through.
    assert (await closing.close()).stage is Stage.READY


async def test_a11_somebody_who_is_no_user_of_the_account_may_not_start(
    installation: TestInstallation,
) -> None:
    await refused(await installation.account(), RefusalType.ROLE_REFUSED, actor="stranger")


async def test_a12_without_a_proof_of_identity_nothing_starts(installation: TestInstallation) -> None:
    await refused(await installation.account(), RefusalType.IDENTITY_PROOF_REQUIRED, proof_id=uuid4().hex)


async def test_a12_a_proof_for_another_account_is_none(installation: TestInstallation) -> None:
    mine, theirs = await installation.account(), await installation.account()
    await refused(mine, RefusalType.IDENTITY_PROOF_REQUIRED, proof_id=await theirs.prove())


async def test_a12_another_persons_proof_is_none(installation: TestInstallation) -> None:
    closing = await installation.account()
    await refused(closing, RefusalType.IDENTITY_PROOF_REQUIRED, proof_id=await closing.prove("u-2"))


async def test_a12_a_proof_older_than_the_policy_allows_is_none(installation: TestInstallation) -> None:
    closing = await installation.account()
    lifetime = closing.policy.identity.proof_lifetime
    proof_id = await closing.prove(age=lifetime + timedelta(seconds=1))
    await refused(closing, RefusalType.IDENTITY_PROOF_REQUIRED, proof_id=proof_id)
    fresh = await closing.prove(age=lifetime - timedelta(seconds=30))
    assert (await closing.close(proof_id=fresh)).stage is Stage.READY


async def test_a12_a_proof_opens_one_closure_only(installation: TestInstallation) -> None:
    closing = await installation.account()
    proof_id = await closing.prove()
    await closing.close(proof_id=proof_id)
    await closing.withdraw()
    await closing.outcome()
    error = await refusal(closing.close(proof_id=proof_id))
    assert error.type == RefusalType.IDENTITY_PROOF_REQUIRED


async def test_a13_without_the_agreement_nothing_starts_and_the_refusal_lists_it(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    error = await refusal(closing.close(agree=False))
    assert error.type == RefusalType.ACKNOWLEDGEMENT_REQUIRED
    assert error.acknowledgements == (str(closing.policy.agreement),)
    assert (await closing.outcome()).outcome is Outcome.REFUSED


async def test_a13_the_agreements_version_is_in_the_audit(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.close()
    opened = (await closing.events())[0]
    assert closing.policy.agreement is not None
    assert opened.details["agreement_version"] == closing.policy.agreement.version
    assert opened.details["policy_hash"] == closing.policy.content_hash
    assert opened.actor == "u-1"


async def test_a_kind_of_account_that_the_policy_does_not_know_is_refused(
    installation: TestInstallation,
) -> None:
    await refused(await installation.account(kind="mystery"), RefusalType.ACCOUNT_KIND_REFUSED)


async def test_a_mode_that_the_policy_does_not_offer_is_refused(installation: TestInstallation) -> None:
    await refused(await installation.account(), RefusalType.MODE_NOT_OFFERED, mode=Mode.KEEP_DATA)


async def test_a_closed_account_is_refused(installation: TestInstallation) -> None:
    closing = await installation.account()
    await closing.silent()
    await closing.end_of_silence()
    await closing.outcome()
    deleted = closing.closure_id
    assert (await refusal(closing.close())).type == RefusalType.ACCOUNT_CLOSED
    # Nor does an act that a client wrote all the same.
    closing.closure_id = f"closure-{uuid4().hex}"
    act_id = await written(closing, ActKind.CLOSE, close_words(closing), proof_id=await closing.prove())
    assert (await refusal(open_by(closing, act_id))).type == RefusalType.ACCOUNT_CLOSED
    assert await act_status(closing, act_id) is ActStatus.REFUSED
    assert await installation.records.get(closing.closure_id) is None
    assert (await installation.records.closure_ids(closing.account_id)) == (deleted,)


async def test_an_unknown_policy_is_refused_before_anything_is_recorded(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    error = await refusal(closing.close(policy="nobody-wrote-it"))
    assert error.type == RefusalType.POLICY_NOT_FOUND
    assert await installation.records.last_close(closing.account_id) is None
    assert await installation.records.last(closing.account_id) is None


async def test_an_account_has_one_open_closure_at_most_whatever_the_workflow_id(
    installation: TestInstallation,
) -> None:
    first = await installation.account()
    await first.close()
    error = await refusal(first.close())
    assert error.type == RefusalType.CLOSURE_ALREADY_OPEN
    assert first.closure_id in error.message
    # Past the client, too: another workflow id for the same account.
    second = AccountDriver(installation, first.account_id, "elsewhere")
    second.closure_id = f"{first.account_id}-closure-9"
    act_id = await written(second, ActKind.CLOSE, close_words(first), proof_id=await first.prove())
    assert (await refusal(open_by(second, act_id))).type == RefusalType.ACT_NOT_FOUND
    assert await act_status(second, act_id) is ActStatus.WAITING
    assert await installation.records.get(second.closure_id) is None
    assert (await first.status()).stage is Stage.READY


async def test_the_same_click_twice_opens_one_closure(installation: TestInstallation) -> None:
    closing = await installation.account()
    proof_id = await closing.prove()
    answers = await asyncio.gather(
        closing.close(proof_id=proof_id), closing.close(proof_id=proof_id), return_exceptions=True
    )
    (opened,) = [each for each in answers if not isinstance(each, BaseException)]
    (other,) = [each for each in answers if isinstance(each, BaseException)]
    assert isinstance(other, Refused)
    assert other.type == RefusalType.CLOSURE_ALREADY_OPEN
    closing.closure_id = opened.closure_id
    assert timeless(await closing.status()) == timeless(opened)
    assert await installation.records.closure_ids(closing.account_id) == (opened.closure_id,)
    assert (await closing.event_types()).count(EventType.OPENED) == 1


async def stopped(closing: AccountDriver) -> None:
    """The platform has stopped the account; the record knows of nobody who did."""
    await closing.installation.platform.access.stop(
        closing.account_id,
        access=closing.policy.access_while_closing,
        key=f"stop/{uuid4().hex}",
        time=datetime.now(UTC),
    )


async def test_an_account_stopped_by_another_closure_is_refused(installation: TestInstallation) -> None:
    closing = await installation.account()
    await stopped(closing)
    other = await installation.account()
    await other.ready()
    await installation.record.write(
        lambda each: claim_accounts(each, other.closure_id, [closing.account_id], time=datetime.now(UTC))
    )
    await refused(closing, RefusalType.CLOSURE_ALREADY_OPEN)
    assert await closing.access() is closing.policy.access_while_closing


async def test_an_account_found_stopped_although_nobody_holds_it_is_told_of_and_reopened_or_closed(
    installation: TestInstallation,
) -> None:
    """As after an older record was restored."""
    closing = await installation.account()
    await stopped(closing)
    for _ in range(2):
        document = await closing.close()
        assert document.stage is Stage.READY
        assert document.waiting_for is not None
        assert document.waiting_for.reason == WaitingReason.FOUND_STOPPED
        await closing.until_event(EventType.FOUND_STOPPED)
        await closing.withdraw()
        await closing.outcome()
        assert await closing.access() is Access.OPEN
        await stopped(closing)
    await closing.silent()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED
