"""Everything happens, but nobody is told: every act is repeated, and still there is one effect each."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Table, delete
from temporalio import activity
from temporalio.client import Client

from closure.events import EventType
from closure.lifecycle import Outcome
from connectors.embedded import tables
from database import DatabaseUnreachable
from tests.faults.aftermath import aftermath
from tests.faults.casualties import Undisturbed
from tests.faults.scenes import SCENES, Scene
from tests.harness.around import Act, AroundActivities, Call, around_ports
from tests.harness.hurry import hurried
from tests.harness.installation import InstallationBuilder, TestInstallation


class LostAnswers:
    """Acts, and loses the first answer to each effect; `lost` counts them by name."""

    def __init__(self) -> None:
        self.lost: Counter[str] = Counter()
        self._told: set[str] = set()

    async def around_effect(self, call: Call, act: Act) -> object:
        answer = await act()
        if call.key is not None and call.key not in self._told:
            self._told.add(call.key)
            self.lost[call.name] += 1
            raise DatabaseUnreachable("the connection was lost while committing")
        return answer

    async def around_activity(self, call: Call, act: Act) -> object:
        answer = await act()
        if activity.info().attempt == 1:
            self.lost[call.name] += 1
            raise DatabaseUnreachable("the connection was lost while committing")
        return answer


@pytest.mark.parametrize("scene", list(SCENES.values()), ids=list(SCENES))
async def test_an_effect_whose_acknowledgement_is_lost_happens_once(
    scene: Scene, hurried_installations: InstallationBuilder, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    """A commit that succeeds and reports failure, at every effect of every port."""
    answers = LostAnswers()
    async with hurried_installations.open(
        platforms=lambda platform: around_ports(platform, answers.around_effect)
    ) as installation:
        await play(scene, installation, undisturbed_scenes[scene.name])
    effects = undisturbed_scenes[scene.name].aftermath.effects
    assert sum(answers.lost.values()) >= sum(effects.values())


@pytest.mark.parametrize("scene", [SCENES["deleted"], SCENES["restored"]], ids=["deleted", "restored"])
async def test_an_activity_that_succeeds_and_is_not_believed_happens_once(
    scene: Scene,
    client: Client,
    hurried_installations: InstallationBuilder,
    undisturbed_scenes: dict[str, Undisturbed],
) -> None:
    """Every attempt's result is lost once: the record's writes, the surveys and the effects."""
    answers = LostAnswers()
    client = hurried(client, AroundActivities(answers.around_activity))
    async with hurried_installations.open(client=client) as installation:
        await play(scene, installation, undisturbed_scenes[scene.name])
    assert {"open_closure", "renounce", "confirm", "enter", "fall_silent", "finish"} <= set(answers.lost)


async def test_an_activity_that_times_out_but_succeeded_happens_once(
    client: Client, hurried_installations: InstallationBuilder, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    """The first attempt is done long before its time-out, and its answer comes long after."""
    late = {"enter", "finish"}
    seen: Counter[str] = Counter()

    async def dawdle(call: Call, act: Act) -> object:
        answer = await act()
        if call.name in late:
            seen[call.name] += 1
            if activity.info().attempt == 1:
                await activity.wait_for_worker_shutdown()
        return answer

    client = hurried(client, AroundActivities(dawdle))
    async with hurried_installations.open(client=client) as installation:
        await play(SCENES["deleted"], installation, undisturbed_scenes["deleted"])
    assert seen == Counter(dict.fromkeys(late, 2))


async def test_what_is_gone_already_is_as_good_as_done(hurried_installations: InstallationBuilder) -> None:
    """Somebody else was quicker than each release, cancellation and erasure."""
    vanishing = {
        "inventory.release_resource": tables.resources,
        "inventory.cancel_subscription": tables.subscriptions,
        "access.create_service_role": tables.service_roles,
        "access.delete_service_role": tables.service_roles,
        "access.delete_bindings": tables.bindings,
        "data_stores.erase": tables.data_stores,
    }
    anticipated: list[str] = []

    async def be_quicker(call: Call, act: Act) -> object:
        table = vanishing.get(call.name)
        if table is not None:
            account_id = str(call.arguments[0])
            await installation.database.write(lambda each: _take_away(each, table, account_id))
            anticipated.append(call.name)
        return await act()

    scene = SCENES["deleted"]
    async with hurried_installations.open(
        platforms=lambda platform: around_ports(platform, be_quicker)
    ) as installation:
        closing = await scene.open(installation)
        await scene.carry(closing)
        document = await closing.outcome()
        after = await aftermath(closing)
    assert document.outcome is Outcome.DELETED
    assert set(anticipated) == set(vanishing)
    assert set(after.effects.values()) == {1}
    assert set(after.things.values()) == {0}


def _take_away(connection: Connection, table: Table, account_id: str) -> None:
    if table is tables.resources:
        dependencies = tables.resource_dependencies
        connection.execute(delete(dependencies).where(dependencies.c.account_id == account_id))
    connection.execute(delete(table).where(table.c.account_id == account_id))


async def play(scene: Scene, installation: TestInstallation, expected: Undisturbed) -> None:
    closing = await scene.open(installation)
    await scene.carry(closing)
    while (await closing.status()).outcome is None:  # a subaccount that is held up is tried again
        await closing.fast_forward(timedelta(hours=1))
    await closing.outcome()
    after = await aftermath(closing)
    # A subaccount that is held up holds up nothing else, and is told of once.
    told = Counter(line.event for line in after.audit)
    assert told[EventType.SUBACCOUNTS_HELD_UP] <= 1
    assert told[EventType.SUBACCOUNTS_DELETED] == sum(
        line.event is EventType.SUBACCOUNTS_DELETED for line in expected.aftermath.audit
    )
    moved = (EventType.SUBACCOUNTS_HELD_UP, EventType.SUBACCOUNTS_DELETED)
    assert after.without(*moved).differences(expected.aftermath.without(*moved)) == []
    assert await closing.failed_tasks() == []
