"""Everything happens, but nobody is told: every act is repeated, and still there is one effect each."""

from collections import Counter

import pytest
from sqlalchemy import delete
from temporalio import activity
from temporalio.client import Client

from closure.lifecycle import Outcome
from connectors.embedded import tables
from database.engine import DatabaseUnreachable, transaction
from tests.faults.aftermath import aftermath
from tests.faults.around import Act, AroundActivities, Call, around_ports
from tests.faults.casualties import Undisturbed
from tests.faults.hurry import hurried
from tests.faults.scenes import SCENES, Scene
from tests.workflows.house import House, HouseBuilder


class LostAnswers:
    """Acts, and loses the first answer to each call; `lost` counts them by name."""

    def __init__(self) -> None:
        self.lost: Counter[str] = Counter()
        self._told: set[str] = set()

    async def around_effect(self, call: Call, act: Act) -> object:
        answer = await act()
        said = f"{call.name}{call.arguments}{call.options}"
        if call.is_effect and said not in self._told:
            self._told.add(said)
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
    scene: Scene, hurried_houses: HouseBuilder, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    """A commit that succeeds and reports failure, at every effect of every port."""
    answers = LostAnswers()
    async with hurried_houses.open(
        platforms=lambda platform: around_ports(platform, answers.around_effect)
    ) as house:
        await play(scene, house, undisturbed_scenes[scene.name])
    effects = undisturbed_scenes[scene.name].aftermath.effects
    assert sum(answers.lost.values()) >= sum(effects.values())


@pytest.mark.parametrize("scene", [SCENES["deleted"], SCENES["restored"]], ids=["deleted", "restored"])
async def test_an_activity_that_succeeds_and_is_not_believed_happens_once(
    scene: Scene,
    client: Client,
    hurried_houses: HouseBuilder,
    undisturbed_scenes: dict[str, Undisturbed],
) -> None:
    """Every attempt's result is lost once: the record's writes, the surveys and the effects."""
    answers = LostAnswers()
    client = hurried(client, AroundActivities(answers.around_activity))
    async with hurried_houses.open(client=client) as house:
        await play(scene, house, undisturbed_scenes[scene.name])
    assert {"open_closure", "survey", "authorize", "write_entry", "notify"} <= set(answers.lost)


async def test_an_activity_that_times_out_but_succeeded_happens_once(
    client: Client, hurried_houses: HouseBuilder, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    """The first attempt is done long before its time-out, and its answer comes long after."""
    late = {"release_resources", "erase_data"}
    seen: Counter[str] = Counter()

    async def dawdle(call: Call, act: Act) -> object:
        answer = await act()
        if call.name in late:
            seen[call.name] += 1
            if activity.info().attempt == 1:
                await activity.wait_for_worker_shutdown()
        return answer

    client = hurried(client, AroundActivities(dawdle))
    async with hurried_houses.open(client=client) as house:
        await play(SCENES["deleted"], house, undisturbed_scenes["deleted"])
    assert seen == Counter(dict.fromkeys(late, 2))


async def test_what_is_gone_already_is_as_good_as_done(hurried_houses: HouseBuilder) -> None:
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
            async with transaction(house.engine) as connection:
                if table is tables.resources:
                    dependencies = tables.resource_dependencies
                    await connection.execute(
                        delete(dependencies).where(dependencies.c.account_id == account_id)
                    )
                await connection.execute(delete(table).where(table.c.account_id == account_id))
            anticipated.append(call.name)
        return await act()

    scene = SCENES["deleted"]
    async with hurried_houses.open(platforms=lambda platform: around_ports(platform, be_quicker)) as house:
        closing = await scene.open(house)
        await scene.carry(closing)
        document = await closing.outcome()
        after = await aftermath(closing)
    assert document.outcome is Outcome.DELETED
    assert set(anticipated) == set(vanishing)
    assert set(after.effects.values()) == {1}
    assert set(after.things.values()) == {0}


async def play(scene: Scene, house: House, expected: Undisturbed) -> None:
    closing = await scene.open(house)
    await scene.carry(closing)
    await closing.outcome()
    assert (await aftermath(closing)).differences(expected.aftermath) == []
    assert await closing.failed_tasks() == []
