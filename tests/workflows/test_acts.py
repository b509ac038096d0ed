"""Acts that nobody took up, that came too late, or that came twice: carried out once, or never."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from client import NotAnswered
from closure.acts import ActKind, ActStatus, ConfirmWords, RenounceWords, WithdrawWords, Words
from closure.errors import RefusalType
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from closure.messages import Standing
from closure.policy import Policy
from records.tables import record_acts
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.installation import InstallationBuilder, TestInstallation, running_worker
from tests.harness.past_the_client import act_status, send, start_run, written
from tests.workflows.test_safeguards import only
from tests.workflows.test_watching import watch


async def grow_old(closing: AccountDriver, act_id: str) -> None:
    """A minute and a second go by before anybody looks at the act."""
    act = await closing.installation.records.act(act_id)
    assert act is not None
    assert act.lapses_at is not None
    gone = timedelta(seconds=61)
    older = (
        update(record_acts)
        .where(record_acts.c.act_id == act_id)
        .values(written_at=act.written_at - gone, lapses_at=act.lapses_at - gone)
    )
    await closing.installation.database.write(lambda connection: connection.execute(older))


async def test_a_confirm_that_no_worker_took_up_never_happens(installations: InstallationBuilder) -> None:
    async with installations.open(with_worker=False) as installation:
        closing = await installation.account()
        async with running_worker(installation):
            await closing.ready()
        with pytest.raises(NotAnswered, match="nothing was done, and nothing will be"):
            await closing.confirm()
        async with running_worker(installation):
            assert (await closing.recheck()).stage is Stage.READY
            assert EventType.CONFIRMED not in await closing.event_types()
            # It is not in the way of the next one.
            assert (await closing.confirm()).stage is Stage.ENTERING
            assert (await closing.event_types()).count(EventType.CONFIRMED) == 1


async def test_a_close_that_no_worker_took_up_never_happens(installations: InstallationBuilder) -> None:
    async with installations.open(with_worker=False) as installation:
        closing = await installation.account()
        with pytest.raises(NotAnswered, match="nothing will be"):
            await closing.close()
        unanswered = closing.closure_id
        document = await closing.closures.status(closing.account_id)
        assert (document.stage, document.standing) == (Stage.OPENED, Standing.UNANSWERED)
        async with running_worker(installation):
            await closing.handle.result()
            assert await installation.records.get(unanswered) is None
            assert (await closing.close()).stage is Stage.READY
            assert await installation.records.closure_ids(closing.account_id) == (closing.closure_id,)


@pytest.mark.parametrize("kind", [ActKind.CONFIRM, ActKind.RENOUNCE])
async def test_an_act_that_comes_after_a_minute_has_lapsed(
    installation: TestInstallation, kind: ActKind
) -> None:
    closing = await installation.account()
    await closing.ready()
    words: dict[ActKind, Words] = {
        ActKind.CONFIRM: ConfirmWords(reason="late"),
        ActKind.RENOUNCE: RenounceWords(all=True, accept_risk=True),
    }
    act_id = await written(closing, kind, words[kind])
    await grow_old(closing, act_id)
    for update_id in ("first", "again"):
        error = await refusal(send(closing, kind, act_id, update_id=update_id))
        assert error.type == RefusalType.ACT_LAPSED
    assert await act_status(closing, act_id) is ActStatus.LAPSED
    assert (await closing.status()).stage is Stage.READY


async def test_a_used_act_asked_again_returns_its_answer_in_another_run(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.ready()
    act_id = await written(closing, ActKind.CONFIRM, ConfirmWords(reason="once"))
    first = await send(closing, ActKind.CONFIRM, act_id)
    await closing.handle.terminate()
    await closing.closures.resume(closing.closure_id)
    again = await send(closing, ActKind.CONFIRM, act_id)
    assert (again.stage, again.confirmed_at) == (Stage.ENTERING, first.confirmed_at)
    assert (await closing.event_types()).count(EventType.CONFIRMED) == 1


async def left_withdrawal(installation: TestInstallation) -> AccountDriver:
    """A closure that is ready, and a withdrawal that its customer gave while no worker ran."""
    closing = await installation.account()
    async with running_worker(installation):
        await closing.ready()
    await written(closing, ActKind.WITHDRAW, WithdrawWords())
    return closing


async def withdrawn(closing: AccountDriver) -> None:
    ended = await closing.outcome()
    assert ended.outcome is Outcome.WITHDRAWN
    assert EventType.CONFIRMED not in await closing.event_types()
    assert (await closing.until_event(EventType.WITHDRAWN)).actor == "u-1"


async def test_a_withdrawal_that_no_worker_heard_is_carried_out_by_the_watchman(
    installations: InstallationBuilder,
) -> None:
    async with installations.open(with_worker=False) as installation:
        closing = await left_withdrawal(installation)
        async with running_worker(installation):
            await watch(installation)
            await withdrawn(closing)


async def test_a_withdrawal_that_no_worker_heard_comes_before_a_confirm(
    installations: InstallationBuilder,
) -> None:
    async with installations.open(with_worker=False) as installation:
        closing = await left_withdrawal(installation)
        async with running_worker(installation):
            assert (await refusal(closing.confirm())).type == RefusalType.WITHDRAWAL_STANDS
            await withdrawn(closing)


async def test_a_withdrawal_that_no_worker_heard_comes_first_in_a_new_run(
    installations: InstallationBuilder,
) -> None:
    async with installations.open(with_worker=False) as installation:
        closing = await left_withdrawal(installation)
        await closing.handle.terminate()
        await start_run(closing)
        async with running_worker(installation):
            await withdrawn(closing)


async def test_a_withdrawal_that_its_client_gave_up_waiting_for_stands(
    installations: InstallationBuilder,
) -> None:
    async with installations.open(with_worker=False) as installation:
        closing = await installation.account()
        async with running_worker(installation):
            await closing.ready()
        with pytest.raises(NotAnswered, match="the withdrawal stands"):
            await closing.withdraw()
        async with running_worker(installation):
            await watch(installation)
            await withdrawn(closing)


async def test_no_cool_off_ends_while_a_withdrawal_stands(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    async with installations.open(policies=only(policies["alibaba-cloud"], "cool_off")) as installation:
        closing = await installation.account()
        await closing.ready()
        cooling = await closing.confirm()
        assert cooling.cool_off_until is not None
        await written(closing, ActKind.WITHDRAW, WithdrawWords())
        await closing.fast_forward_to(cooling.cool_off_until + timedelta(seconds=30))
        ended = await closing.outcome()
        assert ended.outcome is Outcome.WITHDRAWN
        assert EventType.COOL_OFF_ENDED not in await closing.event_types()
