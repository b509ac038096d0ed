"""An act is a row in the record. Whoever names another one, a used one, or none, changes nothing by it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from sqlalchemy import select

from client.faults import NotAnswered
from closure.acts import ActKind, ActStatus, NewAct, WithdrawWords
from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from records.acts import write_act
from records.tables import record_acts
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.installation import InstallationBuilder, TestInstallation, running_worker
from tests.security.production import REACHING, Production, blocked, ready
from tests.security.standing_still import changes, written_down, written_down_at_rest
from tests.security.stranger import UNKNOWN_ACT, Stranger

NOT_FOUND: Final = RefusalType.ACT_NOT_FOUND.value
MALFORMED: Final = RefusalType.MALFORMED_INPUT.value


async def heard(stranger: Stranger, *closings: AccountDriver) -> list[str]:
    return [act for each in closings for act in await stranger.acts_heard(each.workflow_id)]


async def test_a_confirm_with_an_act_that_is_unknown_foreign_or_used_is_refused(
    production: Production,
) -> None:
    """The owner has proved who they are within the last 30 minutes: that authorises nobody else."""
    stranger, victim, other = (
        Stranger(production.installation),
        await ready(production),
        await ready(production),
    )
    before = await written_down(production.installation)
    used = await heard(stranger, victim)
    foreign = await heard(stranger, other)
    assert used
    assert foreign
    for act_id in (UNKNOWN_ACT, *foreign, *used):
        assert await stranger.update(victim.workflow_id, "confirm", {"act_id": act_id}) == NOT_FOUND
    rubbishes: list[object] = [{"act_id": "x" * 32}, {"act_id": None}, {}, None, [], "confirm", {"reason": 1}]
    for rubbish in rubbishes:
        assert await stranger.update(victim.workflow_id, "confirm", rubbish) == MALFORMED
    assert (await victim.status()).stage is Stage.READY
    assert changes(before, await written_down_at_rest(production.installation)) == []
    assert (await victim.confirm()).stage is Stage.ENTERING


@pytest.mark.parametrize("kind", [each.value for each in ActKind])
async def test_an_act_that_was_carried_out_is_not_carried_out_again(
    production: Production, kind: str
) -> None:
    """Under its own name it returns what became of it; under any other there is no such act."""
    stranger, victim = Stranger(production.installation), await ready(production)
    await victim.recheck()
    before = await written_down(production.installation)
    for act_id in await heard(stranger, victim):
        answer = await stranger.update(victim.workflow_id, kind, {"act_id": act_id})
        assert answer in (None, NOT_FOUND)
    assert changes(before, await written_down_at_rest(production.installation)) == []
    assert (await victim.withdraw()).outcome is Outcome.WITHDRAWN


async def test_nobody_can_use_up_an_act_that_waits(productions: InstallationBuilder) -> None:
    """A withdrawal that nobody answered yet stands, under whatever name a stranger delivers it elsewhere."""
    async with productions.open(with_worker=False) as installation:
        production = Production(installation, None)  # type: ignore[arg-type]
        stranger = Stranger(installation)
        async with running_worker(installation):
            victim, other = await ready(production), await blocked(production)
        act_id = await standing_withdrawal(installation, victim)
        async with running_worker(installation):
            for name in (ActKind.CLOSE, ActKind.CONFIRM, ActKind.RENOUNCE, ActKind.APPROVE):
                for place in (other, victim):
                    answer = await stranger.update(place.workflow_id, name.value, {"act_id": act_id})
                    assert answer == NOT_FOUND, (name, answer)
            answer = await stranger.update_with_start(
                "attack/close", "close", {"act_id": act_id}, stranger.named(victim.closure_id)
            )
            assert answer in (NOT_FOUND, RefusalType.STALE_RUN.value)
            act = await installation.records.act(act_id)
            assert act is not None
            assert act.status is ActStatus.WAITING
            assert (await refusal(victim.confirm())).type is RefusalType.WITHDRAWAL_STANDS
            assert (await victim.until(Stage.WITHDRAWN)).outcome is Outcome.WITHDRAWN
        assert (await other.status()).stage is Stage.BLOCKED


async def standing_withdrawal(installation: TestInstallation, closing: AccountDriver) -> str:
    new = NewAct(
        kind=ActKind.WITHDRAW, account_id=closing.account_id, closure_id=closing.closure_id, user_id="u-1"
    )
    return await installation.record.write(lambda each: write_act(each, new, WithdrawWords()))


async def test_a_confirm_that_nobody_answered_has_no_effect_when_a_worker_comes_back(
    productions: InstallationBuilder,
) -> None:
    async with productions.open(with_worker=False) as installation:
        production = Production(installation, None)  # type: ignore[arg-type]
        stranger = Stranger(installation)
        async with running_worker(installation):
            victim = await ready(production)
        with pytest.raises(NotAnswered):
            await victim.confirm()
        async with running_worker(installation):
            lapsed = await lapsed_act(installation)
            after_all = await stranger.update(victim.workflow_id, "confirm", {"act_id": lapsed})
            assert after_all == RefusalType.ACT_LAPSED.value
            assert (await victim.recheck()).stage is Stage.READY
            assert (await victim.confirm()).stage is Stage.ENTERING


async def lapsed_act(installation: TestInstallation) -> str:
    lapsed = select(record_acts.c.act_id).where(record_acts.c.status == ActStatus.LAPSED.value)
    return await installation.database.read(lambda each: str(each.scalars(lapsed).one()))


FLOOD: Final = 2_000
SHORT_FLOOD: Final = 600
"""More than one run takes."""


async def test_floods_lock_the_customer_of_a_draft_out_of_nothing(production: Production) -> None:
    await require_open_to_its_owner(production, Stage.READY, SHORT_FLOOD)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stage", REACHING)
async def test_thousands_of_refused_updates_and_signals_lock_nobody_out(
    production: Production, stage: Stage
) -> None:
    await require_open_to_its_owner(production, stage, FLOOD)


async def require_open_to_its_owner(production: Production, stage: Stage, number: int) -> None:
    stranger, victim = Stranger(production.installation), await REACHING[stage](production)
    first = (await victim.status()).run_id
    before = await written_down(production.installation)
    await in_parallel(number, lambda: stranger.update(victim.workflow_id, "confirm", {"act_id": UNKNOWN_ACT}))
    await in_parallel(number, lambda: stranger.signal(victim.workflow_id, "catch_up"))
    if stage not in (Stage.BLOCKED, Stage.READY):  # there each is a look at everything
        await in_parallel(number, lambda: stranger.signal(victim.workflow_id, "recheck"))
    await victim.until(lambda document: document.run_id != first)
    assert changes(before, await written_down_at_rest(production.installation)) == []
    await OWNERS_ACTS[stage](victim)


async def withdrawn(closing: AccountDriver) -> None:
    assert (await closing.withdraw()).outcome is Outcome.WITHDRAWN


async def seen(closing: AccountDriver) -> None:
    """There is nothing to do any more but to look."""
    assert (await closing.view()).stage is (await closing.status()).stage


OWNERS_ACTS: Final[dict[Stage, Callable[[AccountDriver], Awaitable[None]]]] = {
    Stage.BLOCKED: withdrawn,
    Stage.READY: withdrawn,
    Stage.COOLING_OFF: withdrawn,
    Stage.ENTERING: seen,
    Stage.SILENT: seen,
    Stage.FINAL_CHECK: seen,
    Stage.RETAINED: seen,
}
AT_ONCE: Final = 8
"""The server takes ten unanswered updates of a run at most."""


async def in_parallel(number: int, act: Callable[[], Awaitable[object]]) -> None:
    async def some() -> None:
        for _ in range(number // AT_ONCE):
            await act()

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
