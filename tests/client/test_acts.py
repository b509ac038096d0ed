"""What becomes of acts that nobody takes up, of resuming, and of codes under another policy."""

import asyncio
import gc

import pytest

from client import ClosureClient, NotAnswered
from closure.acts import ActStatus
from closure.errors import RefusalType
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.messages import IdentityMethod, Standing, StatusDocument
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.installation import InstallationBuilder, TestInstallation, running_worker


async def not_answered(closing: AccountDriver, act: str) -> str:
    """Does the act, which nobody answers; returns the closure that the fault names."""
    with pytest.raises(NotAnswered) as fault:
        await getattr(closing, act)()
    return fault.value.closure_id


async def test_without_a_worker_a_confirm_lapses_for_good_and_a_withdrawal_stands(
    installations: InstallationBuilder, caplog: pytest.LogCaptureFixture
) -> None:
    async with installations.open(with_worker=False) as installation:
        confirming, withdrawing = await installation.account(), await installation.account()
        closing = await installation.account()
        async with running_worker(installation):
            await confirming.ready()
            await withdrawing.ready()
        named = await asyncio.gather(
            not_answered(confirming, "confirm"),
            not_answered(withdrawing, "withdraw"),
            not_answered(closing, "close"),
        )
        assert list(named) == [confirming.closure_id, withdrawing.closure_id, closing.closure_id]
        gc.collect()
        assert caplog.text == "", "the caller has the fault; nothing is left to log"
        asked = await installation.records.last_close(closing.account_id)
        assert asked is not None
        assert asked.status is ActStatus.LAPSED
        assert (await closing.status()).standing is Standing.UNANSWERED

        async with running_worker(installation):
            # The withdrawal, asked for after the confirm, is carried out: so the confirm had its turn.
            assert (await withdrawing.until(Stage.WITHDRAWN)).outcome is Outcome.WITHDRAWN
            await confirming.recheck()
            assert (await confirming.status()).stage is Stage.READY
            assert EventType.CONFIRMED not in await confirming.event_types()
            # A close that lapsed keeps nobody from asking again.
            assert (await closing.close()).stage is Stage.READY


async def test_a_close_that_came_to_nothing_hides_no_open_closure(installation: TestInstallation) -> None:
    """Such as the second of a double click."""
    account = await installation.account()
    first, second = await asyncio.gather(account.close(), account.close(), return_exceptions=True)
    (opened,) = [each for each in (first, second) if isinstance(each, StatusDocument)]
    status = await installation.closures.status(account.account_id)
    assert (status.closure_id, status.standing) == (opened.closure_id, Standing.RUNNING)


async def test_a_closure_whose_run_was_terminated_goes_on_with_its_deadlines(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    before = await closing.silent()
    await closing.handle.terminate()
    assert (await closing.status()).standing is Standing.INTERRUPTED

    resumed = await closing.closures.resume(closing.closure_id)
    assert (resumed.standing, resumed.stage) == (Standing.RUNNING, Stage.SILENT)
    assert resumed.silent_until == before.silent_until
    assert resumed.run_id != before.run_id
    assert EventType.RESUMED in await closing.event_types()
    # What runs is replaced only where that is asked for: it may look as if it carried the closure on.
    refused = await refusal(closing.closures.resume(closing.closure_id))
    assert (refused.type, refused.facts["run_id"]) == (RefusalType.STAGE_CONFLICT, resumed.run_id)
    assert (await closing.status()).run_id == resumed.run_id
    again = await closing.closures.resume(closing.closure_id, replace=True)
    assert (again.standing, again.silent_until) == (Standing.RUNNING, before.silent_until)
    assert again.run_id != resumed.run_id


async def test_there_is_nothing_to_resume_of_what_has_ended_or_never_was(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.ready()
    await closing.withdraw()
    assert (await refusal(closing.closures.resume(closing.closure_id))).type is RefusalType.CLOSURE_ENDED
    assert (await refusal(closing.closures.resume("closure-0"))).type is RefusalType.CLOSURE_NOT_FOUND


async def test_resuming_without_a_worker_says_so(installations: InstallationBuilder) -> None:
    async with installations.open(with_worker=False) as installation:
        closing = await installation.account()
        async with running_worker(installation):
            await closing.ready()
        await closing.handle.terminate()
        with pytest.raises(NotAnswered) as fault:
            await closing.closures.resume(closing.closure_id)
        assert fault.value.closure_id == closing.closure_id
        async with running_worker(installation):
            assert (await closing.recheck()).stage is Stage.READY


async def test_codes_are_sent_under_the_policy_that_the_open_closure_is_pinned_to(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    old = closing.policy
    identity = old.identity.model_copy(update={"methods": (IdentityMethod.PASSWORD,)})
    new = old.model_copy(update={"version": "of-tomorrow", "identity": identity})
    tomorrow = ClosureClient(
        installation.client,
        installation.record,
        installation.platform,
        {new.name: new},
        installation.task_queue,
    )
    by_mail = IdentityMethod.EMAIL_CODE

    # No closure yet: the policy as it is now decides.
    error = await refusal(tomorrow.challenge(closing.account_id, "u-1", by_mail))
    assert error.type is RefusalType.IDENTITY_METHOD_REFUSED
    await closing.close()
    sent = await tomorrow.challenge(closing.account_id, "u-1", by_mail)
    assert (sent.account_id, sent.method) == (closing.account_id, by_mail)
    assert (await closing.templates()).count("identity_code") == 1
    # Who asks for the new policy by name gets it.
    named = tomorrow.challenge(closing.account_id, "u-1", by_mail, policy=new.name)
    assert (await refusal(named)).type is RefusalType.IDENTITY_METHOD_REFUSED
