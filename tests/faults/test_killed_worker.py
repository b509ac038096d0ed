"""A worker dies by SIGKILL before, inside and after whatever it does; a fresh one carries on."""

import inspect
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields

import pytest

from closure.accounts import Channel
from closure.lifecycle import Outcome
from connectors import ports
from connectors.embedded import EmbeddedPlatform
from connectors.embedded.ledger import MovementReason
from tests.faults.casualties import Choice, Undisturbed, Ward
from tests.faults.fault_points import FaultPoint, Moment
from tests.faults.scenes import SCENES, Scene

DRAWS = 10
"""Points drawn from all others of a scene: activities, commits and results, the nth of its kind."""


def port_methods() -> Iterator[str]:
    """Every method of every port, as ``billing.forfeit``; ports to come included."""
    for port in fields(EmbeddedPlatform):
        protocol = (
            getattr(ports, str(port.type).rpartition(".")[2]) if isinstance(port.type, str) else port.type
        )
        for method, function in inspect.getmembers(protocol, inspect.iscoroutinefunction):
            if not method.startswith("_"):
                yield f"{port.name}.{function.__name__}"


def chosen() -> Iterator[object]:
    """Every port method once before and once after it, in the scenes that use it by turns; then the draws."""
    choices: dict[str, list[Choice]] = {name: [] for name in SCENES}
    for number, method in enumerate(port_methods()):
        users = [scene for scene in SCENES.values() if scene.strikes_ports and method not in scene.uncalled]
        for turn, moment in enumerate((Moment.BEFORE, Moment.AFTER), start=number):
            if users:
                choices[users[turn % len(users)].name].append(Choice(moment, method))
    for name, scene in SCENES.items():
        for choice in (*choices[name], *(Choice(draw=number) for number in range(DRAWS))):
            yield pytest.param(scene, choice, id=f"{name}-{choice}")


@pytest.mark.parametrize(("scene", "choice"), list(chosen()))
async def test_a_killed_worker_leaves_one_effect_each(
    scene: Scene, choice: Choice, ward: Ward, undisturbed_scenes: dict[str, Undisturbed], seed: int
) -> None:
    expected = undisturbed_scenes[scene.name]
    point = choice.among(expected.points, seed, scene)
    print(f"FAULT_SEED={seed} scene={scene.name} point={point}")  # noqa: T201 - shown when the test fails
    after = await ward.admit(scene, point)
    assert after.differences(expected.aftermath) == []


@pytest.mark.parametrize("scene", list(SCENES.values()), ids=list(SCENES))
def test_an_undisturbed_closure_does_everything_once(
    scene: Scene, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    """What the struck closures are compared with."""
    after = undisturbed_scenes[scene.name].aftermath
    assert after.outcome is scene.outcome
    assert set(after.effects.values()) == {1}
    own = {
        MovementReason.FORFEIT_CASH,
        MovementReason.FORFEIT_PROMO,
        MovementReason.VOID_DEBT,
        MovementReason.REFUND_ORDERED,
    }
    movements = Counter(
        {movement: count for movement, count in after.movements.items() if movement[0] in own}
    )
    assert movements == Counter(scene.movements)
    assert after.messages == Counter(
        (template, channel.value, "u-1") for template in scene.templates for channel in Channel
    )
    if scene.outcome is Outcome.DELETED:
        assert set(after.things.values()) == {0}


@pytest.mark.parametrize("scene", list(SCENES.values()), ids=list(SCENES))
def test_every_port_method_is_struck_or_known_to_be_unused(
    scene: Scene, undisturbed_scenes: dict[str, Undisturbed]
) -> None:
    called = undisturbed_scenes[scene.name].called
    assert set(port_methods()) - set(called) == scene.uncalled


def test_a_fault_point_reads_as_it_is_written() -> None:
    point = FaultPoint(Moment.AFTER, "billing.forfeit", 2)
    assert FaultPoint.parse(str(point)) == point
    with pytest.raises(ValueError, match="later"):
        FaultPoint.parse("later:billing.forfeit#2")
